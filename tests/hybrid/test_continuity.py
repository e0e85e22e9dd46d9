"""How decisions change along the dial: continuously from its middle on, and ever less with each simulation."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

import games
from hybrid.agent import Decisions
from hybrid.dial import Dial
from hybrid.search import Search, SearchConfig
from tests.hybrid.fakes import HashEvaluator, decided, sampled, seeds

ROWS = 96


@cache
def decision(position: float, simulations: int = 40) -> Decisions:
    """What stands at a dial position decides on `ROWS` openings, with the same random numbers everywhere."""
    game = games.load("connect_four")
    config = SearchConfig(dial=Dial.at(position, simulations=simulations))
    return decided(game, HashEvaluator(game), config, sampled("connect_four", ROWS, most=20), seeds(ROWS))


def distance(one: Decisions, other: Decisions) -> float:
    """Mean total variation between the policies of two decisions."""
    return float(0.5 * np.abs(one.policy - other.policy).sum(axis=1).mean())


def moved(one: Decisions, other: Decisions) -> float:
    """Share of rows with another move."""
    return float((one.actions != other.actions).mean())


@pytest.mark.parametrize("position", [0.5, 0.625, 0.75, 0.95])
def test_the_decision_is_continuous_from_the_middle_to_the_direct_end(position: float) -> None:
    steps = [0.05, 5e-3, 5e-4, 1e-7]
    variations = [distance(decision(position), decision(position + step)) for step in steps]
    moves = [moved(decision(position), decision(position + step)) for step in steps]
    assert variations == sorted(variations, reverse=True)
    assert variations[0] > 0.02
    assert variations[-1] <= 0.002
    assert moves[-1] <= 1 / ROWS
    assert moves[-1] <= moves[0]


def test_the_direct_end_is_approached_continuously() -> None:
    """The last step takes the network away altogether; below the size of the tie-breaks it changes nothing."""
    variations = [distance(decision(1.0), decision(1.0 - step)) for step in (0.1, 1e-7, 1e-8, 1e-9)]
    assert variations[0] > 0.1
    assert variations[1] <= 0.05
    assert variations[1:] == sorted(variations[1:], reverse=True)
    assert variations[-1] <= 0.002


def test_over_the_seeds_the_decision_is_continuous_on_a_coarse_scale() -> None:
    """The mean policy over 192 seeds on each of 4 openings, by steps from the direct end."""
    game, positions = games.load("connect_four"), np.repeat(sampled("connect_four", 4, least=4, most=10), 192)

    def policy(position: float) -> npt.NDArray[np.float64]:
        config = SearchConfig(dial=Dial.at(position, simulations=40))
        found = decided(game, HashEvaluator(game), config, positions, seeds(len(positions)))
        mean: npt.NDArray[np.float64] = found.policy.reshape(4, 192, -1).mean(axis=1, dtype=np.float64)
        return mean

    end = policy(1.0)
    variations = [0.5 * np.abs(policy(1.0 - step) - end).sum(axis=1).mean() for step in (0.5, 0.2, 0.01)]
    assert variations == sorted(variations, reverse=True)
    assert variations[-1] < variations[0] / 4


def test_the_ends_differ() -> None:
    assert distance(decision(0.5), decision(1.0)) > 0.2


def test_one_more_simulation_matters_ever_less() -> None:
    """Visits N / ΣN change by at most 1 / (N + 1) in total variation, and the moves change ever more rarely."""
    game, budget = games.load("connect_four"), 256
    positions = sampled("connect_four", ROWS, most=8)
    search = Search(game, HashEvaluator(game), SearchConfig(dial=Dial(simulations=budget)), ROWS)
    rows = np.arange(ROWS)
    search.begin(rows, positions, seeds(ROWS))
    search.advance()
    policies, actions = [], []
    for _ in range(budget):
        search.advance()
        found = search.decisions(rows)
        policies.append(found.policy)
        actions.append(found.actions)
    assert found.root is not None
    open_rows = np.isnan(found.root.proven).all(axis=1)
    assert open_rows.sum() > ROWS / 2
    path = np.stack(policies)[:, open_rows]
    variations = 0.5 * np.abs(np.diff(path, axis=0)).sum(axis=2)
    limits = 1 / (np.arange(1, budget) + 1)
    assert (variations <= limits[:, None] + 1e-6).all()
    changes = (np.diff(np.stack(actions)[:, open_rows], axis=0) != 0).mean(axis=1)
    octaves = [changes[2**k - 1 : 2 ** (k + 1) - 1].mean() for k in (0, 2, 4, 6)]
    assert octaves == sorted(octaves, reverse=True)
    assert octaves[-1] < octaves[0] / 4


def test_below_the_middle_the_dial_is_the_budget_alone() -> None:
    """Dial t with N simulations searches as AlphaZero does with N^(2t)."""
    for position, simulations in ((0.25, 8), (1 / 3, 16)):
        below, middle = decision(position, 64), decision(0.5, simulations)
        np.testing.assert_array_equal(below.policy, middle.policy)
        np.testing.assert_array_equal(below.actions, middle.actions)
