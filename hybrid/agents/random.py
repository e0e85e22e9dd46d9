"""The agent that knows nothing and plays uniformly random legal moves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from hybrid.agent import Decisions, require_decidable


class RandomAgent:
    """Plays uniformly random legal moves; the weakest anchor of a rating pool."""

    def __init__(self, game: Game) -> None:
        self.name = "random"
        self._game = game

    def decide(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Decisions:
        """See `Agent.decide`."""
        require_decidable(self._game, positions, seeds)
        legal = self._game.legal_actions(positions)
        uniform = [np.random.default_rng(int(seed)).random() for seed in seeds]
        ranks = np.cumsum(legal, axis=1)
        picks = np.minimum(np.floor(np.array(uniform) * ranks[:, -1]), ranks[:, -1] - 1)
        none = np.zeros(len(positions), np.int64)
        return Decisions(
            actions=np.argmax(ranks > picks[:, None], axis=1),
            policy=(legal / ranks[:, -1:]).astype(np.float32),
            values=np.zeros((len(positions), self._game.players), np.float32),
            evaluations=none,
            plies=none,
            seconds=np.zeros(len(positions)),
        )

    def forget(self) -> None:
        """There is nothing to forget."""


def make(game: Game) -> RandomAgent:
    """Spec `random`."""
    return RandomAgent(game)
