"""Batched PUCT search: one tree a row, advanced in rounds of one simulation a row and one evaluator call for all.

Shapes: B rows, A actions, P players, N nodes a row. A round is: `select` descends every tree, the game plays the
chosen actions, the evaluator (and, below value weight 1, a random rollout) values the new leaves, which are expanded
and their values backed up. A descent that ends at a new chance node goes on to one of its outcomes, which is the leaf;
no network values a chance node. Where no network has to be asked, whole searches run inside one kernel
(`hybrid.direct`) and give the same trees.
"""

from __future__ import annotations

import time
from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from games import Game, LiftedGame, Positions
from hybrid import direct
from hybrid.agent import Decisions, Root, require_movers
from hybrid.evaluate import Evaluator, Judged, UniformEvaluator
from hybrid.forest import Forest, usual_max_nodes
from hybrid.leaves import Leaves, find_positions, reveal
from hybrid.proving import RootProofs, leaf_prover
from hybrid.questions import Questions
from hybrid.search_config import UNLIMITED, SearchConfig
from hybrid.search_kernels import NODES, chance_kernels, kernels
from hybrid.strategy import Strategy, exploration_weights
from hybrid.tree import Tree

__all__ = ["Search", "SearchConfig"]

_CHUNK = 4096
"""Simulations that the direct end runs in one kernel call, and the room that is made at once, at most."""


class Search:
    """B trees of one game that share an evaluator.

    Memory: `hybrid.tree.bytes_per_node` for each node in use (Connect Four: about 310 bytes with a network), and each
    row has room for its reused tree and one search.
    """

    def __init__(self, game: Game, evaluator: Evaluator | None, config: SearchConfig, rows: int) -> None:
        """Make `rows` empty trees; `evaluator` is needed unless the dial stands at the direct end.

        Raises:
            ValueError: the dial does not search, or consults a network where there is none, there is no room for a
                simulation, or roots or leaves are to be proven of a game that alpha-beta cannot search.
        """
        if not config.dial.searches:
            raise ValueError("simulations must be at least 1 to search, got 0")
        if config.dial.consults_network and evaluator is None:
            raise ValueError(f"{config.dial} consults a network, but there is none: use prior_weight=0, value_weight=0")
        self.game = game
        self.config = config
        self.evaluator = evaluator if config.dial.consults_network else None
        self.max_nodes = config.max_nodes or usual_max_nodes(game)
        self.forest = Forest(game, rows, self.max_nodes)
        self.seeds = np.zeros(rows, np.uint64)
        self.budget = np.zeros(rows, np.int64)
        self.done = np.zeros(rows, np.int64)
        self.evaluations = np.zeros(rows, np.int64)
        self.plies = np.zeros(rows, np.int64)
        self.over = np.ones(rows, np.bool_)
        self.noise = np.zeros(rows, np.uint64)
        self._selection = config.selection
        self.weights = exploration_weights(self._selection.c_puct, self._selection.c_base)
        self._select = chance_kernels().select if game.stochastic else kernels().select
        self._nodes = NODES if game.stochastic else 1
        if self.max_nodes <= self._nodes:
            raise ValueError(f"max_nodes must be at least {self._nodes + 1} in {game.spec!r}, got {self.max_nodes}")
        knows_nothing = self.evaluator is None or isinstance(self.evaluator, UniformEvaluator)
        self._questions = Questions(game, config, asked=self.evaluator is not None)
        self._parallel = self._questions.parallel
        bounded = self._questions.enough < UNLIMITED
        self._prove = leaf_prover(game, config.leaf_nodes)
        seconds = config.dial.seconds
        self._roots = RootProofs(game, config.root_nodes, rows, seconds) if config.root_nodes else None
        alone = self._parallel == 1 and self._prove is None and self._roots is None
        self._fused = knows_nothing and isinstance(game, LiftedGame) and alone and not bounded

    @property
    def tree(self) -> Tree:
        """The statistics of all rows."""
        return self.forest.tree

    @property
    def positions(self) -> Positions:
        """`[B, N]` the positions at the nodes."""
        return self.forest.positions

    @property
    def finished(self) -> npt.NDArray[np.bool_]:
        """`[B]` rows whose search is over: budget spent, time up, root proven or no room left."""
        return self.over | (self.done >= self.budget)

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
        """Start searches of `positions` `[R]`, at all of which a player is to move, in `rows` `[R]`.

        Args:
            rows: which trees to use; a tree that contains its new root is cut down to it and kept, if `reuse` says so.
            positions: the roots.
            seeds: `[R]` sources of all randomness but the root noise.
            simulations: `[R]` new simulations; the dial's budget by default, and no bound where it gives a time.
            noise_seeds: `[R]` non-zero sources of root noise (Dirichlet, or Gumbel's own); by default none.

        Raises:
            ValueError: a position without a mover, or a budget below 1.
        """
        require_movers(self.game, positions)
        dial = self.config.dial
        default = dial.simulations if dial.seconds is None else UNLIMITED
        budget = np.asarray(default if simulations is None else simulations, np.int64)
        if (budget < 1).any():
            raise ValueError(f"simulations must be at least 1, got {budget.min()}")
        self.seeds[rows] = seeds
        self.budget[rows] = budget
        self.done[rows] = self.evaluations[rows] = self.plies[rows] = 0
        for index, row in enumerate(rows.tolist()):
            if not self._may_reuse(row, positions[index : index + 1], noise_seeds is not None):
                self.tree.size[row] = 0
        if self._roots is not None:
            self._roots.look(rows, positions)
            # What a remembered tree proved of such roots tells longer ways from shorter ones no more.
            self.clear(rows[np.abs(self._roots.values[rows]) == 1.0])
        self.forest.reserve(
            int(self.tree.size[rows].max(initial=0) + self._nodes * min(self.budget[rows].max(initial=0), _CHUNK)) + 1
        )
        self.noise[rows] = 0 if noise_seeds is None else noise_seeds
        fresh = rows[self.tree.size[rows] == 0]
        order = np.flatnonzero(self.tree.size[rows] == 0)
        kernels().plant(self.tree, fresh, self.seeds, positions["to_play"][order].copy())
        self.positions[fresh, 0] = positions[order]
        for row in rows[self.tree.node["edges"][rows, 0] > 0].tolist():
            self._add_noise(row)
        if self._roots is not None:
            self._roots.enter(self.tree, rows)
        self.over[rows] = self.tree.node["solved"][rows, 0] == 1

    def advance(self) -> None:
        """Run one simulation (`parallel_leaves` at once), or expand the root, in every unfinished row."""
        leaves = self.descend()
        if self.evaluator is not None and len(leaves.asked):
            self.ascend(leaves, self.evaluator(leaves.asked))
        else:
            self.ascend(leaves, None)

    def step(self) -> Leaves | None:
        """Go on to the next question: leaves whose `asked` are to be judged and taken to `ascend`.

        None where nothing had to be asked: the unfinished rows have gone on by a round, or to their end.
        """
        if self._fused and not self._noise_due():
            direct.run(self, *self._with_room(_CHUNK))
            return None
        leaves = self.descend()
        if self.evaluator is not None and len(leaves.asked):
            return leaves
        self.ascend(leaves, None)
        return None

    def asking(self) -> Generator[Positions, Judged, None]:
        """`run` with the evaluator left to the caller: yields positions and is sent what it says of them."""
        while not self.finished.all():
            leaves = self.step()
            if leaves is not None:
                self.ascend(leaves, (yield leaves.asked))

    def descend(self) -> Leaves:
        """The first half of `advance`: go down to a leaf in every unfinished row and find its position."""
        rows, _ = self._with_room(parallel := self._parallel)
        tree = self.tree
        at, simulations = np.empty((2, len(rows) * parallel), np.int64)
        leaves = np.empty(len(at), np.int32)
        fresh = np.empty(len(at), np.bool_)
        counters = (self.done, self.budget, self.noise)
        found = self._select(
            tree, rows, self._selection, self.weights, parallel, *counters, at, leaves, simulations, fresh
        )
        at, leaves, simulations = at[:found], leaves[:found], simulations[:found]
        (new,) = fresh[:found].nonzero()
        find_positions(self.game, self.forest, at[new], leaves[new], self._prove)
        if self.game.stochastic:
            reveal(self.game, self.forest, at, leaves, new, parallel)
        unsolved = np.empty(found, np.int64)
        unsolved = unsolved[: kernels().unsolved(tree, at, leaves, unsolved)]
        positions = self.forest.at(at[unsolved], leaves[unsolved])
        return Leaves(
            rows=at,
            nodes=leaves,
            unsolved=unsolved,
            simulations=simulations[unsolved],
            positions=positions,
            question=self._questions.about(leaves[unsolved], positions),
        )

    def ascend(self, leaves: Leaves, judged: Judged | None) -> None:
        """The second half of `advance`: expand the unsolved leaves and take all values back to the roots.

        `judged` is what the evaluator says of `leaves.asked`; None where there is none, or nothing to ask.
        """
        if len(leaves.unsolved):
            self._expand(leaves, judged)
        kernels().backup(self.tree, leaves.rows, leaves.nodes, self._parallel, self.game.zero_sum, self.done, self.over)
        if self._questions.enough < UNLIMITED:
            self.over |= self.evaluations >= self._questions.enough

    def try_out(self, position: Positions) -> None:
        """Search `position` `[1]` by a few simulations in row 0, so that all that a search compiles is in memory."""
        self.begin(np.zeros(1, np.int64), position, np.zeros(1, np.uint64), 2)
        self.run()
        self.decisions(np.zeros(1, np.int64))

    def run(self, until: float | None = None) -> None:
        """Advance until every row is finished; all are once `time.perf_counter()` passes `until`.

        Every root is expanded, however short the time.
        """
        chunk = _CHUNK if until is None else 1
        while not self.finished.all():
            if until is not None and time.perf_counter() >= until and self.tree.node["edges"][~self.finished, 0].all():
                self.over[:] = True
                break
            if not self._fused or self._noise_due():
                self.advance()
                continue
            start = time.perf_counter()
            rows, chunk = self._with_room(chunk)
            direct.run(self, rows, chunk)
            if until is not None:
                left = until - time.perf_counter()
                pace = (time.perf_counter() - start) / chunk
                chunk = max(1, min(_CHUNK, 2 * chunk, int(0.5 * left / pace)))

    def decisions(self, rows: npt.NDArray[np.int64]) -> Decisions:
        """What the searches of `rows` `[R]` have found so far; `seconds` is zero, for the caller to fill.

        Raises:
            ValueError: a row's root has not been expanded yet.
        """
        if not (self.tree.node["edges"][rows, 0].all() and self.tree.size[rows].all()):
            raise ValueError(f"rows must have expanded roots: begin and advance them first, got {rows.tolist()}")
        actions = self.game.num_actions
        prior, network = np.zeros((2, len(rows), actions), np.float32)
        visits = np.zeros((len(rows), actions), np.int64)
        q, proven = np.full((2, len(rows), actions), np.nan)
        policy = np.zeros((len(rows), actions), np.float32)
        chosen = np.empty(len(rows), np.int64)
        values = np.empty((len(rows), self.game.players), np.float32)
        gap, gain = np.empty((2, len(rows)))
        outputs = (prior, visits, q, proven, network, policy, chosen, values, gap, gain)
        kernels().report(self.tree, rows, self._selection, self.seeds, self.noise, *outputs)
        consulted = self.evaluator is not None
        decisions = Decisions(
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
        if self._roots is not None:
            self._roots.tell(self.tree, rows, decisions)
        return decisions

    def policies(self, row: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The improved and the regularised policy `[A]` of a row's root, each what its `Target` says."""
        improved, regularised = np.zeros((2, self.game.num_actions))
        kernels().diagnose(self.tree, row, self._selection, improved, regularised)
        return improved, regularised

    def _expand(self, leaves: Leaves, judged: Judged | None) -> None:
        """Value and expand the leaves that are not solved."""
        tree, dial, positions = self.tree, self.config.dial, leaves.positions
        rows, nodes = leaves.rows[leaves.unsolved], leaves.nodes[leaves.unsolved]
        if self.evaluator is not None:
            logits, values, evaluations = self._questions.answer(leaves.question, judged)
            np.add.at(self.evaluations, rows, evaluations)
        else:
            logits = np.zeros((len(rows), self.game.num_actions), np.float32)
            values = np.zeros((len(rows), self.game.players), np.float32)
        if dial.value_weight < 1.0:
            seeds = np.empty(len(rows), np.uint64)
            kernels().rollout_seeds(rows, self.seeds, leaves.simulations, seeds)
            returns, plies = self.game.rollout(positions, seeds)
            np.add.at(self.plies, rows, plies)
            values = np.float32(dial.value_weight) * values + np.float32(1.0 - dial.value_weight) * returns
        legal = self.game.legal_actions(positions)
        if not kernels().expand(tree, rows, nodes, legal, logits, values, dial.prior_weight):
            raise ValueError(f"the evaluator must return finite logits and values, got {logits[legal]}, {values}")
        roots = rows[nodes == 0]
        for row in roots.tolist():
            self._add_noise(row)
        if self._roots is not None and len(roots):
            self._roots.enter(tree, roots)

    def _add_noise(self, row: int) -> None:
        """Mix Dirichlet noise into the prior of an expanded root, where the search was given a noise seed."""
        if self.noise[row] and self.config.strategy != Strategy.GUMBEL:
            tree, share = self.tree, self.config.noise_fraction
            edges = int(tree.node["edges"][row, 0])
            rng = np.random.default_rng(int(self.noise[row]))
            noise = rng.dirichlet(np.full(edges, self.config.dirichlet_total / edges))
            prior = tree.edge["prior"][row, 0, :edges]
            prior[:] = (1.0 - share) * prior + share * noise
            tree.node["explored"][row, 0] = prior[tree.edge["visits"][row, 0, :edges] > 0].sum()

    def _may_reuse(self, row: int, position: Positions, noisy: bool) -> bool:
        """Cut the row's tree down to `position`, if it is there, has room and would not get noise a second time."""
        if not self.config.reuse or self.config.strategy == Strategy.GUMBEL:
            return False
        node = self.forest.find(row, position)
        if node < 0 or (node == 0 and (noisy or self.noise[row] != 0)):
            return False
        self.forest.reroot(row, node)
        timed = self.config.dial.seconds is not None
        return timed or int(self.tree.size[row] + self._nodes * self.budget[row]) < self.max_nodes

    def _noise_due(self) -> bool:
        """Whether a root is yet to be expanded that noise will be added to."""
        return bool((~self.finished & (self.noise != 0) & (self.tree.node["visits"][:, 0] == 0)).any())

    def _with_room(self, simulations: int) -> tuple[npt.NDArray[np.int64], int]:
        """The unfinished rows, and for how many simulations, at most so many, each has room.

        Rows in which another could exceed `max_nodes` are over.
        """
        rows, needs = np.empty(len(self.over), np.int64), np.empty(2, np.int64)
        bound = self.max_nodes - self._nodes
        rows = rows[: kernels().unfinished(self.tree.size, self.over, self.done, self.budget, bound, rows, needs)]
        size, left = needs.tolist()
        self.forest.reserve(size + self._nodes * min(simulations, left))
        return rows, min(simulations, (self.positions.shape[1] - size) // self._nodes)
