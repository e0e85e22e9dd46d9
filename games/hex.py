"""Hex: X joins the top edge to the bottom, O the left to the right; one of them always does.

A cell touches those left, right, above, below, above right and below left. With `swap=True` the second player may
answer the first stone by `swap`: it becomes an O on the mirrored cell (a2 for b1), and X moves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from games import boards
from games.rules import LiftedGame, lift

NEIGHBOURS = ((-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0))
STONE, FIRST, LAST = 3, 4, 8
"""Bits of a cell: the stone, and whether it is joined to its owner's first and last edge."""


@register_jitable
def place(cells: Any, size: int, cell: int, player: int) -> bool:
    """Put a stone of `player` on an empty `cell` and update who is joined to what; whether that joins both edges."""
    line = cell % size if player else cell // size
    joined = (FIRST if line == 0 else 0) | (LAST if line == size - 1 else 0)
    for down, right in NEIGHBOURS:
        row, column = cell // size + down, cell % size + right
        if 0 <= row < size and 0 <= column < size and cells[row * size + column] & STONE == player + 1:
            joined |= cells[row * size + column] & (FIRST | LAST)
    cells[cell] = player + 1 + joined
    pending = np.empty(size * size, np.int64)
    pending[0] = cell
    count = 1
    while count:
        count -= 1
        row, column = pending[count] // size, pending[count] % size
        for down, right in NEIGHBOURS:
            r, c = row + down, column + right
            if not (0 <= r < size and 0 <= c < size) or cells[r * size + c] & STONE != player + 1:
                continue
            if cells[r * size + c] & joined != joined:
                cells[r * size + c] |= joined
                pending[count] = r * size + c
                count += 1
    return joined == FIRST | LAST


def make(size: int = 11, swap: bool = False) -> LiftedGame:
    """The game on `size` x `size` (2 to 19), without or with the swap rule."""
    boards.check_size("size", size, 2, 19)
    cells = size * size
    board = boards.lettered(size, size, upward=False, slant=1)
    images = boards.dihedral(size, size, extra=int(swap))[[0, 3]]

    def play(s: Any, a: int) -> None:
        mover = s.to_play
        s.ply += 1
        s.to_play = 1 - mover
        if a == cells:
            first = 0
            while s.cells[first] == 0:
                first += 1
            s.cells[first] = 0
            a = first % size * size + first // size
        if place(s.cells, size, a, mover):
            boards.finish(s, mover)

    def legal(s: Any, mask: Any) -> None:
        for a in range(cells):
            mask[a] = s.cells[a] == 0
        if swap:
            mask[cells] = s.ply == 1

    def observe(s: Any, planes: Any) -> None:
        for cell in range(cells):
            if s.cells[cell] != 0:
                planes[0 if s.cells[cell] & STONE == s.to_play + 1 else 1, cell // size, cell % size] = 1
        planes[2] = s.to_play
        if swap:
            planes[3] = s.ply == 1

    def transform(s: Any, k: int, t: Any) -> None:
        for cell in range(cells):
            bits = s.cells[cell]
            t.cells[images[k, cell]] = (bits & STONE) | (bits & FIRST) << 1 | (bits & LAST) >> 1

    def parse(diagram: str, s: Any) -> None:
        stones, ply = board.read(diagram)
        s.ply, s.to_play = ply, ply % 2
        counts = int(np.sum(stones == 1)), int(np.sum(stones == 2))
        plain = ((ply + 1) // 2, ply // 2)
        swapped = (plain[0] - 1, plain[1])
        if counts != plain and not (swap and ply > 1 and counts == swapped):
            raise ValueError(f"at ply {ply} the players cannot have {counts} stones")
        for cell in np.flatnonzero(stones):
            if place(s.cells, size, int(cell), int(stones[cell]) - 1):
                boards.finish(s, int(stones[cell]) - 1)
        if s.returns[s.to_play] > 0:
            raise ValueError("the game would have ended before its last stone")

    return lift(
        "hex",
        num_actions=cells + swap,
        observation_shape=(3 + swap, size, size),
        fields=[("cells", "u1", (cells,))],
        play=play,
        legal=legal,
        observe=observe,
        symmetries=2,
        transform=transform,
        transform_action=lambda a, k: int(images[k, a]),
        action_name=lambda a: "swap" if a == cells else board.square(a),
        render=lambda s: board.draw(s, s.cells & STONE),
        parse=parse,
    )
