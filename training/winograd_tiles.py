"""The mathematics of `training.winograd`: Toom and Cook's way to correlate a row of cells with three numbers.

The row is cut into tiles of up to four cells. A tile and its neighbours on both sides become values at some points,
which are multiplied by the kernel's and turned back into cells. N points of a tile are two more than its cells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0)
"""Where polynomials are evaluated, besides at infinity."""
_LARGEST = 4
"""Of a tile: with more points rounding would show."""


class Tile(NamedTuple):
    """The matrices of F(m, 3), N = m + 2 points: `output.T @ ((kernel @ g) * (input @ d))` is `d` correlated with `g`.

    Attributes:
        input: `[N, N]`, for `m` cells and a neighbour on both sides.
        kernel: `[N, 3]`.
        output: `[N, m]`.
    """

    input: npt.NDArray[np.float64]
    kernel: npt.NDArray[np.float64]
    output: npt.NDArray[np.float64]


def tile_of(cells: int) -> Tile:
    """The tile of so many cells."""
    finite = np.array(_POINTS[: cells + 1])

    def evaluated(terms: int) -> npt.NDArray[np.float64]:
        """Polynomials of `terms` coefficients at every point; at infinity only the last of these counts."""
        return np.vstack((np.vander(finite, terms, increasing=True), np.eye(terms)[-1:]))

    interpolated = np.linalg.inv(evaluated(cells + 2)).T.astype(np.float64)
    interpolated[np.abs(interpolated) < 1e-12] = 0.0
    return Tile(interpolated, evaluated(3), evaluated(cells))


def tiles_of(size: int) -> list[int]:
    """How a row of `size` cells is cut: into as few tiles as possible, nearly equal ones."""
    count = -(-size // _LARGEST)
    return [size // count + (index < size % count) for index in range(count)]


def points_of(size: int) -> int:
    """Points of a row of `size` cells."""
    return sum(cells + 2 for cells in tiles_of(size))


def kernel_matrix(size: int) -> npt.NDArray[np.float64]:
    """`[points, 3]`: a kernel's row at every point of a row of cells."""
    return np.vstack([tile_of(cells).kernel for cells in tiles_of(size)])
