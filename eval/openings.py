"""Random openings: distinct undecided positions a few plies from the start, each as the moves that lead there.

The outcomes of chance are moves of an opening like others, drawn by their probabilities.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from games import Positions
from games.rules import Game
from games.sampling import random_actions

Moves = tuple[int, ...]

_BATCH = 256
_PATIENCE = 20
_FIRST = 32
"""Openings that a book draws at first."""


class Book:
    """A list of openings without end: those of `draw` in order, whatever is asked for first."""

    def __init__(self, game: Game, plies: int, seed: int) -> None:
        self._game, self._plies, self._seed = game, plies, seed
        self._lines: list[Moves] = []

    def line(self, number: int) -> Moves:
        """Opening `number`, counted from 0."""
        if number >= len(self._lines):
            # Drawn afresh from the start, so that an opening does not depend on how many were drawn at a time.
            count = max(2 * len(self._lines), number + 1, _FIRST)
            self._lines = draw(self._game, count, self._plies, np.random.default_rng(self._seed))
        return self._lines[number]


def draw(game: Game, count: int, plies: int, rng: np.random.Generator) -> list[Moves]:
    """`count` openings of `plies` uniformly random moves, none of which ends the game.

    Drawn without replacement: no two lead to the same position or to mirror images of it, as long as the game has
    enough such positions. Then mirror images are admitted, and when those are used up too, the whole list repeats in
    the same order, so that no opening is used more than once oftener than another.

    Raises:
        ValueError: `count` or `plies` is negative, or every opening of that length ends the game.
    """
    if count < 0 or plies < 0:
        raise ValueError(f"openings need count and plies of at least 0, got {count} and {plies}")
    found: list[Moves] = []
    seen: set[bytes] = set()
    for mirrored in (True, False):
        _collect(game, count, plies, rng, found, seen, mirrored=mirrored)
    if count and not found:
        raise ValueError(f"opening_plies={plies} leaves no undecided opening of {game.spec or 'this game'}: use fewer")
    return [found[k % len(found)] for k in range(count)]


def _collect(
    game: Game,
    count: int,
    plies: int,
    rng: np.random.Generator,
    found: list[Moves],
    seen: set[bytes],
    *,
    mirrored: bool,
) -> None:
    """Add new openings to `found` and their positions to `seen`, until there are `count` or no new one turns up."""
    barren = 0
    while len(found) < count and barren <= _PATIENCE * (len(found) + _BATCH):
        moves, positions = _random_lines(game, plies, rng)
        barren += _BATCH
        for line, images in zip(moves, _images(game, positions), strict=True):
            if len(found) < count and images[0] not in seen and not (mirrored and seen.intersection(images)):
                seen.add(images[0])
                found.append(tuple(line.tolist()))
                barren = 0


def _random_lines(game: Game, plies: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], Positions]:
    """Random moves `[B, plies]` and the positions `[B]` they lead to, without those that end the game."""
    positions = game.initial(_BATCH if plies else 1)
    moves = np.zeros((len(positions), plies), np.int64)
    for ply in range(plies):
        moves[:, ply] = random_actions(game, positions, rng)
        positions = game.step(positions, moves[:, ply])
        undecided = positions["terminal"] == 0
        moves, positions = moves[undecided], positions[undecided]
    return moves, positions


def _images(game: Game, positions: Positions) -> list[list[bytes]]:
    """The bytes of each position's images under the game's symmetries, the position itself first."""
    symmetries = range(len(game.action_symmetries))
    columns = [game.transform(positions, np.full(len(positions), k)) for k in symmetries]
    return [[column[row].tobytes() for column in columns] for row in range(len(positions))]
