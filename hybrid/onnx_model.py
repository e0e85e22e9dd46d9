"""The network as an ONNX graph, written node by node from numpy weights: no torch, no exporter, milliseconds.

Shapes: B positions (dynamic), observations `[C, H, W]`, A actions, P players.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from hybrid.network_config import NetworkConfig, NetworkShape, Weights, check_weights

Array = npt.NDArray[np.float32] | npt.NDArray[np.int64]


class _Graph:
    """A graph under construction: each method adds one node and returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, Array] = {}

    def constant(self, name: str, array: Array) -> str:
        self.constants[name] = array
        return name

    def node(self, operator: str, output: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def layer(self, name: str, x: str, scale: Array | float = 1.0, output: str = "") -> str:
        """The convolution or linear layer `name` with its weights times `scale`."""
        weight = self.weights[f"{name}.weight"]
        rows = np.reshape(np.asarray(scale, np.float32), (-1,) + (1,) * (weight.ndim - 1))
        inputs = (
            self.constant(f"{name}.weight", weight * rows),
            self.constant(f"{name}.bias", self.weights[f"{name}.bias"] * rows.ravel()),
        )
        if weight.ndim == 2:
            return self.node("Gemm", output or name, x, *inputs, transB=1)
        margin, size = [weight.shape[2] // 2] * 4, list(weight.shape[2:])
        return self.node("Conv", output or name, x, *inputs, kernel_shape=size, pads=margin)


def build(config: NetworkConfig, shape: NetworkShape, weights: Weights) -> ModelProto:
    """From `planes` `[B, C, H, W]` to `logits` `[B, A]` and `values` `[B, P]`, in turn order from the mover on."""
    check_weights(weights, config, shape)
    graph = _Graph(weights)
    trunk = graph.node("Relu", "trunk", _residual(graph, config))
    heads = graph.node("Flatten", "flat", graph.node("Relu", "heads.relu", graph.layer("heads", trunk)))
    sizes = np.array([config.policy_channels, config.value_channels]) * shape.cells
    graph.nodes.append(
        helper.make_node("Split", [heads, graph.constant("sizes", sizes)], ["policy.flat", "value.flat"], axis=1)
    )
    graph.layer("policy", "policy.flat", output="logits")
    mean = graph.node("Flatten", "mean.flat", graph.node("GlobalAveragePool", "mean", trunk))
    peak = graph.node("Flatten", "peak.flat", graph.node("GlobalMaxPool", "peak", trunk))
    features = graph.node("Concat", "features", "value.flat", mean, peak, axis=1)
    hidden = graph.node("Relu", "hidden.relu", graph.layer("hidden", features))
    graph.node("Tanh", "values", _value(graph, shape, hidden))
    return _model(graph, shape)


def _residual(graph: _Graph, config: NetworkConfig) -> str:
    """Stem and residual blocks, each gain folded into its block's second convolution."""
    x = graph.layer("stem", "planes")
    for index in range(config.blocks):
        block = f"blocks.{index}"
        inner = graph.layer(f"{block}.first", graph.node("Relu", f"{block}.relu", x))
        gain = graph.weights[f"{block}.gain"]
        inner = graph.layer(f"{block}.second", graph.node("Relu", f"{block}.inner", inner), gain)
        x = graph.node("Add", block, x, inner)
    return x


def _value(graph: _Graph, shape: NetworkShape, hidden: str) -> str:
    """The last layer; where one value is the other's opposite, so are the weights, and tanh is odd."""
    if shape.zero_sum:
        mirror = np.array([1, -1], np.float32)
        weight, bias = graph.weights["value.weight"], graph.weights["value.bias"]
        graph.weights = {**graph.weights, "value.weight": np.repeat(weight, 2, 0), "value.bias": np.repeat(bias, 2)}
        return graph.layer("value", hidden, mirror)
    return graph.layer("value", hidden)


def _model(graph: _Graph, shape: NetworkShape) -> ModelProto:
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
            ],
            [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        # The oldest versions that hold these operators, so that older runtimes read the file too.
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
