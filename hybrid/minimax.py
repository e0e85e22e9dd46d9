"""Classical planning: iterative-deepening alpha-beta over the compiled rules of any two-player zero-sum game.

At the horizon the value is 0, or the mean outcome of random rollouts; there is no hand-written evaluation. The loop is
`hybrid.minimax_kernels.search_factory`. Shapes: A actions.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import boolean, from_dtype, int16, int64, types, uint64, void

from games import Game, Positions
from games.compile import kernel
from games.rules import LiftedGame
from hybrid import minimax_kernels as kernels
from hybrid import transposition

FIRST_SLICE = 512
"""Nodes between the first two looks at the clock; later slices follow the measured speed."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What a search found out about one position.

    Attributes:
        best: `[A]` true for the equally good best actions.
        value: the position's value for the mover: 1, 0, -1, or a rollout estimate between; 0 where nothing is known.
        plies: plies from here to the end of the game when `value` is proven with distances, else -1.
        proven: whether `value` and `best` are the game's own, whatever the depth.
        depth: the deepest iteration that was completed; 0 when the time was too short for any.
        nodes: positions visited.
        rollout_plies: plies played in rollouts.
    """

    best: npt.NDArray[np.bool_]
    value: float
    plies: int
    proven: bool
    depth: int
    nodes: int
    rollout_plies: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Proof:
    """What is proven of one position.

    Attributes:
        value: the game's value for the mover: 1, 0 or -1.
        plies: plies from here to the end of a won or lost game, where both play for its length; -1 where the search
            does not tell lengths apart, and in a draw.
        best: `[A]` moves that keep the value; with lengths the fastest wins or the slowest losses, without them not
            all wins perhaps, but those that were seen first.
    """

    value: float
    plies: int
    best: npt.NDArray[np.bool_]


class OutOfBudgetError(Exception):
    """A search met its deadline or its limit of nodes."""


class AlphaBeta:
    """A searcher of one game with its transposition table.

    The table has `2 ** table_bits` entries of 16 bytes, in pairs, keyed by a 64-bit hash of the position's exact bytes
    alone: a probe hits a wrong entry with odds of `2 ** (table_bits - 63)`, 1 in 2 ** 43 for the default.

    Args:
        game: a game made by `games.rules.lift`, for two players and zero-sum.
        distance: whether faster wins and slower losses are better.
        rollouts: random rollouts averaged at the horizon; 0 values it as a draw.
        table_bits: base-2 logarithm of the table's entries, 1 to 30.
        forcing: whether moves are cut and ordered by what the game's rule `forcing` tells, where it has one. Proofs
            become much cheaper; what a search to some depth finds, it finds up to two plies earlier.

    Raises:
        ValueError: the game or an option is unsuitable.
    """

    def __init__(
        self, game: Game, *, distance: bool = True, rollouts: int = 0, table_bits: int = 20, forcing: bool = False
    ) -> None:
        if not isinstance(game, LiftedGame) or not game.zero_sum:
            raise ValueError(
                f"minimax needs a two-player zero-sum game with compiled rules (games.rules.lift), got {game}"
            )
        if game.stochastic:
            raise ValueError(f"minimax needs a game without chance, got {game.spec!r}")
        if rollouts < 0:
            raise ValueError(f"rollouts must be at least 0, got {rollouts}")
        if not 1 <= table_bits <= 30:
            raise ValueError(f"table_bits must be between 1 and 30, got {table_bits}")
        self.game = game
        self.distance = distance
        self._search = _kernel(game)
        self._table = np.zeros(1 << table_bits, transposition.ENTRY)
        self._control = np.zeros(1, kernels.CONTROL)
        self._control["distance"] = distance
        self._control["rollouts"] = rollouts
        self._control["forcing"] = forcing and "forcing" in game.rules
        self._stack(64)
        self.forget()

    @property
    def nodes(self) -> int:
        """Positions that the last search or proof visited."""
        return int(self._control["nodes"][0])

    def forget(self, seed: int = 0) -> None:
        """Start afresh: what was found before no longer counts, and `seed` numbers the rollouts to come."""
        control = self._control[0]
        control.generation = control.generation % (transposition.GENERATIONS - 1) + 1
        control.salt = (int(control.salt) + 0x9E3779B97F4A7C15) % 2**64
        control.seed = seed
        self._history[:] = 0
        self._killers[:] = -1

    def analyse(self, position: Positions, *, depth: int | None = None, seconds: float | None = None) -> Analysis:
        """Search `position` `[1]`, not terminal, ever deeper until it is proven, `depth` is done or `seconds` are over.

        Raises:
            ValueError: the depth is not between 1 and 255, or the position is terminal.
        """
        last = kernels.MAX_DEPTH if depth is None else depth
        if not 1 <= last <= kernels.MAX_DEPTH:
            raise ValueError(f"depth must be between 1 and {kernels.MAX_DEPTH}, got {depth}")
        if position["terminal"][0]:
            raise ValueError("position must not be terminal")
        deadline = None if seconds is None else time.perf_counter() + seconds
        self._control["nodes"] = self._control["plies"] = 0
        scores = np.zeros(self.game.num_actions, np.int64)
        scores[~self.game.legal_actions(position)[0]] = -kernels.INFINITE
        proven, done = False, 0
        while done < last and not proven:
            scores, proven, complete = self._iterate(position, scores, done + 1, deadline)
            if not complete:
                break
            done += 1
        return self._report(scores, int(position["ply"][0]), proven, done)

    def prove(self, position: Positions, nodes: int, *, keep: bool = False) -> Proof | None:
        """What about `nodes` nodes prove of `position` `[1]`: None where they do not suffice.

        Nothing that was searched before has any influence, unless `keep` builds on what the last proofs found.

        Raises:
            ValueError: the position is terminal.
        """
        if position["terminal"][0]:
            raise ValueError("position must not be terminal")
        scores, proven = self._prove(position, np.zeros(1, np.bool_), nodes, keep)
        if not proven[0]:
            return None
        best = int(scores.max())
        return Proof(value=_value(best), plies=self._length(best, int(position["ply"][0])), best=scores[0] == best)

    def values(self, positions: Positions, nodes: int) -> npt.NDArray[np.float64]:
        """What about `nodes` nodes each prove of `positions` `[B]`, each by itself: `[B]` values for the mover.

        They are 1, 0 or -1; NaN where the nodes do not suffice, and of terminal positions.
        """
        over = positions["terminal"] != 0
        scores, proven = self._prove(positions, over.copy(), nodes, keep=False)
        return _values(scores.max(axis=1), proven & ~over)

    def proofs(self, positions: Positions, nodes: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """What about `nodes` nodes each prove of `positions` `[B]`, none of them terminal.

        Returns `values`, and `[B, A]` the moves that `Proof.best` tells, of no meaning where the value is NaN.
        """
        scores, proven = self._prove(positions, np.zeros(len(positions), np.bool_), nodes, keep=False)
        best = scores.max(axis=1)
        return _values(best, proven), scores == best[:, None]

    def score(
        self, position: Positions, depth: int, low: int = -kernels.INFINITE, high: int = kernels.INFINITE, **budget: Any
    ) -> tuple[int, bool]:
        """The score of `position` `[1]` for player 0, exact inside `(low, high)`, a bound beyond; is it resolved.

        `budget` holds `deadline`, a `time.perf_counter()`, or `nodes`.

        Raises:
            OutOfBudgetError: the budget ran out first.
            ValueError: the game has chance nodes.
        """
        if depth >= len(self._frames):
            self._stack(2 * depth + 1)
        control = self._control[0]
        self._path[0] = position[0]
        self._frames[0]["low"], self._frames[0]["high"] = low, high
        control.depth, control.level, control.arrived = depth, 0, 1
        self._run(**budget)
        return int(control.value), bool(control.resolved)

    def _prove(
        self, positions: Positions, proven: npt.NDArray[np.bool_], nodes: int, keep: bool
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Scores `[B, A]` of `positions` `[B]`, but of those `proven`, and which of all are proven now `[B]`."""
        scores = np.zeros((len(positions), self.game.num_actions), np.int64)
        _prover(self.game)(
            *self._state, positions, np.empty_like(scores, shape=scores.shape[1]), scores, proven, keep, nodes
        )
        return scores, proven

    def _iterate(
        self, position: Positions, hints: npt.NDArray[np.int64], depth: int, deadline: float | None
    ) -> tuple[npt.NDArray[np.int64], bool, bool]:
        """Search every action to `depth`, the best of `hints` first: scores for the mover, proven, complete.

        Scores below the best are upper bounds; a search cut short returns `hints`, or the wins it has found.
        """
        sign = 1 if position["to_play"][0] == 0 else -1
        scores = np.full_like(hints, -kernels.INFINITE)
        best, all_resolved = -kernels.INFINITE, True
        for action in np.argsort(-hints, kind="stable")[: np.count_nonzero(hints > -kernels.INFINITE)]:
            # The window is open one below the best, so that equally good actions show as equal.
            floor = max(best - 1, -kernels.INFINITE)
            low, high = (floor, kernels.INFINITE) if sign > 0 else (-kernels.INFINITE, -floor)
            try:
                score, resolved = self.score(
                    self.game.step(position, [action]), depth - 1, low, high, deadline=deadline
                )
            except OutOfBudgetError:
                return (scores if best >= kernels.DECISIVE else hints), False, False
            scores[action] = sign * score
            best = max(best, int(scores[action]))
            all_resolved &= resolved
        # With distances, open moves cannot win within the depth and what `forcing` sees beyond; but sooner, perhaps,
        # than by the longer way that the table kept. Without distances, they may yet turn out equally good.
        reach = int(position["ply"][0]) + depth + 2 * int(self._control["forcing"][0])
        fastest = self.distance and best >= kernels.DECISIVE and kernels.WIN - best <= reach
        return scores, all_resolved or fastest, True

    def _report(self, scores: npt.NDArray[np.int64], ply: int, proven: bool, depth: int) -> Analysis:
        """An iteration's scores for the mover as an `Analysis`."""
        control = self._control[0]
        best = int(scores.max())
        return Analysis(
            best=scores == best,
            value=_value(best),
            plies=self._length(best, ply) if proven else -1,
            proven=proven,
            depth=depth,
            nodes=int(control.nodes),
            rollout_plies=int(control.plies),
        )

    def _length(self, score: int, ply: int) -> int:
        """Plies from `ply` to the end of a game of this score, -1 where it does not tell."""
        return kernels.WIN - abs(score) - ply if self.distance and abs(score) >= kernels.DECISIVE else -1

    def _run(self, *, deadline: float | None = None, nodes: int | None = None) -> None:
        """Run the kernel to the end of the search or of the budget, in slices between looks at the clock."""
        control = self._control[0]
        stop = None if nodes is None else int(control.nodes) + nodes
        limit = FIRST_SLICE
        finished = False
        while not finished:
            started = time.perf_counter()
            if (deadline is not None and started >= deadline) or (stop is not None and control.nodes >= stop):
                raise OutOfBudgetError
            with np.errstate(over="ignore"):
                finished = self._search(*self._state, limit)
            spent = time.perf_counter() - started
            limit = min(2 * limit, max(64, int(limit * 0.001 / max(spent, 1e-6))))
        if control.chance:
            control.chance = 0
            raise ValueError(f"minimax cannot search {self.game.name}: it has chance nodes")

    def _stack(self, levels: int) -> None:
        """Make room for searches of `levels` levels: padded positions, frames, move lists, killers, history."""
        actions, size = self.game.num_actions, self.game.dtype.itemsize
        words = np.zeros((levels, -(-size // 8)), np.uint64)
        self._path = np.ndarray((levels,), self.game.dtype, words.data, strides=(words.strides[0],))
        self._frames = np.zeros(levels, kernels.FRAME)
        order = np.zeros((levels, actions), np.int16)
        mask, weights = np.zeros(actions, np.bool_), np.zeros(actions, np.int64)
        scratch = np.zeros(1, self.game.dtype)
        self._killers = np.full((levels, 2), -1, np.int64)
        self._history = np.zeros((2, actions), np.int64)
        memory = (self._table, self._killers, self._history, self._control)
        self._state = (words, self._path, self._frames, order, mask, weights, scratch, *memory)


def _value(score: int) -> float:
    """A score as a return, or as an estimate of one."""
    return float(np.sign(score)) if abs(score) >= kernels.DECISIVE else score / kernels.ESTIMATE


def _values(scores: npt.NDArray[np.int64], proven: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Proven scores `[B]` as values, NaN where they are not proven."""
    return np.where(proven, np.where(np.abs(scores) >= kernels.DECISIVE, np.sign(scores), 0.0), np.nan)


def _prover(game: LiftedGame) -> Any:
    """The compiled `prove` of one game, made once."""
    if "prove" not in game.memo:
        results = (int64[::1], int64[:, ::1], boolean[::1])
        signature = void(*_state_types(game), game.records, *results, boolean, int64)
        game.memo["prove"] = kernel(kernels.prove_factory, signature, *_rules(game), allocates=False)
    return game.memo["prove"]


def _state_types(game: LiftedGame) -> tuple[Any, ...]:
    """The types of a search's state."""
    path = types.Array(game.record, 1, "A", aligned=False)
    dtypes = (kernels.FRAME, transposition.ENTRY, kernels.CONTROL)
    frames, table, control = (types.Array(from_dtype(dtype), 1, "C", aligned=True) for dtype in dtypes)
    arguments = (uint64[:, ::1], path, frames, int16[:, ::1], boolean[::1], int64[::1], game.records)
    return (*arguments, table, int64[:, ::1], int64[:, ::1], control)


def _kernel(game: LiftedGame) -> Any:
    """The compiled search of one game, made once."""
    if "minimax" not in game.memo:
        signature = boolean(*_state_types(game), int64)
        game.memo["minimax"] = kernel(kernels.search_factory, signature, *_rules(game), allocates=False)
    return game.memo["minimax"]


def _rules(game: LiftedGame) -> tuple[Any, ...]:
    """What the kernels are made of."""
    return tuple(game.rule(name) for name in ("play", "legal", "playout", "forcing"))
