from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import choix
import numpy as np
import numpy.typing as npt
import pytest
from scipy import optimize, special, stats

import games
from eval.clusters import Outcomes, clusters, outcomes
from eval.match import play
from eval.rating import PRIOR_SD, Ratings, rate
from eval.statistics import elo_of, score_interval
from tests.eval import players
from tests.eval.simulate import ELO, World, joined


def _order(ratings: Ratings) -> list[str]:
    return [ratings.agents[number] for number in np.argsort(-ratings.elo)]


FIVE = World(elo=(0, 50, 100, 200, 350))


def _both_ways(results: list[tuple[int, int, float]], agents: int) -> Outcomes:
    """Results entered once with each side first, at half weight, so that moving first is worth nothing."""
    first, second, points = (np.array(column) for column in zip(*results, strict=True))
    count = len(results)
    return Outcomes(
        agents=tuple(f"a{k}" for k in range(agents)),
        first=np.concatenate((first, second)),
        second=np.concatenate((second, first)),
        points=np.concatenate((points, 1 - points)).astype(np.float64),
        clusters=np.tile(np.arange(count), 2),
        weights=np.full(2 * count, 0.5),
    )


def test_without_draws_it_is_bradley_terry_as_choix_fits_it() -> None:
    dice = random.Random(1)
    strengths = (0.0, 0.3, 0.8, 1.5, 2.5, 2.6)
    wins = []
    for _ in range(600):
        one, other = dice.sample(range(6), 2)
        better = dice.random() < 1 / (1 + math.exp(strengths[other] - strengths[one]))
        wins.append((one, other) if better else (other, one))
    theirs = choix.opt_pairwise(6, wins, alpha=(ELO / PRIOR_SD) ** 2, tol=1e-10)
    ours = rate(_both_ways([(winner, loser, 1.0) for winner, loser in wins], 6))
    assert ours.elo == pytest.approx(ELO * (theirs - theirs.mean()), abs=0.5)
    assert abs(ours.advantage) < 1e-6


def test_two_agents_are_as_far_apart_as_their_score_says() -> None:
    results = [(0, 1, 1.0)] * 5000 + [(0, 1, 0.5)] * 3000 + [(0, 1, 0.0)] * 2000
    ratings = rate(_both_ways(results, 2), anchor="a1", anchor_elo=1000)
    assert ratings.elo[1] == 1000
    assert ratings.elo[0] - 1000 == pytest.approx(elo_of(0.65), abs=0.2)
    assert ratings.expected("a0", "a1") == pytest.approx(0.65, abs=1e-3)
    # The standard error of the mean points 0.65 over 10,000 games, by the slope of Elo's curve at that score.
    error = math.sqrt((0.5 + 0.3 / 4 - 0.65**2) / 10_000) / (0.65 * 0.35) * ELO
    gap, low, high = ratings.difference("a0", "a1")
    assert (high - low) / 2 / 1.96 == pytest.approx(error, rel=0.1)
    assert gap == pytest.approx((low + high) / 2)


def test_moving_first_is_rated() -> None:
    world = World(elo=(0.0, 0.0, 0.0), advantage=80.0)
    ratings = rate(world.play([(0, 1), (0, 2), (1, 2)], [3000] * 3, np.random.default_rng(0)))
    assert ratings.advantage == pytest.approx(80, abs=10)
    assert ratings.elo == pytest.approx(np.zeros(3), abs=10)


def test_it_is_the_greatest_of_the_quasi_likelihood_that_is_stated() -> None:
    played = replace(FIVE, draws=0.6).play([(0, 1), (0, 4), (1, 3), (2, 3)], [40, 3, 20, 15], np.random.default_rng(0))

    def surprise(parameters: npt.NDArray[np.float64]) -> float:
        elo, advantage = parameters[:-1], parameters[-1]
        share = special.expit((elo[played.first] - elo[played.second] + advantage) / ELO)
        found = played.points * np.log(share) + (1 - played.points) * np.log(1 - share)
        return float(((elo - elo.mean()) ** 2).sum() + advantage**2) / 2 / PRIOR_SD**2 - float(found.sum())

    theirs = optimize.minimize(surprise, np.zeros(6), method="BFGS", tol=1e-6).x
    ours = rate(played)
    assert ours.elo == pytest.approx(theirs[:-1] - theirs[:-1].mean(), abs=0.1)
    assert ours.advantage == pytest.approx(theirs[-1], abs=0.1)


def test_ratings_reproduce_points_whatever_is_drawn() -> None:
    # Draws that no model foresees: a0 and a1 draw all their games, a2 none.
    results = [(0, 1, 0.5)] * 400
    for agent in (0, 1):
        results += [(agent, 2, 1.0)] * 320 + [(agent, 2, 0.0)] * 80
    ratings = rate(_both_ways(results, 3))
    for name, points in (("a0", 520), ("a1", 520), ("a2", 160)):
        expected = sum(400 * ratings.expected(name, other) for other in ratings.agents if other != name)
        assert expected == pytest.approx(points, abs=0.1)


def test_ratings_keep_their_scale_where_draws_are_many() -> None:
    results = [(0, 1, 0.5)] * 100
    for agent in (0, 1):
        results += [(agent, 2, 1.0)] * 79 + [(agent, 2, 0.5)] * 21
    ratings = rate(_both_ways(results, 3))
    gap, low, high = ratings.difference("a0", "a2")
    assert gap == pytest.approx(elo_of(0.895), abs=5)
    assert low < elo_of(0.895) < high
    # More draws between the two that both beat the third say nothing of how far they are above it.
    more = rate(_both_ways(results + [(0, 1, 0.5)] * 1900, 3))
    assert more.difference("a0", "a2")[0] == pytest.approx(gap, abs=2)


@pytest.mark.parametrize("wins", [0, 5, 20])
def test_fewer_losses_never_lower_a_rating(wins: int) -> None:
    def rated(losses: int) -> float:
        drawn = [(0, 1, 0.5)] * (200 - wins - losses)
        return rate(_both_ways([(0, 1, 1.0)] * wins + [(0, 1, 0.0)] * losses + drawn, 2)).difference("a0", "a1")[0]

    gaps = [rated(losses) for losses in (0, 1, 2, 5, 20)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < gaps[0] - 30


@pytest.mark.parametrize("openings", [6, 20, 100])
@pytest.mark.parametrize("pairs", [[(0.5, 0.5)] * 2, [(1.0, 0.0), (0.0, 1.0)]])
def test_level_openings_leave_the_interval_as_open_as_a_match(openings: int, pairs: list[tuple[float, float]]) -> None:
    """There is no error to see, whether openings were drawn or decided their games whoever played which side."""
    gap, low, high = rate(_openings(pairs * (openings // 2))).difference("a0", "a1")
    _, match = score_interval([0.5] * openings)
    assert gap == pytest.approx(0, abs=1e-9)
    assert (low, high) == pytest.approx((-elo_of(match), elo_of(match)), rel=0.06)


def _openings(points: list[tuple[float, float]]) -> Outcomes:
    """Two agents' games from one opening after another: the first one's points, moving first and moving second."""
    count = len(points)
    ours = np.array(points, np.float64).reshape(count, 2)
    first = np.tile([0, 1], (count, 1))
    return Outcomes(
        agents=("a0", "a1"),
        first=first.ravel(),
        second=1 - first.ravel(),
        points=np.column_stack((ours[:, 0], 1 - ours[:, 1])).ravel(),
        clusters=np.repeat(np.arange(count), 2),
        weights=np.ones(2 * count),
    )


def test_intervals_scale_with_what_they_are_of() -> None:
    ratings = rate(_openings([(1.0, 0.5), (0.5, 0.5), (0.0, 1.0), (1.0, 0.0)]))
    whole, half = ratings.difference("a0", "a1"), ratings.combination({"a0": 0.5, "a1": -0.5})
    assert half == pytest.approx(tuple(edge / 2 for edge in whole))


def _coverage(world: World, rounds: int, tournaments: int, copies: int = 1, seed: int = 0) -> float:
    """How often intervals for ratings and differences hold the truth: the ratings of an endless tournament."""
    rng = np.random.default_rng(seed)
    pairs = list(itertools.combinations(range(len(world.elo)), 2))
    truth = np.array(world.elo)
    if world.luck:
        truth = rate(world.play(pairs, [5_000] * len(pairs), rng), anchor="a0").elo
    hits = [
        _hits(rate(world.play(pairs, [rounds] * len(pairs), rng, copies), anchor="a0"), truth)
        for _ in range(tournaments)
    ]
    return float(np.mean(hits))


def _hits(ratings: Ratings, truth: npt.NDArray[np.float64]) -> float:
    """The share of differences whose interval holds the true one."""
    found = []
    for one, other in itertools.combinations(range(len(truth)), 2):
        _, low, high = ratings.difference(f"a{one}", f"a{other}")
        found.append(low <= truth[one] - truth[other] <= high)
    return float(np.mean(found))


SCENARIOS = {
    "plain": (FIVE, 20, 1),
    "no draws": (replace(FIVE, draws=0.0), 20, 1),
    "many draws": (replace(FIVE, draws=0.67), 20, 1),
    "duplicates": (FIVE, 20, 4),
    "openings": (replace(FIVE, luck=100.0), 20, 1),
    "wild openings": (replace(FIVE, luck=200.0), 20, 1),
    "openings and duplicates": (replace(FIVE, luck=150.0), 20, 3),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_intervals_cover_the_truth(name: str) -> None:
    world, rounds, copies = SCENARIOS[name]
    assert 0.91 < _coverage(world, rounds, 60, copies) < 0.99


@pytest.mark.full
@pytest.mark.parametrize("name", SCENARIOS)
def test_intervals_cover_the_truth_in_2000_tournaments(name: str) -> None:
    world, rounds, copies = SCENARIOS[name]
    assert 0.93 < _coverage(world, rounds, 2000, copies) < 0.97


def _coverage_where_wins_are_rare(openings: int, tournaments: int) -> float:
    """How often the interval of two agents, of which one wins one game in a hundred, holds their score's Elo."""
    rng, hits = np.random.default_rng(0), 0
    for _ in range(tournaments):
        won = rng.random((openings, 2)) < 0.01
        _, low, high = rate(_openings(np.where(won, 1.0, 0.5).tolist())).difference("a0", "a1")
        hits += low <= elo_of(0.505) <= high
    return hits / tournaments


def test_intervals_cover_the_truth_where_nearly_all_is_drawn() -> None:
    # What little is seen then says little of the error, so intervals are somewhat wider than they need be.
    assert _coverage(replace(FIVE, draws=0.95), 20, 60) > 0.93


@pytest.mark.parametrize("openings", [50, 200])
def test_intervals_cover_the_score_where_wins_are_rare(openings: int) -> None:
    assert _coverage_where_wins_are_rare(openings, 200) > 0.93


@pytest.mark.full
@pytest.mark.parametrize("openings", [20, 50, 100, 200])
def test_intervals_cover_the_score_where_wins_are_rare_in_2000_tournaments(openings: int) -> None:
    assert _coverage_where_wins_are_rare(openings, 2000) > 0.95


@pytest.mark.full
def test_intervals_cover_the_truth_where_nearly_all_is_drawn_in_2000_tournaments() -> None:
    assert 0.95 < _coverage(replace(FIVE, draws=0.95), 20, 2000) < 0.99


def test_interval_of_the_anchor_has_no_width_and_of_the_mean_has() -> None:
    games_played = FIVE.play([(0, 1), (1, 2), (2, 3), (3, 4)], [50] * 4, np.random.default_rng(0))
    ratings = rate(games_played, anchor="a2", anchor_elo=1500)
    assert ratings.interval("a2") == (1500, 1500)
    low, high = ratings.interval("a4")
    assert low < 1750 < high
    pooled = rate(games_played)
    assert pooled.elo.mean() == pytest.approx(0, abs=1e-9)
    assert pooled.interval("a2")[0] < pooled.elo[2] < pooled.interval("a2")[1]
    assert pooled.difference("a4", "a0") == pytest.approx(ratings.difference("a4", "a0"))
    assert _order(ratings)[-1] == "a0"


def test_superiority_is_a_probability() -> None:
    ratings = rate(
        World(elo=(0, 30, 60, 90, 350)).play([(0, 4), (0, 1), (1, 2), (2, 3)], [100] * 4, np.random.default_rng(0))
    )
    assert ratings.superiority("a4", "a0") > 0.9999
    assert ratings.superiority("a0", "a1") == pytest.approx(1 - ratings.superiority("a1", "a0"))
    assert ratings.superiority("a0", "a0") == 0.5
    gap, low, high = ratings.difference("a1", "a0", confidence=0.9)
    assert high - gap == pytest.approx(gap - low)
    assert (ratings.superiority("a1", "a0") > 0.95) == (low > 0)
    with pytest.raises(ValueError, match="'a9' is not rated"):
        ratings.interval("a9")


def test_superiority_is_calibrated() -> None:
    # Two equal agents: the probability that one is better must be spread evenly over tournaments.
    rng = np.random.default_rng(0)
    world = World(elo=(0, 0), luck=100)
    chances = [rate(world.play([(0, 1)], [40], rng)).superiority("a1", "a0") for _ in range(300)]
    assert stats.kstest(chances, "uniform").pvalue > 0.001
    assert 0.02 < np.mean(np.array(chances) < 0.05) < 0.09


def test_perfect_scores_stay_finite_and_open() -> None:
    results = [(1, 0, 1.0)] * 50 + [(2, 1, 1.0)] * 50
    ratings = rate(_both_ways(results, 3), anchor="a0")
    assert _order(ratings) == ["a2", "a1", "a0"]
    # After 50 wins of 50 the true score is, with 95 %, above 0.93 (Clopper-Pearson): at least 447 Elo.
    for better, worse in (("a1", "a0"), ("a2", "a1")):
        gap, low, high = ratings.difference(better, worse)
        assert 500 < gap < 1500
        assert 0 < low < 447
        assert high > gap + 300
    longer = rate(_both_ways(results * 20, 3), anchor="a0")
    assert longer.elo[1] > ratings.elo[1] + 200


def test_pools_that_no_game_connects_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no game connects these groups .* a0, a1; a2; a3, a4"):
        rate(FIVE.play([(0, 1), (3, 4)], [5, 5], np.random.default_rng(0)))
    with pytest.raises(ValueError, match="at least one game"):
        rate(FIVE.play([], [], np.random.default_rng(0)))
    with pytest.raises(ValueError, match="anchor 'b' has no games"):
        rate(FIVE.play([(0, 1)], [5], np.random.default_rng(0)), anchor="b")


def test_records_become_clusters_by_opening() -> None:
    game = games.load("tic_tac_toe")
    agents = [players.load(name, game) for name in ("first", "dice", "last")]
    rng = np.random.default_rng(0)
    match = play(game, agents[:2], 40, rng)
    found = outcomes(match.games)
    assert len(found.points) == 40
    assert np.bincount(found.clusters).tolist() == [2] * 20
    assert found.weights.tolist() == [1.0] * 40
    assert found.points.sum() == sum((record.returns[0] + 1) / 2 for record in match.games)
    # 9 one-ply openings, each three times: 9 clusters that weigh as much as one playing of each.
    match = play(game, agents[:2], 54, rng, opening_plies=1)
    assert len(clusters(match.games)) == 9
    assert outcomes(match.games).weights.sum() == pytest.approx(18)
    # A single opening: every round counts, unless all went alike.
    assert len(clusters(play(game, agents[:2], 40, rng, opening_plies=0).games)) == 20
    with pytest.warns(UserWarning, match="distinct"):
        alike = play(game, [agents[0], agents[2]], 40, rng, opening_plies=0)
    assert len(clusters(alike.games)) == 1
    assert outcomes(alike.games).weights.sum() == pytest.approx(2)


def test_ratings_agree_with_the_match() -> None:
    game = games.load("connect_four")
    agents = [players.load(name, game) for name in ("first", "dice")]
    match = play(game, agents, 400, np.random.default_rng(0))
    ratings = rate(outcomes(match.games), anchor="dice")
    low, high = ratings.interval("first")
    assert ratings.elo[ratings.agents.index("first")] == pytest.approx(match.elo, abs=10)
    assert (low, high) == pytest.approx(match.elo_ci95, abs=15)


def test_tournaments_join() -> None:
    rng = np.random.default_rng(0)
    parts = [FIVE.play([(0, 1)], [5], rng), FIVE.play([(1, 2)], [6], rng)]
    both = joined(parts)
    assert np.bincount(both.clusters).tolist() == [2] * 11
    with pytest.raises(ValueError, match="points must be"):
        replace(both, points=both.points + 0.25)
    with pytest.raises(ValueError, match="'a1' twice"):
        replace(both, second=both.second * 0 + 1, first=both.first * 0 + 1)
