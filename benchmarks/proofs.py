"""How far alpha-beta's proofs reach in Connect Four: shares of positions proven within so many nodes, by plies played.

    taskset -c 0 python benchmarks/proofs.py --nodes 3000 100000

The positions are the solver-labelled ones that come with the package, and every value proven is compared with theirs.
Rows tell lengths or the outcome alone, with and without the game's rule for forced moves.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import games
from eval.labels import Labelled, load
from hybrid.prover import Prover

PLIES = (8, 12, 14, 16, 18, 20, 22, 26)
"""Bounds of the columns."""


def measure(labelled: Labelled, nodes: int, *, distance: bool, forcing: bool) -> tuple[list[float], float]:
    """Shares of the positions proven, by `PLIES`, and nodes a second.

    Raises:
        ValueError: a proof is wrong.
    """
    bits = min(nodes.bit_length() + 1, 20)
    prover = Prover(games.load(labelled.game), distance=distance, table_bits=bits, forcing=forcing)
    prover.prove(labelled.positions[:1], 1)  # compiles
    proven = np.zeros(len(labelled), np.bool_)
    spent, started = 0, time.perf_counter()
    for i in range(len(labelled)):
        proof = prover.prove(labelled.positions[i : i + 1], nodes)
        spent += prover.nodes
        proven[i] = proof is not None
        if proof is not None and proof.value != labelled.best[i]:
            raise ValueError(f"position {i} was proven to be {proof.value} and is {labelled.best[i]}")
    columns = np.digitize(labelled.positions["ply"], PLIES)
    shares = [float(proven[columns == column].mean()) for column in range(1, len(PLIES))]
    return shares, spent / (time.perf_counter() - started)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[3000, 100_000], help="positions a proof may visit")
    parser.add_argument("--every", type=int, default=5, help="take every so manieth position")
    arguments = parser.parse_args()
    labelled = load("connect_four")
    chosen = np.flatnonzero((labelled.positions["ply"] >= PLIES[0]) & (labelled.positions["ply"] < PLIES[-1]))
    labelled = labelled.select(chosen[:: arguments.every])
    counts = np.bincount(np.digitize(labelled.positions["ply"], PLIES), minlength=len(PLIES))[1:]
    spans = [f"{low} to {high - 1} ({n})" for low, high, n in zip(PLIES, PLIES[1:], counts, strict=False)]
    print(f"| nodes | tells | forced moves | {' | '.join(spans)} | nodes/s |")
    print("|---" * (len(spans) + 4) + "|")
    for nodes in arguments.nodes:
        for distance in (True, False):
            for forcing in (False, True):
                shares, speed = measure(labelled, nodes, distance=distance, forcing=forcing)
                cells = " | ".join(f"{share:.0%}" for share in shares)
                told = "lengths" if distance else "outcomes"
                print(f"| {nodes:,} | {told} | {'yes' if forcing else 'no'} | {cells} | {speed:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
