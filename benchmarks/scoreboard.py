"""Measure agents on the solver-labelled positions: blunder rates by class, as a Markdown table.

    python benchmarks/scoreboard.py 'mcts?simulations=600' 'runs/c4?simulations=0' 'runs/c4?simulations=600'

The positions come with the package, so no solver is needed.
"""

from __future__ import annotations

import argparse

import games
from eval.exact import measure, table
from eval.labels import load
from hybrid import agents


def main() -> None:
    """Print the table, one row an agent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="+", metavar="AGENT", help="agent specs")
    parser.add_argument(
        "--positions", default="connect_four", help="a set's name, or an .npz file of labelled positions"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    labelled = load(arguments.positions)
    game = games.load(labelled.game)
    reports = [measure(agents.load(spec, game), labelled, seed=arguments.seed) for spec in arguments.agents]
    print(
        f"{labelled.game}, {arguments.positions}: {len(labelled)} positions, in {labelled.critical.sum()} one can err."
    )
    print("Blunder rates in % of moves:\n")
    print(table(reports))


if __name__ == "__main__":
    main()
