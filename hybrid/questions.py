"""What a search asks its evaluator about its leaves: under which symmetries, and how many evaluations that takes.

A network is not as symmetric as its game, and what it gets wrong of a position it need not get wrong of the image.
Shapes: U leaves, M of them judged by a mean, S symmetries of the game, K bytes of a position.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import uint8, uint64, void

from games import Game, Positions
from games.compile import kernel
from games.kernels import hashed
from hybrid.evaluate import Judged, averaged, images
from hybrid.forest import joined
from hybrid.runtime import Floats
from hybrid.search_config import UNLIMITED, LeafImages, SearchConfig


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about the leaves of one round.

    Attributes:
        positions: `[U + (S - 1) * M]` an image of every leaf, followed by the other images of those judged by a mean.
        leaves: U.
        symmetries: `[U]` under which symmetry each leaf stands there first; None where all stand there as they are.
        averaged: `[M]` the leaves that are judged by the mean over their images; these stand there as they are.
    """

    positions: Positions
    leaves: int
    symmetries: npt.NDArray[np.int64] | None
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
        self._hash = _hash_rows() if several and config.leaf_images == LeafImages.CANONICAL else None
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
        symmetries = None
        if self._hash is not None and not roots.all():
            every = images(self._game, positions)
            symmetries = np.where(roots, 0, self._least(every))
            positions = every[symmetries * count + np.arange(count)]
        if len(averaged):
            positions = joined([positions, images(self._game, positions[averaged])[len(averaged) :]])
        return Question(positions=positions, leaves=count, symmetries=symmetries, averaged=averaged)

    def answer(self, question: Question, judged: Judged) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
        """Of all leaves the logits `[U, A]` and values `[U, P]`, and how many evaluations `[U]` each has taken."""
        (logits, values), count, these = judged, question.leaves, question.averaged
        evaluations = np.ones(count, np.int64)
        if len(these):
            every = np.concatenate((logits[these], logits[count:])), np.concatenate((values[these], values[count:]))
            logits[these], values[these] = averaged(self._game, every)
            logits, values = logits[:count], values[:count]
            evaluations[these] = self._images
        if question.symmetries is not None:
            # An action's logit stands where its image does.
            logits = np.take_along_axis(logits, self._game.action_symmetries[question.symmetries], axis=1)
        return logits, values, evaluations

    def _least(self, every: Positions) -> npt.NDArray[np.int64]:
        """Of positions under all symmetries `[S * U]` the symmetry `[U]` whose image has the least hash.

        By bytes instead, positions that share most of their stones would nearly all be turned the same way.
        """
        assert self._hash is not None
        codes = np.empty(len(every), np.uint64)
        self._hash(np.ascontiguousarray(every).view(np.uint8).reshape(len(every), every.dtype.itemsize), codes)
        least: npt.NDArray[np.int64] = codes.reshape(self._images, -1).argmin(0)
        return least


_NONE = np.zeros(0, np.int64)


@lru_cache(maxsize=1)
def _hash_rows() -> Any:
    """`_hash`, compiled."""
    return kernel(lambda: _hash, void(uint8[:, ::1], uint64[::1]))


def _hash(keys: Any, codes: Any) -> None:
    """Write the hash of each of the `keys` `[B, K]` to `codes` `[B]`."""
    for row in range(keys.shape[0]):
        codes[row] = hashed(keys[row])
