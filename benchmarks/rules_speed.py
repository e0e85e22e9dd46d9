"""Random play on one core: `python benchmarks/rules_speed.py connect_four othello --batch 1024 --steps 300`.

Each step writes the legal actions and the observation of every row, picks a legal action at random, plays it and
begins finished rows anew. Printed are steps per second (rows times steps), the median and range of five runs, and
beside it the share of time each part takes; `rollouts` are whole random games in one kernel, without observations.
"""

import argparse
import statistics
import time
from collections import Counter

import numpy as np

import games


def run(game: games.Game, batch: int, steps: int, times: Counter[str]) -> float:
    """Steps per second of one run; adds the seconds of each part to `times`."""
    rng = np.random.default_rng(0)
    start = game.initial()[0]
    positions = game.initial(batch)
    began = time.perf_counter()
    for _ in range(steps):
        marks = [time.perf_counter()]
        legal = game.legal_actions(positions)
        marks.append(time.perf_counter())
        game.observe(positions)
        marks.append(time.perf_counter())
        rank = (rng.random(batch, np.float32) * legal.sum(axis=1)).astype(np.int64)
        actions = np.argmax(np.cumsum(legal, axis=1, dtype=np.int16) > rank[:, None], axis=1)
        marks.append(time.perf_counter())
        positions = game.step(positions, actions)
        positions[positions["terminal"] == 1] = start
        marks.append(time.perf_counter())
        times.update(dict(zip(("legal", "observe", "choose", "step"), np.diff(marks), strict=True)))
    return batch * steps / (time.perf_counter() - began)


def main() -> None:
    """Measure the games named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("games", nargs="+")
    parser.add_argument("--batch", type=int, default=1024, help="rows (default: 1024)")
    parser.add_argument("--steps", type=int, default=300, help="steps of a run (default: 300)")
    arguments = parser.parse_args()
    for spec in arguments.games:
        game, times = games.load(spec), Counter[str]()
        run(game, arguments.batch, 10, Counter())  # compile
        rates = [run(game, arguments.batch, arguments.steps, times) for _ in range(5)]
        shares = ", ".join(f"{name} {seconds / sum(times.values()):.0%}" for name, seconds in times.items())
        print(f"{spec}: {statistics.median(rates):,.0f} steps/s ({min(rates):,.0f} to {max(rates):,.0f}); {shares}")
        seeds = np.arange(arguments.batch, dtype=np.uint64)
        game.rollout(game.initial(arguments.batch), seeds)
        began = time.perf_counter()
        _, plies = game.rollout(game.initial(arguments.batch), seeds)
        seconds = time.perf_counter() - began
        print(f"  rollouts: {len(seeds) / seconds:,.0f} games/s, {plies.sum() / seconds:,.0f} plies/s")


if __name__ == "__main__":
    main()
