"""A bounded table of evaluations, keyed by the exact bytes of positions, in front of any evaluator.

The table is set-associative: a position's hash names a bucket of `WAYS` slots, and the least recently used of them
makes room. Slots touched by the present batch are never given up before it is answered, so that duplicates within a
batch are evaluated once.
Shapes: B positions, K bytes of a position, M slots, A actions, P players.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import float32, int64, uint8, uint64, void

from games import Game, Positions
from games.compile import kernel
from games.kernels import hashed
from hybrid.evaluate import Evaluator
from hybrid.runtime import Floats

WAYS = 4
"""Slots of a bucket."""


class CachedEvaluator:
    """Remembers what `evaluator` said; of each position it is asked at most once while there is room.

    Results are the same bits as without it, provided that `evaluator` is deterministic and its rows do not depend on
    their batch. `queries` counts the positions asked about and `evaluations` those passed on.
    """

    def __init__(self, game: Game, evaluator: Evaluator, *, megabytes: float = 64.0) -> None:
        size = game.dtype.itemsize
        slot = size + 4 * (game.num_actions + game.players) + 16
        if not slot * WAYS <= megabytes * 2**20 < math.inf:
            raise ValueError(f"megabytes must be at least {slot * WAYS / 2**20:.2g} for this game, got {megabytes}")
        slots = 1 << (int(megabytes * 2**20) // slot).bit_length() - 1
        self.queries = self.evaluations = 0
        self._evaluator = evaluator
        self._hashes = np.zeros(slots, np.uint64)
        self._stamps = np.zeros(slots, np.int64)
        self._keys = np.zeros((slots, size), np.uint8)
        self._logits = np.zeros((slots, game.num_actions), np.float32)
        self._values = np.zeros((slots, game.players), np.float32)
        self._now = 0

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        find, answer = _kernels()
        batch = len(positions)
        self._now += 1
        self.queries += batch
        keys = np.ascontiguousarray(positions).view(np.uint8).reshape(batch, self._keys.shape[1])
        slots, asked = np.empty(batch, np.int64), np.empty(batch, np.int64)
        count = find(keys, self._now, self._hashes, self._stamps, self._keys, slots, asked)
        asked = asked[:count]
        try:
            fresh = self._evaluated(positions, asked)
        except BaseException:
            self.clear()  # slots were promised to answers that never came
            raise
        logits = np.empty((batch, self._logits.shape[1]), np.float32)
        values = np.empty((batch, self._values.shape[1]), np.float32)
        answer(slots, asked, fresh[0], self._logits, logits)
        answer(slots, asked, fresh[1], self._values, values)
        return logits, values

    @property
    def hit_rate(self) -> float:
        """The share of queries that were answered without the network."""
        return 1.0 - self.evaluations / self.queries if self.queries else 0.0

    def clear(self) -> None:
        """Forget every position."""
        self._stamps[:] = 0

    def _evaluated(self, positions: Positions, asked: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """What the evaluator says of the rows `asked`."""
        self.evaluations += len(asked)
        if not len(asked):
            return self._logits[:0], self._values[:0]
        logits, values = self._evaluator(positions if len(asked) == len(positions) else positions[asked])
        return np.ascontiguousarray(logits), np.ascontiguousarray(values)


@lru_cache(maxsize=1)
def _kernels() -> tuple[Any, Any]:
    """`_find` and `_answer`, compiled."""
    integers, table = int64[::1], float32[:, ::1]
    return (
        kernel(lambda: _find, int64(uint8[:, ::1], int64, uint64[::1], integers, uint8[:, ::1], integers, integers)),
        kernel(lambda: _answer, void(integers, integers, table, table, table)),
    )


def _find(keys: Any, now: Any, hashes: Any, stamps: Any, stored: Any, slots: Any, asked: Any) -> Any:
    """Write each key's slot to `slots` `[B]` (-1: no room) and the rows to evaluate to `asked`; returns their number.

    Slots of new keys are taken at once, so that later rows with the same key find them.
    """
    count = 0
    for row in range(keys.shape[0]):
        code = hashed(keys[row])
        first = np.int64(code & np.uint64(hashes.shape[0] // WAYS - 1)) * WAYS
        slots[row] = -1
        oldest: Any = first
        for slot in range(first, first + WAYS):
            if stamps[slot] > 0 and hashes[slot] == code:
                equal = True
                for k in range(keys.shape[1]):
                    equal &= stored[slot, k] == keys[row, k]
                if equal:
                    slots[row] = slot
                    stamps[slot] = now
                    break
            if stamps[slot] < stamps[oldest]:
                oldest = slot
        if slots[row] < 0:
            asked[count] = row
            count += 1
            if stamps[oldest] < now:
                slots[row] = oldest
                stamps[oldest] = now
                hashes[oldest] = code
                stored[oldest] = keys[row]
    return count


def _answer(slots: Any, asked: Any, fresh: Any, table: Any, out: Any) -> None:
    """Put the `fresh` rows into `table` where they have a slot, then every row's answer into `out`."""
    for i in range(asked.shape[0]):
        slot = slots[asked[i]]
        if slot >= 0:
            table[slot] = fresh[i]
        else:
            out[asked[i]] = fresh[i]
    for row in range(slots.shape[0]):
        if slots[row] >= 0:
            out[row] = table[slots[row]]
