"""The picture of what was found: expected strength with its band along every axis, what was observed, what was chosen.

Shapes: d axes, M candidates, Q places along an axis. Imports matplotlib, without its global state.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import special

from eval.statistics import ELO
from eval.tuning.loop import Found
from eval.tuning.space import Floats

_BLUE, _RED, _GREY = "#2a6f97", "#c1121f", "#6c757d"
_QUANTILE = 1.96


def curve(found: Found, title: str) -> Figure:
    """One panel an axis, through the chosen point; all strengths are Elo above dial 0.5 at the same cost."""
    count = len(found.space.axes)
    figure = Figure(figsize=(6.4 if count == 1 else 4.2 * count, 4.2), dpi=120, layout="constrained")
    panels = figure.subplots(1, count, squeeze=False, sharey=True)[0]
    strength, games = observed(found)
    for number, panel in enumerate(panels):
        _panel(panel, found, number)
        seen = np.flatnonzero(games)
        panel.scatter(
            found.space.axes[number].value(found.space.candidates[seen, number]),
            strength[seen],
            s=12.0 + 60.0 * games[seen] / games.max(initial=1),
            facecolors="none",
            edgecolors=_GREY,
            linewidths=1.0,
            label="observed (area: games)" if count == 1 else "observed, wherever the other axes stood",
        )
    panels[0].set_ylabel("Elo above dial 0.5 at equal cost")
    panels[0].legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def observed(found: Found) -> tuple[Floats, npt.NDArray[np.int64]]:
    """What the candidates' own games alone say, `[M]` Elo above dial 0.5 and how many games.

    Each game counts as its opponent's expected strength and the Elo that the score against it means. NaN without games.
    """
    rounds, mean = found.rounds, found.landscape.mean
    size = len(mean)
    strength, games = np.full(size, np.nan), np.zeros(size, np.int64)
    own = np.concatenate((rounds.first, rounds.second))
    other = np.concatenate((rounds.second, rounds.first))
    scores = np.concatenate((rounds.scores, 1.0 - rounds.scores))
    for candidate in np.unique(own).tolist():
        mine = own == candidate
        games[candidate] = 2 * mine.sum()
        share = (2.0 * scores[mine].sum() + 0.5) / (games[candidate] + 1.0)
        strength[candidate] = float(mean[other[mine]].mean()) + ELO * float(special.logit(share))
    return strength, games


def png(figure: Figure) -> bytes:
    """The picture as the content of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _panel(panel: Axes, found: Found, number: int) -> None:
    """Strength along axis `number` through the chosen point, with the 95 % band."""
    axis, space = found.space.axes[number], found.space
    places = np.linspace(0.0, 1.0, 101)
    points = np.tile(found.point, (len(places), 1))
    points[:, number] = places
    mean, deviation = found.landscape.at(points)
    values = axis.value(places)
    panel.fill_between(
        values, mean - _QUANTILE * deviation, mean + _QUANTILE * deviation, color=_BLUE, alpha=0.18, linewidth=0
    )
    panel.plot(values, mean, color=_BLUE, label="expected, with 95 % band")
    panel.axhline(0.0, color=_GREY, linewidth=0.8, linestyle=":")
    chosen = float(axis.value(found.point[number]))
    best, _ = found.landscape.at(found.point[None], _is_direct(found))
    panel.plot(
        [chosen],
        best,
        marker="D",
        color=_RED,
        linestyle="",
        label=f"best: {chosen:g}" if len(space.axes) == 1 else "best",
    )
    panel.set_xlabel(axis.name)
    if axis.logarithmic:
        panel.set_xscale("log")
        panel.set_xticks([0.5, 1.0, 2.0, 4.0], ["0.5", "1", "2", "4"])
        panel.set_xticks([], minor=True)
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)
    if len(space.axes) > 1:
        panel.set_title(f"{axis.name} = {chosen:g}", fontsize=9)


def _is_direct(found: Found) -> bool:
    """Whether the chosen point is the direct end, and the model lets strength jump there."""
    return found.jump and bool(found.space.direct[found.landscape.best])
