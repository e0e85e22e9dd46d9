"""The dial's path and axes, on the numbers of its definition."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from typing import Any

import pytest

from hybrid.dial import Dial


@pytest.mark.parametrize(
    ("position", "simulations", "weight"),
    [
        (0.0, 0, 1.0),
        (0.01, 1, 1.0),
        (1 / 12, 2, 1.0),
        (0.25, 8, 1.0),
        (1 / 3, 16, 1.0),
        (0.4999999, 64, 1.0),
        (0.5, 64, 1.0),
        (0.625, 64, 0.75),
        (0.75, 64, 0.5),
        (0.9, 64, 0.2),
        (1.0, 64, 0.0),
    ],
)
def test_the_path_from_amortised_to_direct(position: float, simulations: int, weight: float) -> None:
    dial = Dial.at(position, simulations=64)
    assert dial.simulations == simulations
    assert dial.prior_weight == dial.value_weight == pytest.approx(weight)
    assert dial.seconds is None


def test_the_ends_and_the_middle_are_exact() -> None:
    assert Dial.at(0.0, simulations=500) == Dial(simulations=0)
    assert Dial.at(0.5, simulations=500) == Dial(simulations=500, prior_weight=1.0, value_weight=1.0)
    assert Dial.at(1.0, simulations=500) == Dial(simulations=500, prior_weight=0.0, value_weight=0.0)


@pytest.mark.parametrize(
    ("position", "seconds"), [(0.25, 0.25), (1 / 3, 0.5), (0.4999999999, 2.0), (0.5, 2.0), (0.7, 2.0), (1.0, 2.0)]
)
def test_a_time_budget_grows_64_fold_up_to_the_middle(position: float, seconds: float) -> None:
    assert Dial.at(position, seconds=2.0).seconds == pytest.approx(seconds)


def test_at_position_0_no_time_is_spent_either() -> None:
    assert Dial.at(0.0, seconds=2.0) == Dial(simulations=0)


def test_budget_never_falls_and_network_never_gains_along_the_path() -> None:
    dials = [Dial.at(step / 200, simulations=300) for step in range(201)]
    for dial, later in pairwise(dials):
        assert dial.simulations <= later.simulations
        assert dial.prior_weight >= later.prior_weight
    assert all(dial.searches for dial in dials[1:])
    assert all(dial.consults_network for dial in dials[:-1])
    assert not dials[0].searches
    assert not dials[-1].consults_network


@pytest.mark.parametrize(
    ("dial", "searches", "consults"),
    [
        (Dial(simulations=0), False, True),
        (Dial(simulations=0, prior_weight=0.0, value_weight=0.0), False, True),
        (Dial(simulations=1, prior_weight=0.0, value_weight=0.0), True, False),
        (Dial(simulations=1, prior_weight=0.1, value_weight=0.0), True, True),
        (Dial(simulations=1, prior_weight=0.0, value_weight=0.1), True, True),
    ],
)
def test_what_a_dial_needs(dial: Dial, searches: bool, consults: bool) -> None:
    assert dial.searches == searches
    assert dial.consults_network == consults


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"simulations": -1}, "simulations must be a whole number from 0 to 1,000,000,000, got -1"),
        ({"prior_weight": 1.01}, "prior_weight must be between 0 and 1, got 1.01"),
        ({"prior_weight": -0.01}, "prior_weight must be between 0 and 1, got -0.01"),
        ({"value_weight": 2.0}, "value_weight must be between 0 and 1, got 2.0"),
        ({"value_weight": math.nan}, "value_weight must be between 0 and 1, got nan"),
        ({"seconds": 0.0}, "time must be positive, got 0.0"),
        ({"seconds": math.inf}, "time must be positive, got inf"),
    ],
)
def test_axes_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Dial(**options)


@pytest.mark.parametrize("position", [-0.1, 1.1, math.nan])
def test_positions_off_the_path_are_refused(position: float) -> None:
    with pytest.raises(ValueError, match=f"dial must be between 0 and 1, got {position}"):
        Dial.at(position)


def test_a_position_needs_a_budget() -> None:
    for position in (0.0, 0.3, 1.0):
        with pytest.raises(ValueError, match="simulations must be at least 1 beside a dial position, got 0"):
            Dial.at(position, simulations=0)


def test_a_dial_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Dial().simulations = 3  # type: ignore[misc]
