"""What runs a network: one small interface over ONNX Runtime on CPU and torch on CUDA.

Shapes: B positions, observations `[C, H, W]`, A actions, P players.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hybrid.network_config import NetworkConfig, NetworkShape, Weights

Floats = npt.NDArray[np.float32]


class Runtime(Protocol):
    """A network ready to be run; new weights make a new runtime."""

    def run(self, planes: Floats) -> tuple[Floats, Floats]:
        """From planes `[B, C, H, W]`, logits `[B, A]` and values `[B, P]` in turn order beginning with the mover."""


class OnnxRuntime:
    """A network in ONNX Runtime on CPU.

    With one thread a row's result has the same bits whatever the other rows of its batch are.
    """

    def __init__(self, config: NetworkConfig, shape: NetworkShape, weights: Weights, *, threads: int = 1) -> None:
        import onnxruntime

        from hybrid.onnx_model import build

        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Idle threads must not burn the cores that other workers need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = build(config, shape, weights).SerializeToString()
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self, planes: Floats) -> tuple[Floats, Floats]:
        logits, values = self._session.run(["logits", "values"], {"planes": planes})
        return logits, values


class TorchRuntime:
    """A network in torch, in half precision on CUDA devices."""

    def __init__(self, config: NetworkConfig, shape: NetworkShape, weights: Weights, *, device: str) -> None:
        import torch

        from hybrid.network import Network

        self._device = torch.device(device)
        self._dtype = torch.float16 if self._device.type == "cuda" else torch.float32
        network = Network(config, shape, weights).eval().requires_grad_(False)
        self._network = network.to(self._device, self._dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._tensor: Callable[[Floats], torch.Tensor] = torch.from_numpy
        self._inference = torch.inference_mode

    def run(self, planes: Floats) -> tuple[Floats, Floats]:
        with self._inference():
            tensor = self._tensor(planes).to(self._device, self._dtype)
            logits, values = self._network(tensor)
            return logits.float().cpu().numpy(), values.float().cpu().numpy()
