"""What a search asks its evaluator about its leaves: under which symmetries, and how many evaluations that takes.

A network is not as symmetric as its game, and what it gets wrong of a position it need not get wrong of the image.
Shapes: U leaves, M of them judged by a mean, S symmetries of the game.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from hybrid.evaluate import Judged, averaged, checked, images
from hybrid.forest import joined
from hybrid.runtime import Floats
from hybrid.search_config import UNLIMITED, LeafImages, SearchConfig


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about the leaves of one round.

    Attributes:
        positions: `[U + (S - 1) * M]` the leaves, followed by the other images of those judged by a mean.
        leaves: U.
        averaged: `[M]` the leaves that are judged by the mean over their images.
    """

    positions: Positions
    leaves: int
    averaged: npt.NDArray[np.int64]


class Questions:
    """How the searches of one configuration ask.

    Attributes:
        parallel: leaves of a tree that wait together.
        enough: a search of so many evaluations is over, for another round's might be too many.
    """

    def __init__(self, game: Game, config: SearchConfig, *, asked: bool) -> None:
        """`asked` tells whether there is an evaluator."""
        self._game = game
        self._images = len(game.action_symmetries)
        # Images are evaluations too: where there are not enough for those of the root, it is judged as it is.
        few = 0 < config.max_evaluations <= self._images
        several = asked and self._images > 1
        self._root = config.symmetric and several and not few
        self._all = self._root and config.leaf_images == LeafImages.ALL
        each = self._images if self._all else 1
        self.parallel, self.enough = config.parallel_leaves, UNLIMITED
        if asked and config.max_evaluations > 0:
            left = config.max_evaluations - (self._images if self._root else 1)
            self.parallel = max(1, min(self.parallel, left // each))
            self.enough = config.max_evaluations - self.parallel * each + 1

    def about(self, nodes: npt.NDArray[np.int32], positions: Positions) -> Question:
        """What to ask about the leaves at `nodes` `[U]`, of which 0 is a root."""
        count, roots = len(nodes), nodes == 0
        averaged = np.arange(count) if self._all else roots.nonzero()[0] if self._root else _NONE
        if len(averaged):
            positions = joined([positions, images(self._game, positions[averaged])[len(averaged) :]])
        return Question(positions=positions, leaves=count, averaged=averaged)

    def answer(self, question: Question, judged: Judged | None) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
        """Of all leaves the logits `[U, A]` and values `[U, P]`, and how many evaluations `[U]` each has taken.

        Raises:
            ValueError: `judged` is not what an `Evaluator` returns.
        """
        logits, values = checked(self._game, judged, len(question.positions))
        count, these = question.leaves, question.averaged
        evaluations = np.ones(count, np.int64)
        if len(these):
            every = np.concatenate((logits[these], logits[count:])), np.concatenate((values[these], values[count:]))
            logits[these], values[these] = averaged(self._game, every)
            logits, values = logits[:count], values[:count]
            evaluations[these] = self._images
        return logits, values, evaluations


_NONE = np.zeros(0, np.int64)
