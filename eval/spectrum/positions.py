"""On which positions agents are compared: some out of the pool's own games, and some whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from eval import labels
from eval.labels import Labelled
from eval.records import Record
from games import Game, Positions
from games.chance import awaits
from games.rules import LiftedGame
from hybrid.solve import ExhaustiveSolver, plays_connect_four

SAMPLED = 192
"""Positions taken from games."""
LABELLED = 300
"""Positions with the truth about them, at most."""

_NODES = 1_000_000
_TRIALS = 12


def sample(game: Game, records: Iterable[Record], seed: int, count: int = SAMPLED) -> Positions:
    """`count` distinct positions `[B]` at players' turns in games, fewer if there are not as many; none from openings.

    Only the first round of every pairing is looked at, so that more games later change nothing.
    """
    found: dict[bytes, Positions] = {}
    for record in sorted(records, key=lambda record: record.seed):
        if record.round > 0:
            continue
        position = game.initial()
        for ply, move in enumerate(record.moves):
            if ply >= record.opening and not awaits(game, position)[0]:
                found.setdefault(position.tobytes(), position)
            position = game.step(position, [move])
    distinct = list(found.values()) or [game.initial()]
    chosen = np.random.default_rng(seed).permutation(len(distinct))[:count]
    return np.concatenate([distinct[row] for row in np.sort(chosen)])


def labelled(game: Game, positions: Positions, seed: int, count: int = LABELLED) -> Labelled | None:
    """Positions in which some move gives away value, with the truth about all their moves.

    For Connect Four on the usual board those that come with this package; for games that can be solved out of
    `positions`, those of `positions`; otherwise None.
    """
    if plays_connect_four(game):
        known: Labelled | None = labels.load("connect_four")
    else:
        known = _solved(game, positions)
    if known is None:
        return None
    critical = np.flatnonzero(known.critical)
    if not len(critical):
        return None
    return known.select(np.sort(np.random.default_rng(seed).permutation(critical)[:count]))


def _solved(game: Game, positions: Positions) -> Labelled | None:
    """`positions` labelled, or None where exhaustive search cannot solve them within a moment each."""
    if not isinstance(game, LiftedGame) or not game.zero_sum or game.players != 2 or game.stochastic:
        return None
    solver = ExhaustiveSolver(game, table_bits=20, max_nodes=_NODES)
    try:
        # The hardest first: positions after fewest plies.
        labels.label(game, positions[np.argsort(positions["ply"], kind="stable")[:_TRIALS]], solver)
        return labels.label(game, positions, solver)
    except ValueError:
        return None
