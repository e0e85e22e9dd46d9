"""The leaves of one round of a batched search, and what the evaluator is asked about them.

Shapes: L leaves, U of them not solved, R of these roots, S symmetries of the game.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from hybrid.evaluate import Judged, averaged, images
from hybrid.forest import joined


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """Where the descents of one round ended.

    Attributes:
        rows: `[L]` the trees.
        nodes: `[L]` the leaves.
        unsolved: `[U]` which of them have to be judged and expanded.
        simulations: `[U]` the number of the simulation that came there.
        positions: `[U]`.
        asked: `[U + (S - 1) * R]` what the evaluator is asked: `positions`, and where the search is symmetric the other
            images of the roots.
    """

    rows: npt.NDArray[np.int64]
    nodes: npt.NDArray[np.int32]
    unsolved: npt.NDArray[np.int64]
    simulations: npt.NDArray[np.int64]
    positions: Positions
    asked: Positions


def with_images(game: Game, positions: Positions, nodes: npt.NDArray[np.int32]) -> Positions:
    """Positions `[U]` at `nodes` `[U]`, followed by the other images `[(S - 1) * R]` of those that are roots."""
    (roots,) = (nodes == 0).nonzero()
    if not len(roots):
        return positions
    return joined([positions, images(game, positions[roots])[len(roots) :]])


def merged(game: Game, judged: Judged, nodes: npt.NDArray[np.int32]) -> Judged:
    """What was said of the leaves `[U]`, from what was said of `with_images`: of roots the mean over their images."""
    logits, values = judged
    count = len(nodes)
    (roots,) = (nodes == 0).nonzero()
    of_images = (np.concatenate((logits[roots], logits[count:])), np.concatenate((values[roots], values[count:])))
    logits[roots], values[roots] = averaged(game, of_images)
    return logits[:count], values[:count]
