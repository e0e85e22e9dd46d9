"""Sets of up to 128 cells as bitboards, a low and a high `uint64` word; for compiled rules and plain Python alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numba.extending import register_jitable


@register_jitable
def shifted(low: Any, high: Any, k: int) -> Any:
    """The cells `k` places on, or back if `k` is negative."""
    bits, rest = np.uint64(abs(k)), np.uint64(64 - abs(k))
    if k > 0:
        return low << bits, (high << bits) | (low >> rest)
    return (low >> bits) | (high << rest), high >> bits


@register_jitable
def runs(low: Any, high: Any, others: Any, k: int, length: int) -> Any:
    """The cells of `others` (two words) in unbroken rows of at most `length` next to given cells in direction `k`."""
    first, second = shifted(low, high, k)
    first, second = first & others[0], second & others[1]
    for _ in range(length - 1):
        low, high = shifted(first, second, k)
        first, second = first | (low & others[0]), second | (high & others[1])
    return first, second


@register_jitable
def contains(words: Any, cell: int) -> Any:
    """The bit of `cell` in two words."""
    return (words[cell >> 6] >> np.uint64(cell & 63)) & np.uint64(1)


def words_of(cells: Iterable[int]) -> tuple[np.uint64, np.uint64]:
    """A set of cells as two words."""
    bits = sum(1 << cell for cell in cells)
    return np.uint64(bits & (2**64 - 1)), np.uint64(bits >> 64)
