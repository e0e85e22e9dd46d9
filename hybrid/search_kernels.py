"""The kernels of a search round, compiled for their signatures when first needed."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import boolean, float32, float64, int32, int64, uint8, uint64, void

from games.compile import compiled, entry
from hybrid import root_kernels, tree_kernels
from hybrid.selection_kernels import SELECTION
from hybrid.tree import tree_type


class Kernels:
    """The compiled steps of a round; `rows` `[R]` are int64, `leaves` `[R]` int32."""

    def __init__(self) -> None:
        tree = tree_type()
        rows, nodes, seeds, flags = int64[::1], int32[::1], uint64[::1], uint8[::1]
        table, returns, legal = float32[:, ::1], float32[:, ::1], boolean[:, ::1]

        def build(function: Any, *arguments: Any, result: Any = void) -> Any:
            return entry(compiled(function, result(*arguments)))

        loops = tree_kernels
        self.plant = build(loops.plant_rows, tree, rows, seeds, flags)
        found = (rows, nodes, rows, boolean[::1])
        counters = (int64[::1], int64[::1], seeds)
        self.select = build(loops.select_rows, tree, rows, SELECTION, int64, *counters, *found, result=int64)
        self.settle = build(loops.settle_rows, tree, rows, nodes, flags, flags, returns)
        self.expand = build(loops.expand_rows, tree, rows, nodes, legal, table, returns, float64)
        self.backup = build(loops.backup_rows, tree, rows, nodes, int64, boolean, int64[::1], boolean[::1])
        self.rollout_seeds = build(loops.rollout_seeds, rows, seeds, rows, seeds)
        self.reroot = build(loops.reroot, tree, int64, int64, nodes, result=int64)
        self.diagnose = build(root_kernels.diagnose, tree, int64, SELECTION, float64[::1], float64[::1])
        statistics = (table, int64[:, ::1], float64[:, ::1], float64[:, ::1], table)
        results = (table, int64[::1], table, float64[::1], float64[::1])
        self.report = build(root_kernels.report, tree, rows, SELECTION, seeds, seeds, *statistics, *results)


@cache
def kernels() -> Kernels:
    """The compiled steps, made once a process."""
    return Kernels()
