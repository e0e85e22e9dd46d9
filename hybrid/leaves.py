"""The leaves of one round of a batched search: what positions they are, and what the evaluator is asked about them.

Shapes: L leaves, F of them just attached, U not solved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from games.chance import awaits
from hybrid.forest import Forest
from hybrid.questions import Question
from hybrid.search_kernels import chance_kernels, kernels


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """Where the descents of one round ended.

    Attributes:
        rows: `[L]` the trees.
        nodes: `[L]` the leaves.
        unsolved: `[U]` which of them have to be judged and expanded.
        simulations: `[U]` the number of the simulation that came there.
        positions: `[U]`.
        question: what the evaluator is asked about these.
    """

    rows: npt.NDArray[np.int64]
    nodes: npt.NDArray[np.int32]
    unsolved: npt.NDArray[np.int64]
    simulations: npt.NDArray[np.int64]
    positions: Positions
    question: Question

    @property
    def asked(self) -> Positions:
        """The positions that the evaluator is to judge."""
        return self.question.positions


def find_positions(
    game: Game,
    forest: Forest,
    rows: npt.NDArray[np.int64],
    leaves: npt.NDArray[np.int32],
    prove: Callable[[Positions], npt.NDArray[np.float64]] | None = None,
) -> None:
    """Find the positions of `leaves` `[F]` that have just been attached in `rows` `[F]`, by playing what led there.

    Of a two-player zero-sum game `prove` may tell proven values for the mover, NaN where it has none.
    """
    if not len(rows):
        return
    nodes, actions = np.empty(len(rows), np.int32), np.empty(len(rows), np.int64)
    kernels().origins(forest.tree, rows, leaves, nodes, actions)
    children = game.step(forest.at(rows, nodes), actions)
    to_play, solved, returns = (children[name].copy() for name in ("to_play", "terminal", "returns"))
    if prove is not None:
        values = prove(children)
        (known,) = np.isfinite(values).nonzero()
        solved[known] = 1
        returns[known, to_play[known]], returns[known, 1 - to_play[known]] = values[known], -values[known]
    kernels().settle(forest.tree, rows, leaves, to_play, solved, returns)
    forest.put(rows, leaves, children)


def reveal(
    game: Game,
    forest: Forest,
    rows: npt.NDArray[np.int64],
    leaves: npt.NDArray[np.int32],
    fresh: npt.NDArray[np.intp],
    parallel: int,
) -> None:
    """Go on from those of the `fresh` `[F]` among `leaves` `[L]` that are chance nodes; outcomes take their places.

    `parallel` leaves of a tree wait together.
    """
    nature = fresh[awaits(game, forest.positions[rows[fresh], leaves[fresh]])]
    if not len(nature):
        return
    at, outcomes = rows[nature], np.empty(len(nature), np.int32)
    probabilities = game.chance(forest.positions[at, leaves[nature]])
    chance_kernels().reveal(forest.tree, at, leaves[nature], probabilities, parallel, outcomes)
    leaves[nature] = outcomes
    find_positions(game, forest, at, outcomes)
    if awaits(game, forest.positions[at, outcomes]).any():
        raise ValueError("an outcome of chance must lead to a player's turn or the end of the game")
