"""The map as files: a table of its places, an object for JSON, the plots, and the page that shows it all."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.spectrum.findings import Finding, findings, front
from eval.spectrum.survey import Spectrum
from hybrid.files import write_atomically
from hybrid.strength import Strength

if TYPE_CHECKING:
    from eval.spectrum.canvas import Plot

REPORT, TABLE = "report.html", "spectrum.csv"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One place of the map, or one agent beside it: then there is no generation, position or budget."""

    generation: int | None
    position: float | None
    simulations: int | None
    agent: str
    elo: float
    elo_low: float
    elo_high: float
    games: int
    score: float
    evaluations: float
    milliseconds: float
    pareto: bool
    optimal: float | None
    optimal_low: float | None
    optimal_high: float | None
    regret: float | None
    regret_error: float | None
    gap: float | None
    gap_error: float | None


def rows(spectrum: Spectrum) -> list[Row]:
    """Every place of the map in order, then the other agents."""
    places: list[tuple[int | None, float | None, int | None, str]] = [
        (cell.generation, cell.position, cell.simulations, cell.agent) for cell in spectrum.pool.cells
    ]
    on_map = {cell.agent for cell in spectrum.pool.cells}
    places += [(None, None, None, agent) for agent in spectrum.pool.agents if agent not in on_map]
    best = {generation: set(front(spectrum, generation)) for generation in spectrum.generations}
    standings = {line.agent: line for line in spectrum.results.standings}
    made = []
    for generation, position, budget, agent in places:
        elo, measured, line = spectrum.elo(agent), spectrum.measured[agent], standings[spectrum.labels[agent]]
        truth = measured.truth
        gap, error = (None, None) if generation is None else measured.gaps.get(generation, (None, None))
        made.append(
            Row(
                generation=generation,
                position=position,
                simulations=budget,
                agent=agent,
                elo=elo.value,
                elo_low=elo.low,
                elo_high=elo.high,
                games=line.games,
                score=line.score or 0.0,
                evaluations=spectrum.evaluations[agent],
                milliseconds=measured.milliseconds,
                pareto=generation is not None and agent in best[generation],
                optimal=None if truth is None else truth.optimal,
                optimal_low=None if truth is None else truth.low,
                optimal_high=None if truth is None else truth.high,
                regret=None if truth is None else truth.regret,
                regret_error=None if truth is None else truth.regret_error,
                gap=gap,
                gap_error=error,
            )
        )
    return made


def to_csv(table: Sequence[Row]) -> str:
    """One line a row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([entry.name for entry in fields(Row)])
    for row in table:
        writer.writerow(
            ["" if value is None else f"{value:.6g}" if isinstance(value, float) else value for value in _values(row)]
        )
    return text.getvalue()


def summary(spectrum: Spectrum, strength: Strength | None) -> dict[str, Any]:
    """The map as an object for JSON."""
    return {
        "game": spectrum.pool.game,
        "agent": spectrum.design.agent,
        "anchor": spectrum.design.opponents[0],
        "generations": spectrum.generations,
        "rows": [asdict(row) for row in rows(spectrum)],
        "findings": [asdict(finding) for finding in findings(spectrum)],
        "strength": None if strength is None else asdict(strength),
        "games": len(spectrum.results.records),
        "distinct_games": spectrum.results.distinct_games,
        "cautions": spectrum.cautions,
    }


def write(spectrum: Spectrum, strength: Strength | None, folder: Path) -> list[Path]:
    """Write table, plots and page into `folder`, each whole or not at all; returns their paths, the page first."""
    from eval.spectrum.canvas import to_png
    from eval.spectrum.figures import plots
    from eval.spectrum.page import page

    drawn: list[Plot] = plots(spectrum, strength)
    answers: list[Finding] = findings(spectrum)
    table = rows(spectrum)
    contents = {REPORT: page(spectrum, strength, answers, drawn, table).encode(), TABLE: to_csv(table).encode()}
    contents |= {f"{plot.name}.png": to_png(plot.figure) for plot in drawn}
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return [folder / name for name in contents]


def _values(row: Row) -> list[Any]:
    """A row's values in the order of its fields."""
    return [getattr(row, entry.name) for entry in fields(Row)]
