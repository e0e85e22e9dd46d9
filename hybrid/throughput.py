"""The machine's limit: how many positions a second the bare inference runtime gets through, and nothing else.

Every worker is a process of its own with one inference thread, and all are measured at the same time, because cores
share caches, memory and clock.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from hybrid.checkpoint import Checkpoint
from hybrid.evaluate import Precision, load_runtime
from hybrid.runtime import Backend, Runtime

BATCHES = (8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What `workers` processes with one inference thread each reach together.

    Attributes:
        positions_per_second: the best over all batch sizes.
        batch: the batch size of each worker that reaches it.
        by_batch: positions per second by batch size.
        workers: the number of processes.
        backend: what ran the network.
        precision: in which arithmetic.
    """

    positions_per_second: float
    batch: int
    by_batch: dict[int, float]
    workers: int
    backend: Backend
    precision: Precision


def limit(
    checkpoint: Checkpoint,
    *,
    workers: int = 1,
    threads: int = 1,
    backend: Backend = "onnxruntime",
    precision: Precision = "float",
    batches: Sequence[int] = BATCHES,
    seconds: float = 0.5,
    repeats: int = 3,
) -> Limit:
    """Measure the network of `checkpoint` on the CPU.

    Args:
        checkpoint: whose network; for int8 it must be calibrated.
        workers: processes measured at the same time.
        threads: inference threads of each.
        backend: what runs the network.
        precision: in which arithmetic.
        batches: batch sizes to try.
        seconds: time for each batch size and repeat.
        repeats: rounds over all batch sizes, of which each size's best counts.
    """
    sizes = {"workers": workers, "threads": threads, "repeats": repeats, "batches": min(batches, default=0)}
    for argument, size in sizes.items():
        if size < 1:
            raise ValueError(f"{argument} must be at least 1, got {size}")
    if not 0.0 < seconds < float("inf"):
        raise ValueError(f"seconds must be positive, got {seconds}")
    by_batch = dict.fromkeys(batches, 0.0)
    with _workers(workers, checkpoint, backend, precision, threads) as pipes:
        for _ in range(repeats):
            for batch in batches:
                for pipe in pipes:
                    pipe.send((batch, seconds))
                by_batch[batch] = max(by_batch[batch], sum(pipe.recv() for pipe in pipes))
    best = max(by_batch, key=by_batch.__getitem__)
    return Limit(
        positions_per_second=by_batch[best],
        batch=best,
        by_batch=by_batch,
        workers=workers,
        backend=backend,
        precision=precision,
    )


def rate(runtime: Runtime, planes: np.ndarray[tuple[int, ...], np.dtype[np.float32]], seconds: float) -> float:
    """Positions per second of `runtime` on batches `planes` `[B, C, H, W]`, run again and again for `seconds`."""
    runtime.run(planes)
    runs, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        runtime.run(planes)
        runs += 1
    return runs * len(planes) / (time.perf_counter() - start)


@contextmanager
def _workers(
    number: int, checkpoint: Checkpoint, backend: Backend, precision: Precision, threads: int
) -> Iterator[list[Connection]]:
    """Pipes to `number` processes, each ready to measure; they are gone afterwards."""
    # Made here first: a checkpoint or a backend that does not work is this process' error, not theirs.
    load_runtime(checkpoint, threads=threads, backend=backend, precision=precision)
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(number)]
    processes = [
        context.Process(target=_serve, args=(pair[1], checkpoint, backend, precision, threads), daemon=True)
        for pair in pairs
    ]
    try:
        for process in processes:
            process.start()
        for _, theirs in pairs:
            theirs.close()
        for ours, _ in pairs:
            try:
                ours.recv()
            except EOFError:
                raise ChildProcessError("a process that was to measure the network died while it loaded it") from None
        yield [ours for ours, _ in pairs]
    finally:
        for process in processes:
            if process.pid is not None:
                process.terminate()
                process.join()


def _serve(pipe: Connection, checkpoint: Checkpoint, backend: Backend, precision: Precision, threads: int) -> None:
    """Measure what the pipe asks for, until it is closed."""
    runtime = load_runtime(checkpoint, threads=threads, backend=backend, precision=precision)
    rng = np.random.default_rng(0)
    pipe.send(None)
    while True:
        try:
            batch, seconds = pipe.recv()
        except EOFError:
            return
        planes = rng.integers(2, size=(batch, *checkpoint.shape.observation)).astype(np.float32)
        pipe.send(rate(runtime, planes, seconds))
