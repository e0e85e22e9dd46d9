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
from hybrid.search_config import LeafImages, SearchConfig

UNLIMITED = 2**40
"""More simulations or evaluations than any search makes."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about the leaves of one round.

    Attributes:
        positions: `[U + (S - 1) * M]` an image of every leaf, followed by the other images of those judged by a mean.
        symmetries: `[U]` which image of each leaf stands there first; None where all are judged as they are.
        meant: `[M]` the leaves that are judged by the mean over their images; the first of these are themselves.
    """

    positions: Positions
    symmetries: npt.NDArray[np.int64] | None
    meant: npt.NDArray[np.int64]


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
        self._canonical = several and config.leaf_images == LeafImages.CANONICAL
        each = self._images if self._all else 1
        self.parallel, self.enough = config.parallel_leaves, UNLIMITED
        if asked and config.max_evaluations > 0:
            left = config.max_evaluations - (self._images if self._root else 1)
            self.parallel = max(1, min(self.parallel, left // each))
            self.enough = config.max_evaluations - self.parallel * each + 1

    def about(self, nodes: npt.NDArray[np.int32], positions: Positions) -> Question:
        """What to ask about the leaves at `nodes` `[U]`, of which 0 is a root."""
        meant = np.arange(len(nodes)) if self._all else (nodes == 0).nonzero()[0] if self._root else _NONE
        symmetries = None
        if self._canonical and len(nodes) > len(meant):
            every = images(self._game, positions)
            symmetries = _least(every, self._images)
            symmetries[meant] = 0
            positions = every[symmetries * len(nodes) + np.arange(len(nodes))]
        if len(meant):
            positions = joined([positions, images(self._game, positions[meant])[len(meant) :]])
        return Question(positions=positions, symmetries=symmetries, meant=meant)

    def answer(
        self, question: Question, judged: Judged, count: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Of `count` leaves the logits `[U, A]` and values `[U, P]`, and how many evaluations `[U]` each has taken."""
        (logits, values), meant = judged, question.meant
        evaluations = np.ones(count, np.int64)
        if len(meant):
            of_images = (
                np.concatenate((logits[meant], logits[count:])),
                np.concatenate((values[meant], values[count:])),
            )
            logits[meant], values[meant] = averaged(self._game, of_images)
            logits, values = logits[:count], values[:count]
            evaluations[meant] = self._images
        if question.symmetries is not None:
            # An action's logit stands where its image does.
            logits = np.take_along_axis(logits, self._game.action_symmetries[question.symmetries], axis=1)
        return logits, values, evaluations


_NONE = np.zeros(0, np.int64)


def _least(every: Positions, count: int) -> npt.NDArray[np.int64]:
    """Of positions under each of `count` symmetries `[S * U]` the symmetry `[U]` whose image has the least hash.

    By bytes instead, positions that share most of their stones would nearly all be turned the same way.
    """
    codes = np.empty(len(every), np.uint64)
    _hash_rows()(np.ascontiguousarray(every).view(np.uint8).reshape(len(every), every.dtype.itemsize), codes)
    least: npt.NDArray[np.int64] = codes.reshape(count, -1).argmin(0)
    return least


@lru_cache(maxsize=1)
def _hash_rows() -> Any:
    """`_hash`, compiled."""
    return kernel(lambda: _hash, void(uint8[:, ::1], uint64[::1]))


def _hash(keys: Any, codes: Any) -> None:
    """Write the hash of each of the `keys` `[B, K]` to `codes` `[B]`."""
    for row in range(keys.shape[0]):
        codes[row] = hashed(keys[row])
