"""Network inference on this machine's CPU: positions per second by runtime, precision, threads and batch size.

    python benchmarks/inference.py --blocks 5 --channels 64 --seconds 0.5

Rows of one table are measured in turns, `--repeats` times; each figure is the best of its turns. "2 x 1" is two
processes of one thread each, both at work during the same seconds, together.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch

import games
from hybrid.checkpoint import Checkpoint
from hybrid.evaluate import Precision
from hybrid.network import TorchRuntime
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.runtime import Backend, calibrate
from hybrid.throughput import limit, rate

BATCHES = (1, 8, 16, 32, 64, 128, 256)


def agent(spec: str, config: NetworkConfig, seed: int) -> Checkpoint:
    """An agent with random weights, calibrated on random planes."""
    game, rng = games.load(spec), np.random.default_rng(seed)
    shape = NetworkShape.of(game)
    weights = initial_weights(config, shape, rng)
    for block in range(config.blocks):
        weights[f"blocks.{block}.gain"] = np.array(0.5, np.float32)
    planes = rng.integers(2, size=(256, *shape.observation)).astype(np.float32)
    ranges = calibrate(config, shape, weights, planes)
    return Checkpoint(weights=weights, config=config, shape=shape, game=spec, ranges=ranges)


def eager(checkpoint: Checkpoint, seconds: float, threads: int) -> dict[int, float]:
    """Torch eager, channels last, by batch size."""
    torch.set_num_threads(threads)
    runtime = TorchRuntime(checkpoint.config, checkpoint.shape, checkpoint.weights, device="cpu")
    shape = checkpoint.shape.observation
    return {batch: rate(runtime, np.ones((batch, *shape), np.float32), seconds) for batch in BATCHES}


def runtime_row(
    checkpoint: Checkpoint, seconds: float, backend: Backend, precision: Precision, workers: int, threads: int
) -> Callable[[], dict[int, float]]:
    """A measurement of one runtime."""
    return lambda: (
        limit(
            checkpoint,
            workers=workers,
            threads=threads,
            backend=backend,
            precision=precision,
            batches=BATCHES,
            seconds=seconds,
            repeats=1,
        ).by_batch
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", default="connect_four")
    parser.add_argument("--blocks", type=int, default=NetworkConfig.blocks)
    parser.add_argument("--channels", type=int, default=NetworkConfig.channels)
    parser.add_argument("--mixed", type=int, default=NetworkConfig.mixed)
    parser.add_argument("--seconds", type=float, default=0.3, help="time for each figure and turn")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    config = NetworkConfig(blocks=options.blocks, channels=options.channels, mixed=options.mixed)
    checkpoint = agent(options.game, config, options.seed)
    rows: dict[str, Callable[[], dict[int, float]]] = {
        f"torch eager, 1 x {threads}": lambda threads=threads: eager(checkpoint, options.seconds, threads)  # type: ignore[misc]
        for threads in (1, 2)
    }
    backends: tuple[Backend, Backend] = ("onnxruntime", "openvino")
    precisions: tuple[Precision, Precision] = ("float", "int8")
    for backend in backends:
        for precision in precisions:
            for workers, threads in ((1, 1), (1, 2), (2, 1)):
                name = f"{backend} {precision}, {workers} x {threads}"
                rows[name] = runtime_row(checkpoint, options.seconds, backend, precision, workers, threads)
    best = {name: dict.fromkeys(BATCHES, 0.0) for name in rows}
    for _ in range(options.repeats):
        for name, measure in rows.items():
            best[name] = {batch: max(best[name][batch], figure) for batch, figure in measure().items()}
    print(f"{options.game}, {config}, positions/s")
    print(f"{'workers x threads':28}" + "".join(f"{batch:>9}" for batch in BATCHES))
    for name, figures in best.items():
        print(f"{name:28}" + "".join(f"{figures[batch]:9.0f}" for batch in BATCHES))


if __name__ == "__main__":
    main()
