"""The exact solution of finite games of chance: expected values under perfect play, by backward induction.

All positions that can arise from those asked about are listed ply by ply, each once, and valued from the last ply back:
the end of the game at its return, a player's turn at the best of its moves, a chance node at the mean of its outcomes.
Shapes: B positions, N different positions of one ply, M moves from them, A actions. Values are for player 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from games import Game, Positions

MAX_POSITIONS = 3_000_000
"""Positions that one solver remembers, unless told otherwise; small ones take some 100 bytes each."""

Values = npt.NDArray[np.float64]


class ExpectedValueSolver:
    """Solves games of chance for two players and zero-sum; what it finds out is kept (see `hybrid.solve.Solver`).

    Args:
        game: every move of it must raise `ply` by 1.
        max_positions: the most positions to remember; whatever needs more is too hard.
    """

    def __init__(self, game: Game, *, max_positions: int = MAX_POSITIONS) -> None:
        self._game = game
        self._max_positions = max_positions
        self._known: dict[int, tuple[npt.NDArray[np.void], Values]] = {}

    def values(self, positions: Positions) -> npt.NDArray[np.float32]:
        """See `Solver.values`; at chance nodes the value is player 0's."""
        return (_signs(positions) * self._values(positions)).astype(np.float32)

    def action_values(self, positions: Positions) -> npt.NDArray[np.float32]:
        """See `Solver.action_values`."""
        rows, actions = np.nonzero(self._game.legal_actions(positions))
        values = np.full((len(positions), self._game.num_actions), np.nan, np.float32)
        children = self._game.step(positions[rows], actions)
        values[rows, actions] = _signs(positions)[rows] * self._values(children)
        return values

    def action_plies(self, positions: Positions) -> npt.NDArray[np.int64]:
        """Raises ValueError: how long a game of chance takes is no fact."""
        raise ValueError(f"{self._game.spec!r} is a game of chance: there are no plies to its end")

    def _values(self, positions: Positions) -> Values:
        """`[B]` for player 0."""
        found = self._lookup(positions)
        if np.isnan(found).any():
            self._solve(positions[np.isnan(found)])
            found = self._lookup(positions)
        return found

    def _lookup(self, positions: Positions) -> Values:
        """`[B]` what is known, else NaN."""
        found = np.full(len(positions), np.nan)
        keys = _keys(positions)
        for ply in np.unique(positions["ply"]).tolist():
            rows = np.flatnonzero(positions["ply"] == ply)
            if ply in self._known:
                known, values = self._known[ply]
                places = np.minimum(np.searchsorted(known, keys[rows]), len(known) - 1)
                found[rows] = np.where(known[places] == keys[rows], values[places], np.nan)
        return found

    def _solve(self, positions: Positions) -> None:
        """Find and remember the values of `positions` and of all that can follow."""
        layers, listed = list[Positions](), sum(len(keys) for keys, _ in self._known.values())
        pending = _distinct(positions)
        while len(pending):
            first = pending["ply"] == pending["ply"].min()
            layers.append(pending[first])
            listed += len(layers[-1])
            if listed > self._max_positions:
                raise ValueError(
                    f"a position of {self._game.spec!r} at ply {int(positions['ply'].min())} is too hard for "
                    f"exhaustion: with what is remembered, more than max_positions={self._max_positions:,} can follow"
                )
            _, _, children = self._moves(layers[-1])
            pending = _distinct(np.concatenate((pending[~first], children[np.isnan(self._lookup(children))])))
        for layer in layers[::-1]:
            self._remember(layer, self._induce(layer))

    def _moves(self, positions: Positions) -> tuple[npt.NDArray[np.int64], Values, Positions]:
        """All moves from `positions` `[N]`: rows, probabilities (0 where players move) and successors, each `[M]`."""
        rows, actions = np.nonzero(self._game.legal_actions(positions))
        return rows, self._game.chance(positions)[rows, actions], self._game.step(positions[rows], actions)

    def _induce(self, positions: Positions) -> Values:
        """`[N]` the values of `positions`, those of their successors being known."""
        values = positions["returns"][:, 0].astype(np.float64)
        rows, probabilities, children = self._moves(positions)
        if len(rows):
            after = self._lookup(children)
            starts = np.flatnonzero(np.diff(rows, prepend=-1))
            best, worst = np.maximum.reduceat(after, starts), np.minimum.reduceat(after, starts)
            mean = np.add.reduceat(probabilities * after, starts)
            movers = positions["to_play"][rows[starts]]
            values[rows[starts]] = np.select([movers == 0, movers == 1], [best, worst], mean)
        return values

    def _remember(self, positions: Positions, values: Values) -> None:
        """Add the values of new positions of one ply."""
        ply = int(positions["ply"][0])
        known, before = self._known.get(ply, (_keys(positions[:0]), values[:0]))
        keys, both = np.concatenate((known, _keys(positions))), np.concatenate((before, values))
        order = np.argsort(keys, kind="stable")
        self._known[ply] = keys[order], both[order]


def _keys(positions: Positions) -> npt.NDArray[np.void]:
    """`[B]` positions as opaque bytes, which numpy can sort."""
    return np.ascontiguousarray(positions).view(f"V{positions.dtype.itemsize}")


def _distinct(positions: Positions) -> Positions:
    """Each different position once."""
    _, first = np.unique(_keys(positions), return_index=True)
    return positions[first]


def _signs(positions: Positions) -> npt.NDArray[np.int64]:
    """`[B]` -1 where the second player is to move."""
    return np.where(positions["to_play"] == 1, -1, 1)
