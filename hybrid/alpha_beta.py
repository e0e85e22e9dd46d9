"""What an alpha-beta search holds between calls: its settings, its stack and its transposition table.

Shapes: A actions, and those of `hybrid.minimax_kernels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import boolean, from_dtype, int16, int64, types, uint64

from games import Game
from games.rules import LiftedGame
from hybrid import minimax_kernels as kernels
from hybrid import transposition


class Memory:
    """The state of searches of one game, as the kernels take it.

    The table has `2 ** table_bits` entries of 16 bytes, in pairs, keyed by a 64-bit hash of the position's exact bytes
    alone: a probe hits a wrong entry with odds of `2 ** (table_bits - 63)`, 1 in 2 ** 43 for the default of 20.
    """

    def __init__(self, game: Game, *, distance: bool, rollouts: int, table_bits: int, forcing: bool) -> None:
        """See `hybrid.minimax.AlphaBeta`.

        Raises:
            ValueError: the game or an option is unsuitable.
        """
        if not isinstance(game, LiftedGame) or not game.zero_sum:
            raise ValueError(
                f"minimax needs a two-player zero-sum game with compiled rules (games.rules.lift), got {game.spec!r}"
            )
        if game.stochastic:
            raise ValueError(f"minimax needs a game without chance, got {game.spec!r}")
        if rollouts < 0:
            raise ValueError(f"rollouts must be at least 0, got {rollouts}")
        if not 1 <= table_bits <= 30:
            raise ValueError(f"table_bits must be between 1 and 30, got {table_bits}")
        self.game = game
        self._table = np.zeros(1 << table_bits, transposition.ENTRY)
        controls = np.zeros(1, kernels.CONTROL)
        controls["distance"] = distance
        controls["rollouts"] = rollouts
        controls["forcing"] = forcing and "forcing" in game.rules
        self._controls = controls
        self.stack(64)
        self.forget()

    @property
    def control(self) -> Any:
        """The settings, the place and the costs of a search: a record of `CONTROL`."""
        return self._controls[0]

    def forget(self, seed: int = 0) -> None:
        """Start afresh: what was found before no longer counts, and `seed` numbers the rollouts to come."""
        control = self.control
        if control.generation == transposition.GENERATIONS - 1:
            control.generation, self._table["tag"] = 0, 0
        control.generation += 1
        control.seed = seed
        self._history[:] = 0
        self._killers[:] = -1

    def stack(self, levels: int) -> None:
        """Make room for searches of `levels` levels: padded positions, frames, move lists, killers, history."""
        actions, size = self.game.num_actions, self.game.dtype.itemsize
        words = np.zeros((levels, -(-size // 8)), np.uint64)
        self.path = np.ndarray((levels,), self.game.dtype, words.data, strides=(words.strides[0],))
        self.frames = np.zeros(levels, kernels.FRAME)
        order = np.zeros((levels, actions), np.int16)
        mask, weights = np.zeros(actions, np.bool_), np.zeros(actions, np.int64)
        scratch = np.zeros(1, self.game.dtype)
        self._killers = np.full((levels, 2), -1, np.int64)
        self._history = np.zeros((2, actions), np.int64)
        kept = (self._table, self._killers, self._history, self._controls)
        self.state = (words, self.path, self.frames, order, mask, weights, scratch, *kept)

    def length(self, score: int, ply: int) -> int:
        """Plies from `ply` to the end of a game of this score, -1 where it does not tell."""
        if not self.control.distance or abs(score) < kernels.DECISIVE:
            return -1
        return kernels.WIN - abs(score) - ply


def value_of(score: int) -> float:
    """A score as a return, or as an estimate of one."""
    return float(np.sign(score)) if abs(score) >= kernels.DECISIVE else score / kernels.ESTIMATE


def state_type(game: LiftedGame) -> Any:
    """The type of `Memory.state`."""
    path = types.Array(game.record, 1, "A", aligned=False)
    dtypes = (kernels.FRAME, transposition.ENTRY, kernels.CONTROL)
    frames, table, control = (types.Array(from_dtype(dtype), 1, "C", aligned=True) for dtype in dtypes)
    arguments = (uint64[:, ::1], path, frames, int16[:, ::1], boolean[::1], int64[::1], game.records)
    members = (*arguments, table, int64[:, ::1], int64[:, ::1], control)
    return types.Tuple(members)  # type: ignore[no-untyped-call]


def rules_of(game: LiftedGame) -> tuple[Any, ...]:
    """What the kernels are made of."""
    return tuple(game.rule(name) for name in ("play", "legal", "playout", "forcing"))
