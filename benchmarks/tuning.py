"""How near the optimiser of `hybrid tune` comes to a known optimum, in how many games, over many simulated landscapes.

    python benchmarks/tuning.py --axes dial --seeds 50
    python benchmarks/tuning.py --axes prior_weight,value_weight,c_puct --seeds 50 --games 2000

Each seed draws a landscape of 100 to 400 Elo with its optimum anywhere or, every third time, in a corner; a draw rate
of 0, 20 or 50 % between equals; and openings that favour nobody or, by 100 Elo (standard deviation), one side.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from eval.statistics import ELO
from eval.tuning.loop import Duel, Found, optimise
from eval.tuning.space import Floats, Space


class World:
    """A landscape with a known optimum, and games on it by Davidson's model. d axes, Q points, R rounds."""

    def __init__(self, space: Space, seed: int) -> None:
        rng = np.random.default_rng([seed, 1])
        self.space, self.rng = space, rng
        axes = len(space.axes)
        self.optimum = rng.integers(0, 2, axes).astype(np.float64) if seed % 3 == 2 else rng.random(axes)
        self.height = rng.uniform(100.0, 400.0)
        self.widths = rng.uniform(0.25, 0.7, axes)
        self.nu = float(rng.choice((0.0, 0.5, 2.0)))
        self.luck = float(rng.choice((0.0, 100.0)))

    def elo(self, points: Floats) -> Floats:
        """The true strength `[Q]` of dials `[Q, d]`; the optimum's is `height`."""
        return np.asarray(self.height * np.exp(-0.5 * (((points - self.optimum) / self.widths) ** 2).sum(axis=1)))

    def play(self, duels: Sequence[Duel]) -> list[Floats]:
        """The objective of `optimise`."""
        elo = self.elo(self.space.candidates)
        return [self.games(elo[duel.first] - elo[duel.second], duel.rounds).mean(axis=1) for duel in duels]

    def games(self, gap: float, count: int) -> Floats:
        """`[R, 2]` points of a player `gap` Elo above its opponent, moving first and second; the first has 30 Elo."""
        luck = self.rng.normal(0.0, self.luck, count) if self.luck else np.zeros(count)
        points = np.zeros((count, 2))
        for place, side in enumerate((1.0, -1.0)):
            odds = np.exp((gap + side * (luck + 30.0)) / ELO * (2.0 + self.nu) / 4.0)
            chance = self.rng.random(count) * (odds + self.nu + 1.0 / odds)
            points[:, place] = np.select([chance < odds, chance < odds + self.nu], [1.0, 0.5], 0.0)
        return points


def tune(axes: Sequence[str], seed: int, games: int, precision: float) -> tuple[Found, list[float]]:
    """The search on one landscape, and its true regret after each batch, the last one of what it recommends."""
    space = Space.of(axes)
    world = World(space, seed)
    found = optimise(space, world.play, seed=seed, games=games, precision=precision)
    elo = world.elo(space.candidates)
    regrets = [world.height - float(elo[step.best]) for step in found.steps]
    regrets[-1] = world.height - float(world.elo(found.point[None])[0])
    return found, regrets


def main() -> None:
    """Print one line for each number of games."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axes", default="dial")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--games", type=int, default=2000)
    parser.add_argument("--precision", type=float, default=0.0, help="stop when it is reached; 0 = never")
    options = parser.parse_args()
    start, regrets, expected, games = time.perf_counter(), [], [], []
    for seed in range(options.seeds):
        found, path = tune(options.axes.split(","), seed, options.games, options.precision)
        regrets.append(path[-1])
        expected.append(found.steps[-1].regret)
        games.append(found.steps[-1].games)
    seconds = (time.perf_counter() - start) / options.seeds
    print(f"axes {options.axes}, {options.seeds} seeds, {np.mean(games):.0f} games on average, {seconds:.1f} s a seed")
    print(
        f"true regret: median {np.median(regrets):.1f}, mean {np.mean(regrets):.1f}, "
        f"90th percentile {np.quantile(regrets, 0.9):.1f}, worst {np.max(regrets):.1f} Elo; "
        f"expected {np.mean(expected):.1f}; at most 15 in {np.mean(np.array(regrets) <= 15.0):.0%}"
    )


if __name__ == "__main__":
    main()
