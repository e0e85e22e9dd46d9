"""The choice of a backend: by measurement, remembered, and never one whose rows depend on their batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybrid import backends
from hybrid.backends import choose, rows_are_independent
from hybrid.checkpoint import Checkpoint
from hybrid.network_config import NetworkConfig, initial_weights
from hybrid.runtime import Backend, Floats
from hybrid.throughput import Limit
from tests.hybrid.test_throughput import SHAPE, agent


class Sums:
    """A runtime of sums, which see the rest of the batch if they are told to."""

    def __init__(self, social: bool) -> None:
        self._social = social

    def run(self, planes: Floats) -> tuple[Floats, Floats]:
        sums = planes.sum((1, 2, 3))[:, None] + np.float32(len(planes) if self._social else 0)
        return sums.repeat(9, axis=1), sums.repeat(2, axis=1)


class Lab:
    """Stands for two installed backends of given speeds; counts the measurements."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, social: tuple[Backend, ...] = ()) -> None:
        self.measured: list[Backend] = []
        self.speeds: dict[Backend, float] = {"onnxruntime": 100.0, "openvino": 200.0}
        monkeypatch.setattr(backends, "installed", lambda: list(self.speeds))
        monkeypatch.setattr(backends, "limit", self._limit)
        monkeypatch.setattr(backends, "load_runtime", lambda checkpoint, backend, precision: Sums(backend in social))

    def _limit(self, checkpoint: Checkpoint, backend: Backend, batches: tuple[int], **options: Any) -> Limit:
        self.measured.append(backend)
        rate, batch = self.speeds[backend], batches[0]
        settings: dict[str, Any] = {"backend": backend, **options}
        return Limit(positions_per_second=rate, batch=batch, by_batch={batch: rate}, **settings)


def test_the_faster_one_is_measured_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lab = Lab(monkeypatch)
    assert choose(agent(), folder=tmp_path) == "openvino"
    assert sorted(lab.measured) == ["onnxruntime", "openvino"]
    lab.speeds["onnxruntime"] = 300.0
    assert choose(agent(), folder=tmp_path) == "openvino"
    assert len(lab.measured) == 2


def test_other_circumstances_are_measured_afresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lab = Lab(monkeypatch)
    choose(agent(), folder=tmp_path)
    lab.speeds["onnxruntime"] = 300.0
    options: list[dict[str, Any]] = [{"workers": 2}, {"precision": "int8"}, {"batch": 64}]
    for changes in options:
        assert choose(agent(), folder=tmp_path, **changes) == "onnxruntime"
    wider = NetworkConfig(blocks=1, channels=8)
    weights = initial_weights(wider, SHAPE, np.random.default_rng(0))
    larger = Checkpoint(weights=weights, config=wider, shape=SHAPE, game="tic_tac_toe")
    assert choose(larger, folder=tmp_path) == "onnxruntime"
    monkeypatch.setattr(backends, "_version", lambda package: "99")
    assert choose(agent(), folder=tmp_path) == "onnxruntime"
    assert len(lab.measured) == 12


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}', "\x00\x01"])
def test_damaged_files_are_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    lab = Lab(monkeypatch)
    choose(agent(), folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(content)
    assert choose(agent(), folder=tmp_path) == "openvino"
    assert len(lab.measured) == 4
    assert json.loads(path.read_text())["backend"] == "openvino"


def test_a_backend_that_is_gone_or_unknown_is_not_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Lab(monkeypatch)
    choose(agent(), folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"backend": "os.system"}))
    assert choose(agent(), folder=tmp_path) == "openvino"


def test_a_cache_that_cannot_be_written_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lab = Lab(monkeypatch)
    (tmp_path / "file").touch()
    for _ in range(2):
        assert choose(agent(), folder=tmp_path / "file" / "folder") == "openvino"
    assert len(lab.measured) == 4


def test_rows_that_depend_on_their_batch_are_never_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert rows_are_independent(Sums(social=False), agent())
    assert not rows_are_independent(Sums(social=True), agent())
    lab = Lab(monkeypatch, social=("openvino",))
    assert choose(agent(), folder=tmp_path) == "onnxruntime"
    assert lab.measured == ["onnxruntime"]
    Lab(monkeypatch, social=("openvino", "onnxruntime"))
    assert choose(agent(), folder=tmp_path, batch=5) == "onnxruntime"


def test_one_installed_backend_is_no_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    assert choose(agent(), folder=tmp_path) == "onnxruntime"
    assert not list(tmp_path.iterdir())


def test_choices_are_remembered_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Lab(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    choose(agent())
    assert len(list((tmp_path / "hybrid" / "backends").iterdir())) == 1


def test_a_real_choice_between_real_backends_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    chosen = choose(agent(), batch=1, folder=tmp_path)
    (remembered,) = tmp_path.iterdir()
    rates = json.loads(remembered.read_text())["rates"]
    assert rates[chosen] == max(rates.values())
    lab = Lab(monkeypatch)
    assert choose(agent(), batch=1, folder=tmp_path) == chosen
    assert lab.measured == []
