"""The loop that finds the best dial: play, model, and play where it matters, until the answer is known well enough.

Shapes: M candidates, d axes, R rounds of a duel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from eval.tuning.acquisition import choose, expected_regret, samples
from eval.tuning.landscape import Landscape, Rounds, fit
from eval.tuning.space import Floats, Space

_DUELS = 4
"""Pairs of candidates that play in one batch."""
_ROUNDS = 4
"""Rounds that each of them plays at first; as many more come after every `_GROWTH` batches, to fit less often."""
_GROWTH = 8
_FEWEST = 128
"""Games before which nothing is believed to be known."""
_CLOUD = 2000
"""Points that are looked at between the candidates."""


@dataclass(frozen=True, kw_only=True)
class Duel:
    """Rounds to be played by two candidates.

    Attributes:
        first: number of the candidate whose scores are asked for.
        second: number of the other.
        start: number of the first of the rounds; no two duels share a round.
        rounds: R, how many.
    """

    first: int
    second: int
    start: int
    rounds: int


Objective = Callable[[Sequence[Duel]], Sequence[Floats]]
"""Plays duels, and returns for each the first candidate's share of the points, in [0, 1], in each round: `[R]`.

A round is two games from one opening with seats swapped. Rounds that tell nothing new may be left out.
"""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What was believed after some of the games.

    Attributes:
        games: how many.
        regret: expected loss of Elo by taking the seemingly best candidate.
        best: number of that candidate.
        gain: its expected Elo above dial 0.5.
        deviation: standard deviation of `gain`.
    """

    games: int
    regret: float
    best: int
    gain: float
    deviation: float


@dataclass(frozen=True, kw_only=True)
class Found:
    """The end of the search.

    Attributes:
        space: what was searched.
        landscape: what is believed now.
        rounds: all results.
        steps: what was believed on the way.
        settled: whether it is known to the precision that was asked for; else the games were used up.
        jump: whether strength may jump at the direct end.
        point: `[d]` the best dial in the unit cube, which on several axes may lie between candidates.
    """

    space: Space
    landscape: Landscape
    rounds: Rounds
    steps: tuple[Step, ...]
    settled: bool
    jump: bool
    point: Floats


def optimise(
    space: Space,
    objective: Objective,
    *,
    seed: int = 0,
    games: int = 1000,
    precision: float = 15.0,
    jump: bool = False,
    progress: Callable[[Step], None] | None = None,
) -> Found:
    """Find the dial of greatest strength.

    Args:
        space: the dials.
        objective: plays them against each other.
        seed: of the choices; the same seed and results give the same duels.
        games: at most so many, up to a batch.
        precision: stop when the expected regret, in Elo, has been that small after two batches in a row.
        jump: see `eval.tuning.landscape.fit`.
        progress: called after each batch.
    """
    if games < 2 or not precision >= 0.0:
        raise ValueError(f"games must be at least 2 and precision at least 0, got {games} and {precision}")
    rng = np.random.default_rng([seed, 0x64696C])
    rounds, played, steps = Rounds.none(), 0, list[Step]()
    landscape = fit(space, rounds, jump=jump)
    while True:
        drawn = samples(landscape, rng)
        steps.append(_step(landscape, played, expected_regret(landscape, drawn)))
        if progress is not None:
            progress(steps[-1])
        settled = played >= _FEWEST and max(step.regret for step in steps[-2:]) <= precision
        if settled or played >= games:
            break
        size = min(_ROUNDS * (1 + (len(steps) - 1) // _GROWTH), -(-(games - played) // (2 * _DUELS)))
        pairs = choose(landscape, drawn, _DUELS, size)
        duels = [
            Duel(first=one, second=other, start=played // 2 + size * number, rounds=size)
            for number, (one, other) in enumerate(pairs)
        ]
        for duel, scores in zip(duels, objective(duels), strict=True):
            rounds = rounds.extended(duel.first, duel.second, scores)
        played += 2 * size * _DUELS
        landscape = fit(space, rounds, jump=jump, start=landscape.hyperparameters)
    point = _polished(space, landscape)
    return Found(
        space=space,
        landscape=landscape,
        rounds=rounds,
        steps=tuple(steps),
        settled=settled,
        jump=jump,
        point=point,
    )


def _step(landscape: Landscape, played: int, regret: float) -> Step:
    """What `landscape` says after `played` games."""
    best = landscape.best
    return Step(
        games=played,
        regret=regret,
        best=best,
        gain=float(landscape.mean[best]),
        deviation=float(np.sqrt(max(landscape.covariance[best, best], 0.0))),
    )


def _polished(space: Space, landscape: Landscape) -> Floats:
    """The best candidate or, on several axes, a point near it that is expected to be better still."""
    best = space.candidates[landscape.best]
    if len(space.axes) == 1 or space.direct[landscape.best]:
        return np.asarray(best)
    rng = np.random.default_rng(0)
    reach = np.repeat((0.1, 0.03), _CLOUD // 2)[:, None]
    cloud = np.clip(best + reach * rng.standard_normal((_CLOUD, len(best))), 0.0, 1.0)
    points = np.concatenate((best[None], cloud))
    return np.asarray(points[int(np.argmax(landscape.expected(points)))])
