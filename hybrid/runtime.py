"""What runs a network on a CPU: one small interface over ONNX Runtime and OpenVINO.

Shapes: B positions, observations `[C, H, W]`, A actions, P players.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from hybrid.network_config import NetworkConfig, NetworkShape, Ranges, Weights

Floats = npt.NDArray[np.float32]
Backend = Literal["onnxruntime", "openvino"]


class Runtime(Protocol):
    """A network ready to be run; new weights make a new runtime."""

    def run(self, planes: Floats) -> tuple[Floats, Floats]:
        """From planes `[B, C, H, W]`, logits `[B, A]` and values `[B, P]` in turn order beginning with the mover."""


@runtime_checkable
class OverlappingRuntime(Runtime, Protocol):
    """A network on a device that works while the processor does something else."""

    def start(self, planes: Floats) -> Callable[[], tuple[Floats, Floats]]:
        """Begin what `run` does; what is returned waits for it. Two batches may be under way at a time."""


class OnnxRuntime:
    """A network in ONNX Runtime, in 8 bits where `ranges` are given.

    With one thread a row's result has the same bits whatever the other rows of its batch are.
    """

    def __init__(
        self,
        config: NetworkConfig,
        shape: NetworkShape,
        weights: Weights,
        *,
        threads: int = 1,
        ranges: Ranges | None = None,
    ) -> None:
        from hybrid.onnx_model import build

        self._session = _session(build(config, shape, weights, ranges=ranges).SerializeToString(), threads)

    def run(self, planes: Floats) -> tuple[Floats, Floats]:
        logits, values = self._session.run(["logits", "values"], {"planes": planes})
        return logits, values


class OpenVino:
    """A network in OpenVINO (the optional extra `openvino`), in 8 bits where `ranges` are given."""

    def __init__(
        self,
        config: NetworkConfig,
        shape: NetworkShape,
        weights: Weights,
        *,
        threads: int = 1,
        ranges: Ranges | None = None,
    ) -> None:
        try:
            import openvino
        except ImportError as error:
            raise ValueError("backend 'openvino' is not installed: pip install 'hybrid-agents[openvino]'") from error
        from hybrid.onnx_model import build

        core = openvino.Core()
        options = {
            "INFERENCE_NUM_THREADS": _checked(threads),
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
            # Several workers share the cores: the system places their threads better than each of them would.
            "ENABLE_CPU_PINNING": False,
        }
        model = core.read_model(build(config, shape, weights, ranges=ranges).SerializeToString())
        self._request = core.compile_model(model, "CPU", options).create_infer_request()

    def run(self, planes: Floats) -> tuple[Floats, Floats]:
        outputs = self._request.infer([planes], share_inputs=True)
        return outputs["logits"], outputs["values"]


def calibrate(config: NetworkConfig, shape: NetworkShape, weights: Weights, planes: Floats) -> Ranges:
    """The ranges that a network's activations take on `planes` `[B, C, H, W]`, which 8 bits then cover."""
    from hybrid.onnx_model import build

    if not len(planes):
        raise ValueError("planes must hold at least one position to calibrate on, got none")
    model = build(config, shape, weights, observe=True)
    session = _session(model.SerializeToString(), 1)
    names = [output.name for output in model.graph.output[2:]]
    low, high = np.zeros(len(names) + 1), np.zeros(len(names) + 1)
    for first in range(0, len(planes), 64):
        part = planes[first : first + 64]
        activations = [part, *session.run(names, {"planes": part})]
        low = np.minimum(low, [activation.min() for activation in activations])
        high = np.maximum(high, [activation.max() for activation in activations])
    return dict(zip(["planes", *names], zip(low.tolist(), high.tolist(), strict=True), strict=True))


def _session(model: bytes, threads: int) -> Any:
    """ONNX Runtime's session for a serialised model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _checked(threads)
    options.inter_op_num_threads = 1
    # Idle threads must not burn the cores that other workers need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _checked(threads: int) -> int:
    """A valid number of threads."""
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    return threads
