"""The plot of a calibration of strength."""

from __future__ import annotations

import numpy as np

from eval.spectrum.canvas import DIAL, INK, MUTED, Plot, bars, panels
from eval.spectrum.survey import Estimate
from hybrid.strength import Strength


def ladder(strength: Strength) -> Plot:
    """The calibration of strength."""
    figure, axes = panels(1, height=3.9)
    panel, rungs = axes[0], strength.rungs
    levels = np.array([rung.level for rung in rungs])
    # Below the network alone levels lie close together: the axis gives them as much room as doublings.
    places = np.where(levels < 1.0, 3.0 * (levels - 1.0), levels - 1.0)
    panel.plot(places, [rung.elo for rung in rungs], color=DIAL(0.5), label="calibration, which rises")
    measured = [Estimate(rung.measured, rung.low, rung.high) for rung in rungs]
    bars(panel, list(places), measured, fmt="o", color=INK, ms=5, label="measured")
    panel.set_xticks(places, [_setting(level) for level in levels])
    panel.axvline(0.0, color=MUTED, lw=1, ls="--")
    panel.set(ylabel="Elo", xlabel="the network alone at temperature T (left), then simulations at dial 0.5 (right)")
    panel.legend(loc="upper left")
    low, high = strength.range
    return Plot(
        "strength",
        "Strength by request",
        f"`?elo=` takes {low:.0f} to {high:.0f}: the network alone drawing its moves at a falling temperature, then "
        f"search. `{strength.anchor}` is {strength.anchor_elo:.0f}.",
        figure,
    )


def _setting(level: float) -> str:
    """A level as it is written under the axis."""
    if level == 0.0:
        return "random"
    if level < 1.0:
        return f"T={1.0 / level - 1.0:g}"
    return f"{round(2.0 ** (level - 1.0)):,}" if level > 1.0 else "network"
