"""Checkpoints: what was saved comes back, everything else is refused in one line, nothing is ever run."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import games
from hybrid import checkpoint
from hybrid.checkpoint import Checkpoint
from hybrid.network_config import NetworkConfig, NetworkShape, activation_names, initial_weights

CONFIG = NetworkConfig(blocks=1, channels=4, policy_channels=1, value_channels=1, value_hidden=2)

RANGES = dict.fromkeys(activation_names(CONFIG), (0.0, 1.5))


def agent(spec: str = "connect_four", generation: int = 7, seed: int = 0) -> Checkpoint:
    shape = NetworkShape.of(games.load(spec))
    return Checkpoint(
        weights=initial_weights(CONFIG, shape, np.random.default_rng(seed)),
        config=CONFIG,
        shape=shape,
        game=spec,
        generation=generation,
        ranges=RANGES,
        extra={"recipe": "quick", "losses": [0.5, 1.25]},
    )


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_round_trip(tmp_path: Path) -> None:
    saved = agent()
    checkpoint.save(tmp_path / "a.safetensors", saved)
    loaded = checkpoint.load(tmp_path / "a.safetensors", games.load("connect_four"))
    assert (loaded.config, loaded.shape, loaded.game) == (saved.config, saved.shape, saved.game)
    assert (loaded.generation, loaded.extra) == (7, {"recipe": "quick", "losses": [0.5, 1.25]})
    assert loaded.ranges == RANGES
    assert loaded.weights.keys() == saved.weights.keys()
    for name, weight in saved.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], weight)


def test_the_newest_generation_of_a_run_is_the_agent(tmp_path: Path) -> None:
    for generation in (9, 10, 1_000_000):
        checkpoint.save(checkpoint.path_of(tmp_path, generation), agent(generation=generation))
    (tmp_path / "checkpoints" / "notes.safetensors").write_bytes(b"")
    (tmp_path / "checkpoints" / ".2000000.safetensors.x1y2").write_bytes(b"half a file")
    assert checkpoint.find(tmp_path) == tmp_path / "checkpoints" / "1000000.safetensors"
    assert checkpoint.load(tmp_path).generation == 1_000_000
    assert checkpoint.load(tmp_path / "checkpoints" / "000009.safetensors").generation == 9


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no checkpoint or run folder at"):
        checkpoint.load(tmp_path / "missing")
    with pytest.raises(ValueError, match="holds no checkpoint"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("spec", ["connect_four:rows=6,columns=7", "connect_four:connect=4", "connect_four"])
def test_the_same_game_in_other_words(tmp_path: Path, spec: str) -> None:
    checkpoint.save(tmp_path / "a", agent())
    assert checkpoint.load(tmp_path / "a", games.load(spec)).game == "connect_four"


@pytest.mark.parametrize("spec", ["connect_four:rows=5", "connect_four:connect=3"])
def test_another_game_is_refused(tmp_path: Path, spec: str) -> None:
    checkpoint.save(tmp_path / "a", agent())
    with pytest.raises(ValueError, match=f"for game 'connect_four', not for '{spec}'"):
        checkpoint.load(tmp_path / "a", games.load(spec))


def test_an_agent_that_was_shown_something_else_is_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a", replace(agent("connect_four:threats=false"), game="connect_four"))
    with pytest.raises(ValueError, match=r"another version of 'connect_four': .*\(2, 6, 7\).* not .*\(5, 6, 7\)"):
        checkpoint.load(tmp_path / "a", games.load("connect_four"))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a", agent())
    content = (tmp_path / "a").read_bytes()
    for length in [*range(0, len(content), 97), len(content) - 1]:
        (tmp_path / "b").write_bytes(content[:length])
        with pytest.raises(ValueError, match="is no checkpoint of this program, or it is damaged"):
            checkpoint.load(tmp_path / "b")


def rewritten(tmp_path: Path, change: Callable[[Any], Any]) -> Path:
    """A file whose header's JSON document went through `change`."""
    saved = agent()
    header: dict[str, Any] = {
        "format": 1,
        "game": "connect_four",
        "generation": 7,
        "config": asdict(CONFIG),
        "shape": asdict(saved.shape),
        "ranges": None,
        "extra": {},
    }
    change(header)
    save_file(dict(saved.weights), tmp_path / "changed", metadata={"hybrid": json.dumps(header)})
    return tmp_path / "changed"


def test_the_header_is_what_the_tests_below_change(tmp_path: Path) -> None:
    assert checkpoint.load(rewritten(tmp_path, lambda header: None)).generation == 7


def test_agents_from_before_channels_were_mixed_are_read(tmp_path: Path) -> None:
    assert checkpoint.load(rewritten(tmp_path, lambda header: header["config"].pop("mixed"))).config == CONFIG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.update(format=2), "another format than 1"),
        (lambda h: h["config"].update(bloks=1), "has keys .*'blocks'.* got .*'bloks'"),
        (lambda h: h["config"].pop("blocks"), "has keys"),
        (lambda h: h["config"].update(blocks=2), "missing are .*blocks.1.first.bias"),
        (lambda h: h["config"].update(blocks=10**9), "blocks must be an integer between 0 and 256"),
        (lambda h: h["config"].update(channels=5), "must be float32"),
        (lambda h: h["shape"].update(observation=[2, 6]), "observation"),
        (lambda h: h["shape"].update(actions="7"), "actions"),
        (lambda h: h.update(config=[]), "NetworkConfig has keys"),
        (lambda h: h.update(generation=-1), "generation must be"),
        (lambda h: h.pop("game"), "game"),
        (lambda h: h.update(ranges={"stem.relu": [0, 1]}), "ranges must be those of"),
        (lambda h: h.update(ranges={name: [0] for name in RANGES}), "damaged"),
        (lambda h: h.update(ranges={name: [1, 2] for name in RANGES}), "must be finite and hold 0"),
    ],
)
def test_a_changed_header_is_refused(tmp_path: Path, change: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checkpoint.load(rewritten(tmp_path, change))


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"hybrid": "{"}, {"hybrid": "[]"}])
def test_foreign_safetensors_are_refused(tmp_path: Path, metadata: Any) -> None:
    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "foreign", metadata=metadata)
    with pytest.raises(ValueError, match="foreign"):
        checkpoint.load(tmp_path / "foreign")


def test_a_giant_header_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / "giant").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(ValueError, match="is no checkpoint"):
        checkpoint.load(tmp_path / "giant")


def test_pickles_are_refused_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "a.safetensors").write_bytes(pickle.dumps(Payload(mark)))
    torch.save({"weights": Payload(mark)}, tmp_path / "a.pt")
    np.save(tmp_path / "a.npy", np.array([Payload(mark)], dtype=object), allow_pickle=True)
    for name in ("a.safetensors", "a.pt", "a.npy"):
        with pytest.raises(ValueError, match="is no checkpoint"):
            checkpoint.load(tmp_path / name)
    assert not mark.exists()
    pickle.loads((tmp_path / "a.safetensors").read_bytes())  # the payload does work
    assert mark.exists()


def test_a_game_that_only_a_checkpoint_names_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(mark)!r}, 'w')")
    checkpoint.save(tmp_path / "a", replace(agent(), game=str(tmp_path / "evil.py")))
    with pytest.raises(ValueError, match=r"evil.py', not for 'connect_four'"):
        checkpoint.load(tmp_path / "a", games.load("connect_four"))
    assert not mark.exists()


def test_an_agent_of_ones_own_game_may_be_read_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, options in (("home", "rows=6"), ("away", "rows=6"), ("changed", "lines=6")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(
            "from games import connect_four\n\n\n"
            f"def make({options}):\n    return connect_four.make(rows={options.partition('=')[0]})\n"
        )
    monkeypatch.chdir(tmp_path / "home")
    checkpoint.save(tmp_path / "a", replace(agent(), game="mine.py:rows=6"))
    for spec in ("mine.py", "../away/mine.py:rows=6"):
        assert checkpoint.load(tmp_path / "a", games.load(spec)).game == "mine.py:rows=6"
    with pytest.raises(ValueError, match=r"a is an agent for game 'mine.py:rows=6', which is not as it was: .*rows"):
        checkpoint.load(tmp_path / "a", games.load("../changed/mine.py"))


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, agent(generation=1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, agent(generation=2))
    assert checkpoint.load(path).generation == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_invalid_checkpoints_cannot_be_made() -> None:
    saved = agent()
    with pytest.raises(ValueError, match="generation must be an integer of at least 0, got -1"):
        Checkpoint(weights=saved.weights, config=CONFIG, shape=saved.shape, game="connect_four", generation=-1)
    with pytest.raises(ValueError, match="missing are"):
        Checkpoint(weights={}, config=CONFIG, shape=saved.shape, game="connect_four")


def test_reading_needs_no_torch(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a", agent())
    code = (
        "import sys, games; from hybrid import checkpoint, evaluate; game = games.load('connect_four');"
        f"evaluator = evaluate.load_evaluator(game, checkpoint.load({str(tmp_path / 'a')!r}, game));"
        "evaluator(game.initial(2)); print(sorted({'torch', 'lightning'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
