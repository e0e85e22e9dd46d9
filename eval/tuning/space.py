"""Which dials are searched: axes, and candidates in the unit cube. d axes, M candidates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

Floats = npt.NDArray[np.float64]

_LINE = 51
"""Candidates on a single axis."""
_CLOUD = 8
"""Two to this power is how many candidates more axes have."""
_OVERSHOOT = 1.2
"""How far beyond the cube candidates are drawn, to be put on its faces: the best dial often lies at an end."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One number of an agent that is tuned.

    Attributes:
        name: the number's name among the agent's options.
        low: its smallest value.
        high: its largest.
        usual: its value at dial 0.5.
        direct: its value at dial 1.
        logarithmic: whether ratios count, not differences.
    """

    name: str
    low: float
    high: float
    usual: float
    direct: float
    logarithmic: bool = False

    def value(self, unit: Floats) -> Floats:
        """Values at `unit` places in [0, 1], to four digits."""
        low, high = self._ends
        found = low + np.asarray(unit) * (high - low)
        return np.round(np.exp(found) if self.logarithmic else found, 4)

    def unit(self, value: float) -> float:
        """The place of a value in [0, 1]."""
        low, high = self._ends
        return ((math.log(value) if self.logarithmic else value) - low) / (high - low)

    @property
    def _ends(self) -> tuple[float, float]:
        return (math.log(self.low), math.log(self.high)) if self.logarithmic else (self.low, self.high)


AXES = {
    axis.name: axis
    for axis in (
        Axis(name="dial", low=0.5, high=1.0, usual=0.5, direct=1.0),
        Axis(name="prior_weight", low=0.0, high=1.0, usual=1.0, direct=0.0),
        Axis(name="value_weight", low=0.0, high=1.0, usual=1.0, direct=0.0),
        Axis(name="c_puct", low=0.375, high=6.0, usual=1.5, direct=1.5, logarithmic=True),
    )
}


@dataclass(frozen=True)
class Space:
    """The dials over some axes; the other axes stay at dial 0.5's values."""

    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> Space:
        """The space over axes by name.

        Raises:
            ValueError: an unknown axis, one given twice, none, or `dial` beside the weights that it sets.
        """
        if not names or len(set(names)) < len(names) or not set(names) <= AXES.keys():
            raise ValueError(f"axes must be some of {', '.join(AXES)}, each once, got {', '.join(names) or 'none'}")
        if "dial" in names and {"prior_weight", "value_weight"} & set(names):
            raise ValueError(f"axes must be dial or the weights that it sets, not both, got {', '.join(names)}")
        return cls(tuple(AXES[name] for name in names))

    @cached_property
    def candidates(self) -> Floats:
        """The dials that may be chosen, `[M, d]` in the unit cube; the first is dial 0.5, the next dial 1 if it is one.

        Evenly spaced on one axis; else Sobol's sequence, with some of it pressed onto the faces.
        """
        count = len(self.axes)
        ends = [[axis.unit(axis.usual) for axis in self.axes]]
        if self.has_direct_end:
            ends.append([axis.unit(axis.direct) for axis in self.axes])
        if count == 1:
            others = np.linspace(0.0, 1.0, _LINE)[:, None]
        else:
            sobol = qmc.Sobol(count, seed=0).random_base2(_CLOUD)
            others = np.clip(0.5 + _OVERSHOOT * (sobol - 0.5), 0.0, 1.0)
        new = [row for row in others if not any(np.allclose(row, end) for end in ends)]
        return np.array(ends + [row.tolist() for row in new])

    @property
    def has_direct_end(self) -> bool:
        """Whether dial 1 is in the space."""
        names = {axis.name for axis in self.axes}
        return "dial" in names or {"prior_weight", "value_weight"} <= names

    @cached_property
    def direct(self) -> npt.NDArray[np.bool_]:
        """`[M]` which candidates never call the network."""
        weights = [(axis.unit(axis.direct), k) for k, axis in enumerate(self.axes) if axis.direct != axis.usual]
        found = np.full(len(self.candidates), self.has_direct_end)
        for end, column in weights:
            found &= self.candidates[:, column] == end
        return found

    def values(self, point: Floats) -> dict[str, float]:
        """The numbers of a dial at `point` `[d]` of the unit cube, by name."""
        return {axis.name: float(axis.value(place)) for axis, place in zip(self.axes, point, strict=True)}
