"""What work costs: processor time, memory, and the cores that nobody used."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from training.recipes import usable_cores


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What playing a generation, or a worker's part of it, cost.

    Attributes:
        evaluations: positions that the network evaluated.
        seconds: processor time.
        memory: resident bytes at the end; what processes share is counted in each.
    """

    evaluations: int = 0
    seconds: float = 0.0
    memory: int = 0

    def __add__(self, other: Effort) -> Effort:
        """Both together."""
        return Effort(
            evaluations=self.evaluations + other.evaluations,
            seconds=self.seconds + other.seconds,
            memory=self.memory + other.memory,
        )


class Meter:
    """Tells how much of the cores' time was not used by this process and its workers; it measures between readings."""

    def __init__(self) -> None:
        self._wall, self._own = time.perf_counter(), time.process_time()

    def idle(self, others: float) -> float:
        """The unused share of the usable cores' time since the last reading; `others` are the workers' seconds.

        What other programs used counts as unused: a core that they hold does nothing for this one.
        """
        wall, own = time.perf_counter(), time.process_time()
        used = (own - self._own + others) / ((wall - self._wall) * usable_cores())
        self._wall, self._own = wall, own
        return max(0.0, 1.0 - used)


def resident_memory() -> int:
    """Bytes of this process in memory: now on Linux, at most elsewhere."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
