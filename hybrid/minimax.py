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
from numba import boolean, int64

from games import Game, Positions
from games.compile import kernel
from games.rules import LiftedGame
from hybrid import minimax_kernels as kernels
from hybrid.alpha_beta import Memory, rules_of, state_type, value_of

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


class OutOfBudgetError(Exception):
    """A search met its deadline or its limit of nodes."""


class AlphaBeta:
    """A searcher of one game with its transposition table.

    Args:
        game: a game made by `games.rules.lift`, for two players, zero-sum and without chance.
        distance: whether faster wins and slower losses are better.
        rollouts: random rollouts averaged at the horizon; 0 values it as a draw.
        table_bits: base-2 logarithm of the table's entries, 1 to 30; see `hybrid.alpha_beta.Memory`.
        forcing: whether moves are cut and ordered by what the game's rule `forcing` tells, where it has one; then what
            a search to some depth finds, it finds up to two plies earlier.

    Raises:
        ValueError: the game or an option is unsuitable.
    """

    def __init__(
        self, game: Game, *, distance: bool = True, rollouts: int = 0, table_bits: int = 20, forcing: bool = False
    ) -> None:
        self._memory = Memory(game, distance=distance, rollouts=rollouts, table_bits=table_bits, forcing=forcing)
        self._search = _kernel(self._memory.game)

    @property
    def game(self) -> LiftedGame:
        """The game that is searched."""
        return self._memory.game

    def forget(self, seed: int = 0) -> None:
        """Start afresh: what was found before no longer counts, and `seed` numbers the rollouts to come."""
        self._memory.forget(seed)

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
        control = self._memory.control
        control.nodes = control.plies = 0
        scores = np.zeros(self.game.num_actions, np.int64)
        scores[~self.game.legal_actions(position)[0]] = -kernels.INFINITE
        proven, done = False, 0
        while done < last and not proven:
            scores, proven, complete = self._iterate(position, scores, done + 1, deadline)
            if not complete:
                break
            done += 1
        return self._report(scores, int(position["ply"][0]), proven, done)

    def score(
        self, position: Positions, depth: int, low: int = -kernels.INFINITE, high: int = kernels.INFINITE, **budget: Any
    ) -> tuple[int, bool]:
        """The score of `position` `[1]` for player 0, exact inside `(low, high)`, a bound beyond; is it resolved.

        `budget` holds `deadline`, a `time.perf_counter()`, or `nodes`.

        Raises:
            OutOfBudgetError: the budget ran out first.
            ValueError: the game has chance nodes.
        """
        memory = self._memory
        if depth >= len(memory.frames):
            memory.stack(2 * depth + 1)
        control = memory.control
        memory.path[0] = position[0]
        memory.frames[0]["low"], memory.frames[0]["high"] = low, high
        control.depth, control.level, control.arrived = depth, 0, 1
        self._run(**budget)
        return int(control.value), bool(control.resolved)

    def _iterate(
        self, position: Positions, hints: npt.NDArray[np.int64], depth: int, deadline: float | None
    ) -> tuple[npt.NDArray[np.int64], bool, bool]:
        """Search every action to `depth`, the best of `hints` first: scores for the mover, proven, complete.

        Scores below the best are upper bounds; a search cut short returns `hints`, or the wins it has found.
        """
        control = self._memory.control
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
        reach = int(position["ply"][0]) + depth + 2 * int(control.forcing)
        fastest = control.distance and best >= kernels.DECISIVE and kernels.WIN - best <= reach
        return scores, all_resolved or fastest, True

    def _report(self, scores: npt.NDArray[np.int64], ply: int, proven: bool, depth: int) -> Analysis:
        """An iteration's scores for the mover as an `Analysis`."""
        control = self._memory.control
        best = int(scores.max())
        return Analysis(
            best=scores == best,
            value=value_of(best),
            plies=self._memory.length(best, ply) if proven else -1,
            proven=proven,
            depth=depth,
            nodes=int(control.nodes),
            rollout_plies=int(control.plies),
        )

    def _run(self, *, deadline: float | None = None, nodes: int | None = None) -> None:
        """Run the kernel to the end of the search or of the budget, in slices between looks at the clock."""
        control = self._memory.control
        stop = None if nodes is None else int(control.nodes) + nodes
        limit = FIRST_SLICE
        finished = False
        while not finished:
            started = time.perf_counter()
            if (deadline is not None and started >= deadline) or (stop is not None and control.nodes >= stop):
                raise OutOfBudgetError
            with np.errstate(over="ignore"):
                finished = self._search(self._memory.state, limit)
            spent = time.perf_counter() - started
            limit = min(2 * limit, max(64, int(limit * 0.001 / max(spent, 1e-6))))
        if control.chance:
            control.chance = 0
            raise ValueError(f"minimax cannot search {self.game.name}: it has chance nodes")


def _kernel(game: LiftedGame) -> Any:
    """The compiled search of one game, made once."""
    if "minimax" not in game.memo:
        signature = boolean(state_type(game), int64)
        game.memo["minimax"] = kernel(kernels.search_factory, signature, *rules_of(game), allocates=False)
    return game.memo["minimax"]
