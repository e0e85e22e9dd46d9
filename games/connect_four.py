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

    completing = _completing(connect, directions)
    return lift(
        "connect_four",
        num_actions=columns,
        observation_shape=(5 if threats else 2, rows, columns),
        fields=[("stones", "u8", (2,))],
        play=play,
        legal=legal,
        observe=_observe(rows, columns, completing, threats),
        forcing=_forcing(rows, columns, completing),
        symmetries=2,
        transform=transform,
        transform_action=lambda a, k: columns - 1 - a if k else a,
        action_name=lambda a: str(a + 1),
        render=render,
        parse=parse,
    )


def _completing(connect: int, directions: tuple[int, ...]) -> Callable[..., Any]:
    """`completing(stones, empty)`: which of the `empty` cells would complete a line of `connect` of the `stones`.

    Lines go in `directions`, the differences between a line's bits. Each is a function of its own, for shifts by
    constants are twice as fast.
    """
    direction, *others = directions
    rest = _completing(connect, tuple(others)) if others else None

    @register_jitable
    def completing(stones: Any, empty: Any) -> Any:
        before, found = np.uint64(2**64 - 1), np.uint64(0)
        # So many of the line's other stones lie before the empty cell, and the rest after it.
        for place in range(connect):
            line = before
            for k in range(1, connect - place):
                line &= stones >> np.uint64(k * direction)
            found |= line
            before &= stones << np.uint64((place + 1) * direction)
        if rest is None:
            return found & empty
        return (found & empty) | rest(stones, empty)

    return completing


def _cells(rows: int, columns: int) -> tuple[np.uint64, np.uint64]:
    """The bits of the lowest cells, and of all cells."""
    bottom = sum(1 << a * (rows + 1) for a in range(columns))
    return np.uint64(bottom), np.uint64(bottom * ((1 << rows) - 1))


def _observe(rows: int, columns: int, completing: Callable[..., Any], threats: bool) -> Callable[..., None]:
    """The rule `observe`."""
    height = rows + 1
    bottom, cells = _cells(rows, columns)

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


def _forcing(rows: int, columns: int, completing: Callable[..., Any]) -> Callable[..., int]:
    """The rule `forcing`: a win is played, one of the opponent's is blocked and never opened.

    Moves that leave the mover more threats come first, and of these the middle ones. To play below one's own threat
    spoils it: the opponent fills it.
    """
    height = rows + 1
    bottom, cells = _cells(rows, columns)

    @register_jitable
    def count(bits: Any) -> int:
        found = 0
        while bits != 0:
            bits &= bits - np.uint64(1)
            found += 1
        return found

    def forcing(s: Any, mask: Any, weights: Any) -> int:
        own, other = s.stones[s.to_play], s.stones[1 - s.to_play]
        empty = cells & ~(own | other)
        landing = ((own | other) + bottom) & cells
        threats = completing(own, empty)
        if threats & landing != 0:
            return 1
        against = completing(other, empty)
        urgent = against & landing
        if count(urgent) > 1:
            return -1
        safe = (urgent if urgent != 0 else landing) & ~(against >> np.uint64(1))
        if safe == 0:
            return -1
        for a in range(columns):
            stone = safe & (np.uint64((1 << rows) - 1) << np.uint64(a * height))
            mask[a] = stone != 0
            if mask[a]:
                spoiled = threats & (stone << np.uint64(1)) != 0
                made = count(completing(own | stone, empty ^ stone))
                weights[a] = columns * (made + 1 - spoiled) + min(a, columns - 1 - a)
        return 0

    return forcing
