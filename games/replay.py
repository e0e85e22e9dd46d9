"""Foreign rules as a `Game`: a position is the list of moves that led to it, and `games.engines` says what holds there.

Shapes: B positions, A actions, P players, observations `[C, H, W]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from games.engines import Engine, Facts, Oracle
from games.rules import Positions


@dataclass(frozen=True, eq=False)
class ReplayedGame:
    """A `Game` over an `Engine`.

    Attributes:
        max_plies: the length of its records; a game that is not over after so many plies ends there, with zero returns.
        remembered: positions whose facts are kept; 0 = every question is answered by a replay from the start.
    """

    spec: str
    engine: Engine
    players: int
    num_actions: int
    observation_shape: tuple[int, int, int]
    zero_sum: bool
    max_plies: int
    remembered: int = 20_000
    oracle: Oracle = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "oracle", Oracle(self.engine, self.remembered))

    def __reduce__(self) -> tuple[Any, ...]:
        from games.load import load

        return load, (self.spec,)

    @property
    def dtype(self) -> np.dtype[np.void]:
        header = [("to_play", "u1"), ("ply", "u2"), ("terminal", "u1"), ("returns", "f4", (self.players,))]
        return np.dtype((np.record, [*header, ("moves", "u2", (self.max_plies,))]))

    @property
    def stochastic(self) -> bool:
        return False

    @property
    def action_symmetries(self) -> npt.NDArray[np.int64]:
        return np.arange(self.num_actions)[None]

    def initial(self, batch: int = 1) -> Positions:
        position = np.zeros(1, self.dtype)
        position[0]["to_play"] = self._of(position[0]).to_play
        return np.repeat(position, batch)

    def step(self, positions: Positions, actions: npt.ArrayLike) -> Positions:
        out = self._checked(positions).copy()
        chosen = np.asarray(actions, np.int64)
        if chosen.shape != positions.shape:
            raise ValueError(f"actions must have shape {positions.shape}, one for each position, got {chosen.shape}")
        for row in np.flatnonzero(positions["terminal"] == 0):
            action, ply = int(chosen[row]), int(out[row]["ply"])
            legal = self._of(out[row]).legal
            if not 0 <= action < self.num_actions or not legal[action]:
                allowed = np.flatnonzero(legal).tolist()
                raise ValueError(f"action {action} of row {row} is illegal in {self.spec}: allowed are {allowed}")
            out[row]["moves"][ply], out[row]["ply"] = action, ply + 1
            facts = self._of(out[row])
            out[row]["to_play"], out[row]["terminal"] = facts.to_play, facts.terminal or ply + 1 == self.max_plies
            out[row]["returns"] = facts.returns
        return out

    def legal_actions(self, positions: Positions) -> npt.NDArray[np.bool_]:
        masks = np.zeros((len(positions), self.num_actions), np.bool_)
        for row in np.flatnonzero(self._checked(positions)["terminal"] == 0):
            masks[row] = self._of(positions[row]).legal
        return masks

    def chance(self, positions: Positions) -> npt.NDArray[np.float64]:
        return np.zeros((len(self._checked(positions)), self.num_actions))

    def observe(self, positions: Positions) -> npt.NDArray[np.float32]:
        planes = np.zeros((len(positions), *self.observation_shape), np.float32)
        for row, position in enumerate(self._checked(positions)):
            planes[row] = self._of(position).observation
        return planes

    def transform(self, positions: Positions, symmetries: npt.ArrayLike) -> Positions:
        indices = np.asarray(symmetries)
        if np.any(indices != 0):
            raise ValueError(f"symmetries must be in [0, 1), got {indices}")
        return self._checked(positions).copy()

    def rollout(
        self, positions: Positions, seeds: npt.NDArray[np.uint64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        if np.shape(seeds) != positions.shape:
            raise ValueError(f"seeds must have shape {positions.shape}, one for each position, got {np.shape(seeds)}")
        returns = self._checked(positions)["returns"].astype(np.float32)
        plies = np.zeros(len(positions), np.int64)
        for row in np.flatnonzero(positions["terminal"] == 0):
            rng, engine = np.random.default_rng(int(seeds[row])), self.oracle.engine_at(moves_of(positions[row]))
            play = self._stepwise if engine is None else partial(self._at_once, engine)
            returns[row], plies[row] = play(positions[row : row + 1], rng)
        return returns, plies

    def _at_once(self, engine: Engine, position: Positions, rng: np.random.Generator) -> tuple[npt.ArrayLike, int]:
        """Play `position` `[1]`, where `engine` stands, at random to its end: the returns and the plies played."""
        left = self.max_plies - int(position["ply"][0])
        for ply in range(left):
            legal = engine.legal()
            if not legal:
                return engine.returns(), ply
            engine.play(legal[int(rng.integers(len(legal)))])
        return engine.returns(), left

    def _stepwise(self, position: Positions, rng: np.random.Generator) -> tuple[npt.ArrayLike, int]:
        """What `_at_once` does, of engines that cannot be copied."""
        end = position
        while not end["terminal"][0]:
            legal = np.flatnonzero(self._of(end[0]).legal)
            end = self.step(end, [legal[rng.integers(len(legal))]])
        return end["returns"][0], int(end["ply"][0]) - int(position["ply"][0])

    def action_name(self, action: int) -> str:
        return self.engine.action_name(action)

    def render(self, position: np.void) -> str:
        moves = " ".join(str(int(move)) for move in position["moves"][: position["ply"]])
        return "\n\n".join((f"moves {moves}", self._of(position).picture))

    def parse(self, board: str) -> Positions:
        words = board.partition("\n")[0].split()
        if words[:1] != ["moves"] or not all(word.isascii() and word.isdigit() for word in words[1:]):
            raise ValueError("a position begins with a line 'moves' and the numbers of the actions played")
        position = self.initial()
        for word in words[1:]:
            if position[0]["terminal"]:
                raise ValueError("the game was over before its last move")
            position = self.step(position, [int(word)])
        if self.render(position[0]).split() != board.split():
            raise ValueError(f"these moves of {self.spec} lead elsewhere, to\n{self.render(position[0])}")
        return position

    def _checked(self, positions: Positions) -> Positions:
        if positions.dtype != self.dtype or positions.ndim != 1:
            raise ValueError(f"positions must be a one-dimensional array of {self.spec} positions")
        return positions

    def _of(self, position: np.void) -> Facts:
        return self.oracle.facts(moves_of(position))


def moves_of(position: np.void) -> npt.NDArray[np.uint16]:
    """The moves that led to a position of a `ReplayedGame`."""
    moves: npt.NDArray[np.uint16] = position["moves"][: position["ply"]]
    return moves
