"""The `Game` protocol: the rules of a board game, batched over positions that are packed numpy records.

A position is one packed numpy record: `to_play u1`, `ply u2`, `terminal u1`, `returns f4[P]`, then the game's own
fields. A batch is an array of records, so copying, storing, hashing and pickling come free.
Shapes: B positions, A actions, P players, S symmetries, observations `[C, H, W]`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.void]
"""A batch of positions: a one-dimensional, C-contiguous array of a game's `dtype`."""


class Game(Protocol):
    """The rules of one board game, batched. Every array it returns is new; its arguments are never written.

    Where `to_play` is P, at a *chance node*, no player moves: an action is an outcome, drawn with the probabilities
    that `chance` tells. Chance nodes do not follow one another directly.
    """

    @property
    def spec(self) -> str:
        """What `games.load` turns into this game again, options included."""

    @property
    def players(self) -> int:
        """P, the number of players."""

    @property
    def num_actions(self) -> int:
        """A, the size of the action space."""

    @property
    def observation_shape(self) -> tuple[int, int, int]:
        """The shape `(C, H, W)` of one observation."""

    @property
    def dtype(self) -> np.dtype[np.void]:
        """The packed record of one position."""

    @property
    def zero_sum(self) -> bool:
        """Whether two players share returns 1/-1, -1/1 or 0/0, so that results can be proven."""

    @property
    def stochastic(self) -> bool:
        """Whether the game has chance nodes."""

    @property
    def action_symmetries(self) -> npt.NDArray[np.int64]:
        """`[S, A]`: the image of each action under each symmetry; row 0 is the identity."""

    def initial(self, batch: int = 1) -> Positions:
        """`[B]` copies of the starting position."""

    def step(self, positions: Positions, actions: npt.ArrayLike) -> Positions:
        """Play `actions` `[B]`; terminal rows stay as they are. Raises ValueError on an illegal action."""

    def legal_actions(self, positions: Positions) -> npt.NDArray[np.bool_]:
        """`[B, A]`, true where an action may be played; all false where the game is over."""

    def chance(self, positions: Positions) -> npt.NDArray[np.float64]:
        """`[B, A]`, the probability of each outcome; all zero where no chance node is."""

    def observe(self, positions: Positions) -> npt.NDArray[np.float32]:
        """`[B, C, H, W]` planes from the mover's view; nothing is promised of chance nodes."""

    def transform(self, positions: Positions, symmetries: npt.ArrayLike) -> Positions:
        """The images of the positions under `symmetries` `[B]`, indices below S."""

    def rollout(
        self, positions: Positions, seeds: npt.NDArray[np.uint64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Returns per player `[B, P]` and plies `[B]` of one random playout a row, seeded per row.

        Players move uniformly, chance by its probabilities; its outcomes count as plies.
        """

    def action_name(self, action: int) -> str:
        """An action in the game's usual notation."""

    def render(self, position: np.void) -> str:
        """One position as text."""

    def parse(self, board: str) -> Positions:
        """The position, `[1]`, that `render` writes as `board`. Raises ValueError on anything else."""
