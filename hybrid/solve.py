"""Exact solvers: the game-theoretic value of every move, by exhaustive search or by a Connect Four engine.

Shapes: B positions, A actions. Values are for the mover, in {-1, 0, 1}; in games of chance they are expected values.
Plies are counted from the position to the end of the game when the winner wins as fast and the loser loses as slowly as
possible (draws: by any drawing line).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from games.load import settings
from games.rules import LiftedGame
from hybrid import minimax_kernels as kernels
from hybrid.expected import ExpectedValueSolver
from hybrid.minimax import AlphaBeta, OutOfBudgetError

CONNECT_FOUR = {"rows": 6, "columns": 7, "connect": 4}
MAX_NODES = 200_000_000


Method = Literal["engine", "exhaustion", "expectation"]
"""How a game is solved: by another program, by alpha-beta to the end, or by listing positions with their chances."""


class Solver(Protocol):
    """Knows the truth about a game's positions."""

    def values(self, positions: Positions) -> npt.NDArray[np.float32]:
        """`[B]` the value of each position for its mover; at the end of the game its return.

        Raises:
            ValueError: a position is too hard for this solver.
        """

    def action_values(self, positions: Positions) -> npt.NDArray[np.float32]:
        """`[B, A]` the value of each action for the mover; NaN where illegal or the game is over."""

    def action_plies(self, positions: Positions) -> npt.NDArray[np.int64]:
        """`[B, A]` plies to the end of the game, the action included; -1 where illegal, drawn or the game is over."""


def solver(game: Game) -> Solver:
    """The exact solver for `game`: the engine for Connect Four on 6 x 7, else exhaustion, with chance by expectation.

    Raises:
        ValueError: no solver can exist for it, or the engine is not installed.
    """
    way = method(game)
    if way is None:
        raise ValueError(f"there is no solver for {game.spec!r}: it needs compiled rules for two players and zero sum")
    solvers: dict[Method, Callable[[Game], Solver]] = {
        "engine": ConnectFourSolver,
        "exhaustion": ExhaustiveSolver,
        "expectation": ExpectedValueSolver,
    }
    return solvers[way](game)


def method(game: Game) -> Method | None:
    """How `solver` solves `game`; None if it cannot. That does not say that the board is small enough."""
    if plays_connect_four(game):
        return "engine"
    if not isinstance(game, LiftedGame) or not game.zero_sum:
        return None
    return "expectation" if game.stochastic else "exhaustion"


def plays_connect_four(game: Game) -> bool:
    """Whether `game` is Connect Four on the usual 6 x 7 board."""
    if game.spec.partition(":")[0] != "connect_four":
        return False
    return CONNECT_FOUR.items() <= settings(game.spec).items()


class ExhaustiveSolver:
    """Solves positions of small games to the end by alpha-beta; results are kept in a bounded table.

    Args:
        game: a game made by `games.rules.lift`, for two players and zero-sum.
        table_bits: the table has `2 ** table_bits` entries of 16 bytes (one table for values, one for plies).
        max_nodes: what one position may cost before it counts as too hard.
    """

    def __init__(self, game: Game, *, table_bits: int = 22, max_nodes: int = MAX_NODES) -> None:
        self._game = game
        self._max_nodes = max_nodes
        self._value = AlphaBeta(game, distance=False, table_bits=table_bits, forcing=True)
        self._plies = AlphaBeta(game, distance=True, table_bits=table_bits, forcing=True)

    def values(self, positions: Positions) -> npt.NDArray[np.float32]:
        """See `Solver.values`."""
        signs = np.where(positions["to_play"] == 0, 1, -1)
        scores = [self._score(self._value, positions[row : row + 1]) for row in range(len(positions))]
        return (signs * np.sign(scores)).astype(np.float32)

    def action_values(self, positions: Positions) -> npt.NDArray[np.float32]:
        """See `Solver.action_values`."""
        rows, actions, children = successors(self._game, positions)
        values = np.full((len(positions), self._game.num_actions), np.nan, np.float32)
        signs = np.where(positions["to_play"][rows] == 0, 1, -1)
        scores = [self._score(self._value, children[row : row + 1]) for row in range(len(children))]
        values[rows, actions] = signs * np.sign(scores)
        return values

    def action_plies(self, positions: Positions) -> npt.NDArray[np.int64]:
        """See `Solver.action_plies`."""
        rows, actions, children = successors(self._game, positions)
        plies = np.full((len(positions), self._game.num_actions), -1, np.int64)
        scores = np.array([self._score(self._plies, children[row : row + 1]) for row in range(len(children))], np.int64)
        ends = kernels.WIN - np.abs(scores) - positions["ply"][rows].astype(np.int64)
        plies[rows, actions] = np.where(scores == 0, -1, ends)
        return plies

    def _score(self, search: AlphaBeta, position: Positions) -> int:
        """The score of `position` `[1]` for player 0, searched to the end."""
        try:
            score, resolved = search.score(position, kernels.MAX_DEPTH, nodes=self._max_nodes)
        except OutOfBudgetError:
            resolved = False
        if not resolved:
            raise ValueError(
                f"a position of {self._game.spec!r} at ply {int(position['ply'][0])} is too hard for exhaustion: "
                f"more than max_nodes={self._max_nodes:,} nodes or {kernels.MAX_DEPTH} plies"
            )
        return score


class ConnectFourSolver:
    """Connect Four on 6 x 7 by the `bitbully` engine and its opening book of 12 plies.

    The engine is under the AGPL-3 and therefore an optional extra, imported only here.
    """

    def __init__(self, game: Game) -> None:
        if not plays_connect_four(game):
            raise ValueError(f"game must be Connect Four on 6 x 7 for this solver, got {game.spec!r}")
        self._game = game
        self._board, engine = _engine()
        self._scored = lru_cache(maxsize=1 << 16)(lambda *state: self._ask(engine, state))

    def values(self, positions: Positions) -> npt.NDArray[np.float32]:
        """See `Solver.values`."""
        movers = positions["to_play"].astype(np.int64)
        values: npt.NDArray[np.float32] = positions["returns"][np.arange(len(positions)), movers].astype(np.float32)
        open_ = np.flatnonzero(positions["terminal"] == 0)
        values[open_] = np.nanmax(self.action_values(positions[open_]), axis=1) if len(open_) else 0.0
        return values

    def action_values(self, positions: Positions) -> npt.NDArray[np.float32]:
        """See `Solver.action_values`."""
        return np.sign(self._scores(positions)).astype(np.float32)

    def action_plies(self, positions: Positions) -> npt.NDArray[np.int64]:
        """See `Solver.action_plies`."""
        scores = self._scores(positions)
        movers = positions["to_play"].astype(np.int64)[:, None]
        # A score s means that the winner's stone number 22 - |s| ends the game; stone n of player p is ply 2 n - 1 + p.
        with np.errstate(invalid="ignore"):
            winners = np.where(scores > 0, movers, 1 - movers)
            ends = 2 * (22 - np.abs(scores)) - 1 + winners
            plies = np.where(np.isnan(scores) | (scores == 0), -1, ends - positions["ply"][:, None])
        return plies.astype(np.int64)

    def _scores(self, positions: Positions) -> npt.NDArray[np.float64]:
        """`[B, 7]` the engine's scores; NaN where illegal."""
        scores = np.full((len(positions), 7), np.nan)
        stones, movers = positions["stones"].astype(np.uint64), positions["to_play"]
        for row in np.flatnonzero(positions["terminal"] == 0).tolist():
            own = int(stones[row, movers[row]])
            scores[row] = self._scored(own | int(stones[row, 1 - movers[row]]), own, 42 - int(positions["ply"][row]))
        return np.where(self._game.legal_actions(positions), scores, np.nan)

    def _ask(self, engine: Any, state: tuple[int, int, int]) -> list[int]:
        """The engine's scores of one position: all stones, the mover's, and empty cells."""
        board = self._board()
        board.setRawState(_spread(state[0]), _spread(state[1]), state[2])
        return list(engine.scoreMoves(board))


def successors(game: Game, positions: Positions) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Positions]:
    """Every legal move of a batch: rows `[M]`, actions `[M]`, and the positions `[M]` they lead to."""
    rows, actions = np.nonzero(game.legal_actions(positions))
    return rows, actions, game.step(positions[rows], actions)


def _spread(bits: int) -> int:
    """Move columns of 7 bits each, as the rules keep them, to the engine's columns of 9."""
    return sum((bits >> 7 * column & 63) << 9 * column for column in range(7))


def _engine() -> tuple[Any, Any]:
    """The engine's board class and a solver with the opening book of distances."""
    try:
        import bitbully_databases
        from bitbully import bitbully_core
    except ImportError as error:
        raise ValueError(
            "the Connect Four solver needs the package bitbully (AGPL-3): pip install 'hybrid-agents[solver]'"
        ) from error
    book = Path(bitbully_databases.BitBullyDatabases.get_database_path("12-ply-dist"))
    return bitbully_core.BoardCore, bitbully_core.BitBullyCore(book)
