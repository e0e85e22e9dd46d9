"""Agents that share a network decide in common batches, and none of them notices."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import games
from eval.arena import Fixture, play_fixtures
from eval.records import Record
from games import LiftedGame, Positions
from hybrid import agents, checkpoint, direct, together
from hybrid.agent import Agent, Decisions
from hybrid.dial import Dial
from hybrid.evaluate import Judged
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.search import SearchConfig
from hybrid.search_agent import SearchAgent
from tests.hybrid.fakes import HashEvaluator, assert_same, sampled, seeds

GAME = games.load("connect_four")
QUERIES = (
    "dial=0",
    "dial=0.5&simulations=7",
    "dial=0.5&simulations=20",
    "dial=0.8&simulations=12",
    "dial=1&simulations=12",
    "prior_weight=0.5&simulations=9&strategy=gumbel",
    "simulations=16&parallel_leaves=4",
    "evaluations=9",
    "simulations=9&leaf_images=all",
    "simulations=0&temperature=1.5",
    "dial=0&time=1ms",
)


class Counting(HashEvaluator):
    """Keeps the sizes of the batches."""

    def __init__(self) -> None:
        super().__init__(GAME)
        self.batches: list[int] = []

    def __call__(self, positions: Positions) -> Judged:
        self.batches.append(len(positions))
        return super().__call__(positions)


def at(place: float, simulations: int, evaluator: HashEvaluator, seconds: float | None = None) -> SearchAgent:
    dial = Dial.at(place, simulations=simulations, seconds=seconds)
    return SearchAgent(GAME, evaluator, SearchConfig(dial=dial), name=f"{place}")


def asked(agent: Agent, rows: slice) -> together.Request:
    positions, numbers = sampled("connect_four", 12, most=20), seeds(12)
    return together.Request(agent=agent, positions=positions[rows], seeds=numbers[rows], games=None)


def timeless(decisions: Decisions) -> Decisions:
    return replace(decisions, seconds=np.zeros(len(decisions.actions)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with an untrained network."""
    config, shape = NetworkConfig(blocks=1, channels=8), NetworkShape.of(GAME)
    weights = initial_weights(config, shape, np.random.default_rng(1))
    folder = tmp_path_factory.mktemp("run")
    (folder / "checkpoints").mkdir()
    stored = checkpoint.Checkpoint(weights=weights, config=config, shape=shape, game=GAME.spec)
    checkpoint.save(folder / "checkpoints" / "000001.safetensors", stored)
    return folder


def test_every_setting_decides_as_it_does_by_itself(run: Path) -> None:
    specs = [f"{run}?{query}" for query in QUERIES]
    rows = [slice(number, number + 3) for number in range(len(specs))]
    found = together.decide(
        [asked(agent, part) for agent, part in zip(agents.load_all(specs, GAME), rows, strict=True)]
    )
    for spec, part, one in zip(specs, rows, found, strict=True):
        request = asked(agents.load(spec, GAME), part)
        assert_same(timeless(one), timeless(request.agent.decide(request.positions, request.seeds)))


def test_games_are_the_same_with_one_network_and_with_one_each(run: Path) -> None:
    specs = [f"{run}?{query}" for query in QUERIES]
    pairs = [(one, other) for one in range(len(specs)) for other in range(len(specs)) if one != other]
    fixtures = [Fixture(seats=pair, round=0, opening=(3, 3), seed=number) for number, pair in enumerate(pairs)]

    def played(entrants: list[Agent]) -> list[Record]:
        found = sorted(play_fixtures(GAME, entrants, fixtures), key=lambda record: record.seed)
        return [replace(one, costs=tuple(replace(cost, seconds=0.0) for cost in one.costs)) for one in found]

    assert played(agents.load_all(specs, GAME)) == played([agents.load(spec, GAME) for spec in specs])


def test_one_round_of_all_searches_is_one_batch() -> None:
    shared = Counting()
    entrants = [at(0.5, 6, shared), at(0.75, 10, shared), at(0.0, 1, shared), at(1.0, 10, shared)]
    together.decide([asked(agent, slice(3 * number, 3 * number + 3)) for number, agent in enumerate(entrants)])
    assert shared.batches[0] == 9  # three roots of each agent that asks
    assert len(shared.batches) <= 11  # the longest search: its root and ten simulations
    assert max(shared.batches[7:]) <= 3  # then only that one is left


def test_agents_of_one_checkpoint_share_and_others_do_not(run: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    copy = tmp_path / "checkpoints" / "000001.safetensors"
    copy.write_bytes((run / "checkpoints" / "000001.safetensors").read_bytes())
    file = run / "checkpoints" / "000001.safetensors"
    specs = [f"{run}?dial=0", f"{file}?dial=0.5", f"{tmp_path}?dial=0"]
    one, other, apart = (agent.evaluator for agent in agents.load_all(specs, GAME) if isinstance(agent, SearchAgent))
    assert one is other
    assert one is not apart


def test_an_agent_that_meets_itself_keeps_its_trees_apart() -> None:
    agent, rows = at(0.5, 12, HashEvaluator(GAME)), (slice(0, 6), slice(6, 12))
    found = together.decide([asked(agent, part) for part in rows])
    for part, one in zip(rows, found, strict=True):
        request = asked(at(0.5, 12, HashEvaluator(GAME)), part)
        assert_same(timeless(one), timeless(request.agent.decide(request.positions, request.seeds)))


def test_nobody_shares_a_budget_of_time() -> None:
    shared = Counting()
    assert at(0.5, 8, shared, seconds=0.01).asks is None
    assert at(1.0, 8, shared).asks is None
    together.decide([asked(at(0.5, 8, shared, seconds=0.001), slice(0, 2)), asked(at(0.5, 2, shared), slice(2, 4))])
    assert max(shared.batches) == 2


def test_time_is_shared_by_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that only the network moves: two seconds a batch."""
    clock = [0.0]

    class Slow(HashEvaluator):
        def __call__(self, positions: Positions) -> Judged:
            clock[0] += 2.0
            return super().__call__(positions)

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    shared = Slow(GAME)
    one, other = together.decide([asked(at(0.0, 1, shared), slice(0, 3)), asked(at(0.0, 1, shared), slice(3, 4))])
    assert one.seconds.tolist() == pytest.approx([0.5] * 3)
    assert other.seconds.tolist() == pytest.approx([0.5])


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_what_is_loaded_first_is_on_no_clock(place: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by an hour whenever something is called for the first time, as what must be compiled."""
    clock, loaded, evaluator = [0.0], set[str](), HashEvaluator(GAME)
    requests = [asked(at(place, 8, evaluator), slice(0, 2)) for _ in range(2)]

    def loading(owner: object, name: str) -> None:
        function = getattr(owner, name)

        def called(*arguments: Any) -> Any:
            clock[0] += 0.0 if name in loaded else 3600.0
            loaded.add(name)
            return function(*arguments)

        monkeypatch.setattr(owner, name, called)

    for name in ("step", "legal_actions", "transform"):
        loading(LiftedGame, name)
    loading(direct, "run")
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    found = together.decide(requests)
    assert clock[0] >= 3600.0
    assert [decisions.seconds.tolist() for decisions in found] == [[0.0, 0.0]] * 2
    assert evaluator.evaluations == sum(decisions.evaluations.sum() for decisions in found)
