"""The page that shows a map: one HTML file that needs nothing else, light or dark as its reader likes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from eval.spectrum.canvas import Plot, to_svg
from eval.spectrum.design import ANCHOR_ELO
from eval.spectrum.export import Row
from eval.spectrum.findings import Finding, equivalent, per_doubling
from eval.spectrum.survey import Estimate, Spectrum
from hybrid.strength import Strength


@dataclass(frozen=True)
class Tile:
    """A figure worth being seen first."""

    number: str
    unit: str
    meaning: str
    interval: str


def page(
    spectrum: Spectrum,
    strength: Strength | None,
    answers: Sequence[Finding],
    drawn: Sequence[Plot],
    table: Sequence[Row],
) -> str:
    """The whole page as text."""
    environment = Environment(
        loader=PackageLoader("eval.spectrum", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"code": _code, "name": _name}
    results, design = spectrum.results, spectrum.design
    return environment.get_template("page.html").render(
        game=spectrum.pool.game,
        agent=design.agent,
        command=_command(spectrum),
        generations=spectrum.generations,
        agents=len(spectrum.pool.agents),
        games=len(results.records),
        distinct=results.distinct_games,
        anchor=design.opponents[0],
        anchor_elo=ANCHOR_ELO,
        tiles=_tiles(spectrum),
        answers=answers,
        plots=[(plot, Markup(to_svg(plot.figure, plot.title))) for plot in drawn],
        table=table,
        truth=any(row.optimal is not None for row in table),
        strength=strength,
        cautions=spectrum.cautions,
    )


def _tiles(spectrum: Spectrum) -> list[Tile]:
    """The few figures that say most."""
    newest, budgets = spectrum.generations[-1], spectrum.design.simulations
    alone, tiles = spectrum.pool.networks[newest], []
    if 0.5 in spectrum.design.positions:
        gain = spectrum.gain(spectrum.cell(newest, 0.5, budgets[-1]).agent, alone)
        tiles.append(_tile(gain, f"what {budgets[-1]:,} simulations add to the network alone"))
        slope = per_doubling(spectrum, newest, 0.5)
        if slope is not None:
            tiles.append(_tile(slope, "what each doubling of the simulations buys at dial 0.5"))
    worth = re.fullmatch(r"(at least|at most|about) ([\d,]+)(.*)", equivalent(spectrum, alone) or "")
    if worth is not None:
        sign = {"at least": "≥ ", "at most": "≤ ", "about": ""}[worth[1]]
        meaning = "of search alone is what the network alone plays like"
        tiles.append(Tile(sign + worth[2], "simulations", meaning, worth[3].strip(" ()")))
    if len(spectrum.generations) > 1:
        oldest = spectrum.generations[0]
        learned = spectrum.gain(alone, spectrum.pool.networks[oldest])
        tiles.append(_tile(learned, f"what the network alone learned from generation {oldest} to {newest}"))
    return tiles


def _tile(gain: Estimate, meaning: str) -> Tile:
    number, interval = (text.replace("-", "−") for text in (f"{gain.value:+.0f}", f"{gain.low:.0f} to {gain.high:.0f}"))
    return Tile(number, "Elo", meaning, interval)


def _command(spectrum: Spectrum) -> str:
    """The command that makes this page."""
    design = spectrum.design
    options = [
        f"--positions {','.join(f'{position:g}' for position in design.positions)}",
        f"--simulations {','.join(map(str, design.simulations))}",
        f"--checkpoints {design.checkpoints}",
        f"--games {design.games}",
        f"--opening-plies {design.opening_plies}",
        f"--seed {design.seed}",
        f"--opponents {shlex.join(design.opponents)}",
    ]
    return f"hybrid spectrum {design.game} {shlex.quote(design.agent)} {' '.join(options)}"


def _code(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def _name(row: Row) -> str:
    """A row's agent without the folders that all have in common."""
    return row.agent.rpartition("/")[2]
