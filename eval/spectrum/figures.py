"""The plots of a map, each with one thing to say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from eval.spectrum.canvas import BUDGETS, DIAL, HEAT, INK, MUTED, Plot, bars, legend_below, panels, shades, styled
from eval.spectrum.design import Cell
from eval.spectrum.findings import front
from eval.spectrum.ladder import ladder
from eval.spectrum.survey import Estimate, Spectrum
from hybrid.strength import Strength

_ENDS = {0.0: "0\nnetwork", 0.5: "0.5\nAlphaZero", 1.0: "1\nsearch"}
_NONE = 0.4
_PANELS = 4


def plots(spectrum: Spectrum, strength: Strength | None) -> list[Plot]:
    """All plots that this map can give."""
    with styled():
        made = [_map(spectrum), _profiles(spectrum), _costs(spectrum), _training(spectrum)]
        made += [_errors(spectrum), _gaps(spectrum), None if strength is None else ladder(strength)]
    return [plot for plot in made if plot is not None]


def _map(spectrum: Spectrum) -> Plot:
    """Elo of every cell, a panel a checkpoint."""
    positions, budgets = spectrum.design.positions, spectrum.design.simulations
    shown = _shown(spectrum)
    figure, axes = panels(len(shown), height=1.5 + 0.62 * len(budgets))
    values = [spectrum.elo(cell.agent).value for cell in spectrum.pool.cells]
    low, high = min(values), max(values)
    for panel, generation in zip(axes, shown, strict=True):
        grid = [[spectrum.elo(spectrum.cell(generation, p, n).agent) for p in positions] for n in budgets]
        panel.pcolormesh([[one.value for one in row] for row in grid], cmap=HEAT, vmin=low, vmax=high)
        best = max((one.value, row, column) for row, line in enumerate(grid) for column, one in enumerate(line))
        for row, line in enumerate(grid):
            for column, one in enumerate(line):
                colour = "white" if (one.value - low) / max(high - low, 1e-9) > 0.42 else "#1f2934"
                panel.text(
                    column + 0.5, row + 0.62, f"{one.value:.0f}", ha="center", va="center", color=colour, size=10
                )
                half = f"±{(one.high - one.low) / 2:.0f}"
                panel.text(column + 0.5, row + 0.24, half, ha="center", va="center", color=colour, size=7, alpha=0.8)
        panel.add_patch(Rectangle((best[2], best[1]), 1, 1, clip_on=False, fill=False, ec="#f2b134", lw=2.5))
        panel.set_title(f"generation {generation}")
        panel.set_xticks(np.arange(len(positions)) + 0.5, [f"{position:g}" for position in positions])
        panel.set_yticks(np.arange(len(budgets)) + 0.5, [f"{budget:,}" for budget in budgets])
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        panel.set_xlabel("dial")
    axes[0].set_ylabel("simulations N")
    return Plot(
        "map",
        "The map",
        "Elo of every place: the dial from the network alone (0) over AlphaZero (0.5) to search alone (1), by budget. "
        "The best place of each checkpoint is framed; ± is half the 95 % interval. Places at 0 do not depend on the "
        "budget, those at 1 not on the network.",
        figure,
    )


def _profiles(spectrum: Spectrum) -> Plot:
    figure = _profile(spectrum, lambda cell: spectrum.elo(cell.agent), "Elo", spectrum.design.positions)
    return Plot(
        "dial",
        "Strength along the dial",
        "From left to right the network is trusted less; below 0.5 the dial also costs less, from there on all places "
        "have the same number of simulations. Bars are 95 % intervals.",
        figure,
    )


def _errors(spectrum: Spectrum) -> Plot | None:
    """Blunders by dial position, where the truth is known."""
    truths = {spec: measured.truth for spec, measured in spectrum.measured.items()}
    counts = {truth.positions for truth in truths.values() if truth is not None}
    if not counts:
        return None

    def blunders(cell: Cell) -> Estimate:
        truth = truths[cell.agent]
        assert truth is not None
        return Estimate(100.0 * (1.0 - truth.optimal), 100.0 * (1.0 - truth.high), 100.0 * (1.0 - truth.low))

    figure = _profile(spectrum, blunders, "moves that give away value, %", spectrum.design.positions)
    for panel in figure.axes:
        panel.set_ylim(bottom=0)
    return Plot(
        "errors",
        "Errors against the truth",
        f"How often each place errs on {counts.pop()} positions in which some move gives away the game's value, as a "
        "solver knows it. Lower is better; this scale does not depend on the pool.",
        figure,
    )


def _gaps(spectrum: Spectrum) -> Plot | None:
    """The amortisation gap by dial position."""
    positions = [position for position in spectrum.design.positions if position > 0.0]
    if not positions:
        return None

    def gap(cell: Cell) -> Estimate:
        mean, error = spectrum.measured[cell.agent].gaps[cell.generation]
        return Estimate(mean, mean - 1.96 * error, mean + 1.96 * error)

    figure = _profile(spectrum, gap, "KL(move ‖ network), nats", positions)
    for panel in figure.axes:
        panel.set_ylim(bottom=0)
    return Plot(
        "gap",
        "The amortisation gap",
        "How far the policy behind the moves departs from the network's own, on positions out of the games: what "
        "search knows and the network has not learned yet, what search does not believe it, and, with few "
        "simulations, how coarse visits are.",
        figure,
    )


def _profile(spectrum: Spectrum, measure: Callable[[Cell], Estimate], label: str, positions: Sequence[float]) -> Figure:
    """A panel a checkpoint, a line a budget, along the dial."""
    shown, budgets = _shown(spectrum), spectrum.design.simulations
    figure, axes = panels(len(shown))
    for panel, generation in zip(axes, shown, strict=True):
        for shift, (budget, colour) in enumerate(zip(budgets, shades(BUDGETS, len(budgets)), strict=True)):
            estimates = [measure(spectrum.cell(generation, position, budget)) for position in positions]
            moved = [position + 0.008 * (shift - (len(budgets) - 1) / 2) for position in positions]
            bars(panel, moved, estimates, color=colour, marker="o", ms=5, label=f"{budget:,} simulations")
        panel.set_title(f"generation {generation}")
        names = _ENDS if len(shown) <= 3 else {}
        # A second line everywhere keeps the first ones level.
        panel.set_xticks(positions, [names.get(position, f"{position:g}\n") for position in positions])
        panel.set_xlabel("dial")
        panel.set_xlim(positions[0] - 0.14, positions[-1] + 0.14)
        panel.grid(visible=False, axis="x")
    axes[0].set_ylabel(label)
    legend_below(figure, axes[0], len(budgets))
    return figure


def _costs(spectrum: Spectrum) -> Plot:
    """Elo against what a move costs, for the newest checkpoint."""
    newest = spectrum.generations[-1]
    figure, axes = panels(2, height=4.2)
    costs: list[Callable[[str], float]] = [spectrum.milliseconds, lambda spec: _evaluations(spectrum, spec)]
    for panel, spent in zip(axes, costs, strict=True):
        for position in spectrum.design.positions:
            cells = {spectrum.cell(newest, position, budget).agent: budget for budget in spectrum.design.simulations}
            estimates = [spectrum.elo(spec) for spec in cells]
            name = {0.0: "network alone", 1.0: "search alone"}.get(position, f"dial {position:g}")
            bars(panel, [*map(spent, cells)], estimates, color=DIAL(position), marker="o", ms=6, label=name)
            side, shift = ("right", (-5, 5)) if position == 0.5 else ("left", (6, -10))
            for (spec, budget), one in zip(cells.items(), estimates, strict=True):
                if position >= 0.5:
                    place = (spent(spec), one.value)
                    panel.annotate(f"{budget:,}", place, shift, textcoords="offset points", size=8, ha=side, color=INK)
        panel.set_xscale("log")
        _tens(panel, none=panel is axes[1] and 1.0 in spectrum.design.positions)
    best = front(spectrum, newest)
    times, ratings = [spectrum.milliseconds(spec) for spec in best], [spectrum.elo(spec).value for spec in best]
    axes[0].step([*times, axes[0].get_xlim()[1]], [*ratings, ratings[-1]], where="post", color=MUTED, lw=1, ls="--")
    axes[0].set(xlabel="milliseconds per move", ylabel="Elo", title="against time")
    axes[1].set(xlabel="network evaluations per move", title="against network evaluations")
    legend_below(figure, axes[1], len(spectrum.design.positions))
    return Plot(
        "cost",
        "What strength costs",
        f"Generation {newest}: every place by what a move costs when it is decided by itself; numbers are simulations. "
        "The dashed line is the Pareto front: nothing that is faster than it is stronger.",
        figure,
    )


def _tens(panel: Axes, *, none: bool = False) -> None:
    """Label a logarithmic axis with plain numbers; with `none`, also the place of what costs nothing."""
    low, high = np.log10(panel.get_xlim())
    ticks = {10.0**power: f"{10.0**power:g}" for power in range(math.ceil(low), math.floor(high) + 1)}
    ticks |= {_NONE: "none"} if none else {}
    panel.set_xticks(list(ticks), list(ticks.values()))
    panel.set_xticks([], minor=True)


def _evaluations(spectrum: Spectrum, spec: str) -> float:
    """Network evaluations per move; those of search alone, of which a logarithm knows nothing, a little under one."""
    return max(spectrum.evaluations[spec], _NONE)


def _training(spectrum: Spectrum) -> Plot | None:
    """Elo against the generation."""
    generations, positions, budgets = spectrum.generations, spectrum.design.positions, spectrum.design.simulations
    if len(generations) < 2:
        return None
    figure, axes = panels(1, height=4.0)
    colours, panel = shades(BUDGETS, len(budgets)), axes[0]
    alone = [spectrum.elo(spectrum.pool.networks[generation]) for generation in generations]
    bars(panel, generations, alone, color=DIAL(0.0), marker="o", ms=6, label="network alone")
    for budget, colour in zip(budgets, colours, strict=True):
        if 0.5 in positions:
            both = [spectrum.elo(spectrum.cell(generation, 0.5, budget).agent) for generation in generations]
            bars(panel, generations, both, color=colour, marker="o", ms=6, label=f"dial 0.5 · {budget:,}")
        if 1.0 in positions:
            level = spectrum.elo(spectrum.cell(generations[-1], 1.0, budget).agent).value
            panel.axhline(level, color=DIAL(1.0), lw=1.2, ls=(0, (2, 3)))
            note = f"search alone · {budget:,}"
            panel.annotate(note, (1.01, level), xycoords=("axes fraction", "data"), size=8.5, va="center", color=INK)
    panel.set_xticks(generations)
    panel.set(xlabel="generation", ylabel="Elo")
    panel.grid(visible=False, axis="x")
    legend_below(figure, panel, 1 + len(budgets))
    return Plot(
        "training",
        "As training proceeds",
        "The network alone, and with search on top of it, against search alone, which does not learn.",
        figure,
    )


def _shown(spectrum: Spectrum) -> list[int]:
    """The generations that get a panel: evenly spaced ones, the last included, if there are too many."""
    every = spectrum.generations
    places = np.linspace(0, len(every) - 1, min(len(every), _PANELS)).round().astype(np.int64)
    return [every[place] for place in places]
