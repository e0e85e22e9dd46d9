"""Runtimes: the same numbers as torch, and the same bits at any batch size."""

import numpy as np
import onnx
import pytest
import torch

from hybrid.network import Network
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.onnx_model import build
from hybrid.runtime import OnnxRuntime, TorchRuntime

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
]


def trained_weights(config, shape, seed=0):
    """Random weights with nothing left at zero, neither biases nor gains."""
    rng = np.random.default_rng(seed)
    initial = initial_weights(config, shape, rng)
    return {
        name: weight + np.float32(0.1) * rng.standard_normal(weight.shape, np.float32)
        for name, weight in initial.items()
    }


def random_planes(shape, batch, seed=1):
    return (np.random.default_rng(seed).random((batch, *shape.observation)) < 0.4).astype(np.float32)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.blocks}x{config.channels}")
def test_onnx_runtime_computes_what_torch_does(config, name):
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


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.blocks}x{config.channels}")
def test_rows_do_not_depend_on_their_batch(config, name):
    shape = SHAPES[name]
    planes = random_planes(shape, 130)
    runtime = OnnxRuntime(config, shape, trained_weights(config, shape))
    logits, values = runtime.run(planes)
    for batch in [*range(1, 34), 47, 63, 64, 65, 100, 127, 128, 129]:
        for first in (0, 130 - batch):
            part = runtime.run(np.ascontiguousarray(planes[first : first + batch]))
            np.testing.assert_array_equal(part[0], logits[first : first + batch])
            np.testing.assert_array_equal(part[1], values[first : first + batch])


def test_opposite_values_are_exactly_opposite():
    shape, config = SHAPES["connect_four"], NetworkConfig()
    _, values = OnnxRuntime(config, shape, trained_weights(config, shape)).run(random_planes(shape, 64))
    np.testing.assert_array_equal(values[:, 0], -values[:, 1])
    assert np.ptp(values[:, 0]) > 0.01


def test_the_graph_is_valid_onnx_with_a_dynamic_batch():
    shape, config = SHAPES["go"], NetworkConfig()
    model = build(config, shape, initial_weights(config, shape, np.random.default_rng(0)))
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    dimensions = {o.name: [d.dim_param or d.dim_value for d in o.type.tensor_type.shape.dim] for o in inferred.output}
    assert dimensions == {"logits": ["B", 82], "values": ["B", 2]}


def test_new_weights_make_a_new_runtime_and_leave_the_old_one():
    shape, config = SHAPES["tic_tac_toe"], NetworkConfig()
    planes = random_planes(shape, 5)
    old = OnnxRuntime(config, shape, trained_weights(config, shape, seed=0))
    before = old.run(planes)[0]
    new = OnnxRuntime(config, shape, trained_weights(config, shape, seed=1))
    assert not np.allclose(new.run(planes)[0], before)
    np.testing.assert_array_equal(old.run(planes)[0], before)


def test_threads_must_be_positive():
    shape, config = SHAPES["tic_tac_toe"], NetworkConfig()
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        OnnxRuntime(config, shape, initial_weights(config, shape, np.random.default_rng(0)), threads=0)
