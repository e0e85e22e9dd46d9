"""Runtimes: the same numbers as torch, and the same bits at any batch size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from hybrid.network import Network, TorchRuntime
from hybrid.network_config import NetworkConfig, NetworkShape, activation_names, initial_weights
from hybrid.onnx_model import build
from hybrid.runtime import Floats, OnnxRuntime, OpenVino, calibrate

SHAPES = {
    "connect_four": NetworkShape(observation=(2, 6, 7), actions=7, players=2, zero_sum=True),
    "tic_tac_toe": NetworkShape(observation=(2, 3, 3), actions=9, players=2, zero_sum=True),
    "go": NetworkShape(observation=(17, 9, 9), actions=82, players=2, zero_sum=True),
    "three players": NetworkShape(observation=(5, 4, 6), actions=24, players=3, zero_sum=False),
    "two players, any sum": NetworkShape(observation=(3, 2, 5), actions=4, players=2, zero_sum=False),
    "no board": NetworkShape(observation=(6, 1, 1), actions=2, players=1, zero_sum=False),
}
CONFIGS = [
    NetworkConfig(),
    NetworkConfig(blocks=5, channels=64),
    NetworkConfig(blocks=0, channels=1, policy_channels=1, value_channels=1, value_hidden=1),
    NetworkConfig(blocks=3, channels=17, policy_channels=3, value_channels=5, value_hidden=9),
    NetworkConfig(blocks=4, channels=24, mixed=5),
    NetworkConfig(blocks=2, channels=6, mixed=8),
]


def describe(config: NetworkConfig) -> str:
    return f"{config.blocks}x{config.channels}" + (f", {config.mixed} mixed" if config.mixed else "")


def trained_weights(config: NetworkConfig, shape: NetworkShape, seed: int = 0) -> dict[str, Floats]:
    """Random weights with nothing left at zero, neither biases nor gains."""
    rng = np.random.default_rng(seed)
    initial = initial_weights(config, shape, rng)
    return {
        name: weight + np.float32(0.1) * rng.standard_normal(weight.shape, np.float32)
        for name, weight in initial.items()
    }


def random_planes(shape: NetworkShape, batch: int, seed: int = 1) -> Floats:
    return (np.random.default_rng(seed).random((batch, *shape.observation)) < 0.4).astype(np.float32)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("config", CONFIGS, ids=describe)
def test_onnx_runtime_computes_what_torch_does(config: NetworkConfig, name: str) -> None:
    shape = SHAPES[name]
    weights, planes = trained_weights(config, shape), random_planes(shape, 33)
    with torch.inference_mode():
        expected = [output.numpy() for output in Network(config, shape, weights)(torch.from_numpy(planes))]
    for runtime in (
        OnnxRuntime(config, shape, weights),
        OnnxRuntime(config, shape, weights, threads=2),
        TorchRuntime(config, shape, weights, device="cpu"),
    ):
        for result, reference in zip(runtime.run(planes), expected, strict=True):
            assert result.dtype == np.float32
            np.testing.assert_allclose(result, reference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe", "three players", "no board"])
@pytest.mark.parametrize("config", CONFIGS, ids=describe)
@pytest.mark.parametrize("precision", ["float", "int8"])
def test_rows_do_not_depend_on_their_batch(config: NetworkConfig, name: str, precision: str) -> None:
    shape = SHAPES[name]
    weights, planes = trained_weights(config, shape), random_planes(shape, 130)
    ranges = calibrate(config, shape, weights, planes) if precision == "int8" else None
    runtime = OnnxRuntime(config, shape, weights, ranges=ranges)
    logits, values = runtime.run(planes)
    for batch in [*range(1, 20), 24, 31, 32, 33, 47, 63, 64, 65, 100, 127, 128, 129]:
        for first in (0, 130 - batch):
            part = runtime.run(np.ascontiguousarray(planes[first : first + batch]))
            np.testing.assert_array_equal(part[0], logits[first : first + batch])
            np.testing.assert_array_equal(part[1], values[first : first + batch])


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("config", CONFIGS[1:], ids=describe)
def test_eight_bits_compute_what_their_graph_says(config: NetworkConfig, name: str) -> None:
    """Against the ONNX project's own numpy interpreter, but for ties of rounding."""
    shape = SHAPES[name]
    weights, planes = trained_weights(config, shape), random_planes(shape, 8)
    ranges = calibrate(config, shape, weights, random_planes(shape, 100, seed=2))
    assert list(ranges) == activation_names(config)
    model = build(config, shape, weights, ranges=ranges)
    model.opset_import[0].version = 21  # the interpreter knows these operators in their later versions only
    expected = ReferenceEvaluator(model).run(None, {"planes": planes})
    for result, reference in zip(OnnxRuntime(config, shape, weights, ranges=ranges).run(planes), expected, strict=True):
        # A sum that lies between two steps may be rounded either way, and the layers above carry that on.
        scale, error = max(1.0, np.abs(reference).max()), np.abs(result - reference)
        assert np.median(error) < 0.001 * scale
        assert error.max() < 0.05 * scale


def test_mixed_channels_are_computed_in_eight_bits(tmp_path: Path) -> None:
    """Not only rounded to them: the layer would take as long as several convolutions."""
    shape, config = SHAPES["connect_four"], NetworkConfig(blocks=4, channels=24, mixed=5)
    weights = trained_weights(config, shape)
    ranges = calibrate(config, shape, weights, random_planes(shape, 100))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3  # that it fits this machine alone is not news
    model = build(config, shape, weights, ranges=ranges)
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert kinds.count("QGemm") == 2


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("mixed", [0, 4])
def test_eight_bits_stay_close_to_single_precision(name: str, mixed: int) -> None:
    shape, config = SHAPES[name], NetworkConfig(blocks=5, channels=64, mixed=mixed)
    weights, planes = trained_weights(config, shape), random_planes(shape, 200)
    ranges = calibrate(config, shape, weights, random_planes(shape, 200, seed=2))
    exact = OnnxRuntime(config, shape, weights).run(planes)
    rounded = OnnxRuntime(config, shape, weights, ranges=ranges).run(planes)
    for result, reference in zip(rounded, exact, strict=True):
        assert np.abs(result - reference).mean() < 0.05 * np.ptp(reference)
        assert (result != reference).any()


@pytest.mark.parametrize("gain", [0.0, 1e-42, 1e-20, 1.0])
def test_a_dead_channel_with_a_bias_keeps_it(gain: float) -> None:
    shape, config = SHAPES["tic_tac_toe"], NetworkConfig(blocks=1, channels=8)
    weights, planes = trained_weights(config, shape), random_planes(shape, 64)
    weights["blocks.0.first.weight"][3] = 1e-12
    weights["blocks.0.first.bias"][3] = 2.0
    weights["blocks.0.gain"] = np.array(gain, np.float32)
    ranges = calibrate(config, shape, weights, planes)
    exact = OnnxRuntime(config, shape, weights).run(planes)
    rounded = OnnxRuntime(config, shape, weights, ranges=ranges).run(planes)
    np.testing.assert_allclose(rounded[0], exact[0], atol=0.05 * float(np.ptp(exact[0])))


@pytest.mark.parametrize("precision", ["float", "int8"])
@pytest.mark.parametrize("mixed", [0, 8])
def test_openvino_computes_what_onnx_runtime_does(precision: str, mixed: int) -> None:
    pytest.importorskip("openvino")
    for shape in SHAPES.values():
        config = NetworkConfig(mixed=mixed)
        weights, planes = trained_weights(config, shape), random_planes(shape, 33)
        ranges = calibrate(config, shape, weights, planes) if precision == "int8" else None
        tolerance = 1e-4 if precision == "float" else 0.1
        expected = OnnxRuntime(config, shape, weights, ranges=ranges).run(planes)
        for result, reference in zip(
            OpenVino(config, shape, weights, ranges=ranges).run(planes), expected, strict=True
        ):
            np.testing.assert_allclose(result, reference, atol=tolerance * max(1.0, np.abs(reference).max()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.pop("stem.relu"), "ranges must be those of"),
        (lambda r: r.update(other=(0.0, 1.0)), "ranges must be those of"),
        (lambda r: r.update({"stem.relu": (0.5, 1.0)}), "the range of stem.relu must be finite and hold 0"),
        (lambda r: r.update({"stem.relu": (0.0, float("inf"))}), "the range of stem.relu must be finite"),
    ],
)
def test_foreign_ranges_are_refused(change: Callable[[Any], Any], message: str) -> None:
    shape, config = SHAPES["tic_tac_toe"], NetworkConfig(blocks=1)
    weights = trained_weights(config, shape)
    ranges = dict(calibrate(config, shape, weights, random_planes(shape, 3)))
    change(ranges)
    with pytest.raises(ValueError, match=message):
        OnnxRuntime(config, shape, weights, ranges=ranges)


def test_calibration_needs_positions() -> None:
    shape, config = SHAPES["tic_tac_toe"], NetworkConfig(blocks=1)
    with pytest.raises(ValueError, match="planes must hold at least one position"):
        calibrate(config, shape, trained_weights(config, shape), random_planes(shape, 0))


def test_opposite_values_are_exactly_opposite() -> None:
    shape, config = SHAPES["connect_four"], NetworkConfig()
    _, values = OnnxRuntime(config, shape, trained_weights(config, shape)).run(random_planes(shape, 64))
    np.testing.assert_array_equal(values[:, 0], -values[:, 1])
    assert np.ptp(values[:, 0]) > 0.01


def test_the_graph_is_valid_onnx_with_a_dynamic_batch() -> None:
    shape, config = SHAPES["go"], NetworkConfig()
    model = build(config, shape, initial_weights(config, shape, np.random.default_rng(0)))
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    dimensions = {o.name: [d.dim_param or d.dim_value for d in o.type.tensor_type.shape.dim] for o in inferred.output}
    assert dimensions == {"logits": ["B", 82], "values": ["B", 2]}


def test_new_weights_make_a_new_runtime_and_leave_the_old_one() -> None:
    shape, config = SHAPES["tic_tac_toe"], NetworkConfig()
    planes = random_planes(shape, 5)
    old = OnnxRuntime(config, shape, trained_weights(config, shape, seed=0))
    before = old.run(planes)[0]
    new = OnnxRuntime(config, shape, trained_weights(config, shape, seed=1))
    assert not np.allclose(new.run(planes)[0], before)
    np.testing.assert_array_equal(old.run(planes)[0], before)


def test_threads_must_be_positive() -> None:
    shape, config = SHAPES["tic_tac_toe"], NetworkConfig()
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        OnnxRuntime(config, shape, initial_weights(config, shape, np.random.default_rng(0)), threads=0)
