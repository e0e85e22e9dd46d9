"""What games on a grid share: diagrams, names of squares, symmetries, lines, and the end of a game.

Cells are numbered row by row from the top left of the diagram. A record's field `cells` holds 0 for an empty cell
and player + 1 for a stone. Functions marked `register_jitable` serve compiled rules and plain Python alike.
Shapes: S symmetries, n = rows * columns cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba.extending import register_jitable

Cells = npt.NDArray[np.int64]

SYMBOLS = ".XOZY"
"""An empty cell, then the players' stones."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """How the cells of a game are named and drawn.

    Attributes:
        column_names: from the left.
        row_names: from the top; empty strings where squares are not named by row.
        slant: further columns of text by which each line is indented more than the one above.
    """

    column_names: tuple[str, ...]
    row_names: tuple[str, ...]
    slant: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.row_names), len(self.column_names)

    def square(self, cell: int) -> str:
        """The name of a cell, column first."""
        row, column = divmod(cell, len(self.column_names))
        return self.column_names[column] + self.row_names[row]

    def draw(self, s: Any, cells: npt.ArrayLike) -> str:
        """The diagram of record `s` with contents `cells` `[n]`, and below it the ply and whose turn or win it is."""
        names = max(map(len, self.row_names))
        width = max(map(len, self.column_names))
        lines = []
        for row, (name, line) in enumerate(zip(self.row_names, np.reshape(cells, self.size), strict=True)):
            stones = " ".join(SYMBOLS[cell].rjust(width) for cell in line)
            lines.append(" " * self.slant * row + name.rjust(names) + " " * bool(names) + stones)
        indent = " " * (self.slant * len(self.row_names) + names + bool(names))
        lines.append(indent + " ".join(name.rjust(width) for name in self.column_names))
        return "\n".join([*lines, f"ply {s.ply}: {_status(s)}"])

    def read(self, diagram: str, players: int = 2) -> tuple[Cells, int]:
        """The contents `[n]` and the ply that a diagram shows.

        Raises:
            ValueError: the diagram lacks rows, columns or the ply, or has other symbols.
        """
        rows, columns = self.size
        lines = diagram.strip().splitlines()
        symbols = SYMBOLS[: players + 1]
        stones = [line.split()[-columns:] for line in lines[:rows]]
        if len(lines) < rows + 2 or any(len(line) != columns for line in stones):
            raise ValueError(f"a diagram needs {rows} lines of {columns} cells, the columns' names and the ply")
        wrong = [stone for line in stones for stone in line if len(stone) != 1 or stone not in symbols]
        if wrong:
            raise ValueError(f"cells must be among {' '.join(symbols)}, got {wrong[0]!r}")
        word, _, ply = lines[rows + 1].partition(":")[0].partition(" ")
        if word != "ply" or not (ply.isascii() and ply.isdigit() and int(ply) < 2**16):
            raise ValueError(f"the line below the board must begin with 'ply' and a number, got {lines[rows + 1]!r}")
        return np.array([symbols.index(stone) for line in stones for stone in line]), int(ply)


def lettered(rows: int, columns: int, *, upward: bool = True, skip: str = "", slant: int = 0) -> Board:
    """A board with lettered columns and rows numbered from 1, `upward` from the bottom, else from the top."""
    letters = [letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in skip][:columns]
    numbers = [str(row + 1) for row in range(rows)]
    return Board(column_names=tuple(letters), row_names=tuple(numbers[::-1] if upward else numbers), slant=slant)


def check_size(name: str, value: int, low: int, high: int) -> None:
    """Raise ValueError unless option `name` lies between `low` and `high`."""
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, got {value}")


def dihedral(rows: int, columns: int, extra: int = 0) -> npt.NDArray[np.int64]:
    """`[S, n + extra]`: where each cell goes under each symmetry of the board: 8 of a square, 4 of a rectangle.

    Row 0 is the identity, 1 the left-right mirror, 2 the up-down mirror, 3 their product, the half turn; 4-7 are
    those after a transposition. `extra` actions beyond the cells, such as a pass, stay.
    """
    cells = np.arange(rows * columns).reshape(rows, columns)
    flips = [cells, cells[:, ::-1], cells[::-1], cells[::-1, ::-1]]
    images = flips + ([flip.T for flip in flips] if rows == columns else [])
    others = np.arange(rows * columns, rows * columns + extra)
    return np.array([np.concatenate((image.ravel(), others)) for image in images])


def rays(rows: int, columns: int) -> npt.NDArray[np.int64]:
    """`[n, 8, longer side]`: the cells met from each cell going in each direction, then -1.

    Directions are left, right, up, down, then up left, up right, down left, down right.
    """
    found = np.full((rows * columns, 8, max(rows, columns)), -1)
    steps = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
    for cell in range(rows * columns):
        for direction, (down, right) in enumerate(steps):
            row, column, length = cell // columns + down, cell % columns + right, 0
            while 0 <= row < rows and 0 <= column < columns:
                found[cell, direction, length] = row * columns + column
                row, column, length = row + down, column + right, length + 1
    return found


def transform_cells(images: npt.NDArray[np.int64]) -> Callable[[Any, int, Any], None]:
    """The rule `transform` of a game whose `cells` move as `images` `[S, >= n]` tells and nothing else changes."""

    def transform(s: Any, k: int, t: Any) -> None:
        for cell in range(s.cells.shape[0]):
            t.cells[images[k, cell]] = s.cells[cell]

    return transform


def has_line(cells: npt.ArrayLike, rows: int, k: int, exact: bool = False) -> bool:
    """Whether boolean `cells` `[n]` hold `k` or more, or if `exact` exactly `k`, in a row, column or diagonal."""
    grid = np.reshape(cells, (rows, -1)).astype(bool)
    columns = grid.shape[1]
    diagonals = range(1 - rows, columns)
    runs = [
        *grid,
        *grid.T,
        *(np.diagonal(grid, d) for d in diagonals),
        *(np.diagonal(grid[::-1], d) for d in diagonals),
    ]
    lengths = {len(run) for line in runs for run in "".join(".x"[int(cell)] for cell in line).split(".")}
    return k in lengths if exact else max(lengths) >= k


def set_line_game(s: Any, cells: Cells, ply: int, rows: int, k: int, exact: bool = False) -> None:
    """Set the header of record `s` of a game in which players in turn add stones until one has `k` in a line.

    Raises:
        ValueError: `cells` `[n]` cannot arise.
    """
    players = len(s.returns)
    counts = [int(np.sum(cells == player + 1)) for player in range(players)]
    if counts != [(ply + players - 1 - player) // players for player in range(players)]:
        raise ValueError(f"at ply {ply} the players cannot have {counts} stones")
    s.ply, s.to_play = ply, ply % players
    winners = [player for player in range(players) if has_line(cells == player + 1, rows, k, exact)]
    if winners:
        own = cells == winners[0] + 1
        before = [has_line(own & (np.arange(len(cells)) != cell), rows, k, exact) for cell in np.flatnonzero(own)]
        if winners != [(ply - 1) % players] or all(before):
            raise ValueError("the game would have ended before its last stone")
    if winners or ply == len(cells):
        finish(s, winners[0] if winners else -1)


@register_jitable
def finish(s: Any, winner: int) -> None:
    """End the game in record `s`: 1 for the winner, -1 shared by the others; all 0 for a draw, `winner` -1."""
    s.terminal = 1
    if winner >= 0:
        for player in range(s.returns.shape[0]):
            s.returns[player] = 1.0 if player == winner else -1.0 / (s.returns.shape[0] - 1)


def _status(s: Any) -> str:
    """Whose turn it is, or how the game ended."""
    if not s.terminal:
        return f"{SYMBOLS[s.to_play + 1]} to play"
    best = int(np.argmax(s.returns))
    return f"{SYMBOLS[best + 1]} wins" if s.returns[best] > 0 else "draw"
