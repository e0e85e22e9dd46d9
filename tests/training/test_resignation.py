"""Resignation: off it changes nothing, on it cuts games where they would have gone on, and it is checked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import games
from hybrid.solve import ExhaustiveSolver
from tests.training.test_selfplay import fingerprint, played
from training.effort import Effort
from training.playing import PlayedGame
from training.progress import summarise
from training.selfplay_config import SelfPlayConfig

GIVEN_UP: dict[str, Any] = {"resign_threshold": -0.03, "resign_played_out": 0.0, "games": 24}


def loser(one: PlayedGame) -> int:
    """Whose move it was when the game was given up."""
    return int(one.samples["position"]["to_play"][-1])


def test_without_a_threshold_nothing_is_drawn_and_nobody_resigns() -> None:
    expected = played()
    assert fingerprint(played(resign_played_out=1.0)) == fingerprint(expected)
    assert {one.resignation for one in expected} == {"none"}
    assert np.isnan(summarise(expected, Effort(), 1.0, 0.0).false_resignations)


def test_a_game_given_up_is_the_beginning_of_the_same_game_played_out() -> None:
    short, full = played(**GIVEN_UP), played(**GIVEN_UP | {"resign_played_out": 1.0})
    assert Counter(one.resignation for one in short)["made"] > 6
    for one, whole in zip(short, full, strict=True):
        count = len(one.samples)
        np.testing.assert_array_equal(one.samples["position"], whole.samples["position"][:count])
        np.testing.assert_array_equal(one.samples["policy"], whole.samples["policy"][:count])
        assert (one.resignation == "none") == (whole.resignation == "none")
        if one.resignation == "made":
            assert one.samples["value"][-1, loser(one)] < -0.03
            assert one.returns[loser(one)] == -1
            assert one.returns.sum() == 0
            assert (one.samples["outcome"] == one.returns).all()
            assert one.length < whole.length
            # Nobody had a reason to give up before.
            movers = one.samples["position"]["to_play"][:-1].astype(np.int64)
            best = one.samples["value"][np.arange(count - 1), movers]
            assert one.simulations < whole.simulations
            assert (best > -1).all()
        else:
            assert fingerprint([one]) == fingerprint([whole])


def test_games_played_out_tell_who_would_have_been_wrong() -> None:
    short, full = played(**GIVEN_UP), played(**GIVEN_UP | {"resign_played_out": 1.0})
    verdicts = []
    for one, whole in zip(short, full, strict=True):
        if one.resignation == "made":
            lost = whole.returns[loser(one)] == -1
            assert whole.resignation == ("right" if lost else "wrong")
            verdicts.append(lost)
    report = summarise(full, Effort(), 1.0, 0.0)
    assert report.resigned == 0
    assert report.false_resignations == pytest.approx(1 - np.mean(verdicts))
    assert 0 < np.mean(verdicts) < 1
    assert summarise(short, Effort(), 1.0, 0.0).resigned == len(verdicts) / 24


def test_a_share_of_the_games_is_played_out() -> None:
    counts = Counter(one.resignation for one in played(**GIVEN_UP | {"games": 120, "resign_played_out": 0.4}))
    tested = counts["right"] + counts["wrong"]
    # Two fifths of those in which anybody would have resigned, within four standard deviations.
    assert tested + counts["made"] > 50
    assert abs(tested - 0.4 * (tested + counts["made"])) < 4 * (0.24 * (tested + counts["made"])) ** 0.5


def test_resigning_depends_on_no_company() -> None:
    options = GIVEN_UP | {"resign_played_out": 0.3, "games": 12}
    expected = played(**options)
    for slots in (1, 5):
        assert fingerprint(played(**options, slots=slots)) == fingerprint(expected)


def test_hindsight_corrects_games_given_up_too_early() -> None:
    """What proofs say of the position given up is the exhaustive solver's, and counts instead of the resignation."""
    name = "connect_four:rows=4,columns=5"
    game = games.load(name)
    solver = ExhaustiveSolver(game)
    options = GIVEN_UP | {"prove_nodes": 30, "hindsight_nodes": 3000}
    corrected = 0
    for one in played(name, **options):
        if one.resignation == "made":
            position = np.ascontiguousarray(one.samples["position"][-1:]).astype(game.dtype)
            truth, mover = np.nanmax(solver.action_values(position)), loser(one)
            outcome = one.samples["outcome"][-1, mover]
            assert outcome in (truth, -1.0)
            corrected += outcome > -1
    assert corrected > 0


@pytest.mark.parametrize("threshold", [0.0, -1.5, float("nan")])
def test_thresholds_that_mean_nothing_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="resign_threshold must be at least -1 and below 0, got"):
        SelfPlayConfig(resign_threshold=threshold)


def test_resigning_needs_two_players() -> None:
    with pytest.raises(ValueError, match="resign_threshold must be -1 unless a game is two-player zero-sum"):
        played("mnk:players=3", resign_threshold=-0.5)
