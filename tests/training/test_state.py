"""Run folders and saved states: whole or not at all, and never code."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import games
from hybrid.files import write_atomically as write
from tests.training.learned import parts
from tests.training.test_replay import Payload
from training import state
from training.config import Config, to_json
from training.learner import Learner
from training.replay import Replay


def fingerprint(learner: Learner, optimizer: torch.optim.Optimizer, replay: Replay) -> list[bytes]:
    states = optimizer.state_dict()["state"]
    moments = [states[index][name].numpy().tobytes() for index in sorted(states) for name in sorted(states[index])]
    weights = [value.numpy().tobytes() for value in learner.state_dict().values()]
    return [*weights, *moments, replay.samples.tobytes(), str(learner.steps).encode()]


def test_everything_comes_back(run: Path, alone: Config) -> None:
    saved, other = parts(alone), parts(alone, seed=1)
    assert fingerprint(*saved) != fingerprint(*other)
    assert state.restore(run, *other) == 1
    assert fingerprint(*saved) == fingerprint(*other)
    for one, two in zip(saved[0].network.parameters(), other[0].network.parameters(), strict=True):
        for name, moment in saved[1].state[one].items():
            assert moment.stride() == other[1].state[two][name].stride()


def test_a_new_run_has_no_state(tmp_path: Path, alone: Config) -> None:
    state.create(tmp_path / "new", games.load("tic_tac_toe"), alone)
    assert state.restore(tmp_path / "new", *parts(alone)) == 0
    game, config = state.describe(tmp_path / "new")
    assert (game.spec, config) == ("tic_tac_toe", alone)


def test_the_newest_two_are_kept(run: Path, alone: Config) -> None:
    for generation in (2, 3, 10):
        state.save(run, generation, *parts(alone))
    assert sorted(path.name for path in (run / "state").iterdir()) == ["000003", "000010"]
    assert state.restore(run, *parts(alone)) == 10


def test_an_interrupted_write_is_ignored_and_swept(run: Path, alone: Config) -> None:
    (run / "state" / ".000002").mkdir()
    (run / "state" / ".000002" / "replay.npy").write_bytes(b"half")
    assert state.restore(run, *parts(alone)) == 1
    state.save(run, 2, *parts(alone))
    assert sorted(path.name for path in (run / "state").iterdir()) == ["000001", "000002"]


def test_existing_folders_are_refused(run: Path, tmp_path: Path, alone: Config) -> None:
    game = games.load("tic_tac_toe")
    before = (run / "config.json").read_bytes()
    with pytest.raises(ValueError, match="exists already: resume it, or choose another"):
        state.create(run, game, alone)
    assert (run / "config.json").read_bytes() == before
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="it holds something else"):
        state.create(tmp_path / "notes", game, alone)
    (tmp_path / "file").write_text("text")
    with pytest.raises(ValueError, match="exists already"):
        state.create(tmp_path / "file", game, alone)
    (tmp_path / "empty").mkdir()
    state.create(tmp_path / "empty", game, alone)


def test_a_folder_that_cannot_be_made_is_known_before(tmp_path: Path) -> None:
    """And what was made to find out is gone again."""
    game = games.load("tic_tac_toe")
    state.check_new(tmp_path / "some" / "where", game)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("text")
    for run in (tmp_path / "file" / "run", Path("/proc/run")):
        with pytest.raises(OSError, match=run.name):
            state.check_new(run, game)


def test_a_run_follows_its_game_s_file(tmp_path: Path, alone: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named anew where it lies elsewhere, as it does seen from another folder."""
    source = Path(games.__file__).with_name("tic_tac_toe.py").read_text(encoding="utf-8")
    (tmp_path / "cross.py").write_text(source, encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    state.create(tmp_path / "run", games.load("cross.py"), alone)
    monkeypatch.chdir(tmp_path / "elsewhere")
    games.load.cache_clear()
    game = games.load("../cross.py")
    assert state.describe(Path("../run"), game) == (game, alone)
    with pytest.raises(ValueError, match=r"game file 'cross.py' does not exist: if its file has moved, name the game"):
        state.describe(Path("../run"))
    with pytest.raises(ValueError, match=r"is of 'cross.py', not of 'tic_tac_toe'"):
        state.describe(Path("../run"), games.load("tic_tac_toe"))


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no run folder: it has no config"):
        state.describe(tmp_path)
    for content in ("", "{", "[]", '{"format": 99}', '{"format": 1, "game": 3}', '{"format": 1, "game": "chess"}'):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ValueError, match=r"cannot be read|is damaged|unknown game"):
            state.describe(tmp_path)
    config = to_json(Config()) | {"surprise": 1}
    (tmp_path / "config.json").write_text(json.dumps({"format": 1, "game": "tic_tac_toe", "config": config}))
    with pytest.raises(ValueError, match=r"config has no \['surprise'\]"):
        state.describe(tmp_path)


def test_two_processes_never_train_in_one_folder(run: Path) -> None:
    with state.locked(run), pytest.raises(ValueError, match="is in use by another process"), state.locked(run):
        pass
    with state.locked(run):
        pass


def test_damaged_states_are_refused(run: Path, alone: Config) -> None:
    for name in ("replay.npy", "learner.safetensors", "state.json"):
        path = run / "state" / "000001" / name
        whole = path.read_bytes()
        for content in (whole[: len(whole) // 2], b"", os.urandom(200)):
            path.write_bytes(content)
            with pytest.raises(ValueError, match=rf"{name}.*(damaged|cannot be read|is not a replay)"):
                state.restore(run, *parts(alone))
        path.write_bytes(whole)
    assert state.restore(run, *parts(alone)) == 1


def test_states_of_other_runs_are_refused(run: Path, tmp_path: Path, alone: Config) -> None:
    with pytest.raises(ValueError, match="is not a replay of connect_four"):
        state.restore(run, *parts(alone, "connect_four"))
    path = run / "state" / "000001" / "learner.safetensors"
    tensors = load_file(path)
    for name, tensor, message in (
        ("optimizer.network.stem.weight.exp_avg", torch.zeros(2), "must have shape"),
        ("optimizer.network.flower.weight.exp_avg", torch.zeros(2), "damaged or another run's"),
        ("extra", torch.zeros(2), "damaged or another run's"),
        ("network.stem.weight", torch.zeros(2), "size mismatch"),
    ):
        save_file(tensors | {name: tensor}, path)
        with pytest.raises(ValueError, match=message):
            state.restore(run, *parts(alone))
    shutil.copytree(run / "state" / "000001", run / "state" / "000002")
    with pytest.raises(ValueError, match="000002 is damaged"):
        state.restore(run, *parts(alone))


def test_a_pickle_runs_nothing(run: Path, tmp_path: Path, alone: Config) -> None:
    proof = tmp_path / "executed"
    pickle.loads(pickle.dumps(Payload(proof)))
    assert proof.exists(), "the payload would not have done anything"
    proof.unlink()
    for name in ("replay.npy", "learner.safetensors", "state.json"):
        path = run / "state" / "000001" / name
        whole = path.read_bytes()
        path.write_bytes(pickle.dumps(Payload(proof)))
        with pytest.raises(ValueError, match=name):
            state.restore(run, *parts(alone))
        torch.save({"network": Payload(proof)}, path)
        with pytest.raises(ValueError, match=name):
            state.restore(run, *parts(alone))
        path.write_bytes(whole)
    assert not proof.exists()


def test_a_full_disk_is_noticed_before_anything_is_written(
    run: Path, alone: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, _, replay = parts(alone)
    state.check_space(run, replay, learner)
    usage = shutil.disk_usage(run)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match=r"disk of .* is full: \d+\.\d MB are needed, 1\.0 MB are free"):
        state.check_space(run, replay, learner)


def test_a_run_that_could_not_be_made_leaves_no_traces(
    run: Path, tmp_path: Path, alone: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    game, new = games.load("tic_tac_toe"), tmp_path / "next"
    learner, _, replay = parts(alone)

    def fail(*arguments: object) -> None:
        assert (new / "state" / "000000" / "replay.npy").exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(state, "write_atomically", fail)
        with pytest.raises(KeyboardInterrupt):
            state.create(new, game, alone, (learner, replay))
    usage = shutil.disk_usage(run)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    with pytest.raises(OSError, match="is full"):
        state.create(new, game, alone, (learner, replay))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert not list(new.iterdir())

    def late(*arguments: Any) -> None:
        write(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(state, "write_atomically", late)
        with pytest.raises(KeyboardInterrupt):
            state.create(new, game, alone, (learner, replay))
    # What has become a run must keep what it begins with.
    assert state.describe(new)[1] == alone
    assert (new / "state" / "000000" / "replay.npy").exists()


def test_what_was_killed_before_it_was_a_run_is_in_nobodys_way(run: Path, tmp_path: Path, alone: Config) -> None:
    game, new, (learner, _, replay) = games.load("tic_tac_toe"), tmp_path / "next", parts(alone)
    shutil.copytree(run / "state", new / "state")
    (new / "state" / ".000000").mkdir()
    (new / ".config.json.0123456789abcdef").write_text("half")
    state.create(new, game, alone, (learner, replay))
    assert [path.name for path in (new / "state").iterdir()] == ["000000"]
    shutil.rmtree(new)
    shutil.copytree(run / "state", new / "state")
    state.create(new, game, alone)
    assert state.restore(new, *parts(alone)) == 0


def test_one_process_at_a_time_makes_a_run(tmp_path: Path, alone: Config) -> None:
    game, new = games.load("tic_tac_toe"), tmp_path / "next"
    new.mkdir()
    with state.locked(new), pytest.raises(ValueError, match="in use by another process"):
        state.create(new, game, alone)
    state.create(new, game, alone)


def test_unfinished_files_are_swept_and_no_others(run: Path) -> None:
    (run / "checkpoints").mkdir()
    unfinished = [
        run / ".config.json.0123456789abcdef",
        run / ".matches.jsonl.fedcba9876543210",
        run / "checkpoints" / ".000001.safetensors.0123456789abcdef",
    ]
    others = [run / ".tuning.json.0123456789abcdef", run / ".config.json.mine", run / "checkpoints" / ".notes"]
    for path in (*unfinished, *others):
        path.write_text("x")
    state.sweep(run)
    assert not any(path.exists() for path in unfinished)
    assert all(path.exists() for path in (*others, run / "config.json"))


def test_a_damaged_state_says_where_the_run_would_go_on_without_it(run: Path, alone: Config) -> None:
    state.save(run, 2, *parts(alone))
    (run / "state" / "000002" / "learner.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match=r"without .*000002 the run goes on from generation 1$"):
        state.restore(run, *parts(alone))
    shutil.rmtree(run / "state" / "000002")
    assert state.restore(run, *parts(alone)) == 1


def test_a_state_that_cannot_be_written_is_named_and_leaves_nothing(
    run: Path, alone: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(27, "File too large")

    monkeypatch.setattr(state, "flush", fail)
    with pytest.raises(OSError, match=r"File too large: .*state/\.000002'"):
        state.save(run, 2, *parts(alone))
    assert [path.name for path in (run / "state").iterdir()] == ["000001"]


def test_what_somebody_else_keeps_is_left_alone(run: Path, tmp_path: Path, alone: Config) -> None:
    game, own = games.load("tic_tac_toe"), tmp_path / "own"
    (own / "state").mkdir(parents=True)
    (own / "state" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="it holds something else"):
        state.create(own, game, alone)
    assert (own / "state" / "letter.txt").read_text() == "dear"
    for name in (".DS_Store", ".directory"):
        (run / "state" / name).write_text("x")
    state.save(run, 2, *parts(alone))
    assert sorted(path.name for path in (run / "state").iterdir()) == [".DS_Store", ".directory", "000001", "000002"]
    assert state.restore(run, *parts(alone)) == 2
