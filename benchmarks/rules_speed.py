"""Random play on one core: `python benchmarks/rules_speed.py connect_four othello --batch 1024 --steps 300`.

Each step writes the legal actions and the observation of every row, picks a legal action at random, plays it and
begins finished rows anew. Printed are steps (rows times steps) per second of processor time, the median and range of
five runs, and beside it the share of time each part takes; `rollouts` are whole random games in one kernel, without
observations. With `--openspiel` and `--pgx PYTHON` (an interpreter that has pgx) the same is measured there by
`rules_peers.py`, in turns with ours. Give all one core: `taskset -c 0`.
"""

import argparse
import statistics
import sys
import time
from collections import Counter
from typing import Any

import numpy as np
from numba import njit
from peers import Peer

import games


@njit
def choose(legal: Any, points: Any) -> Any:
    """`[B]` the legal action at each row's point in [0, 1) of its legal actions, `legal` `[B, A]`."""
    actions = np.zeros(legal.shape[0], np.int64)
    for row in range(legal.shape[0]):
        count = 0
        for action in range(legal.shape[1]):
            count += legal[row, action]
        rank, choice = int(points[row] * count), 0
        for action in range(legal.shape[1]):
            choice += rank >= 0
            rank -= legal[row, action]
        actions[row] = choice - 1
    return actions


def run(game: games.Game, batch: int, steps: int, times: Counter[str]) -> float:
    """Steps per second of one run; adds the seconds of each part to `times`."""
    rng = np.random.default_rng(0)
    start = game.initial()[0]
    positions = game.initial(batch)
    began = time.process_time()
    for _ in range(steps):
        marks = [time.process_time()]
        legal = game.legal_actions(positions)
        marks.append(time.process_time())
        game.observe(positions)
        marks.append(time.process_time())
        actions = choose(legal, rng.random(batch, np.float32))
        marks.append(time.process_time())
        positions = game.step(positions, actions)
        positions[positions["terminal"] == 1] = start
        marks.append(time.process_time())
        times.update(dict(zip(("legal", "observe", "choose", "step"), np.diff(marks), strict=True)))
    return batch * steps / (time.process_time() - began)


def peers(game: str, arguments: argparse.Namespace) -> list[Peer]:
    """The other libraries asked for, ready to run `game`."""
    wanted = [("openspiel", sys.executable, game), ("openspiel-bare", sys.executable, game)] * arguments.openspiel
    if arguments.pgx is not None:
        wanted.append(("pgx", arguments.pgx, game))
    # OpenSpiel from Python is slow: a tenth of the steps.
    steps = {"pgx": arguments.steps}
    return [
        Peer(
            python, "rules_peers.py", library, name, arguments.batch, steps.get(library, max(1, arguments.steps // 10))
        )
        for library, python, name in wanted
    ]


def show(name: str, rates: list[float], note: str = "") -> None:
    """Print the median and range of some runs."""
    print(f"{name}: {statistics.median(rates):,.0f} steps/s ({min(rates):,.0f} to {max(rates):,.0f}){note}")


def compare(spec: str, arguments: argparse.Namespace) -> None:
    """Measure one game here and, in turns, in the other libraries."""
    game, times = games.load(spec), Counter[str]()
    run(game, arguments.batch, 10, Counter())  # compile
    others = peers(spec, arguments)
    rates: dict[str, list[float]] = {peer.name: [] for peer in others}
    ours = []
    for _ in range(5):
        ours.append(run(game, arguments.batch, arguments.steps, times))
        for peer in others:
            rates[peer.name].append(peer.run())
    shares = ", ".join(f"{name} {seconds / sum(times.values()):.0%}" for name, seconds in times.items())
    show(spec, ours, f"; {shares}")
    for peer in others:
        peer.close()
        show(f"  {peer.name}", rates[peer.name])
    seeds = np.arange(arguments.batch, dtype=np.uint64)
    game.rollout(game.initial(arguments.batch), seeds)
    began = time.process_time()
    _, plies = game.rollout(game.initial(arguments.batch), seeds)
    seconds = time.process_time() - began
    print(f"  rollouts: {len(seeds) / seconds:,.0f} games/s, {plies.sum() / seconds:,.0f} plies/s")


def main() -> None:
    """Measure the games named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("games", nargs="+")
    parser.add_argument("--batch", type=int, default=1024, help="rows (default: 1024)")
    parser.add_argument("--steps", type=int, default=300, help="steps of a run (default: 300)")
    parser.add_argument("--openspiel", action="store_true", help="beside OpenSpiel from Python")
    parser.add_argument("--pgx", metavar="PYTHON", help="beside pgx, in this interpreter")
    arguments = parser.parse_args()
    for spec in arguments.games:
        compare(spec, arguments)


if __name__ == "__main__":
    main()
