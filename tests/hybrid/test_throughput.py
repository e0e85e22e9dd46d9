"""Measuring inference: figures that a clock can confirm, workers that do not stay."""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

import numpy as np
import pytest

from hybrid.checkpoint import Checkpoint
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.runtime import Floats, calibrate
from hybrid.throughput import limit, rate

SHAPE = NetworkShape(observation=(2, 3, 3), actions=9, players=2, zero_sum=True)


def agent() -> Checkpoint:
    config = NetworkConfig(blocks=1, channels=4)
    weights = initial_weights(config, SHAPE, np.random.default_rng(0))
    ranges = calibrate(config, SHAPE, weights, np.ones((2, 2, 3, 3), np.float32))
    return Checkpoint(weights=weights, config=config, shape=SHAPE, game="tic_tac_toe", ranges=ranges)


def test_a_runtime_that_takes_ten_milliseconds() -> None:
    class Sleeper:
        def run(self, planes: Floats) -> tuple[Floats, Floats]:
            time.sleep(0.01)
            return planes, planes

    measured = rate(Sleeper(), np.zeros((8, 1, 1, 1), np.float32), 0.3)
    assert 50 < measured <= 800


@pytest.mark.parametrize("precision", ["float", "int8"])
def test_the_limit_is_the_best_batch_of_workers_at_work_together(precision: Any) -> None:
    measured = limit(agent(), workers=2, batches=(1, 64), seconds=0.02, repeats=2, precision=precision)
    assert measured.by_batch.keys() == {1, 64}
    assert measured.positions_per_second == max(measured.by_batch.values()) == measured.by_batch[measured.batch] > 0
    # A batch of 64 of so small a network costs far less than 64 batches of one.
    assert measured.batch == 64
    assert (measured.workers, measured.precision, measured.backend) == (2, precision, "onnxruntime")
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    "options",
    [{"workers": 0}, {"threads": 0}, {"repeats": 0}, {"batches": ()}, {"batches": (0,)}, {"seconds": 0.0}],
)
def test_impossible_measurements_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
        limit(agent(), **options)


def test_an_agent_that_cannot_run_fails_in_the_caller() -> None:
    config = NetworkConfig(blocks=1, channels=4)
    weights = initial_weights(config, SHAPE, np.random.default_rng(0))
    plain = Checkpoint(weights=weights, config=config, shape=SHAPE, game="tic_tac_toe")
    with pytest.raises(ValueError, match="needs a checkpoint calibrated for it"):
        limit(plain, precision="int8")
