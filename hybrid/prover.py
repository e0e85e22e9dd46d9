"""Proofs of positions of any two-player zero-sum game by alpha-beta within so many nodes.

The loops are those of `hybrid.proof_kernels`. Shapes: B positions, A actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import boolean, int64, void

from games import Game, Positions
from games.compile import kernel
from games.rules import LiftedGame
from hybrid.alpha_beta import Memory, rules_of, state_type, value_of
from hybrid.minimax_kernels import DECISIVE
from hybrid.proof_kernels import prove_factory


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


class Prover:
    """Proves positions of one game. Nothing that was searched before has any influence, unless it is asked to.

    Args:
        game: a game made by `games.rules.lift`, for two players, zero-sum and without chance.
        distance: whether to tell lengths, or the outcome alone, which reaches further.
        table_bits: base-2 logarithm of the table's entries, 1 to 30; see `hybrid.alpha_beta.Memory`.
        forcing: whether moves are cut and ordered by what the game's rule `forcing` tells, where it has one. Proofs
            become much cheaper.

    Raises:
        ValueError: the game or an option is unsuitable.
    """

    def __init__(self, game: Game, *, distance: bool = True, table_bits: int = 20, forcing: bool = True) -> None:
        self._memory = Memory(game, distance=distance, rollouts=0, table_bits=table_bits, forcing=forcing)
        self._prove = _kernel(self._memory.game)

    @property
    def nodes(self) -> int:
        """Positions that the last proof visited."""
        return int(self._memory.control.nodes)

    def prove(self, position: Positions, nodes: int, *, keep: bool = False) -> Proof | None:
        """What about `nodes` nodes prove of `position` `[1]`: None where they do not suffice.

        With `keep` it builds on what the last proofs found.

        Raises:
            ValueError: the position is terminal.
        """
        if position["terminal"][0]:
            raise ValueError("position must not be terminal")
        scores, proven = self._scores(position, np.zeros(1, np.bool_), nodes, keep)
        if not proven[0]:
            return None
        best = int(scores.max())
        plies = self._memory.length(best, int(position["ply"][0]))
        return Proof(value=value_of(best), plies=plies, best=scores[0] == best)

    def proofs(self, positions: Positions, nodes: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """What about `nodes` nodes each prove of `positions` `[B]`, none of them terminal.

        Returns `values`, and `[B, A]` the moves that `Proof.best` tells, of no meaning where the value is NaN.
        """
        scores, proven = self._scores(positions, np.zeros(len(positions), np.bool_), nodes)
        best = scores.max(axis=1)
        return _values(best, proven), scores == best[:, None]

    def values(self, positions: Positions, nodes: int) -> npt.NDArray[np.float64]:
        """What about `nodes` nodes each prove of `positions` `[B]`: `[B]` values for the mover.

        They are 1, 0 or -1; NaN where the nodes do not suffice, and of terminal positions.
        """
        over = positions["terminal"] != 0
        scores, proven = self._scores(positions, over.copy(), nodes)
        return _values(scores.max(axis=1), proven & ~over)

    def _scores(
        self, positions: Positions, proven: npt.NDArray[np.bool_], nodes: int, keep: bool = False
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Scores `[B, A]` of `positions` `[B]`, but of those `proven`, and which of all are proven now `[B]`."""
        scores = np.zeros((len(positions), self._memory.game.num_actions), np.int64)
        ranking = np.empty_like(scores, shape=scores.shape[1])
        checked = self._memory.game.checked(positions)
        self._prove(self._memory.state, checked, ranking, scores, proven, keep, nodes)
        return scores, proven


def _values(scores: npt.NDArray[np.int64], proven: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Scores `[B]` as values, NaN where they are not proven."""
    return np.where(proven, np.where(np.abs(scores) >= DECISIVE, np.sign(scores), 0.0), np.nan)


def _kernel(game: LiftedGame) -> Any:
    """The compiled proofs of one game, made once."""
    if "prove" not in game.memo:
        results = (int64[::1], int64[:, ::1], boolean[::1])
        signature = void(state_type(game), game.records, *results, boolean, int64)
        game.memo["prove"] = kernel(prove_factory, signature, *rules_of(game), allocates=False)
    return game.memo["prove"]
