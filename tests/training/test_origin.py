"""What runs build on: other runs, and agents' files by themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import games
from hybrid import checkpoint
from hybrid.network_config import NetworkShape
from tests.training.learned import parts
from training import origin, state
from training.config import Config, to_json
from training.learner import Learner
from training.loop import train


def built(run: Path, config: Config, start: Path) -> None:
    """Make a run of tic-tac-toe that builds on `start`."""
    game = games.load("tic_tac_toe")
    state.create(run, game, config, origin.read(start, game).hand_on(game, config))


def write_agent(path: Path, config: Config, extra: dict[str, Any]) -> None:
    """An agent of tic-tac-toe after five generations."""
    game = games.load("tic_tac_toe")
    learner = Learner(game, config.network, config.learner, 7)
    agent = checkpoint.Checkpoint(
        weights=learner.agent_weights,
        config=config.network,
        shape=NetworkShape.of(game),
        game=game.spec,
        generation=5,
        extra=extra,
    )
    checkpoint.save(path, agent)


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_run_may_begin_with_what_another_has_learned(run: Path, tmp_path: Path, alone: Config, blocks: int) -> None:
    """Further blocks change nothing at first, and the samples keep their order and lie before the first generation."""
    larger = replace(alone, network=replace(alone.network, blocks=blocks), replay=replace(alone.replay, capacity=7))
    built(tmp_path / "next", larger, run)
    theirs, ours = parts(alone, seed=1), parts(larger, seed=2)
    assert (state.restore(run, *theirs), state.restore(tmp_path / "next", *ours)) == (1, 0)
    planes = torch.rand(5, *games.load("tic_tac_toe").observation_shape)
    for one, two in ((theirs[0].network, ours[0].network), (theirs[0].average, ours[0].average)):
        assert all(torch.equal(a, b) for a, b in zip(one(planes), two(planes), strict=True))
    assert ours[0].steps == theirs[0].steps == 2
    remembered, samples = theirs[2].samples[-7:], ours[2].samples
    assert (samples["generation"] == remembered["generation"] - 1).all()
    samples["generation"] = remembered["generation"]
    assert samples.tobytes() == remembered.tobytes()
    assert state.describe(tmp_path / "next")[1] == larger


def test_a_run_may_begin_with_one_that_has_only_begun(run: Path, tmp_path: Path, alone: Config) -> None:
    """What that began with is handed on."""
    built(tmp_path / "next", alone, run)
    built(tmp_path / "last", alone, tmp_path / "next")
    theirs, ours = parts(alone, seed=1), parts(alone, seed=2)
    assert (state.restore(run, *theirs), state.restore(tmp_path / "last", *ours)) == (1, 0)
    assert all(torch.equal(weight, ours[0].state_dict()[name]) for name, weight in theirs[0].state_dict().items())
    assert (ours[2].samples["policy"] == theirs[2].samples["policy"]).all()


def test_a_run_of_an_older_version_can_be_built_on_but_not_resumed(run: Path, tmp_path: Path, alone: Config) -> None:
    """Its optimizer's moments are of parameters by numbers."""
    path = run / "state" / "000001" / "learner.safetensors"
    tensors = load_file(path)
    old = {name: tensor for name, tensor in tensors.items() if not name.startswith("optimizer.")}
    save_file(old | {"optimizer.0.exp_avg": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=r"is of an older version, on which a new run can build \(--start\)"):
        state.restore(run, *parts(alone))
    built(tmp_path / "next", alone, run)
    assert state.newest(tmp_path / "next") == 0


def test_a_run_may_begin_with_an_agents_file(tmp_path: Path, alone: Config) -> None:
    """Its weights are the network and the average, which moves on slowly, and there is nothing to remember."""
    game, file = games.load("tic_tac_toe"), tmp_path / "agent.safetensors"
    slower = replace(alone.learner, ema_decay=0.999)
    larger = replace(alone, network=replace(alone.network, blocks=3), learner=slower)
    write_agent(file, alone, {"training": to_json(alone)})
    built(tmp_path / "next", larger, file)
    learner, _, replay = ours = parts(larger, seed=2)
    assert state.restore(tmp_path / "next", *ours) == 0
    assert len(replay) == 0
    source = Learner(game, alone.network, alone.learner, 7)
    planes = torch.rand(5, *game.observation_shape)
    for network in (learner.network, learner.average):
        assert all(torch.equal(a, b) for a, b in zip(source.network(planes), network(planes), strict=True))
    with torch.no_grad():
        for weight in learner.network.parameters():
            weight += 1.0
    before = learner.average.stem.weight.clone()
    learner.update_average()
    moved = learner.average.stem.weight - before
    assert moved.mean().item() == pytest.approx(1 - slower.ema_decay, rel=0.01)


def test_a_file_tells_of_what_it_is(tmp_path: Path, alone: Config) -> None:
    game, file = games.load("tic_tac_toe"), tmp_path / "agent.safetensors"
    write_agent(file, alone, {"training": to_json(alone)})
    found = origin.read(file, game)
    assert (found.game.spec, found.config, found.generation) == ("tic_tac_toe", alone, 5)
    assert found.network == alone.network
    write_agent(file, alone, {})
    with pytest.raises(ValueError, match="cannot be built on: how it was trained is not told"):
        origin.read(file, game)
    write_agent(file, alone, {"training": {"speed": 3}})
    with pytest.raises(ValueError, match=r"cannot be built on: how it was trained is not told: .*speed"):
        origin.read(file, game)
    with pytest.raises(ValueError, match="game must be given with an agent's file"):
        origin.read(file)
    file.write_bytes(b"something")
    with pytest.raises(ValueError, match="is no checkpoint of this program"):
        origin.read(file, game)
    with pytest.raises(ValueError, match="no run folder or checkpoint at"):
        origin.read(tmp_path / "nothing")


def test_what_cannot_be_built_on_is_refused(run: Path, tmp_path: Path, alone: Config) -> None:
    game, new, file = games.load("tic_tac_toe"), tmp_path / "next", tmp_path / "agent.safetensors"
    write_agent(file, alone, {"training": to_json(alone)})
    wide = replace(alone, network=replace(alone.network, channels=9))
    for start in (run, file):
        with pytest.raises(ValueError, match=r"network must be .*channels=8.* or have more blocks, got .*channels=9"):
            train(game, wide, new, start=start)
    with pytest.raises(ValueError, match="is an agent for game 'tic_tac_toe', not for 'connect_four'"):
        train(games.load("connect_four"), alone, new, start=file)
    with pytest.raises(ValueError, match="is of 'tic_tac_toe', on which 'connect_four' cannot build"):
        origin.read(run).check(games.load("connect_four"), alone.network)
    with pytest.raises(ValueError, match="is of 'tic_tac_toe', not of 'connect_four'"):
        train(games.load("connect_four"), alone, new, start=run)
    with pytest.raises(ValueError, match="is no run folder"):
        train(game, alone, new, start=tmp_path)
    state.create(tmp_path / "young", game, alone)
    with pytest.raises(ValueError, match=r"holds no saved generation \(state/NNNNNN\) to build on"):
        train(game, alone, new, start=tmp_path / "young")
    assert not new.exists()


def test_training_goes_on_from_an_agents_file(tmp_path: Path, alone: Config) -> None:
    file, run = tmp_path / "agent.safetensors", tmp_path / "run"
    write_agent(file, alone, {"training": to_json(alone)})
    train(games.load("tic_tac_toe"), replace(alone, generations=1), run, start=file)
    weights = [checkpoint.load(path).weights for path in (file, checkpoint.path_of(run, 0), checkpoint.path_of(run, 1))]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not np.array_equal(weights[1][name], weights[2][name]) for name in weights[0])
