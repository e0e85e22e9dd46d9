"""Drawing the outcomes of chance, for everything that plays games move by move.

Shapes: B positions, A actions, P players.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from games.rules import Game, Positions


def awaits(game: Game, positions: Positions) -> npt.NDArray[np.bool_]:
    """`[B]`, true at chance nodes."""
    nature: npt.NDArray[np.bool_] = (positions["to_play"] == game.players) & (positions["terminal"] == 0)
    return nature


def draw(game: Game, positions: Positions, points: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """`[B]` the outcomes at chance nodes on which `points` `[B]` in [0, 1) fall.

    Raises:
        ValueError: a position is no chance node.
    """
    shares = np.cumsum(game.chance(positions), axis=1)
    if not (shares[:, -1] > 0).all():
        raise ValueError(f"positions must be chance nodes of {game.spec!r} to draw an outcome, got some that are not")
    outcomes: npt.NDArray[np.int64] = np.argmax(shares > points[:, None] * shares[:, -1:], axis=1)
    return outcomes


def settle(game: Game, position: Positions, rng: np.random.Generator) -> Positions:
    """`position` `[1]`, or if it is a chance node, the position after an outcome; else `rng` is not used."""
    if awaits(game, position)[0]:
        return game.step(position, draw(game, position, rng.random(1)))
    return position
