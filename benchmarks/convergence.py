"""Convergence to perfect play: share of optimal moves and regret against simulations, as a table and a plot.

    python benchmarks/convergence.py                        # the direct end alone
    python benchmarks/convergence.py --run runs/c4          # and a trained network at dial 0.5
    python benchmarks/convergence.py --run runs/c4 --run-simulations 10 100 1000    # with budgets of its own

Writes docs/convergence.md and docs/convergence.png. Every finished cell is kept in docs/convergence.json, from which an
interrupted study goes on; a cell counts as done for its agent, positions and seed. The positions come with the package.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import games
from eval.exact import measure
from eval.labels import Labelled, load
from eval.statistics import wilson
from hybrid import agents

SIMULATIONS = (10, 100, 1_000, 10_000, 100_000)
COLOURS = ("#0b6e99", "#d1495b", "#3c8d2f", "#8a5a9e")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """An agent at several budgets: its name on the page, and its spec without a budget."""

    title: str
    spec: str
    simulations: Sequence[int]

    def at(self, budget: int) -> str:
        """The agent's spec at this budget."""
        return f"{self.spec}{'&' if '?' in self.spec else '?'}simulations={budget}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One agent at one budget: which and how many positions, how many optimal moves, the rest of `eval.exact.Score`."""

    curve: str
    agent: str
    simulations: int
    seed: int
    digest: str
    positions: int
    critical: int
    optimal: int
    regret: float
    regret_error: float
    milliseconds: float

    @property
    def share(self) -> float:
        """The share of moves that keep the position's value."""
        return self.optimal / self.positions


def study(labelled: Labelled, curves: Sequence[Curve], seed: int, store: Path) -> list[Cell]:
    """Measure every curve at all its budgets, the cheap ones first, skipping what `store` already holds."""
    game = games.load(labelled.game)
    cells = [Cell(**cell) for cell in json.loads(store.read_text())] if store.exists() else []
    for budget in sorted({budget for curve in curves for budget in curve.simulations}):
        for curve in curves:
            if budget not in curve.simulations:
                continue
            agent = curve.at(budget)
            if any((cell.agent, cell.seed, cell.digest) == (agent, seed, labelled.digest) for cell in cells):
                continue
            player = agents.load(agent, game)
            player.decide(labelled.positions[:1], np.zeros(1, np.uint64))  # compilation is not counted
            started = time.perf_counter()
            score = measure(player, labelled, seed=seed, batch=50).total
            cell = Cell(
                curve=curve.title,
                agent=agent,
                simulations=budget,
                seed=seed,
                digest=labelled.digest,
                positions=score.positions,
                critical=score.critical,
                optimal=score.positions - score.blunders,
                regret=score.regret,
                regret_error=score.regret_error,
                milliseconds=1000.0 * (time.perf_counter() - started) / len(labelled),
            )
            cells.append(cell)
            store.write_text(json.dumps([asdict(cell) for cell in cells], indent=1) + "\n")
            print(
                f"{agent}: {100 * cell.share:.1f} % optimal, regret {cell.regret:.4f}, {cell.milliseconds:.1f} ms/move"
            )
    wanted = {(curve.at(budget), seed, labelled.digest) for curve in curves for budget in curve.simulations}
    return [cell for cell in cells if (cell.agent, cell.seed, cell.digest) in wanted]


def markdown(cells: Sequence[Cell], labelled: Labelled, command: str) -> str:
    """The study as a page."""
    lines = [
        "# Convergence to perfect play",
        "",
        f"{len(labelled)} Connect Four positions after 12 to 30 plies, labelled by a solver. In "
        f"{labelled.critical.sum()} of them some legal move gives away value. A move is *optimal* if it keeps the "
        "position's game-theoretic value; *regret* is the mean value given away, from 0 to 2. Intervals are 95 %.",
        "",
        f"Made by `{command}`. Milliseconds are wall time, in batches of 50 positions, on a machine that other work "
        "shared: no more than an order of magnitude.",
        "",
        "| agent | simulations | optimal moves | where one could err | regret | ms per move |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cell in sorted(cells, key=lambda cell: (cell.curve, cell.simulations)):
        low, high = wilson(cell.share, cell.positions, 1.96)
        critical = 1.0 - (cell.positions - cell.optimal) / cell.critical
        lines.append(
            f"| {cell.curve} | {cell.simulations:,} | {100 * cell.share:.1f} % ({100 * low:.1f}-{100 * high:.1f}) | "
            f"{100 * critical:.1f} % | {cell.regret:.4f} ± {1.96 * cell.regret_error:.4f} | {cell.milliseconds:.2f} |"
        )
    return "\n".join([*lines, "", "![Optimal moves and regret against simulations](convergence.png)", ""])


def plot(cells: Sequence[Cell], path: Path) -> None:
    """Two panels against simulations: share of optimal moves, and regret on a logarithmic scale."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    for name, colour in zip(sorted({cell.curve for cell in cells}), COLOURS, strict=False):
        curve = sorted((cell for cell in cells if cell.curve == name), key=lambda cell: cell.simulations)
        budgets = [cell.simulations for cell in curve]
        shares = np.array([cell.share for cell in curve])
        bounds = np.array([wilson(cell.share, cell.positions, 1.96) for cell in curve])
        style: dict[str, Any] = {"marker": "o", "color": colour, "label": name, "capsize": 3}
        left.errorbar(budgets, 100 * shares, yerr=100 * np.abs(bounds.T - shares), **style)
        errors = [1.96 * cell.regret_error for cell in curve]
        right.errorbar(budgets, [cell.regret for cell in curve], yerr=errors, **style)
    left.set(xscale="log", xlabel="simulations per move", ylabel="optimal moves (%)", ylim=(None, 100.5))
    right.set(xscale="log", yscale="log", xlabel="simulations per move", ylabel="regret (value per move)")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Run the study and write table and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a trained run's folder, for the second curve")
    parser.add_argument("--positions", default="connect_four_12_30", help="a set's name or an .npz file")
    parser.add_argument("--count", type=int, help="only this many positions, drawn by the seed")
    parser.add_argument("--simulations", type=int, nargs="+", default=list(SIMULATIONS))
    parser.add_argument("--run-simulations", type=int, nargs="+", help="those of the run, if they are others")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    labelled = load(arguments.positions)
    if arguments.count:
        rows = np.random.default_rng(arguments.seed).permutation(len(labelled))[: arguments.count]
        labelled = labelled.select(np.sort(rows))
    budgets = arguments.simulations
    curves = [Curve(title="direct end (dial 1)", spec="mcts", simulations=budgets)]
    if arguments.run:
        budgets = arguments.run_simulations or budgets
        curves.append(Curve(title="trained network (dial 0.5)", spec=arguments.run, simulations=budgets))
    arguments.out.mkdir(parents=True, exist_ok=True)
    store = arguments.out / "convergence.json"
    cells = study(labelled, curves, arguments.seed, store)
    options = "".join(arguments.run.partition("?")[1:]) if arguments.run else ""
    command = "python benchmarks/convergence.py" + (f" --run {shlex.quote(f'RUN{options}')}" if arguments.run else "")
    if arguments.run_simulations:
        command += f" --run-simulations {' '.join(map(str, budgets))}"
    (arguments.out / "convergence.md").write_text(markdown(cells, labelled, command))
    plot(cells, arguments.out / "convergence.png")


if __name__ == "__main__":
    main()
