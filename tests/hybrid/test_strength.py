"""Strength control: levels, calibrations worked out by hand, refusals, and the agents that specs with `elo` make."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import games
from eval.tournament import resolve
from hybrid import agents, checkpoint, strength
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.search_agent import SearchAgent
from hybrid.strength import Rung, Strength


def calibration(*rungs: tuple[float, float]) -> Strength:
    """A calibration with rungs of (level, Elo)."""
    return Strength(
        game="tic_tac_toe",
        checkpoint="000001.safetensors",
        digest="",
        anchor="mcts?simulations=100",
        anchor_elo=1000.0,
        agents=9,
        games=100,
        rungs=tuple(Rung(level=level, measured=elo, low=elo, high=elo, elo=elo) for level, elo in rungs),
    )


HAND = calibration((0.0, 300.0), (0.5, 500.0), (1.0, 800.0), (3.0, 800.0), (5.0, 1200.0))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with an untrained network, calibrated as `HAND`."""
    game, config = (
        games.load("tic_tac_toe"),
        NetworkConfig(blocks=1, channels=8, policy_channels=1, value_channels=1, value_hidden=4),
    )
    shape = NetworkShape.of(game)
    for generation in (1, 2):
        weights = initial_weights(config, shape, np.random.default_rng(generation))
        stored = checkpoint.Checkpoint(
            weights=weights, config=config, shape=shape, game="tic_tac_toe", generation=generation
        )
        checkpoint.save(checkpoint.path_of(tmp_path, generation), stored)
    digest = checkpoint.digest_of(checkpoint.path_of(tmp_path, 2))
    strength.save(tmp_path / strength.FILE, replace(HAND, digest=digest, checkpoint="000002.safetensors"))
    return tmp_path


def settings(spec: str) -> tuple[int, float]:
    """Simulations and temperature of an agent."""
    agent = agents.load(spec, games.load("tic_tac_toe"))
    assert isinstance(agent, SearchAgent)
    assert agent.name == spec
    return agent.config.dial.simulations, agent.temperature


def test_levels_by_hand() -> None:
    assert HAND.level(300) == 0.0
    assert HAND.level(400) == 0.25
    assert HAND.level(650) == 0.75
    # Three settings play at 800: the cheapest is taken; what is stronger by a hair costs more than all of them.
    assert HAND.level(800) == 1.0
    assert HAND.level(800.001) == pytest.approx(3.0, abs=1e-4)
    assert HAND.level(1000) == 4.0
    assert HAND.level(1200) == 5.0


def test_what_a_level_means() -> None:
    for simulations, temperature in ((0, 0.0), (2, 0.0), (256, 0.0), (0, 0.5), (0, 4.0)):
        options = dict(strength.options_at(strength.level_of(simulations=simulations, temperature=temperature)))
        assert int(options["simulations"]) == simulations
        assert float(options.get("temperature", "0")) == pytest.approx(temperature)
    assert float(dict(strength.options_at(0.0))["temperature"]) >= 1e6


@pytest.mark.parametrize("seed", range(20))
def test_more_elo_is_never_a_weaker_level(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = np.cumsum(rng.exponential(size=8))
    ratings = np.maximum.accumulate(rng.normal(0, 200, 8)).round(-1)
    made = calibration(*zip(levels.tolist(), ratings.tolist(), strict=True))
    asked = np.linspace(*made.range, 500)
    found = np.array([made.level(elo) for elo in asked])
    assert (np.diff(found) >= 0).all()
    assert np.interp(found, levels, ratings) == pytest.approx(asked, abs=1e-6)


def test_specs_with_elo(run: Path) -> None:
    assert settings(f"{run}?elo=500") == (0, 1.0)
    assert settings(f"{run}?elo=800") == (0, 0.0)
    assert settings(f"{run}?elo=1200") == (16, 0.0)
    assert settings(f"{checkpoint.path_of(run, 2)}?elo=1000") == (8, 0.0)


def test_temperature_draws_from_the_softened_policy(run: Path) -> None:
    game = games.load("tic_tac_toe")
    positions, seeds = game.initial(4000), np.arange(4000, dtype=np.uint64)
    sharp, soft = (
        agents.load(f"{run}?simulations=0&temperature={heat}", game).decide(positions, seeds) for heat in (1.0, 2.0)
    )
    shares = np.sqrt(sharp.policy[0].astype(np.float64))
    np.testing.assert_allclose(soft.policy[0], shares / shares.sum(), rtol=1e-5)
    drawn = np.bincount(soft.actions, minlength=9) / 4000
    assert np.abs(drawn - soft.policy[0]).max() < 4 * np.sqrt(0.25 / 4000)
    again = agents.load(f"{run}?simulations=0&temperature=2.0", game).decide(positions[:7], seeds[3:10])
    assert again.actions.tolist() == soft.actions[3:10].tolist()


def test_a_tournament_notices_another_calibration(run: Path) -> None:
    before = resolve(f"{run}?elo=1000", games.load("tic_tac_toe"))
    assert before[0] == f"{checkpoint.path_of(run, 2)}?simulations=8&reuse=false"
    moved = replace(strength.load(run), rungs=calibration((1.0, 900.0), (3.0, 1000.0)).rungs)
    strength.save(run / strength.FILE, moved)
    after = resolve(f"{run}?elo=1000", games.load("tic_tac_toe"))
    assert after[0] == f"{checkpoint.path_of(run, 2)}?simulations=4&reuse=false"
    assert after[1] != before[1]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("elo=1300", "elo must be between 300 and 1200.*mcts.simulations=100 is 1000.*got 1300"),
        ("elo=299", "elo must be between 300 and 1200.*got 299"),
        ("elo=nan", "elo must be between 300 and 1200.*got nan"),
        ("elo=strong", "elo must be a number, got 'strong'"),
        ("elo=900&dial=0.5", "elo sets the strength by itself.*dial"),
        ("elo=900&value_weight=1", "elo sets the strength by itself.*value_weight"),
        ("simulations=64&elo=900", "elo sets the strength by itself.*simulations"),
        ("elo=900&elo=900", "elo sets the strength by itself"),
        ("simulations=2&temperature=1.0", "temperature must be 0, or positive with simulations=0, got 1"),
        ("simulations=0&temperature=-1.0", "temperature must be 0, or positive with simulations=0, got -1"),
    ],
)
def test_refused(run: Path, query: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        agents.load(f"{run}?{query}", games.load("tic_tac_toe"))


def test_other_checkpoints_and_uncalibrated_runs_are_refused(run: Path) -> None:
    game = games.load("tic_tac_toe")
    with pytest.raises(ValueError, match=r"calibrates 000002.safetensors, not 000001.safetensors"):
        agents.load(f"{checkpoint.path_of(run, 1)}?elo=900", game)
    (run / strength.FILE).unlink()
    with pytest.raises(ValueError, match=r"not calibrated; 'hybrid spectrum GAME"):
        agents.load(f"{run}?elo=900", game)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": 1}', '{"format": 2, "rungs": []}', '{"format": 2, "calibrations": [{"rungs": []}]}'],
)
def test_a_damaged_calibration_is_one_error(run: Path, content: str) -> None:
    path = run / strength.FILE
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="is no calibration of strength, or it is damaged"):
        strength.load(run)
    with pytest.raises(ValueError, match="is no calibration of strength, or it is damaged"):
        strength.save(path, HAND)
    assert path.read_text(encoding="utf-8") == content


def test_each_checkpoint_has_its_calibration(run: Path) -> None:
    """And it may be made anew."""
    first, path = checkpoint.path_of(run, 1), run / strength.FILE
    for elo in (1500.0, 1400.0):
        made = calibration((0.0, 300.0), (1.0, elo))
        strength.save(path, replace(made, digest=checkpoint.digest_of(first), checkpoint=first.name))
    assert settings(f"{run}?elo=1200") == (16, 0.0)
    assert settings(f"{first}?elo=1400") == (0, 0.0)
    assert len(strength.read(path)) == 2


def test_a_file_of_before_holds_one_calibration(run: Path) -> None:
    path = run / strength.FILE
    (entry,) = json.loads(path.read_text(encoding="utf-8"))["calibrations"]
    path.write_text(json.dumps({"format": 1, **entry}), encoding="utf-8")
    assert settings(f"{run}?elo=1200") == (16, 0.0)


def test_a_checkpoint_outside_of_a_run_folder_has_no_calibration(run: Path) -> None:
    file = checkpoint.path_of(run, 2).rename(run / "lone.safetensors")
    with pytest.raises(ValueError, match=r"lone.safetensors' must be in a run folder's checkpoints"):
        agents.load(f"{file}?elo=900", games.load("tic_tac_toe"))


def test_where_files_beside_a_checkpoint_lie(run: Path) -> None:
    file = checkpoint.path_of(run, 2)
    assert checkpoint.beside(file, strength.FILE) == run / strength.FILE
    assert checkpoint.beside(run / file.name, strength.FILE) is None


def test_a_calibration_must_rise() -> None:
    for rungs in (((0.0, 1.0),), ((0.0, 2.0), (1.0, 1.0)), ((1.0, 1.0), (0.0, 2.0)), ((0.0, 1.0), (0.0, 2.0))):
        with pytest.raises(ValueError, match="rungs must be two or more of increasing level and rating"):
            calibration(*rungs)
