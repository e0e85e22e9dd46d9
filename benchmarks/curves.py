"""Learning curves: how often an agent errs, by a solver's labels, against the wall time of its training.

    python benchmarks/curves.py --recipe standard --seeds 0 1 --runs runs/curves   # train, or go on, and measure
    python benchmarks/curves.py --measure runs/c4 runs/c4b                         # measure what was trained already

Every run is measured as it was after so many minutes: the last checkpoint saved by then, the network alone and with
search. The minutes are those that the run's event files tell: evaluations and saving are counted, pauses between an
interruption and its resumption are not. Writes a table, a plot and the cells (from which an interrupted study goes on)
to `--out`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

import games
from eval.exact import measure
from eval.labels import Labelled, load
from hybrid import agents
from hybrid.checkpoint import path_of
from training.loop import resume, train
from training.recipes import RECIPES, recipe

MINUTES = (5.0, 10.0, 30.0, 60.0, 120.0)
COLOURS = ("#0b6e99", "#d1495b", "#3c8d2f", "#8a5a9e")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A run after some minutes, at a budget: its generation, and the share of blunders by class of position.

    It counts as done for its run's path, generation and budget, the positions' digest and the seed.
    """

    run: str
    digest: str
    seed: int
    minutes: float
    generation: int
    simulations: int
    blunders: dict[str, float]
    value_error: float


def trained(folder: Path, name: str, spec: str, seeds: Sequence[int]) -> list[Path]:
    """Train the recipe `name` with each seed, or go on where that was begun; returns the run folders."""
    game = games.load(spec)
    runs = [folder / f"{name}-{seed}" for seed in seeds]
    for run, seed in zip(runs, seeds, strict=True):
        if (run / "config.json").exists():
            resume(run)
        else:
            train(game, replace(recipe(name, game), seed=seed), run)
    return runs


def generations(run: Path) -> list[float]:
    """Minutes after which each generation of a run, from the first, was saved."""
    events = EventAccumulator(str(run / "events"))
    events.Reload()
    tag = "speed/generation_seconds"
    if tag not in events.Tags()["scalars"]:
        raise ValueError(f"{str(run / 'events')!r} must hold {tag}, which every run logs, and does not")
    return list(np.cumsum([event.value for event in events.Scalars(tag)]) / 60.0)


def study(
    runs: Sequence[Path], labelled: Labelled, minutes: Sequence[float], simulations: int, seed: int, store: Path
) -> list[Cell]:
    """Measure the runs as they were after each of the `minutes` that they lasted, and at their ends."""
    game = games.load(labelled.game)
    cells = [Cell(**cell) for cell in json.loads(store.read_text())] if store.exists() else []
    for run in runs:
        ends = generations(run)
        for moment in sorted({*(m for m in minutes if ends[0] <= m < ends[-1]), round(ends[-1], 1)}):
            generation = int(np.searchsorted(ends, moment + 0.05, side="right"))
            for budget in (0, simulations):
                key = (str(run), generation, budget, labelled.digest, seed)
                if any((c.run, c.generation, c.simulations, c.digest, c.seed) == key for c in cells):
                    continue
                agent = agents.load(f"{path_of(run, generation)}?simulations={budget}", game)
                report = measure(agent, labelled, seed=seed)
                cells.append(
                    Cell(
                        run=str(run),
                        digest=labelled.digest,
                        seed=seed,
                        minutes=moment,
                        generation=generation,
                        simulations=budget,
                        blunders={name: score.blunder_rate for name, score in report.rows()},
                        value_error=report.total.value_error,
                    )
                )
                store.write_text(json.dumps([asdict(cell) for cell in cells], indent=1) + "\n")
                print(f"{run}, {moment:g} min, {budget} simulations: {100 * cells[-1].blunders['all']:.2f} %")
    wanted = {(str(run), labelled.digest, seed) for run in runs}
    return [c for c in cells if (c.run, c.digest, c.seed) in wanted and c.simulations in (0, simulations)]


def markdown(cells: Sequence[Cell], labelled: Labelled) -> str:
    """The study as a table: blunders in percent by class."""
    classes = list(cells[0].blunders)
    counts = {name: int((labelled.classes == name).sum()) for name in classes} | {"all": len(labelled)}
    head = ["run", "minutes", "generation", "simulations", *(f"{name} (n={counts[name]})" for name in classes)]
    lines = [head, ["---"] * len(head)]
    for cell in sorted(cells, key=lambda cell: (cell.simulations, cell.minutes, cell.run)):
        rates = [f"{100 * cell.blunders[name]:.1f}" for name in classes]
        lines.append([cell.run, f"{cell.minutes:g}", str(cell.generation), str(cell.simulations), *rates])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def plot(cells: Sequence[Cell], path: Path) -> None:
    """Blunders against minutes, one line a run and budget."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), constrained_layout=True)
    for run, colour in zip(sorted({cell.run for cell in cells}), COLOURS, strict=False):
        for budget in sorted({cell.simulations for cell in cells}):
            curve = [cell for cell in cells if (cell.run, cell.simulations) == (run, budget)]
            curve.sort(key=lambda cell: cell.minutes)
            axes.plot(
                [cell.minutes for cell in curve],
                [100 * cell.blunders["all"] for cell in curve],
                color=colour,
                linestyle="-" if budget else "--",
                marker="o",
                label=f"{run}, {f'{budget} simulations' if budget else 'network alone'}",
            )
    axes.set(xscale="log", xlabel="minutes of training", ylabel="moves that change the outcome (%)", ylim=(0, None))
    axes.set_xticks(sorted({cell.minutes for cell in cells}), [f"{m:g}" for m in sorted({c.minutes for c in cells})])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    """Train if asked to, measure, and write cells, table and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="+", type=Path, metavar="RUN", help="finished runs, instead of training")
    parser.add_argument("--recipe", choices=RECIPES, default="standard")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--runs", type=Path, default=Path("runs/curves"), help="where runs are trained")
    parser.add_argument("--positions", default="connect_four", help="a set's name or an .npz file")
    parser.add_argument("--minutes", type=float, nargs="+", default=list(MINUTES))
    parser.add_argument("--simulations", type=int, default=600, help="budget of the search")
    parser.add_argument("--seed", type=int, default=0, help="of the measurement")
    parser.add_argument("--out", type=Path, default=Path("runs/curves"), help="where table, plot and cells go")
    arguments = parser.parse_args()
    labelled = load(arguments.positions)
    runs = arguments.measure or trained(arguments.runs, arguments.recipe, labelled.game, arguments.seeds)
    arguments.out.mkdir(parents=True, exist_ok=True)
    cells = study(
        runs, labelled, arguments.minutes, arguments.simulations, arguments.seed, arguments.out / "curves.json"
    )
    (arguments.out / "curves.md").write_text(markdown(cells, labelled))
    plot(cells, arguments.out / "curves.png")


if __name__ == "__main__":
    main()
