"""Classical planning: alpha-beta with iterative deepening, from nothing but the rules."""

from __future__ import annotations

import time as clock

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from hybrid.agent import Decisions, require_decidable
from hybrid.choice import pick, uniform
from hybrid.durations import parse_duration
from hybrid.minimax import AlphaBeta

DEFAULT_DEPTH = 4


class MinimaxAgent:
    """Plays one of the equally best moves that alpha-beta finds, chosen by the seed."""

    def __init__(self, search: AlphaBeta, depth: int | None, seconds: float | None) -> None:
        self.name = "minimax"
        self._search = search
        self._depth = depth
        self._seconds = seconds
        self._warm = False

    def decide(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Decisions:
        """See `Agent.decide`; with a time budget, every row has the whole of it."""
        require_decidable(self._search.game, positions, seeds)
        best = np.zeros((len(positions), self._search.game.num_actions), np.bool_)
        values = np.zeros((len(positions), 2), np.float32)
        plies, seconds = np.zeros(len(positions), np.int64), np.zeros(len(positions))
        self._warm_up(positions[:1])
        for row, seed in enumerate(seeds):
            started = clock.perf_counter()
            position = positions[row : row + 1]
            self._search.forget(int(seed))
            analysis = self._search.analyse(position, depth=self._depth, seconds=self._seconds)
            mover = int(position["to_play"][0])
            best[row], plies[row] = analysis.best, analysis.rollout_plies
            values[row, mover], values[row, 1 - mover] = analysis.value, -analysis.value
            seconds[row] = clock.perf_counter() - started
        return Decisions(
            actions=pick(best, seeds),
            policy=uniform(best),
            values=values,
            evaluations=np.zeros(len(positions), np.int64),
            plies=plies,
            seconds=seconds,
        )

    def _warm_up(self, position: Positions) -> None:
        """Load or compile what is needed, before any clock runs."""
        if not self._warm:
            self._search.analyse(position, depth=1)
            self._warm = True

    def forget(self) -> None:
        """Nothing outlives a decision."""


def make(
    game: Game, depth: int = 0, time: str = "", rollouts: int = 0, distance: bool = True, table_bits: int = 18
) -> MinimaxAgent:
    """Spec `minimax?depth=6` or `minimax?time=50ms`, for any two-player zero-sum game with compiled rules.

    Args:
        game: the game to play.
        depth: plies to search, 1 to 255; 0 = as deep as `time` allows, or 4 plies without a time.
        time: wall-clock budget per move, as `50ms`.
        rollouts: random rollouts averaged at the horizon; 0 values it as a draw.
        distance: whether it prefers faster wins and slower losses; else it varies among all wins that it sees.
        table_bits: the transposition table has `2 ** table_bits` entries of 16 bytes.
    """
    if not 0 <= depth <= 255:
        raise ValueError(f"depth must be between 0 and 255, got {depth}")
    seconds = parse_duration(time)
    limit = depth or (None if seconds is not None else DEFAULT_DEPTH)
    search = AlphaBeta(game, distance=distance, rollouts=rollouts, table_bits=table_bits)
    return MinimaxAgent(search, limit, seconds)
