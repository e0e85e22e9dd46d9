from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

import games
from eval.match import play
from eval.sprt import Sprt, Verdict, evidence, run
from tests.eval import players
from tests.eval.simulate import World


def test_bounds_are_walds() -> None:
    low, high = Sprt(alpha=0.05, beta=0.05).bounds
    assert high == pytest.approx(math.log(19)) == pytest.approx(2.944, abs=1e-3)
    assert low == -high


def test_ratio_is_the_exact_one_where_only_two_outcomes_occur() -> None:
    # Pairs that are won or lost outright are a binomial, whose likelihood the score fixes: n log(s1/s0) + m log(...).
    test = Sprt(elo0=0, elo1=100)
    score = 1 / (1 + 10 ** (-100 / 400))
    expected = 30 * math.log(score / 0.5) + 20 * math.log((1 - score) / 0.5)
    assert test.ratio([20, 0, 0, 0, 30]) == pytest.approx(expected, abs=0.02)
    assert test.ratio([0] * 5) == 0.0


def test_ratio_approaches_the_normal_one() -> None:
    # With many pairs and close hypotheses: (s1 - s0) (2 mean - s0 - s1) n / (2 variance).
    pairs = np.array([500, 2000, 5200, 2200, 550])
    points = np.linspace(0, 1, 5)
    count, mean = pairs.sum(), pairs @ points / pairs.sum()
    variance = pairs @ (points - mean) ** 2 / count
    s0, s1 = 0.5, 1 / (1 + 10 ** (-5 / 400))
    normal = (s1 - s0) * (2 * mean - s0 - s1) * count / (2 * variance)
    assert Sprt(elo0=0, elo1=5).ratio(pairs) == pytest.approx(normal, rel=0.02)


def _error_rate(test: Sprt, wrong: Verdict, world: World, count: int, seed: int) -> tuple[float, float]:
    """How often `count` simulated tests end with `wrong`, and their mean number of pairs."""
    rng = np.random.default_rng(seed)
    errors = used = 0
    for _ in range(count):
        pairs = np.zeros(5, np.int64)
        while (verdict := test.verdict(pairs)) is Verdict.UNDECIDED:
            pairs += _pairs(world, rng, 16)
        errors += verdict is wrong
        used += int(pairs.sum())
    return errors / count, used / count


def _pairs(world: World, rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
    """How many pairs of games gave the second agent 0, ½, 1, 1½ and 2 points."""
    zero, one = np.zeros(count, np.int64), np.ones(count, np.int64)
    luck = rng.normal(0, world.luck, count)
    gain = world.points(one, zero, luck, rng) + 1 - world.points(zero, one, luck, rng)
    return np.bincount((2 * gain).astype(np.int64), minlength=5)


def _world(elo: float, luck: float) -> World:
    """A world in which the second agent's expected score, openings included, is that of `elo`."""
    target = 1 / (1 + 10 ** (-elo / 400))
    rng = np.random.default_rng(7)
    low, high = -500.0, 500.0
    lucks = rng.normal(0, luck, 200_001)
    for _ in range(40):
        middle = (low + high) / 2
        gap = np.array([1, -1])[:, None] * (30 + lucks) + middle
        share = np.mean(1 / (1 + 10 ** (-gap / 400)))
        low, high = (middle, high) if share < target else (low, middle)
    return World(elo=(0, low), luck=luck)


@pytest.mark.parametrize("luck", [0.0, 150.0])
def test_error_rates_hold(luck: float) -> None:
    _check_error_rates(luck, 100, slack=0.06)


@pytest.mark.full
@pytest.mark.parametrize("luck", [0.0, 150.0])
def test_error_rates_hold_over_many_tests(luck: float) -> None:
    _check_error_rates(luck, 2000, slack=0.01)


def _check_error_rates(luck: float, count: int, slack: float) -> None:
    test = Sprt(elo0=0, elo1=40)
    false_alarms, _ = _error_rate(test, Verdict.BETTER, _world(0, luck), count, 1)
    misses, pairs = _error_rate(test, Verdict.NOT_BETTER, _world(40, luck), count, 2)
    assert 0 < false_alarms < 0.05 + slack
    assert 0 < misses < 0.05 + slack
    assert pairs < 350


def test_run_stops_when_it_knows() -> None:
    # In Connect Four, filling columns from the left beats random moves by about 150 Elo.
    game = games.load("connect_four")
    test = Sprt(elo0=0, elo1=50)
    agents = [players.load(name, game) for name in ("first", "dice")]
    verdict, match = run(game, agents, test, np.random.default_rng(1), batch=32)
    assert verdict is Verdict.BETTER
    assert 32 < len(match.games) < 1000
    assert len({record.round for record in match.games}) == len(match.games) // 2
    verdict, _ = run(game, agents[::-1], test, np.random.default_rng(1), batch=32)
    assert verdict is Verdict.NOT_BETTER
    verdict, match = run(game, agents, Sprt(elo0=0, elo1=0.1), np.random.default_rng(1), batch=32, max_games=40)
    assert verdict is Verdict.UNDECIDED
    assert len(match.games) == 40


def test_repeated_pairs_are_counted_once() -> None:
    """Tic-tac-toe has nine first moves, so two deterministic agents have nine pairs of games."""
    game = games.load("tic_tac_toe")
    agents = [players.load(name, game) for name in ("first", "last")]
    with pytest.warns(UserWarning, match="its last games all repeat earlier ones, 18 of 128 are distinct"):
        verdict, match = run(game, agents, Sprt(elo0=0, elo1=40), np.random.default_rng(0), opening_plies=1)
    assert verdict is Verdict.UNDECIDED
    assert evidence(match).sum() == 9
    # Counted as often as they were played, the same nine pairs would soon be taken for proof.
    assert Sprt(elo0=0, elo1=40).verdict(np.array(match.pentanomial) * 20) is not Verdict.UNDECIDED


def test_an_opening_played_again_is_one_observation_with_the_mean_of_its_rounds() -> None:
    game = games.load("tic_tac_toe")
    agents = [players.load(name, game) for name in ("first", "dice")]
    match = play(game, agents, 72, np.random.default_rng(0), opening_plies=1)
    found = evidence(match)
    assert found.sum() == pytest.approx(9)
    assert found @ np.linspace(0, 1, 5) / 9 == pytest.approx(match.score)
    fresh = play(game, agents, 60, np.random.default_rng(0), opening_plies=4)
    assert evidence(fresh).tolist() == list(fresh.pentanomial)


def test_arguments_are_checked() -> None:
    for options in ({"elo0": 5.0, "elo1": 5.0}, {"alpha": 0.0}, {"beta": 0.6}):
        with pytest.raises(ValueError, match="must be"):
            Sprt(**options)
    with pytest.raises(ValueError, match="five counts"):
        Sprt().ratio([1, 2, 3])
    game = games.load("tic_tac_toe")
    with pytest.raises(ValueError, match="batch must be a positive even"):
        run(game, [players.load("first", game)] * 2, Sprt(), np.random.default_rng(0), batch=3)
