"""Connect Four on bitboards: players drop stones into columns; `connect` in a line wins, a full board is a draw.

A column takes rows + 1 bits, its lowest cell first and an always empty bit on top (John Tromp's layout), so a line
in direction d is found by shifting: b & b >> d & b >> 2d ... Actions are columns from the left; their names, and the
digits under a rendered board, count from 1.

Observations show the mover's stones and the opponent's, and further planes that the rules tell: where stones would land
now, and each player's threats, the empty cells that would complete a line for it (Allis 1988, "A Knowledge-based
Approach of Connect-Four"). A network finds threats slowly by itself, and everything else follows from them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import register_jitable

from games import boards
from games.rules import LiftedGame, lift


def make(rows: int = 6, columns: int = 7, connect: int = 4, threats: bool = True) -> LiftedGame:
    """The game on `rows` x `columns`, at most 64 bits with one spare row; `connect` stones in a line win.

    Without `threats`, observations show the stones alone.
    """
    if rows < 1 or columns < 1 or (rows + 1) * columns > 64:
        raise ValueError(f"rows, columns must be positive with (rows + 1) * columns <= 64, got {rows}, {columns}")
    if not 2 <= connect <= max(rows, columns):
        raise ValueError(f"connect must be between 2 and the longer side {max(rows, columns)}, got {connect}")
    height = rows + 1
    # Further apart than the board is long, no line fits, and a shift by 64 bits or more would be undefined.
    directions = tuple(d for d in (1, height - 1, height, height + 1) if (connect - 1) * d < 64)
    board = boards.Board(column_names=tuple(str(a + 1) for a in range(columns)), row_names=("",) * rows)

    def play(s: Any, a: int) -> None:
        mover = s.to_play
        column = np.uint64((1 << rows) - 1) << np.uint64(a * height)
        stones = s.stones[mover] | (((s.stones[0] | s.stones[1]) + (np.uint64(1) << np.uint64(a * height))) & column)
        s.stones[mover] = stones
        s.ply += 1
        s.to_play = 1 - mover
        s.terminal = s.ply == rows * columns
        for direction in directions:
            line = stones
            for k in range(1, connect):
                line &= stones >> np.uint64(k * direction)
            if line != 0:
                boards.finish(s, mover)

    def legal(s: Any, mask: Any) -> None:
        for a in range(columns):
            mask[a] = ((s.stones[0] | s.stones[1]) >> np.uint64(a * height + rows - 1)) & np.uint64(1) == 0

    def transform(s: Any, k: int, t: Any) -> None:
        column = np.uint64((1 << height) - 1)
        for player in range(2):
            t.stones[player] = 0
            for a in range(columns):
                bits = (s.stones[player] >> np.uint64(a * height)) & column
                t.stones[player] |= bits << np.uint64((columns - 1 - a) * height)

    def render(s: Any) -> str:
        bits = [(int(s.stones[0]) >> bit & 1) + 2 * (int(s.stones[1]) >> bit & 1) for bit in range(height * columns)]
        return board.draw(s, np.reshape(bits, (columns, height)).T[-2::-1])

    def parse(diagram: str, s: Any) -> None:
        cells, ply = board.read(diagram)
        stones = cells.reshape(rows, columns)[::-1]
        if np.any((stones[1:] != 0) & (stones[:-1] == 0)):
            raise ValueError("stones cannot stand above an empty cell")
        for player in range(2):
            s.stones[player] = sum(1 << int(a * height + row) for row, a in np.argwhere(stones == player + 1))
        boards.set_line_game(s, cells, ply, rows, connect)

    return lift(
        "connect_four",
        num_actions=columns,
        observation_shape=(5 if threats else 2, rows, columns),
        fields=[("stones", "u8", (2,))],
        play=play,
        legal=legal,
        observe=_observe(rows, columns, connect, directions, threats),
        symmetries=2,
        transform=transform,
        transform_action=lambda a, k: columns - 1 - a if k else a,
        action_name=lambda a: str(a + 1),
        render=render,
        parse=parse,
    )


def _observe(rows: int, columns: int, connect: int, directions: tuple[int, ...], threats: bool) -> Callable[..., None]:
    """The rule `observe`; lines of `connect` stones go in `directions`, the differences between a line's bits."""
    height = rows + 1
    bottom = np.uint64(sum(1 << a * height for a in range(columns)))
    cells = np.uint64(bottom * ((1 << rows) - 1))

    @register_jitable
    def completing(stones: Any, empty: Any) -> Any:
        """Which of the `empty` cells would complete a line of `stones`."""
        found = np.uint64(0)
        for direction in directions:
            for place in range(connect):
                line = empty
                for k in range(connect):
                    if k < place:
                        line &= stones << np.uint64((place - k) * direction)
                    elif k > place:
                        line &= stones >> np.uint64((k - place) * direction)
                found |= line
        return found

    def observe(s: Any, planes: Any) -> None:
        own, other = s.stones[s.to_play], s.stones[1 - s.to_play]
        shown = (own, other, own, own, own)
        if threats:
            empty, landing = cells & ~(own | other), (own | other) + bottom
            shown = (own, other, landing, completing(own, empty), completing(other, empty))
        for row in range(rows):
            for a in range(columns):
                bit = np.uint64(a * height + rows - 1 - row)
                for plane in range(planes.shape[0]):
                    planes[plane, row, a] = (shown[plane] >> bit) & np.uint64(1)

    return observe
