"""Evaluators: values reach the right player."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import games
from games import Game, Positions, lift
from hybrid.checkpoint import Checkpoint
from hybrid.dial import Dial
from hybrid.evaluate import NetworkEvaluator, UniformEvaluator, averaged, images, load_evaluator, per_player
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.runtime import Floats, OnnxRuntime, calibrate
from hybrid.search import Search, SearchConfig
from hybrid.search_agent import SearchAgent
from hybrid.search_config import LeafImages
from hybrid.strategy import Strategy
from tests.hybrid.fakes import HashEvaluator

CONFIG = NetworkConfig(blocks=1, channels=4)


class Turns:
    """A runtime whose values tell the turn: mover 0.1, next 0.2, the one after 0.3."""

    def __init__(self, players: int, actions: int) -> None:
        self.players, self.actions = players, actions

    def run(self, planes: Floats) -> tuple[Floats, Floats]:
        batch = len(planes)
        turns = np.tile(np.array([0.1, 0.2, 0.3][: self.players], np.float32), (batch, 1))
        return np.zeros((batch, self.actions), np.float32), turns


def three_players() -> Game:
    def play(s: Any, a: int) -> None:
        s.to_play = (s.to_play + 1) % 3
        s.ply += 1
        if s.ply == 6:
            s.terminal = 1

    def legal(s: Any, mask: Any) -> None:
        mask[:] = True

    def observe(s: Any, planes: Any) -> None:
        planes[0, 0, 0] = s.ply

    return lift(
        "three",
        num_actions=2,
        players=3,
        observation_shape=(1, 1, 1),
        fields=[],
        play=play,
        legal=legal,
        observe=observe,
    )


def test_values_are_rotated_from_turns_to_players() -> None:
    game = three_players()
    positions = np.concatenate([game.initial(), *[game.initial()] * 2])
    positions = game.step(positions, [0, 0, 0])  # player 1 to move in all
    positions[1:] = game.step(positions[1:], [0, 1])  # player 2
    positions[2:] = game.step(positions[2:], [1])  # player 0
    evaluator = NetworkEvaluator(game, Turns(3, 2))
    logits, values = evaluator(positions)
    assert logits.shape == (3, 2)
    np.testing.assert_array_equal(values, np.array([[0.3, 0.1, 0.2], [0.2, 0.3, 0.1], [0.1, 0.2, 0.3]], np.float32))
    assert evaluator.evaluations == 3


@pytest.mark.parametrize("players", [1, 2, 3, 5])
def test_the_mover_always_gets_the_first_value(players: int) -> None:
    rng = np.random.default_rng(players)
    values, to_play = rng.random((50, players), np.float32), rng.integers(players, size=50).astype(np.uint8)
    rotated = per_player(values, to_play)
    for row in range(50):
        order = [(to_play[row] + turn) % players for turn in range(players)]
        assert rotated[row, order].tolist() == values[row].tolist()


def test_uniform_knows_nothing() -> None:
    game = games.load("connect_four")
    logits, values = UniformEvaluator(game)(game.initial(4))
    assert logits.shape == (4, 7)
    assert values.shape == (4, 2)
    assert not logits.any()
    assert not values.any()
    logits[:] = 1  # new arrays at each call
    assert not UniformEvaluator(game)(game.initial(4))[0].any()


def agent(game: Game) -> Checkpoint:
    shape = NetworkShape.of(game)
    weights = initial_weights(CONFIG, shape, np.random.default_rng(0))
    return Checkpoint(weights=weights, config=CONFIG, shape=shape, game=game.spec)


def test_the_network_sees_the_board_from_the_movers_side() -> None:
    game = games.load("connect_four")
    checkpoint = agent(game)
    evaluator = load_evaluator(game, checkpoint)
    positions = game.step(game.initial(3), [0, 3, 6])
    positions = np.concatenate([game.initial(), positions])
    logits, values = evaluator(positions)
    expected, turns = OnnxRuntime(CONFIG, checkpoint.shape, checkpoint.weights).run(game.observe(positions))
    np.testing.assert_array_equal(logits, expected)
    np.testing.assert_array_equal(values[0], turns[0])  # player 0 moves first
    np.testing.assert_array_equal(values[1:], turns[1:, ::-1])  # then player 1
    assert evaluator.evaluations == 4


@pytest.mark.parametrize("device", ["gpu", "cpu:1", "cuda:x", "cuda:01", "cuda:256", "cuda:٣", ""])
def test_unknown_devices_are_refused(device: str) -> None:
    game = games.load("connect_four")
    with pytest.raises(ValueError, match="device must be cpu, cuda or cuda:N"):
        load_evaluator(game, agent(game), device=device)


def test_a_missing_gpu_is_named() -> None:
    game = games.load("connect_four")
    with pytest.raises(ValueError, match=r"device 'cuda:63' does not exist: torch sees \d+ CUDA devices"):
        load_evaluator(game, agent(game), device="cuda:63")


def test_a_missing_backend_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    game = games.load("connect_four")
    with pytest.raises(ValueError, match=r"pip install 'hybrid-agents\[openvino\]'"):
        load_evaluator(game, agent(game), backend="openvino")


@pytest.mark.parametrize("options", [{"backend": "tensorrt"}, {"precision": "int4"}])
def test_unknown_options_are_refused(options: Any) -> None:
    game = games.load("connect_four")
    with pytest.raises(ValueError, match="must be one of"):
        load_evaluator(game, agent(game), **options)


def test_eight_bits_need_calibration() -> None:
    game = games.load("connect_four")
    checkpoint = agent(game)
    with pytest.raises(ValueError, match="needs a checkpoint calibrated for it"):
        load_evaluator(game, checkpoint, precision="int8")
    positions = game.step(game.initial(2), [0, 1])
    ranges = calibrate(CONFIG, checkpoint.shape, checkpoint.weights, game.observe(positions))
    rounded = load_evaluator(game, replace(checkpoint, ranges=ranges), precision="int8")(positions)
    exact = load_evaluator(game, replace(checkpoint, ranges=ranges))(positions)
    assert not np.array_equal(rounded[0], exact[0])
    np.testing.assert_allclose(rounded[0], exact[0], atol=0.05)


def sampled(spec: str, count: int, plies: int) -> tuple[Game, Positions]:
    """Undecided positions a few random plies from the start."""
    game, rng = games.load(spec), np.random.default_rng(0)
    positions = game.initial(count)
    for _ in range(plies):
        positions = game.step(positions, [rng.choice(np.flatnonzero(row)) for row in game.legal_actions(positions)])
    return game, positions[positions["terminal"] == 0]


@pytest.mark.parametrize(("spec", "count"), [("tic_tac_toe", 8), ("connect_four", 2), ("hex:size=3", 2)])
def test_the_mean_over_images_is_the_same_for_every_image(spec: str, count: int) -> None:
    """An evaluator that judges images apart does so no more once it is averaged, and its mean stays what it was."""
    game, positions = sampled(spec, 20, 3)
    plain = HashEvaluator(game)
    logits, values = averaged(game, plain(images(game, positions)))
    total = np.zeros_like(values)
    assert len(game.action_symmetries) == count
    for symmetry in range(count):
        image = game.transform(positions, np.full(len(positions), symmetry))
        total += plain(image)[1]
        moved, same = averaged(game, plain(images(game, image)))
        np.testing.assert_allclose(same, values, atol=1e-6)
        for action, target in enumerate(game.action_symmetries[symmetry]):
            np.testing.assert_allclose(moved[:, target], logits[:, action], atol=1e-6)
    np.testing.assert_allclose(values, total / count, atol=1e-6)


@pytest.mark.parametrize("simulations", [0, 1])
def test_a_symmetric_agent_plays_images_of_its_moves(simulations: int) -> None:
    game, positions = sampled("connect_four", 200, 5)
    mirrored, seeds = game.transform(positions, np.ones(len(positions), np.int64)), np.zeros(len(positions), np.uint64)
    chosen = {}
    for symmetric in (True, False):
        config = SearchConfig(dial=Dial(simulations=simulations), symmetric=symmetric)
        evaluator = HashEvaluator(game)
        agent = SearchAgent(game, evaluator, config, name="agent")
        here, there = agent.decide(positions, seeds), agent.decide(mirrored, seeds)
        assert here.evaluations.sum() + there.evaluations.sum() == evaluator.evaluations
        unlike = np.array([one.tobytes() != other.tobytes() for one, other in zip(positions, mirrored, strict=True)])
        chosen[symmetric] = (there.actions == 6 - here.actions)[unlike]
    assert chosen[True].all()
    assert not chosen[False].all()


@pytest.mark.parametrize("strategy", [Strategy.PUCT, Strategy.GUMBEL])
def test_a_symmetric_search_judges_its_root_as_the_symmetric_network_does(strategy: Strategy) -> None:
    """Whatever else happens in the batch: rows that start later than others are judged the same."""
    game, positions = sampled("connect_four", 12, 4)
    logits, _ = averaged(game, HashEvaluator(game)(images(game, positions)))
    weights = np.where(game.legal_actions(positions), np.exp(logits), 0.0)
    search = Search(game, HashEvaluator(game), SearchConfig(strategy=strategy, symmetric=True), 12)
    rows, seeds = np.arange(12), np.arange(12).astype(np.uint64)
    search.begin(rows[:5], positions[:5], seeds[:5], 20)
    for _ in range(4):
        search.advance()
    search.begin(rows[5:], positions[5:], seeds[5:], 20)
    search.run()
    decisions = search.decisions(rows)
    assert decisions.root is not None
    assert decisions.root.network_policy is not None
    np.testing.assert_allclose(decisions.root.network_policy, weights / weights.sum(1, keepdims=True), atol=1e-6)


class Averaging(HashEvaluator):
    """Judges everything by the mean over its images."""

    def __init__(self, game: Game) -> None:
        super().__init__(game)
        self._averaged = game

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        return averaged(self._averaged, super().__call__(images(self._averaged, positions)))


@pytest.mark.parametrize("spec", ["connect_four", "tic_tac_toe"])
@pytest.mark.parametrize("parallel", [1, 4])
def test_leaves_are_judged_by_the_mean_over_their_images(spec: str, parallel: int) -> None:
    game, positions = sampled(spec, 30, 4)
    seeds = np.arange(30).astype(np.uint64)
    config = SearchConfig(dial=Dial(simulations=24), parallel_leaves=parallel)
    expected = SearchAgent(game, Averaging(game), config, name="mean").decide(positions, seeds)
    evaluator = HashEvaluator(game)
    config = replace(config, symmetric=True, leaf_images=LeafImages.ALL)
    decisions = SearchAgent(game, evaluator, config, name="agent").decide(positions, seeds)
    np.testing.assert_array_equal(decisions.actions, expected.actions)
    np.testing.assert_allclose(decisions.policy, expected.policy, atol=1e-6)
    np.testing.assert_allclose(decisions.values, expected.values, atol=1e-6)
    assert np.array_equal(decisions.evaluations, len(game.action_symmetries) * expected.evaluations)
    assert decisions.evaluations.sum() == evaluator.evaluations


@pytest.mark.parametrize("spec", ["connect_four", "tic_tac_toe", "go:size=3", "mnk:m=3,n=4,k=3"])
def test_where_the_network_is_as_symmetric_as_the_game_images_change_nothing(spec: str) -> None:
    """Rounds hold roots and later leaves together, for half of the rows start later."""
    game, positions = sampled(spec, 12, 3)
    rows, seeds = np.arange(12), np.arange(12).astype(np.uint64)
    policies = []
    for kind in LeafImages:
        config = SearchConfig(symmetric=True, leaf_images=kind)
        search = Search(game, Averaging(game), config, 12)
        search.begin(rows[:6], positions[:6], seeds[:6], 20)
        for _ in range(4):
            search.advance()
        search.begin(rows[6:], positions[6:], seeds[6:], 20)
        search.run()
        policies.append(search.decisions(rows).policy)
    # Means that are rounded otherwise may move a visit.
    assert np.median(np.abs(policies[0] - policies[1]).max(axis=1)) < 1e-6
    np.testing.assert_allclose(policies[0], policies[1], atol=0.11)


@pytest.mark.parametrize("most", [2, 3, 4, 5, 20, 21])
def test_means_over_images_keep_a_budget_of_evaluations(most: int) -> None:
    game, positions = sampled("connect_four", 10, 2)
    config = SearchConfig(
        dial=Dial(simulations=100), max_evaluations=most, symmetric=True, leaf_images=LeafImages.ALL, reuse=False
    )
    evaluator = HashEvaluator(game)
    decisions = SearchAgent(game, evaluator, config, name="agent").decide(positions, np.zeros(10, np.uint64))
    assert evaluator.evaluations == decisions.evaluations.sum()
    # With no more evaluations than images everything is judged as it is.
    assert (decisions.evaluations == (most if most == 2 else most - most % 2)).all()
