"""The transposition table of alpha-beta: what was found of positions, by the hash of their bytes, compiled.

Each position has two slots, of which the first keeps what was searched deeper. Entries of earlier searches do not
count: they bear another *generation*, and are erased only when its number comes again.
Shapes: W 64-bit words of a padded position.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from games.compile import inner
from games.kernels import mix

GENERATIONS = 32
"""Numbers that tell searches apart; 0 is that of an empty entry."""
EXACT, LOWER, UPPER = 0, 1, 2

ENTRY = np.dtype((np.record, [("key", "u8"), ("value", "i4"), ("move", "i2"), ("depth", "u1"), ("tag", "u1")]))
"""One table entry: `tag` is the search's generation * 8 + resolved * 4 + kind of bound."""


@inner
def position_key(words: Any) -> Any:
    """A 64-bit hash of a position's bytes, `words` `[W]`."""
    key = np.uint64(0)
    for i in range(words.shape[0]):
        key = mix(key ^ words[i])
    return key


@inner
def lookup(table: Any, key: Any, generation: Any) -> Any:
    """The slot of `key` among its two, or -1."""
    slot = np.int64(key & np.uint64(table.shape[0] - 1))
    for i in range(2):
        if table[slot ^ i].key == key and table[slot ^ i].tag >> 3 == generation:
            return slot ^ i
    return -1


@inner
def remember(table: Any, frame: Any, generation: Any, depth: Any, bound: Any) -> None:
    """Store a result: over its older self, else over a shallower or outdated first slot, else in the second."""
    slot = lookup(table, frame.key, generation)
    if slot < 0:
        slot = np.int64(frame.key & np.uint64(table.shape[0] - 2))
        if table[slot].tag >> 3 == generation and table[slot].depth > depth:
            slot += 1
    table[slot].key = frame.key
    table[slot].value = frame.best
    table[slot].move = frame.move
    table[slot].depth = depth
    table[slot].tag = generation * 8 + frame.resolved * 4 + bound


@inner
def renew(table: Any, killers: Any, history: Any, control: Any) -> None:
    """Start afresh, and always in the same way: nothing that was searched before has any influence."""
    control.generation = control.generation % (GENERATIONS - 1) + 1
    control.seed = 0
    if control.generation == 1:
        for slot in range(table.shape[0]):
            table[slot].tag = 0
    history[:] = 0
    killers[:] = -1


@inner
def known(table: Any, frame: Any, depth: Any, control: Any) -> Any:
    """Look the node up: its recorded best move (or -1), or -2 when the record answers, then in `control`."""
    slot = lookup(table, frame.key, control.generation)
    if slot < 0:
        return -1
    value, bound, resolved = table[slot].value, table[slot].tag & 3, table[slot].tag >> 2 & 1
    if (resolved or table[slot].depth >= depth) and (
        bound == EXACT or (bound == LOWER and value >= frame.high) or (bound == UPPER and value <= frame.low)
    ):
        control.value = value
        control.resolved = resolved
        return -2
    return np.int64(table[slot].move)
