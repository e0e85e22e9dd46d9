"""Batched PUCT search: one tree a row, advanced in rounds of one simulation a row and one evaluator call for all.

Shapes: B rows, A actions, P players, N nodes a row. A round is: `select` descends every tree, the game plays the
chosen actions, the evaluator (and, below value weight 1, a random rollout) values the new leaves, `settle` expands
them and backs their values up. At the direct end, where no evaluator is called, whole searches run inside one kernel
(`hybrid.direct`) and give the same trees.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import boolean, float32, float64, int32, int64, uint8, uint64, void

from games import Game, LiftedGame, Positions
from games.compile import compiled, entry
from hybrid import direct, root_kernels, tree_kernels
from hybrid.agent import Decisions, Root
from hybrid.dial import Dial
from hybrid.evaluate import Evaluator
from hybrid.tree import allocate, bytes_per_node, grow, tree_type

_CHUNK = 4096
"""Simulations that the direct end runs in one kernel call, and the room that is made at once, at most."""
_UNLIMITED = 2**40
"""The budget of a search that only time ends."""


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How to search, apart from where the dial stands.

    Attributes:
        dial: the agent's place on the spectrum.
        c_puct: weight of the prior in PUCT with the network's values.
        c_rollout: the same with rollout values, which are noisier; the two mix as the values do, by `value_weight`.
        c_base: visits at which the exploration weight has grown by log 2 (AlphaZero's 19,652).
        fpu_reduction: how far below its parent's mean an unvisited action starts, times the root of the prior visited.
        dirichlet_total: concentration of the root noise in self-play, shared among the legal actions (AlphaZero's 0.3
            for chess and 0.03 for go are about 10 / legal actions each).
        noise_fraction: its share in the root prior, where `Search.begin` is given noise seeds.
        reuse: whether a row's tree is kept when its next root is found in it.
        max_nodes: bound on the nodes of one row; a search that reaches it ends.
    """

    dial: Dial = field(default_factory=Dial)
    c_puct: float = 1.5
    c_rollout: float = 3.0
    c_base: float = 19_652.0
    fpu_reduction: float = 0.2
    dirichlet_total: float = 10.0
    noise_fraction: float = 0.25
    reuse: bool = True
    max_nodes: int = 4_000_000

    def __post_init__(self) -> None:
        for name in ("c_puct", "c_rollout", "c_base", "dirichlet_total"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.fpu_reduction >= 0:
            raise ValueError(f"fpu_reduction must be at least 0, got {self.fpu_reduction}")
        if not 0 <= self.noise_fraction <= 1:
            raise ValueError(f"noise_fraction must be between 0 and 1, got {self.noise_fraction}")
        if self.max_nodes < 2:
            raise ValueError(f"max_nodes must be at least 2, got {self.max_nodes}")

    @property
    def exploration(self) -> float:
        """The c_puct in force at the dial's `value_weight`."""
        weight = self.dial.value_weight
        return weight * self.c_puct + (1.0 - weight) * self.c_rollout


class Search:
    """B trees of one game that share an evaluator.

    Memory: `hybrid.tree.bytes_per_node` for each node in use (Connect Four: about 310 bytes with a network), and each
    row has room for its reused tree and one search.
    """

    def __init__(self, game: Game, evaluator: Evaluator | None, config: SearchConfig, rows: int) -> None:
        """Make `rows` empty trees; `evaluator` is needed unless the dial stands at the direct end.

        Raises:
            ValueError: the dial does not search, or consults a network where there is none.
        """
        if not config.dial.searches:
            raise ValueError("simulations must be at least 1 to search, got 0")
        if config.dial.consults_network and evaluator is None:
            raise ValueError(f"{config.dial} consults a network, but there is none: use prior_weight=0, value_weight=0")
        self.game = game
        self.config = config
        self.evaluator = evaluator if config.dial.consults_network else None
        self.tree = allocate(rows, 1, game.num_actions, game.players, logits=self.evaluator is not None)
        self.positions: Positions = np.empty((rows, 0), game.dtype)
        self.seeds = np.zeros(rows, np.uint64)
        self.budget = np.zeros(rows, np.int64)
        self.done = np.zeros(rows, np.int64)
        self.evaluations = np.zeros(rows, np.int64)
        self.plies = np.zeros(rows, np.int64)
        self.over = np.ones(rows, np.bool_)
        self._noise_seeds = np.zeros(rows, np.uint64)
        self._noisy = np.zeros(rows, np.bool_)

    @property
    def finished(self) -> npt.NDArray[np.bool_]:
        """`[B]` rows whose search is over: budget spent or root proven."""
        return self.over | (self.done >= self.budget)

    @property
    def node_bytes(self) -> int:
        """Memory of one node."""
        logits = self.evaluator is not None
        return bytes_per_node(self.game.num_actions, self.game.players, self.game.dtype.itemsize, logits=logits)

    def clear(self, rows: npt.NDArray[np.int64]) -> None:
        """Forget the trees of `rows`."""
        self.tree.size[rows] = 0
        self.over[rows] = True

    def begin(
        self,
        rows: npt.NDArray[np.int64],
        positions: Positions,
        seeds: npt.NDArray[np.uint64],
        simulations: npt.ArrayLike | None = None,
        noise_seeds: npt.NDArray[np.uint64] | None = None,
    ) -> None:
        """Start searches of `positions` `[R]`, none of them terminal, in `rows` `[R]`.

        Args:
            rows: which trees to use; a tree that contains its new root is cut down to it and kept, if `reuse` says so.
            positions: the roots.
            seeds: `[R]` sources of all randomness but the root noise.
            simulations: `[R]` new simulations; the dial's budget by default, and no bound where it gives a time.
            noise_seeds: `[R]` sources of Dirichlet noise on the root priors; without them there is none.
        """
        if positions["terminal"].any():
            raise ValueError("positions must not be terminal: there is nothing to decide")
        self.seeds[rows] = seeds
        dial = self.config.dial
        default = dial.simulations if dial.seconds is None else _UNLIMITED
        self.budget[rows] = default if simulations is None else simulations
        self.done[rows] = self.evaluations[rows] = self.plies[rows] = 0
        for index, row in enumerate(rows.tolist()):
            self._root(row, positions[index : index + 1], noise_seeds is not None)
        self._reserve(int(self.tree.size[rows].max(initial=0) + min(self.budget[rows].max(initial=0), _CHUNK)) + 1)
        self._noisy[rows] = noise_seeds is not None
        if noise_seeds is not None:
            self._noise_seeds[rows] = noise_seeds
        fresh = rows[self.tree.size[rows] == 0]
        order = np.flatnonzero(self.tree.size[rows] == 0)
        _kernels().plant(self.tree, fresh, self.seeds, positions["to_play"][order].copy())
        self.positions[fresh, 0] = positions[order]
        for row in rows[self.tree.edges[rows, 0] > 0].tolist():
            self._add_noise(row)
        self.over[rows] = self.tree.solved[rows, 0] == 1

    def advance(self) -> None:
        """Run one simulation, or expand the root, in every unfinished row."""
        rows = self._with_room(1)
        kernels, tree = _kernels(), self.tree
        leaves = np.empty(len(rows), np.int32)
        slots = np.empty(len(rows), np.int32)
        config = self.config
        kernels.select(tree, rows, config.exploration, config.c_base, config.fpu_reduction, leaves, slots)
        fresh = np.flatnonzero(slots >= 0)
        if len(fresh):
            at = rows[fresh]
            nodes, edges = leaves[fresh], slots[fresh]
            children = self.game.step(self.positions[at, nodes], tree.action[at, nodes, edges])
            added = np.empty(len(fresh), np.int32)
            header = (children[name].copy() for name in ("to_play", "terminal", "returns"))
            kernels.attach(tree, at, nodes, edges, *header, added)
            self.positions[at, added] = children
            leaves[fresh] = added
        self._evaluate(rows, leaves)
        kernels.backup(tree, rows, leaves, self.game.zero_sum, self.done, self.over)

    def run(self, until: float | None = None) -> None:
        """Advance until every row is finished, or `time.perf_counter()` passes `until`."""
        chunk = _CHUNK if until is None else 1
        while not self.finished.all() and (until is None or time.perf_counter() < until):
            if self.evaluator is not None or not isinstance(self.game, LiftedGame):
                self.advance()
                continue
            start = time.perf_counter()
            direct.run(self.game, self, self._with_room(chunk), chunk)
            if until is not None:
                left = until - time.perf_counter()
                pace = (time.perf_counter() - start) / chunk
                chunk = max(1, min(_CHUNK, 2 * chunk, int(0.5 * left / pace)))

    def decisions(self, rows: npt.NDArray[np.int64]) -> Decisions:
        """What the searches of `rows` `[R]` have found so far; `seconds` is zero, for the caller to fill."""
        actions = self.game.num_actions
        prior, network = np.zeros((2, len(rows), actions), np.float32)
        visits = np.zeros((len(rows), actions), np.int64)
        q, proven = np.full((2, len(rows), actions), np.nan)
        policy = np.zeros((len(rows), actions), np.float32)
        chosen = np.empty(len(rows), np.int64)
        values = np.empty((len(rows), self.game.players), np.float32)
        gap, gain = np.empty((2, len(rows)))
        outputs = (prior, visits, q, proven, network, policy, chosen, values, gap, gain)
        _kernels().report(self.tree, rows, self.seeds, *outputs)
        consulted = self.evaluator is not None
        return Decisions(
            actions=chosen,
            policy=policy,
            values=values,
            evaluations=self.evaluations[rows],
            plies=self.plies[rows],
            seconds=np.zeros(len(rows)),
            gap=gap if consulted else None,
            gain=gain if consulted else None,
            root=Root(prior=prior, visits=visits, q=q, proven=proven, network_policy=network if consulted else None),
        )

    def _evaluate(self, rows: npt.NDArray[np.int64], leaves: npt.NDArray[np.int32]) -> None:
        """Value and expand the leaves that are not solved."""
        tree, dial = self.tree, self.config.dial
        pending = np.flatnonzero(tree.solved[rows, leaves] == 0)
        if not len(pending):
            return
        rows, leaves = rows[pending], leaves[pending]
        positions = self.positions[rows, leaves]
        shape = (len(rows), self.game.num_actions)
        logits = np.zeros(shape, np.float32)
        values = np.zeros((len(rows), self.game.players), np.float32)
        if self.evaluator is not None:
            logits, values = self.evaluator(positions)
            self.evaluations[rows] += 1
        if dial.value_weight < 1.0:
            seeds = np.empty(len(rows), np.uint64)
            _kernels().rollout_seeds(rows, self.seeds, self.done, leaves, seeds)
            returns, plies = self.game.rollout(positions, seeds)
            self.plies[rows] += plies
            values = np.float32(dial.value_weight) * values + np.float32(1.0 - dial.value_weight) * returns
        legal = self.game.legal_actions(positions)
        _kernels().expand(tree, rows, leaves, legal, logits, values, dial.prior_weight)
        for row in rows[leaves == 0].tolist():
            self._add_noise(row)

    def _add_noise(self, row: int) -> None:
        """Mix Dirichlet noise into the prior of an expanded root, where the search was given a noise seed."""
        if self._noisy[row]:
            edges = int(self.tree.edges[row, 0])
            rng = np.random.default_rng(int(self._noise_seeds[row]))
            noise = rng.dirichlet(np.full(edges, self.config.dirichlet_total / edges))
            prior = self.tree.prior[row, 0, :edges]
            prior[:] = (1.0 - self.config.noise_fraction) * prior + self.config.noise_fraction * noise
            self.tree.explored[row, 0] = prior[self.tree.edge_visits[row, 0, :edges] > 0].sum()

    def _root(self, row: int, position: Positions, noisy: bool) -> None:
        """Cut the row's tree down to `position`, or empty it where it is not there or noise would be added twice."""
        size = int(self.tree.size[row])
        if not self.config.reuse or size == 0:
            self.tree.size[row] = 0
            return
        stored = self.positions[row, :size].view(np.uint8).reshape(size, -1)
        matches = np.flatnonzero((stored == position.view(np.uint8)).all(axis=1))
        found = max(matches.tolist(), key=lambda node: self.tree.visits[row, node], default=-1)
        noise_twice = found == 0 and (noisy or self._noisy[row])
        if found < 0 or self.tree.edges[row, found] == 0 or noise_twice:
            self.tree.size[row] = 0
            return
        kept = np.empty(size, np.int32)
        count = _kernels().reroot(self.tree, row, found, kept)
        if count + self.budget[row] >= self.config.max_nodes and self.config.dial.seconds is None:
            self.tree.size[row] = 0
            return
        self.positions[row, :count] = self.positions[row, kept[:count]]

    def _with_room(self, nodes: int) -> npt.NDArray[np.int64]:
        """The unfinished rows, each given room for so many more nodes; a row at `max_nodes` is over."""
        rows = np.flatnonzero(~self.finished)
        size = int(self.tree.size[rows].max(initial=0))
        self._reserve(size + nodes)
        if size + nodes > self.positions.shape[1]:
            self.over[rows] = self.tree.size[rows] + nodes > self.positions.shape[1]
            rows = rows[~self.over[rows]]
        return rows

    def _reserve(self, nodes: int) -> None:
        """Make room for `nodes` nodes a row, up to `max_nodes`."""
        capacity = self.positions.shape[1]
        if capacity < min(nodes, self.config.max_nodes):
            capacity = min(max(nodes, 2 * capacity), self.config.max_nodes)
            self.tree = grow(self.tree, capacity)
            positions = np.empty((len(self.positions), capacity), self.game.dtype)
            positions[:, : self.positions.shape[1]] = self.positions
            self.positions = positions


class _Kernels:
    """The compiled steps of a round; `rows` `[R]` are int64, `leaves` and `slots` `[R]` int32."""

    def __init__(self) -> None:
        tree = tree_type()
        rows, nodes, seeds, flags = int64[::1], int32[::1], uint64[::1], uint8[::1]
        table, returns, legal = float32[:, ::1], float32[:, ::1], boolean[:, ::1]

        def build(function: Any, *arguments: Any, result: Any = void) -> Any:
            return entry(compiled(function, result(*arguments)))

        loops = tree_kernels
        self.plant = build(loops.plant_rows, tree, rows, seeds, flags)
        self.select = build(loops.select_rows, tree, rows, float64, float64, float64, nodes, nodes)
        self.attach = build(loops.attach_rows, tree, rows, nodes, nodes, flags, flags, returns, nodes)
        self.expand = build(loops.expand_rows, tree, rows, nodes, legal, table, returns, float64)
        self.backup = build(loops.backup_rows, tree, rows, nodes, boolean, int64[::1], boolean[::1])
        self.rollout_seeds = build(loops.rollout_seeds, rows, seeds, int64[::1], nodes, seeds)
        self.reroot = build(loops.reroot, tree, int64, int64, nodes, result=int64)
        statistics = (table, int64[:, ::1], float64[:, ::1], float64[:, ::1], table)
        results = (table, int64[::1], table, float64[::1], float64[::1])
        self.report = build(root_kernels.report, tree, rows, seeds, *statistics, *results)


@cache
def _kernels() -> _Kernels:
    """The compiled steps, made once a process."""
    return _Kernels()
