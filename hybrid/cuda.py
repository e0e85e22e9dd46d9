"""The network on a CUDA device: half precision, whole batches as CUDA graphs, copies included.

A search makes thousands of small batches, for each of which launching the network's kernels one by one takes longer
than the kernels do. A graph is launched at once, but only for the memory and the batch size that it was recorded with.
Shapes: B positions, N rows of a graph, observations `[C, H, W]`, A actions, P players.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hybrid.network import TorchRuntime
from hybrid.network_config import NetworkConfig, NetworkShape, Weights
from hybrid.runtime import Floats

_LANES = 2
"""Batches that can be under way at a time."""
_SMALLEST, _LARGEST = 8, 1024
"""Rows of the smallest and the largest graph; between them each has twice as many as the one before."""
_WARM_UP = 3
"""Runs before a graph is recorded: in the first of them libraries choose and load their kernels."""


class CudaRuntime(TorchRuntime):
    """A network on a CUDA device (a `hybrid.runtime.OverlappingRuntime`).

    Batches are filled up to the rows of a graph, and graphs are recorded as their sizes come to be needed, for two
    lanes that take turns: so one batch can be prepared while the other is being judged. Larger batches than the largest
    graph's, which keep a device busy anyway, are judged without one.
    """

    def __init__(self, config: NetworkConfig, shape: NetworkShape, weights: Weights, *, device: str) -> None:
        super().__init__(config, shape, weights, device=device)
        self._observation = shape.observation
        self._graphs: dict[tuple[int, int], _Graph] = {}
        self._turn = 0
        # A stream of its own, as far as torch's 32 go: cuBLAS has a workspace for each, which the end of any graph that
        # was recorded on it frees. So graphs of one runtime share a stream, and end together.
        self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        self._stream.wait_stream(torch.cuda.current_stream(self._device))

    def start(self, planes: Floats) -> Callable[[], tuple[Floats, Floats]]:
        """Begin to judge planes `[B, C, H, W]`; what is returned waits for what `run` would say.

        At most two batches may be open at a time: the third overwrites the first.
        """
        if len(planes) > _LARGEST:
            judged = super().run(planes)
            return lambda: judged
        rows = max(_SMALLEST, 1 << (len(planes) - 1).bit_length())
        self._turn = (self._turn + 1) % _LANES
        key = (rows, self._turn)
        # Tensors that were made for inference may be changed only in that mode.
        with torch.cuda.stream(self._stream), torch.inference_mode():
            if key not in self._graphs:
                self._graphs[key] = _Graph(self._judge, (rows, *self._observation), self._stream)
            return self._graphs[key].start(planes)

    def run(self, planes: Floats) -> tuple[Floats, Floats]:
        """From planes `[B, C, H, W]`, logits `[B, A]` and values `[B, P]` in turn order beginning with the mover."""
        return self.start(planes)()

    def _judge(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """What `run` says of pinned planes, on the device."""
        entry = planes.to(self._device, non_blocking=True)
        logits, values = self._network(entry.to(self._dtype, memory_format=torch.channels_last))
        return logits.float(), values.float()


class _Graph:
    """One batch size of a network as a graph: from pinned planes to pinned logits and values.

    Made and started on `stream`, in inference mode.
    """

    def __init__(
        self, judge: Callable[[Tensor], tuple[Tensor, Tensor]], shape: tuple[int, ...], stream: torch.cuda.Stream
    ) -> None:
        # Planes and outputs are kept, for the graph reads and writes the memory that they have now.
        self._planes = torch.zeros(shape, pin_memory=True)
        for _ in range(_WARM_UP):
            outputs = judge(self._planes)
        self._outputs = [torch.zeros(output.shape, pin_memory=True) for output in outputs]
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=stream):
            for result, output in zip(self._outputs, judge(self._planes), strict=True):
                result.copy_(output, non_blocking=True)
        # Whoever waits leaves its core to others, such as the workers that share the device.
        self._done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]

    def start(self, planes: Floats) -> Callable[[], tuple[Floats, Floats]]:
        """Launch the graph on planes `[B, C, H, W]`, B at most N."""
        count = len(planes)
        self._planes[:count] = torch.from_numpy(planes)
        self._graph.replay()
        self._done.record()

        def answer() -> tuple[Floats, Floats]:
            self._done.synchronize()
            logits, values = (output[:count].numpy().copy() for output in self._outputs)
            return logits, values

        return answer
