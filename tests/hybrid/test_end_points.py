"""The ends of the dial are exact: at 0 there is no search, at 1 there is no network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

import games
from games import Game, Positions
from hybrid import agents, direct
from hybrid.dial import Dial
from hybrid.search import Search, SearchConfig
from hybrid.search_agent import SearchAgent
from hybrid.strategy import Strategy
from tests.hybrid.fakes import Floats, ForbiddenEvaluator, HashEvaluator, assert_same, decided, sampled, seeds

GAMES = {"tic_tac_toe": 7, "connect_four": 30}


def agent(game: Game, evaluator: Any, dial: Dial, **options: Any) -> SearchAgent:
    return SearchAgent(game, evaluator, SearchConfig(dial=dial, **options), name="test")


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every way into the search fail."""

    def entered(*_: Any, **__: Any) -> None:
        raise AssertionError("the search was entered")

    for name in ("__init__", "begin", "advance", "run"):
        monkeypatch.setattr(Search, name, entered)
    monkeypatch.setattr(direct, "run", entered)


@pytest.mark.parametrize("spec", GAMES)
def test_at_0_nothing_is_searched_and_the_move_is_the_networks(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    game, positions = games.load(spec), sampled(spec, 300, most=GAMES[spec])
    evaluator = HashEvaluator(game)
    logits, values = evaluator(positions)
    legal = game.legal_actions(positions)
    forbid(monkeypatch)
    with pytest.raises(AssertionError, match="entered"):
        agent(game, evaluator, Dial(simulations=1)).decide(positions, seeds(300))
    for dial in (Dial.at(0.0), Dial(simulations=0), Dial(simulations=0, prior_weight=0.2, value_weight=0.0)):
        calls = evaluator.calls
        decisions = agent(game, evaluator, dial).decide(positions, seeds(300), np.arange(300))
        assert evaluator.calls == calls + 1
        masked = np.where(legal, logits, -np.inf)
        np.testing.assert_array_equal(decisions.actions, masked.argmax(axis=1))
        np.testing.assert_allclose(decisions.policy, softmax(masked, axis=1), atol=1e-6)
        np.testing.assert_array_equal(decisions.values, values)
        assert (decisions.evaluations == 1).all()
        assert not decisions.plies.any()
        assert decisions.root is None
        assert decisions.gap is None


def test_at_0_the_seed_changes_nothing() -> None:
    game, positions = games.load("connect_four"), sampled("connect_four", 50, most=30)
    player = agent(game, HashEvaluator(game), Dial.at(0.0))
    assert_same(player.decide(positions, seeds(50)), player.decide(positions, seeds(50, 1000)))


class Scrambled(HashEvaluator):
    """A network whose weights were overwritten by noise."""

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        logits, values = super().__call__(positions)
        return 1e6 * logits[:, ::-1], -values


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("spec", GAMES)
def test_at_1_the_network_is_never_asked_and_changes_no_bit(spec: str, strategy: Strategy) -> None:
    game, positions = games.load(spec), sampled(spec, 100, most=GAMES[spec])
    dial = Dial.at(1.0, simulations=60)
    plain, scrambled = HashEvaluator(game), Scrambled(game, salt=9)
    decisions = [
        agent(game, evaluator, dial, strategy=strategy).decide(positions, seeds(100))
        for evaluator in (plain, scrambled, ForbiddenEvaluator(), None)
    ]
    for other in decisions[1:]:
        assert_same(decisions[0], other)
    assert plain.calls == scrambled.calls == 0
    assert not decisions[0].evaluations.any()
    assert decisions[0].plies.sum() > 0
    assert decisions[0].gap is None
    assert decisions[0].gain is None
    assert decisions[0].root is not None
    assert decisions[0].root.network_policy is None


@pytest.mark.parametrize("spec", GAMES)
def test_mcts_is_the_direct_end_bit_for_bit(spec: str) -> None:
    game, positions = games.load(spec), sampled(spec, 60, most=GAMES[spec])
    with_network = agent(game, HashEvaluator(game), Dial.at(1.0, simulations=70))
    mcts = agents.load("mcts?simulations=70", game)
    for move in range(2):
        first = with_network.decide(positions, seeds(60, 100 * move), np.arange(60))
        assert_same(first, mcts.decide(positions, seeds(60, 100 * move), np.arange(60)))


@pytest.mark.parametrize("options", [{}, {"c_puct": 4.0}, {"fpu_reduction": 1.0}])
@pytest.mark.parametrize("spec", GAMES)
def test_1_simulation_moves_as_0_unless_it_meets_a_proof(spec: str, options: dict[str, float]) -> None:
    game, positions = games.load(spec), sampled(spec, 300, most=GAMES[spec])
    evaluator = HashEvaluator(game)
    none = agent(game, evaluator, Dial(simulations=0)).decide(positions, seeds(300))
    one = agent(game, evaluator, Dial(simulations=1), **options).decide(positions, seeds(300))
    assert one.root is not None
    unproven = np.isnan(one.root.proven).all(axis=1)
    assert 100 < unproven.sum() < 300
    np.testing.assert_array_equal(one.actions[unproven], none.actions[unproven])
    first = one.root.visits.argmax(axis=1)
    np.testing.assert_array_equal(first, none.actions)
    won = one.root.proven[np.arange(300), none.actions] == 1.0
    np.testing.assert_array_equal(one.actions[won], none.actions[won])


def test_a_weight_of_zero_reads_nothing_of_what_it_weighs() -> None:
    """At prior weight 0 the network's logits change no bit, at value weight 0 its values do not."""
    game, positions = games.load("connect_four"), sampled("connect_four", 40, most=26)

    class Mixed(HashEvaluator):
        """Logits or values from another network."""

        def __init__(self, game: Game, other: int) -> None:
            super().__init__(game)
            self._other, self._stranger = other, HashEvaluator(game, salt=77)

        def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
            answers, strange = super().__call__(positions), self._stranger(positions)
            return (strange[0], answers[1]) if self._other == 0 else (answers[0], strange[1])

    for other, dial in (
        (0, Dial(simulations=50, prior_weight=0.0, value_weight=1.0)),
        (1, Dial(simulations=50, prior_weight=1.0, value_weight=0.0)),
    ):
        config = SearchConfig(dial=dial)
        plain, mixed = (
            decided(game, e, config, positions, seeds(40)) for e in (HashEvaluator(game), Mixed(game, other))
        )
        np.testing.assert_array_equal(plain.actions, mixed.actions)
        assert plain.root is not None
        assert mixed.root is not None
        assert_same(plain.root, mixed.root, ignore=("network_policy",))
        wrong = decided(game, Mixed(game, 1 - other), config, positions, seeds(40)).root
        assert wrong is not None
        assert (wrong.visits != plain.root.visits).any()


def test_rollouts_are_drawn_only_below_value_weight_1() -> None:
    game, positions = games.load("connect_four"), sampled("connect_four", 20, most=10)
    for weight, rolls in ((1.0, False), (0.999, True), (0.0, True)):
        config = SearchConfig(dial=Dial(simulations=20, value_weight=weight))
        decisions = decided(game, HashEvaluator(game), config, positions, seeds(20))
        assert (decisions.plies > 0).all() == rolls
        assert (decisions.evaluations > 0).all()
