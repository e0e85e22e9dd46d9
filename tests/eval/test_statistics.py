from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from eval import statistics


def test_elo_and_score_are_the_usual_logistic() -> None:
    for elo, score in ((0, 0.5), (400, 10 / 11), (-400, 1 / 11), (800, 100 / 101)):
        assert statistics.score_of(elo) == pytest.approx(score, abs=1e-12)
        assert statistics.elo_of(score) == pytest.approx(elo, abs=1e-9)
    assert statistics.elo_of(0.76) == pytest.approx(200, abs=1)
    assert (statistics.elo_of(0.0), statistics.elo_of(1.0)) == (-math.inf, math.inf)
    assert statistics.score_of(math.inf) == 1.0
    assert statistics.score_of(-math.inf) == 0.0
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        statistics.elo_of(1.5)


def test_wilson_agrees_with_scipy() -> None:
    for wins, games in ((0, 10), (3, 10), (10, 10), (55, 100)):
        low, high = stats.binomtest(wins, games).proportion_ci(method="wilson")
        ours = statistics.wilson(wins / games, games, float(stats.norm.ppf(0.975)))
        assert ours == pytest.approx((low, high), abs=1e-12)


def test_a_perfect_score_keeps_an_open_interval() -> None:
    low, high = statistics.score_interval(np.ones(100))
    exact = stats.binomtest(100, 100).proportion_ci(method="exact").low
    assert high == 1.0
    assert 0.95 < low < exact + 0.005
    assert statistics.score_interval([1.0])[0] < 0.2
    drawn = statistics.score_interval(np.full(100, 0.5))
    assert drawn[0] == pytest.approx(1 - drawn[1])
    assert 0.48 < drawn[0] < 0.495


def _coverage(rng: np.random.Generator, score: float, draws: float, spread: float, pairs: int, matches: int) -> float:
    """How often the interval holds the true score when openings favour a side by `spread` in log odds."""
    odds = math.log(score / (1 - score))
    truth = float(np.mean(1 / (1 + np.exp(-(odds + rng.normal(0, spread, 400_000))))))
    hits = 0
    for _ in range(matches):
        luck = rng.normal(0, spread, pairs)
        points = np.zeros(pairs)
        for side in (1, -1):
            expected = 1 / (1 + np.exp(-(odds + side * luck)))
            drawn = 4 * draws * expected * (1 - expected)
            chance = rng.random(pairs)
            points += np.where(chance < expected - drawn / 2, 1.0, np.where(chance < expected + drawn / 2, 0.5, 0.0))
        low, high = statistics.score_interval(points / 2)
        hits += low <= truth <= high
    return hits / matches


@pytest.mark.parametrize("count", [1, 7, 11, 200, 1999])
def test_an_end_of_an_interval_that_is_certain_is_exact(count: int) -> None:
    """Where rounding would leave a gap of 1e-16, Elo would be 6,000 instead of infinite."""
    low, high = statistics.score_interval([1.0] * count)
    assert 0.0 < low < high == 1.0
    low, high = statistics.score_interval([0.0] * count)
    assert 0.0 == low < high < 1.0


def test_intervals_cover_the_true_score() -> None:
    rng = np.random.default_rng(0)
    for score, draws, spread in ((0.5, 0.0, 0.0), (0.5, 0.3, 1.5), (0.75, 0.3, 0.5), (0.9, 0.2, 0.0)):
        assert 0.925 < _coverage(rng, score, draws, spread, 100, 600) < 0.99
    assert _coverage(rng, 0.99, 0.0, 0.0, 20, 600) > 0.92


def test_clusters_are_checked() -> None:
    for clusters in ([], [1.2], [float("nan")]):
        with pytest.raises(ValueError, match="clusters must be"):
            statistics.score_interval(clusters)


def test_calibration_is_of_groups_and_not_of_single_values() -> None:
    """By hand: of four positions valued 0.5 three are won and one lost; two valued -0.9 are drawn."""
    assert statistics.calibration_error([0.5] * 4, [1, 1, 1, -1]) == 0.0
    assert statistics.calibration_error([-0.9] * 2, [0, 0]) == pytest.approx(0.9)
    both = statistics.calibration_error([0.5] * 4 + [-0.9] * 2, [1, 1, 1, -1, 0, 0])
    assert both == pytest.approx(0.9 * 2 / 6)
    # Errors in opposite directions do not make up for each other, unless the values are nearly the same.
    assert statistics.calibration_error([0.5, -0.5], [1, -1]) == pytest.approx(0.5)
    assert statistics.calibration_error([0.51, 0.55], [1, 0.06]) == pytest.approx(0.0)
    assert statistics.calibration_error([1.0, -1.0], [1, -1]) == 0.0
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, 20_000)
    assert statistics.calibration_error(values, np.where(rng.random(20_000) < (values + 1) / 2, 1, -1)) < 0.03
    for wrong in (([], []), ([0.5], [1, 1]), ([1.5], [1]), ([float("nan")], [1])):
        with pytest.raises(ValueError, match="expected"):
            statistics.calibration_error(*wrong)


def test_pentanomial_counts_pairs() -> None:
    assert statistics.pentanomial([0, 0.5, 1, 1, 1.5, 2, 2, 2]).tolist() == [1, 1, 2, 1, 3]
    with pytest.raises(ValueError, match="totals"):
        statistics.pentanomial([0.25])
