"""Tuned dials on disk and in specs, and budgets of network evaluations."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import games
from eval.tournament import resolve
from hybrid import agents, checkpoint, tuned
from hybrid.cli.session import with_option
from hybrid.dial import Dial
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.search_agent import SearchAgent
from hybrid.tuned import Budget, Setting

GAME = games.load("tic_tac_toe")
NAME = "000001.safetensors"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with an untrained network."""
    config, shape = NetworkConfig(blocks=1, channels=4), NetworkShape.of(GAME)
    weights = initial_weights(config, shape, np.random.default_rng(1))
    stored = checkpoint.Checkpoint(weights=weights, config=config, shape=shape, game="tic_tac_toe")
    checkpoint.save(tmp_path / "run" / "checkpoints" / NAME, stored)
    return tmp_path / "run"


def setting(run: Path, budget: str, **options: str) -> Setting:
    return Setting(
        checkpoint=NAME,
        digest=checkpoint.digest_of(run / "checkpoints" / NAME),
        budget=budget,
        axes=tuple(options),
        options=tuple(options.items()),
        games=100,
        elo=20.0,
        low=5.0,
        high=35.0,
    )


def load(spec: str) -> SearchAgent:
    agent = agents.load(spec, GAME)
    assert isinstance(agent, SearchAgent)
    return agent


@pytest.mark.parametrize(
    ("text", "kind", "amount", "option"),
    [
        ("200", "simulations", 200, ("simulations", "200")),
        ("200evaluations", "evaluations", 200, ("evaluations", "200")),
        ("20ms", "time", 0.02, ("time", "20ms")),
        ("0.5s", "time", 0.5, ("time", "500ms")),
    ],
)
def test_budgets_are_read_and_written(text: str, kind: str, amount: float, option: tuple[str, str]) -> None:
    budget = Budget.parse(text)
    assert (str(budget.kind), budget.option) == (kind, option)
    assert budget.amount == pytest.approx(amount)
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["", "0", "-5", "2.5", "ms", "evaluations", "20x", "0evaluations"])
def test_other_budgets_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="budget"):
        Budget.parse(text)


def test_a_tuned_dial_is_used(run: Path) -> None:
    tuned.save(run / tuned.FILE, setting(run, "64", dial="0.62"))
    assert load(f"{run}?dial=tuned").config.dial == Dial.at(0.62, simulations=64)
    assert load(f"{run}?dial=tuned&simulations=8").config.dial == Dial.at(0.62, simulations=8)
    assert load(f"{run}/checkpoints/{NAME}?time=5ms&dial=tuned").config.dial == Dial.at(0.62, seconds=0.005)
    assert load(with_option(f"{run}?prior_weight=0.1", "dial", "tuned")).config.dial == Dial.at(0.62)


def test_the_axes_one_by_one(run: Path) -> None:
    options = {"prior_weight": "0.7", "value_weight": "0.4", "c_puct": "2.5", "c_rollout": "5"}
    tuned.save(run / tuned.FILE, setting(run, "64", **options))
    config = load(f"{run}?dial=tuned").config
    assert config.dial == Dial(simulations=64, prior_weight=0.7, value_weight=0.4)
    assert (config.c_puct, config.c_rollout) == (2.5, 5.0)
    assert load(f"{run}?dial=tuned&c_puct=1").config.c_puct == 1.0


def test_the_nearest_budget_of_its_kind_counts(run: Path) -> None:
    for budget, dial in (("10", "0.5"), ("1000", "0.9"), ("10ms", "0.6"), ("100ms", "0.7")):
        tuned.save(run / tuned.FILE, setting(run, budget, dial=dial))
    found = {
        query: load(f"{run}?dial=tuned&{query}").config.dial.prior_weight
        for query in ("simulations=99", "simulations=101", "time=30ms", "time=40ms", "evaluations=64")
    }
    # A budget of a kind that was never tuned gets what was tuned last.
    expected = {
        "simulations=99": 1.0,
        "simulations=101": 0.2,
        "time=30ms": 0.8,
        "time=40ms": 0.6,
        "evaluations=64": 0.6,
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("evaluations", [4, 8, 9, 30])
def test_images_of_the_root_are_evaluations_too(run: Path, evaluations: int) -> None:
    """Tic-tac-toe has eight; with no more than so many evaluations the root is judged as it is, and searched."""
    decided = load(f"{run}?evaluations={evaluations}").decide(GAME.initial(), np.zeros(1, np.uint64))
    assert decided.evaluations.tolist() == [evaluations]
    assert decided.root is not None
    assert decided.root.visits.sum() == evaluations - (8 if evaluations > 8 else 1)


def test_tuning_again_replaces_the_setting(run: Path) -> None:
    for dial in ("0.6", "0.7"):
        tuned.save(run / tuned.FILE, setting(run, "64", dial=dial))
    assert [known.options for known in tuned.load(run)] == [(("dial", "0.7"),)]


def test_each_kind_of_search_has_its_own_dial(run: Path) -> None:
    """Budget, device and memory do not make another kind; nor does what is put in place of a part of the setting."""
    uct = (("c_puct", "3"), ("strategy", "uct"))
    tuned.save(run / tuned.FILE, setting(run, "64", dial="0.6"))
    options = {"prior_weight": "0.5", "value_weight": "1", "c_puct": "2", "c_rollout": "4"}
    tuned.save(run / tuned.FILE, replace(setting(run, "64", **options), own=uct[1:]))
    tuned.save(run / tuned.FILE, replace(setting(run, "64", dial="0.7"), own=uct))
    assert load(f"{run}?dial=tuned&device=cpu&reuse=false&simulations=32").config.dial == Dial.at(0.6, simulations=32)
    assert load(f"{run}?strategy=uct&dial=tuned&c_puct=3").config.dial == Dial.at(0.7)
    assert load(f"{run}?strategy=uct&dial=tuned").config.c_puct == 2.0
    assert load(f"{run}?strategy=uct&dial=tuned&c_puct=5").config.c_puct == 5.0
    said = rf"tuned is {run}, {run}\?c_puct=3&strategy=uct, {run}\?strategy=uct, not {run}\?symmetric=false;"
    with pytest.raises(ValueError, match=said):
        load(f"{run}?symmetric=false&dial=tuned")


def test_settings_of_before_are_those_of_agents_without_options(run: Path) -> None:
    path = run / tuned.FILE
    tuned.save(path, setting(run, "64", dial="0.6"))
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored["settings"][0].pop("own") == []
    path.write_text(json.dumps(stored), encoding="utf-8")
    assert load(f"{run}?dial=tuned").config.dial == Dial.at(0.6)
    with pytest.raises(ValueError, match=r"not .*strategy=uct"):
        load(f"{run}?dial=tuned&strategy=uct")


def test_without_tuning_there_is_no_tuned_dial(run: Path) -> None:
    with pytest.raises(ValueError, match=r"is not tuned; 'hybrid tune GAME"):
        agents.load(f"{run}?dial=tuned", GAME)


def test_a_checkpoint_by_itself_has_no_tuned_dial(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "agent.safetensors"
    file.write_bytes(checkpoint.path_of(run, 1).read_bytes())
    with pytest.raises(ValueError, match="must be in a run folder's checkpoints, where its dial is kept"):
        agents.load(f"{file}?dial=tuned", GAME)


def test_a_setting_of_another_checkpoint_is_refused(run: Path) -> None:
    tuned.save(
        run / tuned.FILE, replace(setting(run, "64", dial="0.6"), digest="0" * 64, checkpoint="000000.safetensors")
    )
    with pytest.raises(ValueError, match=r"settings of 000000.safetensors, not of 000001.safetensors"):
        agents.load(f"{run}?dial=tuned", GAME)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"format": 2, "settings": []}', '{"format": 1, "settings": [{"budget": "64"}]}']
)
def test_a_damaged_file_is_named_and_kept(run: Path, content: str) -> None:
    path = run / tuned.FILE
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=tuned.FILE):
        agents.load(f"{run}?dial=tuned", GAME)
    with pytest.raises(ValueError, match=tuned.FILE):
        tuned.save(path, setting(run, "64", dial="0.6"))
    assert path.read_text(encoding="utf-8") == content


@pytest.mark.parametrize("query", ["dial=tuned&prior_weight=1", "dial=tuned&dial=0.5", "value_weight=0&dial=tuned"])
def test_weights_beside_it_are_refused(run: Path, query: str) -> None:
    tuned.save(run / tuned.FILE, setting(run, "64", dial="0.6"))
    with pytest.raises(ValueError, match="dial=tuned sets"):
        agents.load(f"{run}?{query}", GAME)


def test_a_tournament_holds_on_to_the_setting_it_began_with(run: Path) -> None:
    before = []
    for dial in ("0.6", "0.7"):
        tuned.save(run / tuned.FILE, setting(run, "64", dial=dial))
        before.append(resolve(f"{run}?dial=tuned", GAME))
    assert before[0][0].endswith(f"{NAME}?dial=0.6")
    assert before[0][1] != before[1][1]


def test_a_budget_of_evaluations_is_kept_exactly(run: Path) -> None:
    start, seeds = GAME.initial(4), np.arange(4, dtype=np.uint64)
    for dial in ("0.5", "0.75"):
        decisions = load(f"{run}?evaluations=30&dial={dial}").decide(start, seeds)
        assert decisions.evaluations.tolist() == [30] * 4
    # A root evaluation, and one for each simulation that ends in a new position that is not over.
    plain = load(f"{run}?simulations=29&symmetric=false").decide(start, seeds)
    assert plain.evaluations.tolist() == [30] * 4
    same = load(f"{run}?evaluations=30&symmetric=false").decide(start, seeds)
    assert np.array_equal(same.policy, plain.policy)


@pytest.mark.parametrize("parallel", [2, 4, 8, 40])
@pytest.mark.parametrize("options", ["", "&leaf_images=all"])
@pytest.mark.parametrize("evaluations", [1, 5, 9, 30])
def test_leaves_of_one_round_keep_a_budget_of_evaluations(
    run: Path, parallel: int, options: str, evaluations: int
) -> None:
    start, seeds = GAME.initial(4), np.arange(4, dtype=np.uint64)
    decisions = load(f"{run}?evaluations={evaluations}&parallel_leaves={parallel}{options}").decide(start, seeds)
    assert (decisions.evaluations <= evaluations).all()
    assert (decisions.evaluations > evaluations / 2).all()
    direct = load(f"{run}?evaluations={evaluations}&parallel_leaves={parallel}&dial=1").decide(start, seeds)
    assert direct.root is not None
    assert (direct.root.visits.sum(axis=1) >= evaluations).all()


def test_late_positions_get_more_simulations_for_their_evaluations(run: Path) -> None:
    position = GAME.initial()
    for action in (0, 1, 2, 4, 3):
        position = GAME.step(position, [action])
    decisions = load(f"{run}?evaluations=10&reuse=false").decide(position, np.zeros(1, np.uint64))
    assert decisions.root is not None
    assert decisions.evaluations[0] <= 10
    assert decisions.root.visits.sum() > 9 or np.isfinite(decisions.root.proven).any()


def test_where_no_network_is_called_evaluations_are_simulations(run: Path) -> None:
    start, seeds = GAME.initial(4), np.arange(4, dtype=np.uint64)
    direct = load(f"{run}?evaluations=30&dial=1").decide(start, seeds)
    assert direct.evaluations.tolist() == [0] * 4
    assert np.array_equal(direct.policy, agents.load("mcts?simulations=30", GAME).decide(start, seeds).policy)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("evaluations=-1", "evaluations must be at least 1"),
        ("evaluations=10&time=5ms", "one budget"),
        ("evaluations=10&strategy=gumbel", "gumbel"),
    ],
)
def test_bad_budgets_of_evaluations_are_refused(run: Path, query: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        agents.load(f"{run}?{query}", GAME)
