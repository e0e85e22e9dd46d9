"""The model of how strong each dial is: a Gaussian process, seen through the scores of candidates against each other.

A round, one opening played with both seatings, gives the first of two candidates a share of its points. Its expectation
is logistic in f(first) - f(second), the difference of their strengths; f has a Gaussian process as its prior. Scores
are a quasi-likelihood: variance φ p (1 - p), the dispersion φ estimated from rounds, so that draws (which lower it),
openings that favour a side and pairing need no model of their own. Laplace's approximation is a sequence of Gaussian
regressions on working responses (Breslow and Clayton 1993), which scikit-learn does; its kernel is that of differences,
k(a, a') - k(a, b') - k(b, a') + k(b, b') (Chu and Ghahramani 2005).

Shapes: M candidates, d axes, K rounds, D pairs of candidates that met. f is in natural logarithms of odds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special
from sklearn.gaussian_process import GaussianProcessRegressor

from eval.statistics import ELO
from eval.tuning.kernel import DifferenceKernel
from eval.tuning.space import Floats, Space

_LOG_VARIANCE = 2.0 * math.log(150.0 / ELO), 1.4
"""Mean and standard deviation of what is believed of the logarithm of f's variance: some 150 Elo."""
_LOG_LENGTH = math.log(0.5), 0.5
"""The same of the length over which f changes, in widths of the space."""
_DISPERSION_ROUNDS = 30.0
"""What φ = 1 is worth before any is seen, in rounds."""
_LARGEST = 8.0
"""No difference of strengths is believed to be larger; that is 1,400 Elo."""


@dataclass(frozen=True)
class Rounds:
    """Results: `first` and `second` `[K]` numbers of candidates, `scores` `[K]` the first's share of the points."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    scores: Floats

    @classmethod
    def none(cls) -> Rounds:
        """No results."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

    def extended(self, first: int, second: int, scores: Floats) -> Rounds:
        """With more rounds between two candidates."""
        one, other = (np.full(len(scores), number) for number in (first, second))
        return Rounds(
            np.concatenate((self.first, one)),
            np.concatenate((self.second, other)),
            np.concatenate((self.scores, scores)),
        )


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """What is believed of the dials.

    Attributes:
        mean: `[M]` the candidates' expected strength above dial 0.5, in Elo.
        covariance: `[M, M]` of these, in Elo squared.
        dispersion: φ; 1 for independent games without draws.
        regression: what knows the rest.
        origin: the row of dial 0.5, `[1, d + 1]`.
    """

    mean: Floats
    covariance: Floats
    dispersion: float
    regression: GaussianProcessRegressor
    origin: Floats

    @property
    def best(self) -> int:
        """The candidate of greatest expected strength."""
        return int(np.argmax(self.mean))

    @property
    def hyperparameters(self) -> Floats:
        """Logarithms of f's variance and of its length along each axis, `[1 + d]`."""
        kernel = getattr(self.regression, "kernel_", self.regression.kernel)
        return np.array(kernel.theta)

    def at(self, points: Floats, direct: npt.ArrayLike = False) -> tuple[Floats, Floats]:
        """Expected strengths and their standard deviations at any `points` `[Q, d]` of the unit cube, in Elo."""
        flags = np.broadcast_to(np.asarray(direct, np.float64), len(points))
        mean, covariance = self.regression.predict(_against(self.origin, points, flags), return_cov=True)
        return ELO * mean, ELO * np.sqrt(np.maximum(covariance.diagonal(), 0.0))

    def expected(self, points: Floats) -> Floats:
        """Expected strengths alone, `[Q]`."""
        mean = self.regression.predict(_against(self.origin, points, np.zeros(len(points))))
        return np.asarray(ELO * mean)


def _against(origin: Floats, points: Floats, flags: npt.NDArray[Any]) -> Floats:
    """The rows of the differences between `points` and the origin."""
    return np.column_stack((points, flags, np.broadcast_to(origin, (len(points), origin.shape[1]))))


def fit(space: Space, rounds: Rounds, *, jump: bool = False, start: Floats | None = None) -> Landscape:
    """What `rounds` say about the candidates of `space`.

    Args:
        space: the candidates.
        rounds: the results.
        jump: whether strength may jump at the direct end, where the network's calls cost nothing any more and, without
            a network, nothing is proven beside the search.
        start: hyperparameters to begin with, such as those of an earlier fit.
    """
    rows: Floats = np.column_stack((space.candidates, space.direct & jump)).astype(np.float64)
    kernel = DifferenceKernel(np.exp(_prior(len(space.axes))[0] if start is None else start))
    if not len(rounds.scores):
        return _landscape(GaussianProcessRegressor(kernel), rows, 1.0)
    pairs, members = np.unique(np.stack((rounds.first, rounds.second)), axis=1, return_inverse=True)
    members = members.ravel()
    counts = np.bincount(members).astype(np.float64)
    scores = np.bincount(members, rounds.scores) / counts
    places = np.column_stack((rows[pairs[0]], rows[pairs[1]]))
    gaps, dispersion = special.logit((counts * scores + 0.5) / (counts + 1.0)), 1.0
    for maximise in (True, False):
        regression, gaps = _regress(kernel, places, scores, counts, gaps, dispersion, maximise)
        kernel = regression.kernel_
        dispersion = _dispersion(rounds.scores, special.expit(gaps)[members])
    return _landscape(regression, rows, dispersion)


def _dispersion(scores: Floats, expected: Floats) -> float:
    """φ from the scores `[K]` of rounds of two games and what was expected of them."""
    surprise = (scores - expected) ** 2 / (expected * (1.0 - expected) / 2.0)
    return float((surprise.sum() + _DISPERSION_ROUNDS) / (len(surprise) + _DISPERSION_ROUNDS))


def _landscape(regression: GaussianProcessRegressor, rows: Floats, dispersion: float) -> Landscape:
    """What a regression says about the candidates, whose rows `[M, d + 1]` begin with dial 0.5."""
    mean, covariance = regression.predict(_against(rows[:1], rows[:, :-1], rows[:, -1]), return_cov=True)
    return Landscape(
        mean=ELO * mean,
        covariance=ELO**2 * covariance,
        dispersion=dispersion,
        regression=regression,
        origin=rows[:1],
    )


def _prior(axes: int) -> tuple[Floats, Floats]:
    """Means and standard deviations `[1 + d]` of what is believed of the hyperparameters beforehand."""
    mean, deviation = np.array([_LOG_VARIANCE] + [_LOG_LENGTH] * axes).T
    return mean, deviation


def _regress(
    kernel: DifferenceKernel,
    places: Floats,
    scores: Floats,
    counts: Floats,
    gaps: Floats,
    dispersion: float,
    maximise: bool,
) -> tuple[GaussianProcessRegressor, Floats]:
    """The regression on working responses, and the gaps `[D]` it finds, repeated until these stay.

    With `maximise` the first regression also chooses the hyperparameters.
    """
    for step in range(20):
        shares = special.expit(gaps)
        weights = shares * (1.0 - shares)
        regressor = GaussianProcessRegressor(
            kernel,
            alpha=dispersion / (2.0 * counts * weights),
            optimizer=_maximise if maximise and step == 0 else None,
        )
        regressor.fit(places, gaps + (scores - shares) / weights)
        kernel = regressor.kernel_
        found = np.clip(regressor.predict(places), -_LARGEST, _LARGEST)
        change, gaps = np.abs(found - gaps).max(), found
        if change < 1e-4 and step > 0:
            break
    return regressor, gaps


def _maximise(objective: Callable[..., tuple[float, Floats]], start: Floats, bounds: Floats) -> tuple[Floats, float]:
    """The hyperparameters of greatest posterior density: the regression's likelihood and what is believed beforehand.

    Likelihood alone takes a few lucky games for a flat landscape, and is then sure of it.
    """
    means, deviations = _prior(len(start) - 1)

    def penalised(theta: Floats) -> tuple[float, Floats]:
        value, gradient = objective(theta, eval_gradient=True)
        surprise = (theta - means) / deviations
        return float(value) + 0.5 * float(surprise @ surprise), gradient + surprise / deviations

    found = optimize.minimize(penalised, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": 30})
    return found.x, float(found.fun)
