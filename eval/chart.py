"""A picture of a tournament's standings. Imports matplotlib, without its global state."""

from __future__ import annotations

from matplotlib.figure import Figure

from eval.results import Results

_COLOUR = "#2a6f97"
_LONGEST = 48
"""Letters of an agent's name that are shown."""


def chart(results: Results) -> Figure:
    """The rated agents, the best on top: Elo with its 95 % interval."""
    lines = [line for line in results.standings if line.elo is not None and line.ci95 is not None][::-1]
    figure = Figure(figsize=(7.2, 1.0 + 0.32 * max(len(lines), 1)), dpi=120, layout="constrained")
    panel = figure.subplots()
    for place, line in enumerate(lines):
        if line.elo is not None and line.ci95 is not None:
            panel.plot(line.ci95, (place, place), color=_COLOUR, linewidth=2)
            panel.plot([line.elo], [place], "o", color=_COLOUR)
            panel.annotate(f"{line.elo:+.0f}", (line.elo, place), (0, 5), textcoords="offset points", ha="center")
    names = [line.agent if len(line.agent) <= _LONGEST else f"…{line.agent[1 - _LONGEST :]}" for line in lines]
    panel.set_yticks(range(len(lines)), names)
    panel.margins(y=0.5 / max(len(lines), 1))
    panel.set_xlabel("Elo, 95 % interval")
    panel.grid(alpha=0.25, axis="x")
    panel.spines[["top", "right"]].set_visible(False)
    return figure
