"""Perfect play from an exact solver: the yardstick for games that are small enough, and for Connect Four."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from hybrid.agent import Decisions, require_decidable
from hybrid.choice import pick, uniform
from hybrid.solve import Solver, solver

ROUNDING = 1e-6
"""Expected values that differ by less than this differ by rounding."""


class PerfectAgent:
    """Plays one of the moves that keep the game-theoretic value, chosen by the seed."""

    def __init__(self, game: Game, oracle: Solver, fastest: bool) -> None:
        self.name = "perfect"
        self._game = game
        self._solver = oracle
        self._fastest = fastest

    def decide(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Decisions:
        """See `Agent.decide`."""
        require_decidable(self._game, positions, seeds)
        started = time.perf_counter()
        scores = self._solver.action_values(positions).astype(np.float64)
        top = np.nanmax(scores, axis=1, keepdims=True)
        if self._fastest:
            scores /= np.maximum(self._solver.action_plies(positions), 1)
        best = scores >= np.nanmax(scores, axis=1, keepdims=True) - ROUNDING
        rows = np.arange(len(positions))
        values = np.repeat(-top, 2, axis=1).astype(np.float32)
        values[rows, positions["to_play"].astype(np.int64)] = top[:, 0]
        none = np.zeros(len(positions), np.int64)
        return Decisions(
            actions=pick(best, seeds),
            policy=uniform(best),
            values=values,
            evaluations=none,
            plies=none,
            seconds=np.full(len(positions), (time.perf_counter() - started) / max(len(positions), 1)),
        )

    def forget(self) -> None:
        """What the solver knows is true for ever, and changes no decision."""


def make(game: Game, fastest: bool = False) -> PerfectAgent:
    """Spec `perfect`, or `perfect?fastest=true` to win as fast and lose as slowly as possible.

    Args:
        game: the game to play, which must have a solver: `hybrid games` tells.
        fastest: whether it wins as fast and loses as slowly as possible, not by any of the moves that keep the value.

    Raises:
        ValueError: there is no solver for the game, see `hybrid.solve.solver`, or none that tells `fastest`.
    """
    if fastest and game.stochastic:
        raise ValueError(f"fastest must be false in games of chance, whose length is not certain, got {game.spec!r}")
    return PerfectAgent(game, solver(game), fastest)
