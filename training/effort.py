"""What work costs: processor time, memory, and the cores that nobody used."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from training.recipes import usable_cores


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What playing a generation, or a worker's part of it, cost.

    Attributes:
        evaluations: positions that the network evaluated.
        seconds: processor time.
    """

    evaluations: int = 0
    seconds: float = 0.0

    def __add__(self, other: Effort) -> Effort:
        """Both together."""
        return Effort(evaluations=self.evaluations + other.evaluations, seconds=self.seconds + other.seconds)


class Meter:
    """Tells what this process and its workers use, of time between two readings and of memory at any moment."""

    def __init__(self, workers: Sequence[int]) -> None:
        """Begin to measure; `workers` are process ids."""
        self._processes = [psutil.Process(), *map(psutil.Process, workers)]
        self._wall, self._used = time.perf_counter(), self._seconds()

    def idle(self) -> float:
        """The share of the usable cores' time since the last reading in which none of the processes ran.

        What other programs used counts as unused: a core that they hold does nothing for this one.
        """
        wall, used = time.perf_counter(), self._seconds()
        share = (used - self._used) / ((wall - self._wall) * usable_cores())
        self._wall, self._used = wall, used
        return max(0.0, 1.0 - share)

    def memory(self) -> int:
        """Resident bytes; what processes share is counted in each."""
        return _resident(self._processes)

    def _seconds(self) -> float:
        """Processor time of all since they began."""
        used = [process.cpu_times() for process in self._processes]
        return float(sum(one.user + one.system for one in used))


def resident_memory(processes: Sequence[int]) -> int:
    """Bytes in memory of the processes with these ids; what they share is counted in each."""
    return _resident([psutil.Process(number) for number in processes])


def _resident(processes: Sequence[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in processes)
