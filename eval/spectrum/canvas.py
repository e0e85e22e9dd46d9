"""The look of the plots, and how they become PNG files and SVG that follows a page's light or dark colours.

matplotlib is imported only here and in the modules that draw, and only through its objects: nothing global changes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure

INK, MUTED, GRID = "#1f2933", "#66717f", "#dfe4ea"
NETWORK, MIDDLE, SEARCH = "#1d6fe0", "#8b3fd9", "#e8590c"

DIAL = LinearSegmentedColormap.from_list("dial", [NETWORK, MIDDLE, SEARCH])
BUDGETS = LinearSegmentedColormap.from_list("budgets", ["#8ed1c1", "#26a69a", "#0e6f73"])
HEAT = LinearSegmentedColormap.from_list("heat", ["#f4f1e8", "#a9d5c3", "#3a9d93", "#175f6b", "#0c3547"])

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 2.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "hybrid",
}
_VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)"}
_PNG_DPI = 160


@dataclass(frozen=True)
class Plot:
    """A figure, the name of its file, and what a reader should see in it."""

    name: str
    title: str
    caption: str
    figure: Figure


def styled() -> Any:
    """A context in which figures are made and saved."""
    return mpl.rc_context(_STYLE)


def panels(count: int, *, height: float = 3.5, width: float = 9.6, share: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels side by side, of one scale upwards."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, count, sharey=share, squeeze=False)
    return figure, list(np.asarray(axes).ravel())


def shades(colours: LinearSegmentedColormap, count: int) -> list[str]:
    """`count` colours, evenly spaced; the last alone if there is one."""
    return [to_hex(colours(place)) for place in (np.linspace(0.0, 1.0, count) if count > 1 else [0.7])]


def legend_below(figure: Figure, axes: Axes, columns: int) -> None:
    """One legend for all panels, under them."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=columns)


def bars(axes: Axes, x: Sequence[float], estimates: Sequence[Any], **style: Any) -> None:
    """A line through estimates, with their 95 % intervals as fine bars."""
    values = np.array([one.value for one in estimates])
    errors = np.array([[one.value - one.low, one.high - one.value] for one in estimates]).T
    axes.errorbar(x, values, yerr=np.maximum(errors, 0.0), elinewidth=1.1, capsize=0, **style)


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG on white."""
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format="png", dpi=_PNG_DPI, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: Figure, title: str) -> str:
    """The figure as an SVG element without a background, its greys variables of the page and its texts texts."""
    buffer = io.StringIO()
    with styled():
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
