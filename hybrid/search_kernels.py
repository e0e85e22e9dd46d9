"""The kernels of a search round, compiled for their signatures when first needed."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import boolean, float32, float64, int32, int64, uint8, uint64, void

from games.compile import compiled, entry
from hybrid import root_kernels, row_kernels, tree_kernels
from hybrid.selection_kernels import SELECTION, descend_factory
from hybrid.tree import tree_type

NODES = 2
"""The most nodes that a simulation of a game of chance takes: a chance node and its outcome; 1 in other games."""


class Kernels:
    """The compiled steps of a round; `rows` `[R]` are int64, `leaves` `[R]` int32."""

    def __init__(self) -> None:
        tree = tree_type()
        rows, nodes, seeds, flags = int64[::1], int32[::1], uint64[::1], uint8[::1]
        table, returns, legal = float32[:, ::1], float32[:, ::1], boolean[:, ::1]
        loops, build = row_kernels, _build
        self.plant = build(loops.plant_rows, tree, rows, seeds, flags)
        states = (int32[::1], boolean[::1], int64[::1], int64[::1])
        self.unfinished = build(loops.unfinished_rows, *states, int64, rows, int64[::1], result=int64)
        self.select = _select(stochastic=False)
        self.origins = build(loops.origin_rows, tree, rows, nodes, nodes, int64[::1])
        self.unsolved = build(loops.unsolved_rows, tree, rows, nodes, int64[::1], result=int64)
        self.gather = build(loops.gather_rows, uint8[:, :, ::1], rows, nodes, uint8[:, ::1])
        self.scatter = build(loops.scatter_rows, uint8[:, :, ::1], rows, nodes, uint8[:, ::1])
        self.settle = build(loops.settle_rows, tree, rows, nodes, flags, flags, returns)
        self.expand = build(loops.expand_rows, tree, rows, nodes, legal, table, returns, float64, result=boolean)
        self.backup = build(loops.backup_rows, tree, rows, nodes, int64, boolean, int64[::1], boolean[::1])
        self.rollout_seeds = build(loops.rollout_seeds, rows, seeds, rows, seeds)
        self.reroot = build(tree_kernels.reroot, tree, int64, int64, nodes, result=int64, allocates=True)
        self.diagnose = build(root_kernels.diagnose, tree, int64, SELECTION, float64[::1], float64[::1], allocates=True)
        statistics = (table, int64[:, ::1], float64[:, ::1], float64[:, ::1], table)
        results = (table, int64[::1], table, float64[::1], float64[::1])
        self.report = build(
            root_kernels.report, tree, rows, SELECTION, seeds, seeds, *statistics, *results, allocates=True
        )


class ChanceKernels:
    """The steps that only games of chance take: a `select` in place of the usual one, and `reveal`."""

    def __init__(self) -> None:
        self.select = _select(stochastic=True)
        self.reveal = _build(
            row_kernels.reveal_rows, tree_type(), int64[::1], int32[::1], float64[:, ::1], int64, int32[::1]
        )


@cache
def kernels() -> Kernels:
    """The compiled steps, made once a process."""
    return Kernels()


@cache
def chance_kernels() -> ChanceKernels:
    """The compiled steps of games of chance, made once a process."""
    return ChanceKernels()


def _build(function: Any, *arguments: Any, result: Any = void, allocates: bool = False) -> Any:
    return entry(compiled(function, result(*arguments), allocates=allocates))


def _select(*, stochastic: bool) -> Any:
    function = row_kernels.select_factory(descend_factory(stochastic), NODES if stochastic else 1)
    counters = (int64[::1], int64[::1], uint64[::1])
    found = (int64[::1], int32[::1], int64[::1], boolean[::1])
    return _build(function, tree_type(), int64[::1], SELECTION, float64[::1], int64, *counters, *found, result=int64)
