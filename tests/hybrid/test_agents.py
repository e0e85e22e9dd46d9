"""Agents by spec, what they refuse, and what every one of them owes a match."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import games
from games import Game, Positions
from hybrid import agents, checkpoint
from hybrid.dial import Dial
from hybrid.minimax import AlphaBeta, Analysis
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.search import SearchConfig
from hybrid.search_agent import SearchAgent, dial_from
from hybrid.strategy import Strategy
from tests.hybrid.fakes import HashEvaluator, assert_same, part, sampled, seeds

BASIC = ["random", "mcts?simulations=10", "mcts?simulations=10&strategy=uct", "mcts?simulations=10&reuse=false"]


def tic_tac_toe() -> Game:
    return games.load("tic_tac_toe")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with an untrained network."""
    game, folder = tic_tac_toe(), tmp_path_factory.mktemp("run")
    config, shape = (
        NetworkConfig(blocks=1, channels=8, policy_channels=1, value_channels=1, value_hidden=4),
        NetworkShape.of(game),
    )
    weights = initial_weights(config, shape, np.random.default_rng(1))
    (folder / "checkpoints").mkdir()
    stored = checkpoint.Checkpoint(weights=weights, config=config, shape=shape, game="tic_tac_toe")
    checkpoint.save(folder / "checkpoints" / "000001.safetensors", stored)
    return folder


def test_a_spec_names_its_agent_and_sets_its_options() -> None:
    agent = agents.load("mcts?simulations=10", tic_tac_toe())
    assert agent.name == "mcts?simulations=10"
    decisions = agent.decide(tic_tac_toe().initial(3), seeds(3))
    assert decisions.root is not None
    assert decisions.root.visits.sum(axis=1).tolist() == [10, 10, 10]
    assert isinstance(agent, SearchAgent)
    assert agent.config.dial == Dial.at(1.0, simulations=10)
    other = agents.load("mcts?simulations=10&c_rollout=0.5&fpu_reduction=1&reuse=false&strategy=uct", tic_tac_toe())
    assert isinstance(other, SearchAgent)
    assert other.config == SearchConfig(
        dial=Dial.at(1.0, simulations=10), c_rollout=0.5, fpu_reduction=1.0, reuse=False, strategy=Strategy.UCT
    )


def test_an_empty_query_means_the_defaults() -> None:
    plain, empty = (agents.load(spec, tic_tac_toe()) for spec in ("mcts", "mcts?"))
    assert isinstance(plain, SearchAgent)
    assert isinstance(empty, SearchAgent)
    assert plain.config == empty.config
    assert plain.config.dial.simulations == 1000


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mtcs", "unknown agent 'mtcs': known are .*mcts.*random"),
        ("no/such/run?dial=1", "unknown agent 'no/such/run'"),
        ("", "unknown agent ''"),
        (
            "mcts?simulation=10",
            r"agent 'mcts' has no option 'simulation': did you mean 'simulations'\? its options are simulations, ",
        ),
        ("mcts?xyz=10", "agent 'mcts' has no option 'xyz': its options are .*strategy=puct, .*reuse=true"),
        ("mcts?c_rollout=1e999", "c_rollout must be positive and finite, got inf"),
        ("random?simulations=10", "agent 'random' has no option 'simulations'"),
        ("mcts?simulations", "option 'simulations' needs a value"),
        ("mcts?simulations=10&simulations=20", "option simulations of agent 'mcts' is given twice"),
        ("mcts?simulations=many", "option simulations of agent 'mcts' must be.*int.*'many'"),
        ("mcts?simulations=1.5", "option simulations of agent 'mcts' must be.*int.*'1.5'"),
        ("mcts?simulations=0", "simulations must be at least 1, got 0"),
        ("mcts?simulations=5&time=10ms", "a move has one budget, got simulations=5 and time=10ms"),
        ("mcts?simulations=-5", "simulations must be at least 1.*got -5"),
        ("mcts?c_rollout=-1", "c_rollout must be positive and finite, got -1"),
        ("mcts?reuse=perhaps", "reuse.*'perhaps'"),
        ("mcts?strategy=best", "strategy.*'best'"),
        ("mcts?time=20", "time must be a number with a unit out of ms, s, m, h, got '20'"),
        ("mcts?time=fast", "time must be a number with a unit.*'fast'"),
        ("mcts?time=0ms", "time must be positive, got '0ms'"),
        ("mcts?time=-1s", "time must be positive, got '-1s'"),
        ("mcts?time=20ms&strategy=gumbel", "strategy gumbel.*simulations, not time"),
        ("mcts?dial=0.5", "agent 'mcts' has no option 'dial'"),
    ],
)
def test_a_bad_spec_is_refused_by_name(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        agents.load(spec, tic_tac_toe())


@pytest.mark.parametrize(
    ("query", "dial"),
    [
        ("", Dial(simulations=64)),
        ("?dial=0", Dial(simulations=0)),
        ("?dial=0.25&simulations=16", Dial(simulations=4)),
        ("?simulations=100&dial=0.75", Dial(simulations=100, prior_weight=0.5, value_weight=0.5)),
        ("?dial=1", Dial(simulations=64, prior_weight=0.0, value_weight=0.0)),
        ("?simulations=0", Dial(simulations=0)),
        ("?simulations=9&prior_weight=0.5", Dial(simulations=9, prior_weight=0.5)),
        ("?value_weight=0", Dial(simulations=64, value_weight=0.0)),
        ("?dial=0&time=20ms", Dial(simulations=0)),
    ],
)
def test_a_run_stands_where_its_spec_sets_the_dial(run: Path, query: str, dial: Dial) -> None:
    agent = agents.load(f"{run}{query}", tic_tac_toe())
    assert isinstance(agent, SearchAgent)
    assert agent.config.dial == dial
    decisions = agent.decide(tic_tac_toe().initial(2), seeds(2))
    assert (decisions.evaluations > 0).all() == dial.consults_network


@pytest.mark.parametrize(
    ("query", "leaf", "root"),
    [("", 0, 0), ("?leaf_nodes=20", 20, 0), ("?leaf_nodes=20&root_nodes=100000", 20, 100_000)],
)
def test_a_run_proves_as_its_spec_says(run: Path, query: str, leaf: int, root: int) -> None:
    agent = agents.load(f"{run}{query}", tic_tac_toe())
    assert isinstance(agent, SearchAgent)
    assert (agent.config.leaf_nodes, agent.config.root_nodes) == (leaf, root)
    assert agent.decide(tic_tac_toe().initial(2), seeds(2)).values.any() == (root == 0)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?leaf_nodes=0.5", "leaf_nodes.*must be of type int.*'0.5'"),
        ("?parallel_leaves=1000000000000", "parallel_leaves must be between 1 and 1,000,000,000, got 1000000000000"),
        ("?root_nodes=-1", "root_nodes must be between 0 and 1,000,000,000, got -1"),
        ("?dial=0.5&prior_weight=0.5", "dial sets prior_weight too.*not both"),
        ("?dial=0.5&value_weight=1", "dial sets value_weight too.*not both"),
        ("?dial=2", "dial must be between 0 and 1, got 2"),
        ("?prior_weight=-1", "prior_weight must be between 0 and 1, got -1"),
        ("?dial=half", "dial.*'half'"),
        ("?dail=0.5", "no option 'dail'"),
        ("?device=tpu", "device must be cpu.*'tpu'"),
        ("?precision=int4", "precision.*float, int8.*'int4'"),
        ("?precision=int8", "precision int8 needs a checkpoint calibrated for it"),
        ("?symmetric=perhaps", "symmetric.*'perhaps'"),
        ("?symmetric=false&leaf_images=all", "leaf_images=all needs symmetric"),
        ("?leaf_images=both", "leaf_images.* must be one of own, all, got 'both'"),
        ("?simulations=64&time=20ms", "one budget, got simulations=64 and time=20ms"),
        ("?evaluations=20&simulations=0", "one budget, got simulations=0 and evaluations=20"),
        ("?evaluations=0", "evaluations must be at least 1, got 0"),
        ("?time=20", "time must be a number with a unit"),
    ],
)
def test_a_bad_dial_is_refused_by_name(run: Path, query: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        agents.load(f"{run}{query}", tic_tac_toe())


def test_a_run_of_another_game_is_refused(run: Path) -> None:
    with pytest.raises(ValueError, match="tic_tac_toe"):
        agents.load(str(run), games.load("connect_four"))


def test_the_trained_ends_are_exact_too(run: Path) -> None:
    """With a real network: dial 1 is `mcts`, and one simulation moves as none does."""
    positions = sampled("tic_tac_toe", 100, most=7)
    direct, mcts = (
        agents.load(spec, tic_tac_toe()) for spec in (f"{run}?dial=1&simulations=50", "mcts?simulations=50")
    )
    assert_same(direct.decide(positions, seeds(100)), mcts.decide(positions, seeds(100)))
    none, one = (
        agents.load(f"{run}?simulations={simulations}", tic_tac_toe()).decide(positions, seeds(100))
        for simulations in (0, 1)
    )
    assert one.root is not None
    unproven = np.isnan(one.root.proven).all(axis=1)
    # Of moves that are each other's images, which weigh the same up to rounding, any will do.
    chosen = np.take_along_axis(none.policy, one.actions[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(chosen[unproven], none.policy.max(axis=1)[unproven], rtol=1e-5)


def test_weights_without_a_position_leave_the_rest_at_alphazero() -> None:
    assert dial_from(8, None, None, None, None) == Dial(simulations=8)
    assert dial_from(8, None, 0.5, None, None) == Dial(simulations=8, prior_weight=0.5)
    assert dial_from(8, 0.75, None, None, 2.0) == Dial.at(0.75, simulations=8, seconds=2.0)


@pytest.mark.parametrize("spec", [*BASIC, "network"])
def test_a_decision_depends_on_its_own_row_alone(spec: str, run: Path) -> None:
    game, positions = tic_tac_toe(), sampled("tic_tac_toe", 20, most=7)
    load = f"{run}?simulations=10" if spec == "network" else spec
    agent = agents.load(load, game)
    together = agent.decide(positions, seeds(20))
    assert_same(together, agents.load(load, game).decide(positions, seeds(20)))
    assert game.legal_actions(positions)[np.arange(20), together.actions].all()
    np.testing.assert_allclose(together.policy.sum(axis=1), 1.0, rtol=1e-6)
    for row in range(20):
        alone = agent.decide(positions[row : row + 1], seeds(20)[row : row + 1])
        assert_same(alone, part(together, [row]))


@pytest.mark.parametrize("spec", [*BASIC, "minimax?depth=1", "perfect"])
def test_there_is_nothing_to_decide_when_the_game_is_over(spec: str) -> None:
    game, position = tic_tac_toe(), tic_tac_toe().initial(1)
    for action in (0, 3, 1, 4, 2):
        position = game.step(position, [action])
    with pytest.raises(ValueError, match="positions must not be terminal"):
        agents.load(spec, game).decide(position, seeds(1))


def test_an_agent_without_a_network_is_refused_where_the_dial_consults_one() -> None:
    for dial in (Dial.at(0.0), Dial.at(0.5), Dial.at(0.9)):
        with pytest.raises(ValueError, match="has no network"):
            SearchAgent(tic_tac_toe(), None, SearchConfig(dial=dial), name="x")


def test_random_plays_every_legal_move_alike() -> None:
    game = tic_tac_toe()
    position = game.step(game.initial(1), [4])
    decisions = agents.load("random", game).decide(np.repeat(position, 4000), seeds(4000))
    counts = np.bincount(decisions.actions, minlength=9)
    assert counts[4] == 0
    assert (abs(counts[np.arange(9) != 4] - 500) < 110).all()  # five standard deviations


def test_a_batch_too_large_for_the_memory_is_decided_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    game, positions = tic_tac_toe(), sampled("tic_tac_toe", 20, most=7)
    whole = agents.load("mcts?simulations=10", game).decide(positions, seeds(20))
    monkeypatch.setattr("hybrid.search_agent.MEMORY", 50_000)
    assert_same(whole, agents.load("mcts?simulations=10", game).decide(positions, seeds(20)))


def timed(network: bool, seconds: float) -> SearchAgent:
    game = games.load("connect_four")
    dial = Dial(seconds=seconds) if network else Dial.at(1.0, seconds=seconds)
    return SearchAgent(game, HashEvaluator(game), SearchConfig(dial=dial), name="timed")


@pytest.mark.parametrize("network", [True, False])
def test_time_is_kept_and_buys_simulations(network: bool) -> None:
    start = games.load("connect_four").initial(1)
    timed(network, 0.01).decide(start, seeds(1))
    simulations = []
    for seconds in (0.02, 0.4):
        before = time.perf_counter()
        decisions = timed(network, seconds).decide(start, seeds(1))
        assert time.perf_counter() - before < 3 * seconds + 0.5
        assert decisions.seconds[0] >= seconds
        assert decisions.root is not None
        simulations.append(int(decisions.root.visits.sum()))
    assert 2 * simulations[0] < simulations[1]


@pytest.mark.parametrize("network", [True, False])
def test_the_shortest_time_still_gives_a_sound_move(network: bool) -> None:
    game = games.load("connect_four")
    positions = sampled("connect_four", 30, least=10, most=26)
    decisions = timed(network, 1e-9).decide(positions, seeds(30), np.arange(30))
    assert game.legal_actions(positions)[np.arange(30), decisions.actions].all()
    np.testing.assert_allclose(decisions.policy.sum(axis=1), 1.0, rtol=1e-6)


def test_on_the_clock_one_tree_is_enough_for_games_that_are_not_remembered() -> None:
    game = games.load("connect_four")
    agent = timed(False, 0.01)
    decisions = agent.decide(game.initial(5), seeds(5))
    assert len(decisions.actions) == 5
    assert agent.search is not None
    assert len(agent.search.seeds) == 1


def test_what_minimax_loads_at_first_is_on_nobody_s_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    agent, happened, analyse = agents.load("minimax?depth=2", tic_tac_toe()), [], AlphaBeta.analyse

    def noted(self: AlphaBeta, position: Positions, **limits: Any) -> Analysis:
        happened.append("search")
        return analyse(self, position, **limits)

    def looked() -> float:
        happened.append("clock")
        return 0.0

    monkeypatch.setattr(AlphaBeta, "analyse", noted)
    monkeypatch.setattr("hybrid.agents.minimax.clock", SimpleNamespace(perf_counter=looked))
    for _ in range(2):
        agent.decide(tic_tac_toe().initial(1), seeds(1))
    assert happened == ["search", *["clock", "search", "clock"] * 2]


@pytest.mark.parametrize("spec", ["random", "minimax?depth=1", "perfect", "mcts?simulations=4", "mcts?time=1ms"])
def test_a_decision_needs_a_seed_for_each_position(spec: str) -> None:
    """One for all would make games alike that are meant to be independent."""
    agent = agents.load(spec, tic_tac_toe())
    with pytest.raises(ValueError, match=r"seeds must have shape \(2,\), one for each position, got \(1,\)"):
        agent.decide(tic_tac_toe().initial(2), seeds(1))


def test_a_decision_needs_a_position() -> None:
    game = games.load("connect_four")
    with pytest.raises(ValueError, match="positions must be at least one"):
        agents.load("mcts?simulations=10", game).decide(game.initial(0), seeds(0))


def test_rows_on_the_clock_leave_each_other_alone() -> None:
    """Whatever time one row was given, later rows add no simulation to it."""
    game = games.load("connect_four")
    agent = timed(True, 0.03)
    agent.decide(game.initial(2), seeds(2), np.array([1, 2]))
    search = agent._search
    assert search is not None
    done = search.done.copy()
    assert (done[list(agent._rows.values())] > 0).all()
    assert search.finished.all()
    search.run()
    np.testing.assert_array_equal(search.done, done)
