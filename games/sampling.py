"""Seeded random games as material for tests of a `Game`.

Shapes: N sampled positions, A actions, G games.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from games.chance import awaits, draw
from games.load import load
from games.rules import Game, LiftedGame, Positions

Actions = npt.NDArray[np.int64]


class ViolationError(Exception):
    """A game breaks a promise; the text says which, where."""


@dataclass(frozen=True)
class Sample:
    """Random games of `game`: positions before, actions, positions after, all `[N]`, and the last positions `[G]`."""

    game: Game
    seed: int
    before: Positions
    actions: Actions
    after: Positions
    last: Positions

    @property
    def few(self) -> int:
        """How many positions to play out at random, which in some libraries' games takes seconds each."""
        return min(100, 4 * len(self.last))

    def pick(self, count: int) -> Actions:
        """Up to `count` seeded indices into `before`, all different, in order."""
        rng = np.random.default_rng(self.seed)
        return np.sort(rng.permutation(len(self.before))[:count])


def play(game: Game, seed: int, games: int, max_plies: int) -> Sample:
    """Play random games in lock step, at most `max_plies` plies each."""
    rng = np.random.default_rng(seed)
    positions = game.initial(games)
    before, played, after = [positions[:0]], [np.zeros(0, np.int64)], [positions[:0]]
    for _ in range(max_plies):
        live = np.flatnonzero(positions["terminal"] == 0)
        if not len(live):
            break
        actions = random_actions(game, positions[live], rng)
        moved = game.step(positions[live], actions)
        before.append(positions[live])
        played.append(actions)
        after.append(moved)
        positions = positions.copy()
        positions[live] = moved
    return Sample(game, seed, np.concatenate(before), np.concatenate(played), np.concatenate(after), positions)


def random_actions(game: Game, positions: Positions, rng: np.random.Generator) -> Actions:
    """`[N]` uniformly random legal actions, and at chance nodes outcomes by their probabilities.

    Raises:
        ViolationError: somewhere there is none.
    """
    legal = game.legal_actions(positions)
    if not legal.any(axis=1).all():
        row = int(np.flatnonzero(~legal.any(axis=1))[0])
        raise ViolationError(f"no action is legal in a position that is not terminal:\n{game.render(positions[row])}")
    choice: Actions = np.argmax(np.where(legal, rng.random(legal.shape), -1.0), axis=1)
    nature = np.flatnonzero(awaits(game, positions))
    if len(nature):
        choice[nature] = draw(game, positions[nature], rng.random(len(nature)))
    return choice


def walk(game: Game, seed: int, games: int = 4) -> tuple[Positions, list[npt.NDArray[np.generic]]]:
    """Some positions `[B]` of seeded random games, and all that the rules compute there but for rollouts."""
    sample = play(game, seed, games, 1000)
    positions = sample.before[sample.pick(64)]
    images = [game.transform(positions, k) for k in range(len(game.action_symmetries))]
    told = [sample.after, game.legal_actions(positions), game.chance(positions), game.observe(positions), *images]
    return positions, told


def digest(spec: str, seed: int) -> str:
    """A hash of everything that the rules compute in seeded random games of `spec`: the same with and without JIT."""
    game = load(spec)
    positions, arrays = walk(game, seed)
    seeds = np.arange(8, dtype=np.uint64)
    arrays += game.rollout(positions[: len(seeds)], seeds[: len(positions)])
    if isinstance(game, LiftedGame):
        arrays += game.forced(positions)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def require(holds: object, message: str) -> None:
    """Raise ViolationError with `message` unless `holds`."""
    if not holds:
        raise ViolationError(message)


def same(left: npt.NDArray[np.generic], right: npt.NDArray[np.generic]) -> bool:
    """Whether two arrays agree in type, shape and every byte."""
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
