"""Tournaments drawn from a known model, as comparisons ready to be rated."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from eval.clusters import Outcomes

Floats = npt.NDArray[np.float64]
ELO = 400 / math.log(10)


@dataclass(frozen=True, kw_only=True)
class World:
    """Elo's expected scores with a first-move advantage, draws, and openings that favour a side by chance.

    `elo` are true ratings, `advantage` in Elo too; `draws` is the share of draws between equals, otherwise that of the
    weaker side's points that it makes by draws; `luck` is the standard deviation of what an opening is worth.
    """

    elo: tuple[float, ...]
    advantage: float = 30.0
    draws: float = 0.2
    luck: float = 0.0

    def play(
        self, pairs: list[tuple[int, int]], rounds: list[int], rng: np.random.Generator, copies: int = 1
    ) -> Outcomes:
        """Each pair plays its number of openings, both ways; every opening's games are entered `copies` times."""
        low, high = (
            np.repeat(np.array([pair[side] for pair in pairs], np.int64), np.array(rounds, np.int64)) for side in (0, 1)
        )
        luck = rng.normal(0.0, self.luck, len(low)) if self.luck else np.zeros(len(low))
        first, second = np.concatenate((low, high)), np.concatenate((high, low))
        points = self.points(first, second, np.concatenate((luck, luck)), rng)
        clusters = np.tile(np.arange(len(low)), 2)
        return Outcomes(
            agents=tuple(f"a{k}" for k in range(len(self.elo))),
            first=np.tile(first, copies),
            second=np.tile(second, copies),
            points=np.tile(points, copies),
            clusters=np.tile(clusters, copies),
            weights=np.full(len(points) * copies, 1.0 / copies),
        )

    def points(
        self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], luck: Floats, rng: np.random.Generator
    ) -> Floats:
        """One game each: the first mover's points."""
        elo = np.array(self.elo)
        share = 1 / (1 + np.exp((elo[second] - elo[first] - self.advantage - luck) / ELO))
        draw = 2 * self.draws * np.minimum(share, 1 - share)
        chance = rng.random(len(share))
        return np.select([chance < share - draw / 2, chance < share + draw / 2], [1.0, 0.5], 0.0)


def joined(parts: list[Outcomes]) -> Outcomes:
    """Several tournaments of the same agents as one; their clusters stay apart."""
    offsets = np.cumsum([0, *(int(part.clusters.max()) + 1 for part in parts)])
    moved = [part.clusters + offset for part, offset in zip(parts, offsets[:-1], strict=True)]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("first", "second", "points", "weights")
    }
    return replace(parts[0], clusters=np.concatenate(moved), **columns)
