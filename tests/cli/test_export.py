"""`hybrid export`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import games
from hybrid import checkpoint
from hybrid.network import TorchRuntime
from hybrid.pretrained import find
from hybrid.runtime import OnnxRuntime, Runtime
from tests.cli.conftest import Hybrid, read


@pytest.mark.parametrize("precision", ["float", "int8"])
def test_the_model_judges_as_the_network_does(hybrid: Hybrid, tmp_path: Path, precision: str) -> None:
    file, result = tmp_path / "agent.onnx", tmp_path / "export.json"
    ran = hybrid("export", "connect_four", "pretrained", file, "--precision", precision, "--json", result)
    assert (ran.code, ran.err) == (0, "")
    assert "planes Bx5x6x7, logits Bx7, values Bx2" in ran.out
    game = games.load("connect_four")
    known = checkpoint.load(find(game))
    assert read(result) == {
        "file": str(file),
        "game": "connect_four",
        "generation": known.generation,
        "precision": precision,
        "planes": ["B", 5, 6, 7],
        "logits": ["B", 7],
        "values": ["B", 2],
    }
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "game": "connect_four",
        "generation": str(known.generation),
        "precision": precision,
    }
    planes = game.observe(np.concatenate([game.initial(), game.step(game.initial(), [3])]))
    logits, values = onnxruntime.InferenceSession(file).run(["logits", "values"], {"planes": planes})
    size, shape, weights = known.config, known.shape, known.weights
    runtime: Runtime = TorchRuntime(size, shape, weights, device="cpu")
    if precision == "int8":
        runtime = OnnxRuntime(size, shape, weights, ranges=known.ranges)
    expected = runtime.run(planes)
    np.testing.assert_allclose(logits, expected[0], atol=1e-4)
    np.testing.assert_allclose(values, expected[1], atol=1e-4)


@pytest.mark.parametrize("agent", ["mcts", "pretrained?dial=0"])
def test_only_networks_are_exported(hybrid: Hybrid, tmp_path: Path, agent: str) -> None:
    error = hybrid("export", "connect_four", agent, tmp_path / "agent.onnx").error
    assert f"without options, got {agent!r}" in error
    assert list(tmp_path.iterdir()) == []


def test_of_another_board_is_refused(hybrid: Hybrid, tmp_path: Path) -> None:
    assert "not for" in hybrid("export", "connect_four:rows=5", "pretrained", tmp_path / "agent.onnx").error
