"""The transforms of `training.winograd`, compiled for boards of one size: of rows as `winograd_tiles` tells, then of
columns, so that a board has a rectangle of points.

Shapes: boards `[K, H, W, F]`, K positions at a time, flat; points `[P, K, F]`, flat, a row of points after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import float32, int64, void

from games.compile import inner, kernel
from training.winograd_tiles import points_of, tile_of, tiles_of

Side = Literal["input", "output"]

TOGETHER = 32
"""Positions transformed at a time: so many make matrices that multiply fast, and what lies between stays near."""


def _apply(matrix: npt.NDArray[np.float64], near: int, far: int, lanes: int, *, add: bool) -> Any:
    """`apply(x, i, y, j)`: write `matrix @ rows of x from i` to the rows of y from j, or add it to them.

    A row has `lanes` numbers; `near` and `far` are from one row to the next of x and of y. All are constants, so that
    the compiler knows that no two rows overlap.
    """
    factors = np.ascontiguousarray(matrix, np.float32)
    outs, ins = factors.shape

    @partial(inner, fastmath={"contract"})
    def apply(x: Any, i: Any, y: Any, j: Any) -> None:
        source, target = x[i : i + (ins - 1) * near + lanes], y[j : j + (outs - 1) * far + lanes]
        for lane in range(lanes):
            for out in range(outs):
                total = np.float32(0.0)
                for k in range(ins):
                    if factors[out, k] != 0.0:
                        total += factors[out, k] * source[k * near + lane]
                if add:
                    target[out * far + lane] += total
                else:
                    target[out * far + lane] = total

    return apply


def _along(size: int, side: Side, near: int, far: int, lanes: int, *, back: bool) -> Any:
    """`along(x, i, y, j)`: a row of cells to its points, or `back`; inputs have a neighbour on both sides.

    Back, the shares of neighbouring tiles in the same cell of the input are added up: y must be 0 there.
    """
    tiles = tiles_of(size)
    wide, wider = tiles[-1], tiles.count(tiles[-1] + 1)
    others = len(tiles) - wider

    def applied(cells: int) -> tuple[Any, int, int]:
        """The transform of a tile, and from one tile to the next how far it is in x and y."""
        matrix = getattr(tile_of(cells), side)
        apply = _apply(matrix.T if back else matrix, near, far, lanes, add=back and side == "input")
        return (apply, (cells + 2) * near, cells * far) if back else (apply, cells * near, (cells + 2) * far)

    last, last_near, last_far = applied(wide)
    first, first_near, first_far = applied(wide + 1) if wider else (last, 0, 0)

    @inner
    def along(x: Any, i: Any, y: Any, j: Any) -> None:
        for tile in range(wider):
            first(x, i + tile * first_near, y, j + tile * first_far)
        for tile in range(others):
            last(x, i + wider * first_near + tile * last_near, y, j + wider * first_far + tile * last_far)

    return along


class _Sizes(NamedTuple):
    """A board as it lies in memory, with `edge` cells of nothing around it, and at its points.

    Attributes:
        row: numbers in a row, with its edges.
        board: numbers in a board without edges, as boards are given.
        inside: where in a board with edges its first cell is.
        point: numbers of `TOGETHER` positions at a point.
        points: of a column and of a row of cells.
    """

    height: int
    width: int
    channels: int
    edge: int

    @property
    def row(self) -> int:
        return (self.width + 2 * self.edge) * self.channels

    @property
    def board(self) -> int:
        return self.height * self.width * self.channels

    @property
    def inside(self) -> int:
        return self.edge * (self.row + self.channels)

    @property
    def point(self) -> int:
        return TOGETHER * self.channels

    @property
    def points(self) -> tuple[int, int]:
        return points_of(self.height), points_of(self.width)


def _to_points(sizes: _Sizes, side: Side) -> Any:
    """`to_points(room, rows, b, points)`: a board with edges, in `room`, to its points in row b of `points`."""
    row, (high, wide) = sizes.row, sizes.points
    point, channels = sizes.point, sizes.channels
    down = _along(sizes.height, side, row, row, row, back=False)
    across = _along(sizes.width, side, channels, point, channels, back=False)

    @inner
    def to_points(room: Any, rows: Any, b: Any, points: Any) -> None:
        down(room, 0, rows, 0)
        for i in range(high):
            across(rows, i * row, points, i * wide * point + b * channels)

    return to_points


def _from_points(sizes: _Sizes, side: Side) -> Any:
    """`from_points(points, b, rows, room)`: what is at the points of row b to a board with edges in `room`."""
    row, (high, wide) = sizes.row, sizes.points
    point, channels, adds = sizes.point, sizes.channels, side == "input"
    across = _along(sizes.width, side, point, channels, channels, back=True)
    up = _along(sizes.height, side, row, row, row, back=True)

    @inner
    def from_points(points: Any, b: Any, rows: Any, room: Any) -> None:
        if adds:
            rows[:] = np.float32(0.0)
            room[:] = np.float32(0.0)
        for i in range(high):
            across(points, i * wide * point + b * channels, rows, i * row)
        up(rows, 0, room, 0)

    return from_points


def _copy(sizes: _Sizes, *, inwards: bool) -> Any:
    """`copy(boards, b, room)`: board b, without edges, into the middle of `room`, or out of it."""
    height, line, row, board, inside = sizes.height, sizes.width * sizes.channels, sizes.row, sizes.board, sizes.inside

    @inner
    def copy(boards: Any, b: Any, room: Any) -> None:
        for h in range(height):
            bare = boards[b * board + h * line : b * board + (h + 1) * line]
            edged = room[inside + h * row : inside + h * row + line]
            for k in range(line):
                if inwards:
                    edged[k] = bare[k]
                else:
                    bare[k] = edged[k]

    return copy


def _blank(sizes: _Sizes) -> Any:
    """`blank(count, points)`: zero at the points of all rows from `count` on."""
    total, point, channels = math.prod(sizes.points), sizes.point, sizes.channels

    @inner
    def blank(count: Any, points: Any) -> None:
        for p in range(total):
            points[p * point + count * channels : (p + 1) * point] = np.float32(0.0)

    return blank


def _input_forth(sizes: _Sizes) -> Callable[..., None]:
    """The input's boards to their points."""
    to_points, copy, blank = _to_points(sizes, "input"), _copy(sizes, inwards=True), _blank(sizes)

    def input_forth(boards: Any, count: Any, points: Any, room: Any, rows: Any) -> None:
        for b in range(count):
            copy(boards, b, room)
            to_points(room, rows, b, points)
        blank(count, points)

    return input_forth


def _output_back(sizes: _Sizes) -> Callable[..., None]:
    """What is at points, with bias, `others` if there are any, and without what is negative, to the output's boards."""
    from_points, board = _from_points(sizes, "output"), sizes.board
    cells, channels = sizes.height * sizes.width, sizes.channels

    def output_back(points: Any, count: Any, bias: Any, others: Any, outputs: Any, room: Any, rows: Any) -> None:
        for b in range(count):
            from_points(points, b, rows, room)
            for cell in range(cells):
                source = room[cell * channels : (cell + 1) * channels]
                target = outputs[b * board + cell * channels : b * board + (cell + 1) * channels]
                if len(others):
                    other = others[b * board + cell * channels : b * board + (cell + 1) * channels]
                    for k in range(channels):
                        target[k] = max(source[k] + bias[k] + other[k], np.float32(0.0))
                else:
                    for k in range(channels):
                        target[k] = max(source[k] + bias[k], np.float32(0.0))

    return output_back


def _output_forth(sizes: _Sizes) -> Callable[..., None]:
    """Gradients of outputs, where these are above 0, to `kept`, their sums added to `bias`, and to points."""
    to_points, blank, board = _to_points(sizes, "output"), _blank(sizes), sizes.board
    cells, channels = sizes.height * sizes.width, sizes.channels

    def output_forth(gradients: Any, outputs: Any, count: Any, kept: Any, bias: Any, points: Any, rows: Any) -> None:
        for b in range(count):
            room = kept[b * board : (b + 1) * board]
            for cell in range(cells):
                begin, end = b * board + cell * channels, b * board + (cell + 1) * channels
                source, output, target = gradients[begin:end], outputs[begin:end], kept[begin:end]
                for k in range(channels):
                    target[k] = source[k] if output[k] > np.float32(0.0) else np.float32(0.0)
                for k in range(channels):
                    bias[k] += target[k]
            to_points(room, rows, b, points)
        blank(count, points)

    return output_forth


def _input_back(sizes: _Sizes) -> Callable[..., None]:
    """What is at points to the boards of the input's gradients."""
    from_points, copy = _from_points(sizes, "input"), _copy(sizes, inwards=False)

    def input_back(points: Any, count: Any, boards: Any, room: Any, rows: Any) -> None:
        for b in range(count):
            from_points(points, b, rows, room)
            copy(boards, b, room)

    return input_back


class Steps(NamedTuple):
    """The compiled transforms."""

    input_forth: Callable[..., None]
    output_back: Callable[..., None]
    output_forth: Callable[..., None]
    input_back: Callable[..., None]


@lru_cache(maxsize=4)
def compiled_steps(height: int, width: int, channels: int) -> Steps:
    """The transforms of boards of one size."""
    edged, bare = (_Sizes(height, width, channels, edge) for edge in (1, 0))
    some, count = float32[::1], int64
    return Steps(
        kernel(_input_forth, void(some, count, some, some, some), edged, allocates=False),
        kernel(_output_back, void(some, count, some, some, some, some, some), bare, allocates=False),
        kernel(_output_forth, void(some, some, count, some, some, some, some), bare, allocates=False),
        kernel(_input_back, void(some, count, some, some, some), edged, allocates=False),
    )
