"""Alpha-beta inside a search: what it proves of roots before that begins, and of leaves before they are evaluated.

Shapes: B rows, R roots, A actions, P players.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from games import Game, LiftedGame, Positions
from hybrid.agent import Decisions, divergence
from hybrid.dial import Dial
from hybrid.prover import Prover
from hybrid.search_config import MOST
from hybrid.tree import Tree

_AT_A_LEAF = 30
"""Positions that alpha-beta may visit at a leaf: in Connect Four they cost less than the evaluations they spare."""
_PER_SIMULATION, _PER_SECOND = 150, 1_000_000
"""Positions that alpha-beta may visit at a root: in Connect Four they take about a fifth of the time."""
_SHARE = 0.25
"""Share of a move's time that each of the two proofs of its root may take, where the time is given."""
_TRIED = 1000
"""Positions that tell how fast they are visited, unless there is not even time for them; fewer prove easy roots."""


def usual_leaf_nodes(game: Game) -> int:
    """The `leaf_nodes` of a search with a network: 30 where the game tells forced moves, else 0."""
    return _AT_A_LEAF if tells_forced_moves(game) else 0


def usual_root_nodes(game: Game, dial: Dial) -> int:
    """The `root_nodes` of a search with a network where the game tells forced moves, else 0.

    They are 150 for each simulation, or 1,000 for each millisecond, and a billion at most.
    """
    if not tells_forced_moves(game) or not dial.searches:
        return 0
    nodes = _PER_SIMULATION * dial.simulations if dial.seconds is None else int(_PER_SECOND * dial.seconds)
    return min(max(nodes, 1), MOST)


def leaf_prover(game: Game, nodes: int) -> Callable[[Positions], npt.NDArray[np.float64]] | None:
    """What proves leaves by alpha-beta with about so many nodes each; None with 0.

    Raises:
        ValueError: the game is not two-player zero-sum with compiled rules and without chance.
    """
    if not nodes:
        return None
    return partial(_prover(game, "leaf_nodes", nodes, distance=False).values, nodes=nodes)


class RootProofs:
    """What is proven of the roots of B trees.

    In a won position the search ends at once with the moves that are proven to win. In a drawn or lost one it goes on
    without the moves that lose, or lose sooner than they must. Winning moves are the fastest, and moves that lose
    sooner known, where the nodes suffice to tell lengths.

    Attributes:
        values: `[B]` proven values for the mover, NaN where there is none.
        best: `[B, A]` the moves to choose from; all where nothing is proven.
    """

    def __init__(self, game: Game, nodes: int, rows: int, seconds: float | None = None) -> None:
        """Alpha-beta may visit about `nodes` positions for the outcome, and as many for lengths.

        Where a move has so many `seconds`, and positions are slow to visit, they are as many as a quarter of these
        allows, each time.

        Raises:
            ValueError: the game is not two-player zero-sum with compiled rules and without chance.
        """
        self.values = np.full(rows, np.nan)
        self.best = np.ones((rows, game.num_actions), np.bool_)
        self._nodes = nodes
        self._seconds = seconds
        self._pace = 0.0
        self._outcomes = _prover(game, "root_nodes", nodes, distance=False)
        self._lengths = _prover(game, "root_nodes", nodes, distance=True)

    def look(self, rows: npt.NDArray[np.int64], positions: Positions) -> None:
        """Prove what can be proven of the roots `positions` `[R]` of the trees `rows` `[R]`."""
        values, best = self._proofs(self._outcomes, positions)
        decided = np.flatnonzero(np.abs(values) == 1.0)
        if len(decided):
            again, by_length = self._proofs(self._lengths, positions[decided])
            told = np.isfinite(again)
            best[decided[told]] = by_length[told]
        best[np.isnan(values)] = True
        self.values[rows], self.best[rows] = values, best

    def _proofs(self, prover: Prover, positions: Positions) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """`Prover.proofs` of `positions` `[R]` by as many nodes as there are, and as there is time for."""
        nodes = self._nodes
        if self._seconds is not None:
            if not self._pace:
                self._timed(prover, positions, min(_TRIED, nodes))
            # Where that proved it already, the same will do so again.
            most = int(_SHARE * self._seconds / self._pace) if self._pace else _TRIED
            nodes = min(nodes, max(1, most))
        return self._timed(prover, positions, nodes)

    def _timed(
        self, prover: Prover, positions: Positions, nodes: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """`Prover.proofs` of `positions` `[R]`, which tells the seconds that a node takes if there are many."""
        start = time.perf_counter()
        found = prover.proofs(positions, nodes)
        if prover.nodes >= min(_TRIED, nodes):
            self._pace = (time.perf_counter() - start) / prover.nodes
        return found

    def enter(self, tree: Tree, rows: npt.NDArray[np.int64]) -> None:
        """Write what is known to those of `rows` `[R]` whose roots are expanded."""
        for row in rows[np.isfinite(self.values[rows]) & (tree.node["edges"][rows, 0] > 0)].tolist():
            edges = tree.edge[row, 0, : tree.node["edges"][row, 0]]
            kept = self.best[row, edges["action"]]
            if self.values[row] < 1.0:
                edges["proof"][~kept] = -1.0
                continue
            edges["proof"][kept] = 1.0
            tree.value[row, 0] = -1.0
            tree.value[row, 0, tree.node["to_play"][row, 0]] = 1.0
            tree.node["solved"][row, 0] = 1

    def tell(self, tree: Tree, rows: npt.NDArray[np.int64], decisions: Decisions) -> None:
        """Correct what `decisions` of `rows` `[R]` say of proven roots, and of the moves that keep their values."""
        (known,) = np.isfinite(self.values[rows]).nonzero()
        values, best, root = self.values[rows[known]], self.best[rows[known]], decisions.root
        assert root is not None
        movers = tree.node["to_play"][rows[known], 0]
        decisions.values[known, movers], decisions.values[known, 1 - movers] = values, 0.0 - values
        kept = decisions.policy[known] * best
        decisions.policy[known] = kept / kept.sum(axis=1, keepdims=True)
        root.proven[known] = np.where(best, values[:, None], root.proven[known])
        if root.network_policy is not None and decisions.gap is not None and decisions.gain is not None:
            network = root.network_policy[known]
            decisions.gap[known] = divergence(decisions.policy[known], network)
            decisions.gain[known] = values - root.proven[known, network.argmax(axis=1)]


def require_provable(game: Game, name: str, nodes: int) -> None:
    """Raise ValueError if the option `name` asks for proofs of so many nodes, and alpha-beta cannot search the game."""
    if nodes and not _provable(game):
        raise ValueError(
            f"{name} must be 0 but for two-player zero-sum games with compiled rules and without chance, "
            f"got {nodes} for {game.spec!r}"
        )


def _prover(game: Game, name: str, nodes: int, *, distance: bool) -> Prover:
    """What proves within so many nodes, which the option `name` asked for."""
    require_provable(game, name, nodes)
    return Prover(game, distance=distance, table_bits=min(nodes.bit_length() + 1, 20))


def _provable(game: Game) -> bool:
    """Whether alpha-beta can search the game."""
    return isinstance(game, LiftedGame) and game.zero_sum and not game.stochastic


def tells_forced_moves(game: Game) -> bool:
    """Whether proofs are cheap."""
    return isinstance(game, LiftedGame) and _provable(game) and "forcing" in game.rules
