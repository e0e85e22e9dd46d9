"""Scores, Elo differences and intervals from games that come in clusters.

K clusters: the openings of a match. Games from one opening share its luck, so a cluster counts as one observation.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

ELO = 400.0 / math.log(10.0)
"""Elo points in one natural logarithm of odds."""


def score_of(elo: float) -> float:
    """The expected score, in [0, 1], of a player `elo` points above its opponent."""
    return float(special.expit(elo / ELO))


def elo_of(score: float) -> float:
    """The Elo difference at which `score` is expected; infinite at 0 and 1.

    Raises:
        ValueError: the score is outside [0, 1].
    """
    if not 0.0 <= score <= 1.0:
        raise ValueError(f"score must be between 0 and 1, got {score}")
    if score in (0.0, 1.0):
        return math.copysign(math.inf, score - 0.5)
    return 400.0 * math.log10(score / (1.0 - score))


def score_interval(clusters: npt.ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """An interval for the expected score from the mean scores `[K]` of independent clusters.

    Wilson's interval at the effective number of games, the one at which independent won-or-lost games would have the
    variance seen between clusters. The variance is taken with one more cluster won and one lost outright: clusters
    that all went alike, as at a perfect score, then count as one game each, so the interval never closes.
    Student's t with K + 1 degrees of freedom stands in for the normal quantile.

    Raises:
        ValueError: there is no cluster, or a mean is outside [0, 1].
    """
    means = np.asarray(clusters, np.float64)
    if means.ndim != 1 or not len(means) or not (means.min() >= 0.0 and means.max() <= 1.0):
        raise ValueError(f"clusters must be one or more mean scores between 0 and 1, got {means}")
    guarded = np.concatenate((means, (0.0, 1.0)))
    middle = guarded.mean()
    games = len(means) * middle * (1.0 - middle) / guarded.var()
    quantile = float(special.stdtrit(len(means) + 1, 0.5 + confidence / 2.0))
    return wilson(float(means.mean()), float(games), quantile)


def wilson(score: float, games: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval (1927) for a proportion seen in `games` trials, which need not be whole."""
    shrink = 1.0 + quantile**2 / games
    middle = (score + quantile**2 / (2.0 * games)) / shrink
    half = quantile * math.sqrt(score * (1.0 - score) / games + (quantile / (2.0 * games)) ** 2) / shrink
    # At the ends rounding would leave an end open that is closed.
    return max(middle - half, 0.0) if score > 0.0 else 0.0, min(middle + half, 1.0) if score < 1.0 else 1.0


def calibration_error(expected: npt.ArrayLike, got: npt.ArrayLike, bins: int = 10) -> float:
    """How far values `expected` `[B]`, in [-1, 1], are from what came of them, `got` `[B]`, on average, in [0, 2].

    The values are sorted into `bins` of equal width; of each, the mean value is compared with the mean of what came,
    and the distances are weighted by how many fell there (Naeini et al. 2015, Guo et al. 2017). 0 = where 0.6 is
    expected, 0.6 is got on average, however far off every single one is.

    Raises:
        ValueError: there is no value, one is outside [-1, 1], or the shapes differ.
    """
    values, results = np.asarray(expected, np.float64), np.asarray(got, np.float64)
    if values.ndim != 1 or values.shape != results.shape or not len(values):
        raise ValueError(f"expected and got must be equally long and not empty, got {values.shape}, {results.shape}")
    if not np.abs(values).max() <= 1.0:
        raise ValueError(f"expected must lie between -1 and 1, got {values.min()} to {values.max()}")
    places = np.minimum(((values + 1.0) / 2.0 * bins).astype(np.int64), bins - 1)
    return float(np.abs(np.bincount(places, values - results, bins)).sum() / len(values))


def pentanomial(totals: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """How many pairs of games scored 0, ½, 1, 1½ and 2 points: counts `[5]` from the totals `[K]`."""
    doubled = 2.0 * np.asarray(totals, np.float64)
    if not np.isin(doubled, range(5)).all():
        raise ValueError(f"totals of two games must be 0, 0.5, 1, 1.5 or 2, got {np.asarray(totals)}")
    return np.bincount(doubled.astype(np.int64), minlength=5)
