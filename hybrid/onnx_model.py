"""The network as an ONNX graph, written node by node from numpy weights: no torch, no exporter, milliseconds.

In 8 bits, activations are unsigned with the ranges seen in calibration, weights signed with one scale an output channel
(Jacob et al. 2018), sums 32 bits; the linear layers of the heads stay in single precision.
Shapes: B positions (dynamic), observations `[C, H, W]`, A actions, P players.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from hybrid.network_config import NetworkConfig, NetworkShape, Ranges, Weights, check_ranges, check_weights

Array = npt.NDArray[Any]

# Seven bits and not eight: processors without VNNI add two products of bytes in 16 bits, which saturate at eight.
_WEIGHT_LEVELS = 63
_ACTIVATION_LEVELS = 255
# What is next to nothing rounds to nothing: the product of two finer steps would vanish in single precision.
_SMALLEST_STEP = 1e-16


class _Graph:
    """A graph under construction: each method adds nodes and returns the name of its output."""

    def __init__(self, weights: Weights, ranges: Ranges | None) -> None:
        self.weights, self.ranges = dict(weights), ranges
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.steps: dict[str, tuple[str, str, float]] = {}  # what bytes stand for: names of scale and zero, scale
        self.scales: dict[str, float] = {}  # of numbers that were bytes
        self.observed: list[str] = []

    def constant(self, name: str, array: Array) -> str:
        self.constants[name] = array
        return name

    def node(self, operator: str, output: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def activation(self, x: str, like: Sequence[str] = ()) -> str:
        """Mark `x` as an activation for 8 bits: rounded to its range, or that of all `like`, if there are ranges."""
        return self.decoded(self.encoded(x, like))

    def encoded(self, x: str, like: Sequence[str] = ()) -> str:
        """The bytes of the activation `x`, to be `decoded`; without ranges `x` itself."""
        if not like or x in like:
            self.observed.append(x)
        if self.ranges is None:
            return x
        ranges = [self.ranges[name] for name in like or (x,)]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        scale = (high - low) / _ACTIVATION_LEVELS
        scale = scale if scale > _SMALLEST_STEP else 1.0
        step = self.constant(f"{x}.scale", np.array(scale, np.float32))
        zero = self.constant(f"{x}.zero", np.array(round(-low / scale), np.uint8))
        encoded = self.node("QuantizeLinear", f"{x}.u8", x, step, zero)
        self.steps[encoded] = (step, zero, scale)
        return encoded

    def decoded(self, x: str) -> str:
        """The numbers that bytes stand for; without ranges `x` itself."""
        if self.ranges is None:
            return x
        step, zero, self.scales[f"{x}.rounded"] = self.steps[x]
        return self.node("DequantizeLinear", f"{x}.rounded", x, step, zero)

    def moved(self, operator: str, outputs: Sequence[str], *inputs: str, **attributes: Any) -> Sequence[str]:
        """An operator that only moves numbers about, or bytes, which go on to stand for what its first input's do."""
        if inputs[0] in self.steps:
            self.steps |= dict.fromkeys(outputs, self.steps[inputs[0]])
        self.nodes.append(helper.make_node(operator, list(inputs), list(outputs), name=outputs[0], **attributes))
        return outputs

    def linear(self, name: str, x: str, output: str) -> str:
        """The linear layer `name`, in 8 bits where `x` is."""
        # ONNX Runtime computes in 8 bits only what has its zero points and factors spelled out.
        return self.node("Gemm", output, x, *self._parameters(name, x), transB=1, alpha=1.0, beta=1.0)

    def convolution(self, name: str, x: str, gain: Array | float = 1.0) -> str:
        """The convolution `name` with weights times `gain`, in 8 bits where `x` is."""
        size = list(self.weights[f"{name}.weight"].shape[2:])
        pads = [size[0] // 2, size[1] // 2] * 2
        return self.node("Conv", name, x, *self._parameters(name, x, gain), kernel_shape=size, pads=pads)

    def _parameters(self, name: str, x: str, gain: Array | float = 1.0) -> tuple[str, str]:
        """Weight and bias of a layer, each times `gain`, for the input `x`."""
        weight, bias = (np.asarray(self.weights[f"{name}.{kind}"] * gain, np.float32) for kind in ("weight", "bias"))
        if x in self.scales:
            return self._rounded(name, weight, bias, self.scales[x])
        return self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)

    def _rounded(self, name: str, weight: Array, bias: Array, step: float) -> tuple[str, str]:
        """Weights in 7 bits a channel and bias in 32, for an input of scale `step`."""
        scale = np.abs(weight).reshape(len(weight), -1).max(axis=1) / _WEIGHT_LEVELS
        # A channel of hardly any weight but with a bias must not push the bias out of its 32 bits.
        scale = np.maximum(scale, np.abs(bias) / (step * 2.0**30))
        scale = np.where(scale > _SMALLEST_STEP, scale, 1.0).astype(np.float32)
        levels = np.rint(weight / scale.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int8)
        steps = self.constant(f"{name}.weight.scale", scale)
        parts = (
            (f"{name}.weight", levels, steps),
            (
                f"{name}.bias",
                np.rint(bias / (scale * step)).astype(np.int32),
                self.constant(f"{name}.bias.scale", np.float32(step) * scale),
            ),
        )
        weights, biases = (
            self.node(
                "DequantizeLinear",
                key,
                self.constant(f"{key}.levels", level),
                unit,
                self.constant(f"{key}.zero", np.zeros(len(level), level.dtype)),
                axis=0,
            )
            for key, level, unit in parts
        )
        return weights, biases


def build(
    config: NetworkConfig, shape: NetworkShape, weights: Weights, *, ranges: Ranges | None = None, observe: bool = False
) -> ModelProto:
    """From `planes` `[B, C, H, W]` to `logits` `[B, A]` and `values` `[B, P]`, in turn order from the mover on.

    Args:
        config: the network's size.
        shape: the game's shape.
        weights: the network's weights.
        ranges: what `calibrate` returns, for 8 bits; None = single precision.
        observe: also output every activation that 8 bits would round but the planes.
    """
    check_weights(weights, config, shape)
    if ranges is not None:
        check_ranges(ranges, config)
    graph = _Graph(weights, ranges)
    trunk = _trunk(graph, config, shape)
    heads = graph.activation(graph.node("Relu", "heads.relu", graph.convolution("heads", trunk)))
    sizes = np.array([config.policy_channels, config.value_channels]) * shape.cells
    flat = graph.node("Flatten", "heads.flat", heads)
    graph.moved("Split", ["policy.flat", "value.flat"], flat, graph.constant("sizes", sizes), axis=1)
    graph.linear("policy", "policy.flat", "logits")
    features = graph.node("Concat", "features", "value.flat", *_pooled(graph, trunk, shape), axis=1)
    hidden = graph.node("Relu", "hidden.relu", graph.linear("hidden", features, "hidden"))
    if shape.zero_sum:  # One value is the other's opposite: so are the weights, and tanh is odd.
        for key in ("value.weight", "value.bias"):
            graph.weights[key] = np.concatenate((weights[key], -weights[key]))
    graph.node("Tanh", "values", graph.linear("value", hidden, "value"))
    return _model(graph, shape, graph.observed[1:] if observe else [])


def _trunk(graph: _Graph, config: NetworkConfig, shape: NetworkShape) -> str:
    """Stem and residual blocks, each gain folded into its block's second convolution."""
    x = graph.activation(graph.node("Relu", "stem.relu", graph.convolution("stem", graph.activation("planes"))))
    for index in range(config.blocks):
        block = f"blocks.{index}"
        inner = graph.node("Relu", f"{block}.inner", graph.convolution(f"{block}.first", x))
        counts = (count := config.mixes(index), config.channels - count)
        inner = _mixed(graph, block, inner, counts, shape) if count else graph.activation(inner)
        inner = graph.activation(graph.convolution(f"{block}.second", inner, graph.weights[f"{block}.gain"]))
        x = graph.activation(graph.node("Relu", f"{block}.relu", graph.node("Add", block, x, inner)))
    return x


def _mixed(graph: _Graph, block: str, inner: str, counts: tuple[int, int], shape: NetworkShape) -> str:
    """The inner activations of a block, of whose channels so many are mixed and so many stay, all in the same steps."""
    names = (inner, f"{block}.mixed")
    sizes = graph.constant(f"{block}.mix.sizes", np.array(counts))
    board = graph.constant(f"{block}.mix.board", np.array([-1, counts[0], *shape.observation[1:]]))
    parts = (f"{block}.mix.these", f"{block}.mix.others")
    these, others = graph.moved("Split", parts, graph.encoded(inner, names), sizes, axis=1)
    (flat,) = graph.moved("Flatten", [f"{block}.mix.flat"], these)
    mixed = graph.node("Relu", names[1], graph.linear(f"{block}.mix", graph.decoded(flat), f"{block}.mix"))
    (back,) = graph.moved("Reshape", [f"{block}.mix.back"], graph.encoded(mixed, names), board)
    (together,) = graph.moved("Concat", [f"{block}.mix.together"], back, others, axis=1)
    return graph.decoded(together)


def _pooled(graph: _Graph, trunk: str, shape: NetworkShape) -> tuple[str, str]:
    """The trunk's mean and maximum over the board, `[B, F]` each."""
    mean = graph.activation(graph.node("GlobalAveragePool", "mean", trunk))
    peak = graph.node("MaxPool", "peak", trunk, kernel_shape=list(shape.observation[1:]))
    # A maximum of bytes is one of them: with the trunk's own steps it is found without leaving 8 bits.
    peak = graph.activation(peak, like=[trunk.removesuffix(".u8.rounded")])
    return graph.node("Flatten", "mean.flat", mean), graph.node("Flatten", "peak.flat", peak)


def _model(graph: _Graph, shape: NetworkShape, observed: list[str]) -> ModelProto:
    """Wrap nodes and constants, with a dynamic batch."""
    describe = helper.make_tensor_value_info
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "hybrid",
            [describe("planes", TensorProto.FLOAT, ["B", *shape.observation])],
            [
                describe("logits", TensorProto.FLOAT, ["B", shape.actions]),
                describe("values", TensorProto.FLOAT, ["B", shape.players]),
                *(describe(name, TensorProto.FLOAT, None) for name in observed),
            ],
            [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        # The oldest versions that hold these operators, so that older runtimes read the file too.
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
