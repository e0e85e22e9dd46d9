"""Giving up games whose end is plain, and playing some of them out to see how often that would be wrong.

After Silver et al. 2017 (Mastering the game of Go without human knowledge, Methods): a player resigns when the search's
value and that of its best move are below a threshold, and a share of the games never ends so, to measure how many of
them would have been given up without being lost.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from hybrid.agent import Decisions
from training.selfplay_config import SelfPlayConfig

Verdict = Literal["none", "made", "right", "wrong"]
"""Nobody would have resigned; somebody did; somebody would have, and lost, or did not lose."""


class Resignation:
    """Who gives up one game, and when.

    Attributes:
        made: whether a player has resigned, so that the game is over.
        player: who would have resigned first, -1 while nobody would.
        sample: at which of the game's samples.
    """

    def __init__(self, config: SelfPlayConfig, rng: np.random.Generator) -> None:
        """Decide whether the game may be given up; where nobody ever resigns, `rng` is not drawn from."""
        self.made, self.player, self.sample = False, -1, 0
        self._threshold = config.resign_threshold
        self._allowed = config.resigns and rng.random() >= config.resign_played_out

    def consider(self, decisions: Decisions, row: int, player: int, sample: int) -> None:
        """Let `player`, whose move `decisions` choose in `row`, think of giving up; `sample` remembers the search."""
        if self.player >= 0:
            return
        assert decisions.root is not None
        best = np.nanmax(decisions.root.q[row], initial=-1.0)
        if max(float(best), float(decisions.values[row, player])) < self._threshold:
            self.player, self.sample, self.made = player, sample, self._allowed

    def returns(self) -> npt.NDArray[np.float32]:
        """`[2]` the result of a game that was given up."""
        returns = np.ones(2, np.float32)
        returns[self.player] = -1.0
        return returns

    def verdict(self, outcomes: npt.NDArray[np.float32]) -> Verdict:
        """What became of it, where `outcomes` `[T, 2]` are what is learned of the game's samples."""
        if self.player < 0:
            return "none"
        if self.made:
            return "made"
        return "right" if outcomes[self.sample, self.player] < 0 else "wrong"
