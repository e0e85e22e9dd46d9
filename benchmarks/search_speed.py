"""Simulations per second of the bare search on one core: `taskset -c 0 python benchmarks/search_speed.py --openspiel`.

Two things are measured from Connect Four positions, each as the median and range of `--repeats` runs that take turns:
one tree with one random rollout a simulation, from the empty board (the direct end), and many trees with an evaluator
that knows nothing. With `--openspiel` OpenSpiel's C++ MCTSBot runs the first beside ours. Seconds are those of the
process on its processor, so that other work on the machine weighs less. With `--mctx PYTHON` and `--gumbel PYTHON`,
interpreters that have mctx with pgx, and gumbel-mcts, the second is measured there too, by `search_peers.py`, in turns
with ours. On a CPU mctx's time per simulation grows with its trees, so that its run takes a minute: see `--trees`.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from peers import Peer

import games
from hybrid.dial import Dial
from hybrid.evaluate import UniformEvaluator
from hybrid.search import Search, SearchConfig


def direct(simulations: int, trees: int = 20) -> float:
    """Simulations per second of single trees with rollouts, one after another."""
    game = games.load("connect_four")
    search = Search(game, None, SearchConfig(dial=Dial.at(1.0, simulations=simulations)), 1)
    row, start = np.zeros(1, np.int64), game.initial()
    began = time.process_time()
    for seed in range(trees):
        search.clear(row)
        search.begin(row, start, np.array([seed], np.uint64))
        search.run()
    return trees * simulations / (time.process_time() - began)


def null(simulations: int, trees: int) -> float:
    """Simulations per second of `trees` trees in one batch, from positions after six random plies, no network."""
    game = games.load("connect_four")
    rng = np.random.default_rng(0)
    positions = game.initial(trees)
    for _ in range(6):
        positions = game.step(positions, [rng.choice(np.flatnonzero(mask)) for mask in game.legal_actions(positions)])
    search = Search(game, UniformEvaluator(game), SearchConfig(dial=Dial(simulations=simulations)), trees)
    rows = np.arange(trees)
    spent = 0.0
    for measured in (False, True):  # the first search touches the memory
        search.clear(rows)
        search.begin(rows, positions, rows.astype(np.uint64))
        began = time.process_time()
        search.run()
        spent = (time.process_time() - began) * measured
    return float(search.done.sum()) / spent


def openspiel(simulations: int, trees: int = 5) -> float:
    """Simulations per second of OpenSpiel's C++ MCTSBot with one random rollout each."""
    import pyspiel

    game = pyspiel.load_game("connect_four")
    bot = pyspiel.MCTSBot(game, pyspiel.RandomRolloutEvaluator(1, 0), 2.0, simulations, 1000, True, 0, False)
    state = game.new_initial_state()
    began = time.process_time()
    for _ in range(trees):
        bot.step(state)
    return trees * simulations / (time.process_time() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=800, help="simulations per tree (default: 800)")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each (default: 7)")
    parser.add_argument("--openspiel", action="store_true", help="measure OpenSpiel beside ours; needs open_spiel")
    parser.add_argument("--trees", type=int, nargs="+", default=[64, 128, 256], help="batches (default: 64 128 256)")
    parser.add_argument("--mctx", metavar="PYTHON", help="measure mctx beside ours, in this interpreter")
    parser.add_argument("--gumbel", metavar="PYTHON", help="measure gumbel-mcts beside ours, in this interpreter")
    arguments = parser.parse_args()
    count = arguments.simulations
    contenders: dict[str, Callable[[], float]] = {"direct, 1 tree": partial(direct, count)}
    if arguments.openspiel:
        contenders["OpenSpiel MCTSBot, 1 tree"] = partial(openspiel, count)
    libraries = {"mctx": arguments.mctx, "gumbel-mcts": arguments.gumbel, "gumbel-mcts-dense": arguments.gumbel}
    peers = []
    for trees in arguments.trees:
        contenders[f"null evaluator, {trees} trees"] = partial(null, count, trees)
        for library, python in libraries.items():
            if python is not None:
                peers.append(Peer(python, "search_peers.py", library, trees, count))
                contenders[f"{library}, {trees} trees"] = peers[-1].run
    direct(2)
    null(2, 1)  # the kernels are compiled
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(arguments.repeats):
        for name, run in contenders.items():
            rates[name].append(run())
    for peer in peers:
        peer.close()
    for name, values in rates.items():
        print(f"{name}: {statistics.median(values):,.0f} simulations/s ({min(values):,.0f} to {max(values):,.0f})")


if __name__ == "__main__":
    main()
