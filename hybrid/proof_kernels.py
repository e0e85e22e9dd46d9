"""Proofs by alpha-beta, compiled: searches that deepen until a position is proven, or the nodes are spent.

Shapes: R positions, A actions; the rest as in `hybrid.minimax_kernels`.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from games.compile import inner
from hybrid.minimax_kernels import DECISIVE, INFINITE, WIN, search_factory
from hybrid.transposition import renew

SHALLOW = 7
"""Depth, below the moves to choose from, up to which a proof of the outcome alone looks for quick wins."""


@inner
def by_score(ranking: Any, scores: Any) -> None:
    """Write the actions to `ranking` `[A]`, those of greater `scores` `[A]` first, of equal ones the smaller."""
    for action in range(scores.shape[0]):
        place = action
        while place > 0 and scores[ranking[place - 1]] < scores[action]:
            ranking[place] = ranking[place - 1]
            place -= 1
        ranking[place] = action


def prove_factory(
    play: Callable[..., Any], legal: Callable[..., Any], playout: Callable[..., Any], forcing: Callable[..., Any]
) -> Callable[..., Any]:
    """`prove(state, roots, ranking, scores, proven, keep, limit)`: deepen until positions are proven.

    The state is that of `search_factory`; what it remembers counts only if `keep` says so.
    `roots` `[R]` are the positions, of which those `proven` `[R]` are left out and the others then `proven` or not;
    `limit` is the nodes of each. `ranking` `[A]` is overwritten, and `scores` `[R, A]` are those of the actions for the
    mover: exact where they are the best, else upper bounds, and `-INFINITE` of illegal ones.

    To tell lengths, searches deepen ply by ply. For the outcome alone the first few do, for quick wins, and the next
    goes to the end.
    """
    search = inner(search_factory(play, legal, playout, forcing), _nrt=False)

    @partial(inner, _nrt=False)
    def prove_one(state, roots, row, ranking, scores, keep, limit):
        _, path, frames, _, mask, _, _, table, killers, history, control = state
        c = control[0]
        if not keep:
            renew(table, killers, history, c)
        c.nodes = 0
        c.plies = 0
        sign = 1 if roots[row].to_play == 0 else -1
        mask[:] = False
        legal(roots[row], mask)
        for action in range(mask.shape[0]):
            scores[action] = 0 if mask[action] else -INFINITE
        count = np.sum(mask)
        last = frames.shape[0] - 2
        depth = -1
        while depth < last:
            depth = depth + 1 if c.distance or depth < SHALLOW else last
            best = -INFINITE
            resolved = 1
            by_score(ranking, scores)
            for action in ranking[:count]:
                floor = max(best - 1, -INFINITE)
                path[0] = roots[row]
                play(path[0], action)
                frames[0].low = floor if sign > 0 else -INFINITE
                frames[0].high = INFINITE if sign > 0 else -floor
                c.depth = depth
                c.level = 0
                c.arrived = 1
                left = limit - c.nodes
                if left <= 0 or not search(state, left):
                    return False
                scores[action] = sign * c.value
                best = max(best, scores[action])
                resolved &= c.resolved
            # A win from far beyond the horizon is what the table kept: moves that are still open may win sooner.
            reach = roots[row].ply + depth + 1 + 2 * c.forcing
            if resolved or (best >= DECISIVE and (not c.distance or WIN - best <= reach)):
                return True
        return False

    def prove(state, roots, ranking, scores, proven, keep, limit):
        for row in range(roots.shape[0]):
            if not proven[row]:
                proven[row] = prove_one(state, roots, row, ranking, scores[row], keep, limit)

    return prove
