"""Alpha-beta search as one compiled loop over an explicit stack, for any two-player zero-sum game's rules.

Scores are integers seen from player 0: player 0 raises `alpha`, player 1 lowers `beta`, whoever `to_play` names moves
next. So nothing is ever negated, and passes and double moves need no special case. Fail-soft alpha-beta with a
transposition table, killer moves and the history heuristic: Knuth & Moore 1975, Marsland 1986, Schaeffer 1989.

A node is *resolved* when no unexplored horizon could change its value (or its bound); such results hold at any depth.
Shapes: A actions, D stack levels (search depth + 1), W 64-bit words of a padded position, E entries of the
table (`hybrid.transposition`).
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from games.compile import inner
from games.kernels import mix
from hybrid.transposition import EXACT, LOWER, UPPER, known, position_key, remember

WIN = 1_000_000
"""Score of a game won by player 0; with distances, less the ply at which it ends."""
DECISIVE = WIN - (1 << 16)
"""Scores from here on are wins; a horizon's estimate stays below."""
ESTIMATE = 10_000
"""Score of a horizon whose rollouts were all won by player 0."""
INFINITE = 2 * WIN
MAX_DEPTH = 255
FIRST = 1 << 62
"""More than the weight of any move."""

FRAME = np.dtype(
    (
        np.record,
        [
            ("key", "u8"),
            *((name, "i8") for name in ("low", "high", "alpha", "beta", "best", "move", "next", "count", "resolved")),
        ],
    )
)
"""One stack level: the window it came with, as narrowed since, the best so far, the next of `count` ordered moves."""

CONTROL = np.dtype(
    (
        np.record,
        [
            ("seed", "u8"),
            *((name, "i8") for name in ("generation", "depth", "distance", "rollouts", "forcing")),
            *((name, "i8") for name in ("level", "arrived", "value", "resolved", "chance", "nodes", "plies")),
        ],
    )
)
"""A search's settings, its place (`level`; `arrived` when a node was just entered), the last value, and its costs."""


@inner
def prefer(weights: Any, killers: Any, history: Any) -> None:
    """Let `weights` `[A]` order moves by what cut before: `killers` `[2]` (or -1), then by `history` `[A]`."""
    for action in range(weights.shape[0]):
        weights[action] = history[action]
    for rank in range(2):
        if killers[rank] >= 0:
            weights[killers[rank]] = FIRST - 1 - rank


@inner
def arrange(order: Any, mask: Any, first: Any, weights: Any) -> Any:
    """Count and order the actions of `mask` `[A]` in `order` `[A]`: `first` (or -1), then by `weights` `[A]`."""
    if first >= 0:
        weights[first] = FIRST
    count = 0
    for action in range(mask.shape[0]):
        if mask[action]:
            place = count
            while place > 0 and weights[order[place - 1]] < weights[action]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = action
            count += 1
    return count


@inner
def absorb(frame: Any, mover: Any, action: Any, control: Any) -> None:
    """Take the value of the child after `action` into its parent's frame; on a cut no further child is due."""
    value = control.value
    if (value > frame.best) if mover == 0 else (value < frame.best):
        frame.best = value
        frame.move = action
        if mover == 0:
            frame.alpha = max(frame.alpha, value)
        else:
            frame.beta = min(frame.beta, value)
    if frame.alpha >= frame.beta:
        frame.next = frame.count
        frame.resolved = control.resolved
    else:
        frame.resolved = frame.resolved & control.resolved


@inner
def finish(s: Any, frame: Any, depth: Any, table: Any, killers: Any, history: Any, control: Any) -> None:
    """Return a searched node's value through `control`; record it, and the move that cut."""
    value = frame.best
    if abs(value) >= DECISIVE and (not control.distance or WIN - abs(value) - s.ply <= depth):
        # Moves with an open horizon can only win later than this one, or lose later than all of these.
        frame.resolved = 1
    bound = UPPER if value <= frame.low else LOWER if value >= frame.high else EXACT
    remember(table, frame, control.generation, depth, bound)
    if bound == (LOWER if s.to_play == 0 else UPPER):
        history[s.to_play, frame.move] += depth * depth
        if killers[0] != frame.move:
            killers[1] = killers[0]
            killers[0] = frame.move
    control.value = value
    control.resolved = frame.resolved
    control.arrived = 0


@inner
def confine(s: Any, frame: Any, control: Any) -> Any:
    """Narrow the window to what can still happen: a win at the next ply at best; true, with the bound, if it closes."""
    most = WIN - control.distance * (s.ply + 1)
    frame.low = max(frame.low, -most)
    frame.high = min(frame.high, most)
    control.value = most if frame.low >= most else -most
    return frame.low >= frame.high


@inner
def settled(s: Any, verdict: Any, control: Any) -> Any:
    """Whether a `verdict` of the rule `forcing` settles the game, its value then being left in `control`."""
    if verdict == 0:
        return False
    margin = WIN - control.distance * (s.ply + (1 if verdict > 0 else 2))
    control.value = margin if (verdict > 0) == (s.to_play == 0) else -margin
    control.resolved = 1
    return True


def arrival_factory(
    legal: Callable[..., Any], playout: Callable[..., Any], forcing: Callable[..., Any]
) -> Callable[..., Any]:
    """`answered(s, frame, words, depth, order, mask, weights, scratch, table, killers, history, control)`, below."""

    @inner
    def estimate(s, key, mask, scratch, control):
        total = 0.0
        for i in range(control.rollouts):
            scratch[0] = s
            control.plies += playout(scratch[0], mix(key ^ mix(control.seed + np.uint64(i))), mask)
            total += scratch[0].returns[0]
        return np.int64(np.rint(ESTIMATE * total / max(control.rollouts, 1)))

    @inner
    def answered(s, frame, words, depth, order, mask, weights, scratch, table, killers, history, control):
        """Enter a node: true when its value is known at once, else its frame and moves are laid out."""
        control.nodes += 1
        control.arrived = 0
        control.resolved = s.terminal
        if s.terminal:
            margin = WIN - control.distance * s.ply
            control.value = margin if s.returns[0] > 0 else -margin if s.returns[0] < 0 else 0
            return True
        if s.to_play > 1:
            control.chance = 1
        forced = control.forcing and not control.chance
        if forced:
            mask[:] = False
            legal(s, mask)
            weights[:] = 0
            if settled(s, forcing(s, mask, weights), control):
                return True
        if control.chance or (depth == 0 and control.rollouts == 0):
            control.value = 0
            return True
        if confine(s, frame, control):
            control.resolved = 1
            return True
        frame.key = position_key(words)
        if depth == 0:
            control.value = estimate(s, frame.key, mask, scratch, control)
            return True
        first = known(table, frame, depth, control)
        if first == -2:
            return True
        if not forced:
            mask[:] = False
            legal(s, mask)
            prefer(weights, killers, history[s.to_play])
        frame.count = arrange(order, mask, first, weights)
        frame.next = 0
        frame.alpha = frame.low
        frame.beta = frame.high
        frame.best = -INFINITE if s.to_play == 0 else INFINITE
        frame.resolved = 1
        return False

    return answered  # type: ignore[no-any-return]


def search_factory(
    play: Callable[..., Any], legal: Callable[..., Any], playout: Callable[..., Any], forcing: Callable[..., Any]
) -> Callable[..., Any]:
    """`search(state, limit) -> done`: continue the search of `path[0]` for about `limit` nodes.

    The state is what `hybrid.alpha_beta.Memory` holds: `path` `[D]`, records over the memory of `words` `[D, W]`,
    `frames` `[D]`, `order` `[D, A]`, `mask` and `weights` `[A]`, `scratch` `[1]`, `table` `[E]`, `killers` `[D, 2]`,
    `history` `[2, A]` and `control` `[1]`, in the order in which it is unpacked below.
    """
    answered = arrival_factory(legal, playout, forcing)

    def search(state, limit):
        words, path, frames, order, mask, weights, scratch, table, killers, history, control = state
        c = control[0]
        stop = c.nodes + limit
        while c.level >= 0:
            level, depth = c.level, c.depth - c.level
            s, frame = path[level], frames[level]
            if c.arrived:
                if c.nodes >= stop:
                    return False
                kept = table, killers[level], history, c
                if answered(s, frame, words[level], depth, order[level], mask, weights, scratch, *kept):
                    c.level -= 1
                    continue
            else:
                absorb(frame, s.to_play, order[level, frame.next - 1], c)
            if frame.next == frame.count:
                finish(s, frame, depth, table, killers[level], history, c)
                c.level -= 1
            else:
                path[level + 1] = path[level]
                play(path[level + 1], order[level, frame.next])
                frame.next += 1
                frames[level + 1].low = frame.alpha
                frames[level + 1].high = frame.beta
                c.level += 1
                c.arrived = 1
        return True

    return search
