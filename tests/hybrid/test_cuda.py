"""The CUDA runtime without a GPU: a stand-in for graphs records operations on the CPU, and runs them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hybrid import cuda
from hybrid.cuda import CudaRuntime
from hybrid.network import TorchRuntime
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.runtime import Floats

CONFIG = NetworkConfig(blocks=2, channels=8, mixed=3)
SHAPE = NetworkShape(observation=(2, 3, 3), actions=9, players=2, zero_sum=True)


class Graph(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """What was done while it was recorded, to be done again with the same memory."""

    recorded = 0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stream: Stream | None = None
        self._calls: list[tuple[Callable[..., Any], Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self._calls.append((func, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        """Do it again, on the stream that it was recorded on."""
        assert self._calls
        assert Stream.current is self.stream
        for func, args, kwargs, result in self._calls:
            for old, new in zip(tree_leaves(result), tree_leaves(func(*args, **kwargs)), strict=True):
                if old is not new:
                    old.copy_(new)


class Stream:
    """A stream that does everything at once."""

    current: Stream | None = None

    def __init__(self, device: Any = None) -> None: ...

    def wait_stream(self, other: Any) -> None: ...


class Event:
    """An event that is waited for only once it was recorded."""

    def __init__(self, blocking: bool) -> None:
        self._recorded = False

    def record(self) -> None:
        assert Stream.current is not None
        self._recorded = True

    def synchronize(self) -> None:
        assert self._recorded


@contextmanager
def recording(graph: Graph, stream: Stream) -> Iterator[None]:
    assert Stream.current is stream
    Graph.recorded, graph.stream = Graph.recorded + 1, stream
    with graph:
        yield


@contextmanager
def on(stream: Stream) -> Iterator[None]:
    Stream.current, before = stream, Stream.current
    yield
    Stream.current = before


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for all of `torch.cuda` that the runtime calls."""
    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda shape, pin_memory=False: zeros(shape))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(Graph, "recorded", 0)


def runtimes() -> tuple[CudaRuntime, TorchRuntime]:
    """The runtime and its plain parent, of one network."""
    weights = initial_weights(CONFIG, SHAPE, np.random.default_rng(0))
    return CudaRuntime(CONFIG, SHAPE, weights, device="cpu"), TorchRuntime(CONFIG, SHAPE, weights, device="cpu")


def planes(rows: int, seed: int) -> Floats:
    """Random planes."""
    return np.random.default_rng(seed).standard_normal((rows, *SHAPE.observation)).astype(np.float32)


def same(answer: tuple[Floats, Floats], expected: tuple[Floats, Floats]) -> None:
    """Assert that two runtimes say the same but for rounding."""
    for one, other in zip(answer, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_it_says_what_the_plain_network_says() -> None:
    runtime, plain = runtimes()
    for seed, rows in enumerate([1, 8, 3, 9, 100, 2, 16, 9, 1]):
        same(runtime.run(planes(rows, seed)), plain.run(planes(rows, seed)))


def test_two_batches_of_a_size_can_be_open_at_a_time() -> None:
    runtime, plain = runtimes()
    opened = None
    for seed in range(5):
        following = runtime.start(planes(5, seed)), seed
        if opened is not None:
            same(opened[0](), plain.run(planes(5, opened[1])))
        opened = following


def test_a_graph_is_recorded_once_for_a_size_and_a_lane() -> None:
    runtime, _ = runtimes()
    for rows in (1, 2, 8, 5, 7, 8):
        runtime.run(planes(rows, 0))
    assert Graph.recorded == 2
    for rows in (9, 16, 12, 8):
        runtime.run(planes(rows, 0))
    assert Graph.recorded == 4


def test_more_than_the_largest_graph_is_judged_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "_LARGEST", 16)
    runtime, plain = runtimes()
    same(runtime.run(planes(17, 0)), plain.run(planes(17, 0)))
    assert Graph.recorded == 0
    runtime.run(planes(16, 0))
    assert Graph.recorded == 1
