"""Kernel factories over a game's scalar rules: each takes compiled rules and returns one batched loop.

Shapes: B positions, A actions, P players, observations `[C, H, W]`. `mask` `[A]`, `scratch` (records) and `out`
arguments are overwritten. Positions are packed records; see `games.game`.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from games.compile import inner

Kernel = Callable[..., Any]


@inner
def mix(x: Any) -> Any:
    """One step of the splitmix64 hash (Steele et al. 2014): a `uint64` to a well mixed `uint64`."""
    x = np.uint64(x) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@inner
def hashed(key: Any) -> Any:
    """A well mixed `uint64` that the bytes `[K]` of `key` determine."""
    code = np.uint64(0)
    word = np.uint64(0)
    for k in range(key.shape[0]):
        word |= np.uint64(key[k]) << np.uint64(8 * (k & 7))
        if k & 7 == 7:
            code = mix(code ^ word)
            word = np.uint64(0)
    return mix(code ^ word)


@inner
def below(x: Any, n: Any) -> Any:
    """Map a random `uint64` to an integer in `[0, n)`, `n < 2**32`, by Lemire's multiplication."""
    return np.int64(((x >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@inner
def unit(x: Any) -> Any:
    """Map a random `uint64` to [0, 1)."""
    return np.float64(x >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inner
def nth_legal(mask: Any, n: Any) -> Any:
    """The `n`-th true index of `mask`."""
    for action in range(mask.shape[0]):
        if mask[action]:
            if n == 0:
                return action
            n -= 1
    return -1


@inner
def outcome_at(probabilities: Any, point: Any) -> Any:
    """The outcome on which `point` falls when outcomes share [0, 1) by their `probabilities` `[A]`."""
    last = -1
    for action in range(probabilities.shape[0]):
        if probabilities[action] > 0.0:
            last = action
            point -= probabilities[action]
            if point < 0.0:
                break
    return last


def unforced(s: Any, mask: Any, weights: Any) -> int:
    """The rule `forcing` of games that do not tell: nothing is."""
    return 0


def playout_factory(play: Kernel, legal: Kernel) -> Kernel:
    """`playout(s, seed, mask) -> plies`: play uniformly random legal moves on record `s` until it is terminal."""

    def playout(s, seed, mask):
        plies = 0
        state = np.uint64(seed)
        while not s.terminal:
            mask[:] = False
            legal(s, mask)
            state = mix(state)
            play(s, nth_legal(mask, below(state, np.sum(mask))))
            plies += 1
        return plies

    return playout


def chance_playout_factory(play: Kernel, legal: Kernel, chance: Kernel) -> Kernel:
    """The `playout` of a game with chance nodes, whose outcomes are drawn by their probabilities."""

    def playout(s, seed, mask):
        probabilities = np.empty(mask.shape[0])
        plies = 0
        state = np.uint64(seed)
        while not s.terminal:
            state = mix(state)
            if s.to_play == s.returns.shape[0]:
                probabilities[:] = 0.0
                chance(s, probabilities)
                play(s, outcome_at(probabilities, unit(state)))
            else:
                mask[:] = False
                legal(s, mask)
                play(s, nth_legal(mask, below(state, np.sum(mask))))
            plies += 1
        return plies

    return playout


def rollout_factory(playout: Kernel) -> Kernel:
    """`rollout(positions, seeds, mask, scratch, returns, plies)`: one random playout a row."""

    def rollout(positions, seeds, mask, scratch, returns, plies):
        for row in range(positions.shape[0]):
            scratch[0] = positions[row]
            plies[row] = playout(scratch[0], seeds[row], mask)
            for player in range(returns.shape[1]):
                returns[row, player] = scratch[0].returns[player]

    return rollout


def step_factory(play: Kernel, legal: Kernel) -> Kernel:
    """`step(positions, actions, mask, out) -> row`: play one action a row; the first illegal row, or -1.

    Terminal rows are copied unchanged.
    """

    def step(positions, actions, mask, out):
        for row in range(positions.shape[0]):
            out[row] = positions[row]
            if not out[row].terminal:
                mask[:] = False
                legal(out[row], mask)
                action = actions[row]
                if action < 0 or action >= mask.shape[0] or not mask[action]:
                    return row
                play(out[row], action)
        return -1

    return step


def legal_factory(legal: Kernel) -> Kernel:
    """`legal_actions(positions, masks)`: fill `masks` `[B, A]`; all false where a row is terminal."""

    def legal_actions(positions, masks):
        for row in range(positions.shape[0]):
            masks[row] = False
            if not positions[row].terminal:
                legal(positions[row], masks[row])

    return legal_actions


def forced_factory(legal: Kernel, forcing: Kernel) -> Kernel:
    """`forced_all(positions, verdicts, masks, weights)`: what the rule `forcing` tells of each row.

    Fills `verdicts` `[B]`, 0 where a row is terminal, and `masks` and `weights` `[B, A]`.
    """

    def forced_all(positions, verdicts, masks, weights):
        verdicts[:] = 0
        masks[:] = False
        weights[:] = 0
        for row in range(positions.shape[0]):
            if not positions[row].terminal:
                legal(positions[row], masks[row])
                verdicts[row] = forcing(positions[row], masks[row], weights[row])

    return forced_all


def observe_factory(observe: Kernel) -> Kernel:
    """`observe_all(positions, planes)`: fill `planes` `[B, C, H, W]` from each row's mover's view."""

    def observe_all(positions, planes):
        planes[:] = 0
        for row in range(positions.shape[0]):
            observe(positions[row], planes[row])

    return observe_all


def chance_observe_factory(observe: Kernel) -> Kernel:
    """The `observe_all` of a game with chance nodes, whose planes stay zero: nobody moves there."""

    def observe_all(positions, planes):
        planes[:] = 0
        for row in range(positions.shape[0]):
            if positions[row].to_play != positions[row].returns.shape[0]:
                observe(positions[row], planes[row])

    return observe_all


def chance_factory(chance: Kernel) -> Kernel:
    """`chance_all(positions, probabilities)`: fill `[B, A]`; all zero where a row is terminal or a player's turn."""

    def chance_all(positions, probabilities):
        probabilities[:] = 0.0
        for row in range(positions.shape[0]):
            if positions[row].to_play == positions[row].returns.shape[0] and not positions[row].terminal:
                chance(positions[row], probabilities[row])

    return chance_all


def transform_factory(transform: Kernel) -> Kernel:
    """`transform_all(positions, symmetries, out)`: write each row's image under its symmetry; 0 is the identity."""

    def transform_all(positions, symmetries, out):
        for row in range(positions.shape[0]):
            out[row] = positions[row]
            if symmetries[row] != 0:
                transform(positions[row], symmetries[row], out[row])

    return transform_all


def perft_factory(play: Kernel, legal: Kernel) -> Kernel:
    """`perft(path, masks, leaves, ends)`: count move sequences from `path[0]` by depth-first search.

    Outcomes of chance are moves like others. `path` holds depth + 1 records and `masks` is `[depth + 1, A]`;
    `leaves[d]` counts sequences of exactly d moves, `ends[d]` those of them that end the game.
    """

    def perft(path, masks, leaves, ends):
        depth = path.shape[0] - 1
        tried = np.zeros(depth + 1, np.int64)
        level = 0
        arrived = True
        while level >= 0:
            if arrived:
                leaves[level] += 1
                ends[level] += path[level].terminal
                masks[level] = False
                if level < depth and not path[level].terminal:
                    legal(path[level], masks[level])
                tried[level] = 0
            arrived = False
            while tried[level] < masks.shape[1] and not masks[level, tried[level]]:
                tried[level] += 1
            if tried[level] == masks.shape[1]:
                level -= 1
            else:
                path[level + 1] = path[level]
                play(path[level + 1], tried[level])
                tried[level] += 1
                level += 1
                arrived = True

    return perft
