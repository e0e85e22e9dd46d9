"""The kernel of differences of a Gaussian process, for scikit-learn's regression.

Shapes: D rows, each the coordinates of two points with their flags; d axes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from eval.statistics import ELO
from eval.tuning.space import Floats

_VARIANCES, _LENGTHS = (1e-3, 30.0), (0.1, 5.0)
"""What f's variance and lengths may be at all."""
_JUMP = 300.0 / ELO
"""How much the direct end may differ from dials right beside it, whose moves cost more and prove more."""


class DifferenceKernel(Kernel):  # type: ignore[misc]
    """Covariance of differences f(a) - f(b): rows are a's and b's coordinates, each with its flag for the direct end.

    f is a Matérn process of smoothness 5/2, with a length for each axis, plus a jump where the flag is set.
    """

    def __init__(self, scales: Floats) -> None:
        """`scales` `[1 + d]`: the variance of f, then its lengths; by this name the regression adapts them."""
        self.scales = scales

    @property
    def hyperparameter_scales(self) -> Hyperparameter:
        """What the regression may change, and within which bounds."""
        bounds = np.array([_VARIANCES] + [_LENGTHS] * (len(self.scales) - 1))
        return Hyperparameter("scales", "numeric", bounds, len(self.scales))

    def __call__(self, rows: Floats, others: Floats | None = None, eval_gradient: bool = False) -> Any:
        """`[D, D']`, with its gradient `[D, D', 1 + d]` after logarithms of the hyperparameters."""
        one, other = np.split(rows, 2, axis=1), np.split(rows if others is None else others, 2, axis=1)
        parts = [[self._base(a, b, eval_gradient) for b in other] for a in one]
        covariance, gradient = (parts[0][0][k] - parts[0][1][k] - parts[1][0][k] + parts[1][1][k] for k in (0, 1))
        return (covariance, gradient) if eval_gradient else covariance

    def diag(self, rows: Floats) -> Floats:
        """The diagonal `[D]` of the kernel."""
        one, other = np.split(rows, 2, axis=1)
        distance = math.sqrt(5.0) * np.linalg.norm((one - other)[:, :-1] / self.scales[1:], axis=1)
        smooth = 1.0 - (1.0 + distance + distance**2 / 3.0) * np.exp(-distance)
        return np.asarray(2.0 * self.scales[0] * smooth + _JUMP**2 * (one - other)[:, -1] ** 2)

    def is_stationary(self) -> bool:
        """Whether only differences of rows count."""
        return False

    def _base(self, one: Floats, other: Floats, gradient: bool) -> tuple[Floats, Floats]:
        """Covariance of f, `[D, D']`, and its gradient (empty unless asked for)."""
        lengths = self.scales[1:]
        distance = math.sqrt(5.0) * cdist(one[:, :-1] / lengths, other[:, :-1] / lengths)
        decay = self.scales[0] * np.exp(-distance)
        smooth = (1.0 + distance + distance**2 / 3.0) * decay
        covariance = smooth + _JUMP**2 * np.outer(one[:, -1], other[:, -1])
        if not gradient:
            return covariance, np.zeros(1)
        squares = ((one[:, None, :-1] - other[None, :, :-1]) / lengths) ** 2
        slopes = 5.0 / 3.0 * squares * ((1.0 + distance) * decay)[:, :, None]
        return covariance, np.concatenate((smooth[:, :, None], slopes), axis=2)
