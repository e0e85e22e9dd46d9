"""How fast a network runs on this machine by itself: the limit that a search with that network is measured against."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from games import Game, Positions
from hybrid.runtime import Floats, Runtime

BATCHES = (8, 16, 32, 64, 128, 256)
"""The batch sizes tried."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The fastest way found to run a network.

    Attributes:
        positions_per_second: all cores together.
        batch: positions a call.
        streams: calls side by side.
        threads: threads of each call.
    """

    positions_per_second: float
    batch: int
    streams: int
    threads: int


def network_limit(
    game: Game,
    runtime: Callable[[int], Runtime],
    cores: int,
    *,
    seconds: float = 1.0,
    batches: Sequence[int] = BATCHES,
) -> Limit:
    """The most positions a second that a network makes on `cores` cores, over batch sizes and ways to share the cores.

    Args:
        game: whose observations are fed.
        runtime: makes the network's runtime with so many threads.
        cores: cores to use, as one call of so many threads and as so many calls of one thread.
        seconds: how long each combination is measured.
        batches: batch sizes to try.
    """
    planes = game.observe(random_positions(game, max(batches), np.random.default_rng(0)))
    ways = {(1, cores), (cores, 1)}
    found = []
    for (streams, threads), batch in itertools.product(sorted(ways), batches):
        runtimes = [runtime(threads) for _ in range(streams)]
        rate = _rate(runtimes, planes[:batch], seconds)
        found.append(Limit(positions_per_second=rate, batch=batch, streams=streams, threads=threads))
    return max(found, key=lambda limit: limit.positions_per_second)


def random_positions(game: Game, count: int, rng: np.random.Generator) -> Positions:
    """`[count]` undecided positions from random games, at all stages of the game."""
    positions = game.initial(count)
    found = [positions]
    while len(positions):
        legal = game.legal_actions(positions)
        actions = np.where(legal, rng.random(legal.shape), -1.0).argmax(axis=1)
        positions = game.step(positions, actions)
        positions = positions[positions["terminal"] == 0]
        found.append(positions)
    return rng.permutation(np.concatenate(found))[:count]


def _rate(runtimes: Sequence[Runtime], planes: Floats, seconds: float) -> float:
    """Positions a second of runtimes that run side by side."""
    done = [0] * len(runtimes)
    start = threading.Barrier(len(runtimes) + 1)
    stop = threading.Event()

    def work(index: int) -> None:
        runtimes[index].run(planes)
        start.wait()
        while not stop.is_set():
            runtimes[index].run(planes)
            done[index] += len(planes)

    threads = [threading.Thread(target=work, args=(index,), daemon=True) for index in range(len(runtimes))]
    for thread in threads:
        thread.start()
    start.wait()
    begin = time.perf_counter()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - begin)
