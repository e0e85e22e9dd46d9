"""What an agent is: something that decides on batches of positions and says what each decision cost.

Shapes: B positions, A actions, P players.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from games import Game, Positions

PLAY_VERSION = 1
"""To be raised whenever the same spec plays differently: games and measurements of before are then of other agents."""


@dataclass(frozen=True, kw_only=True)
class Root:
    """What a search knows about the positions it was asked about.

    Attributes:
        prior: `[B, A]` the search prior over legal actions, after `prior_weight` and noise.
        visits: `[B, A]` simulations that went through each action.
        q: `[B, A]` mean value of each action in [-1, 1] for the mover; NaN where unvisited.
        proven: `[B, A]` the proven value of each action for the mover, NaN where nothing is proven.
        network_policy: `[B, A]` the network's own policy over legal actions, or None where it was not consulted.
    """

    prior: npt.NDArray[np.float32]
    visits: npt.NDArray[np.int64]
    q: npt.NDArray[np.float64]
    proven: npt.NDArray[np.float64]
    network_policy: npt.NDArray[np.float32] | None


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """One move for each of B positions, why, and what it cost.

    Attributes:
        actions: `[B]` the moves.
        policy: `[B, A]` the distribution behind the move (the search's visits, or the network's policy at dial 0).
        values: `[B, P]` the expected return per player as the agent sees it; zeros where it has no opinion.
        evaluations: `[B]` network evaluations spent.
        plies: `[B]` rollout plies spent.
        seconds: `[B]` wall time spent; rows decided together share it equally.
        gap: `[B]` the amortisation gap KL(search policy ‖ network policy) in nats, or None without network or search.
        gain: `[B]` the search's value of its move less that of the network's favourite, for the mover; NaN where that
            was left out of the search for a proven win; or None.
        root: the search's statistics, or None for agents that do not search a tree.
    """

    actions: npt.NDArray[np.int64]
    policy: npt.NDArray[np.float32]
    values: npt.NDArray[np.float32]
    evaluations: npt.NDArray[np.int64]
    plies: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    gap: npt.NDArray[np.float64] | None = None
    gain: npt.NDArray[np.float64] | None = None
    root: Root | None = None


class Agent(Protocol):
    """A player of one game."""

    name: str
    """The agent's spec, as `hybrid.agents.load` reads it."""

    def decide(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Decisions:
        """Choose a move in each of `positions` `[B]`, at all of which a player is to move.

        A row's decision depends only on its position, its seed and, where `games` `[B]` names the games that the rows
        belong to, on what the agent remembers of that game (a tree to reuse); without `games` nothing is remembered.
        """

    def forget(self) -> None:
        """Drop everything remembered of earlier games."""


def divergence(policy: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """`[B]` KL(policy ‖ reference) in nats of two distributions `[B, A]`."""
    ratio = np.where(policy > 0, policy / np.maximum(reference, 1e-30, dtype=np.float64), 1.0)
    return np.asarray((policy * np.log(ratio)).sum(axis=1), np.float64)


def require_decidable(game: Game, positions: Positions, seeds: npt.NDArray[np.uint64]) -> None:
    """Raises ValueError unless there are `positions` `[B]`, it is a player's turn in each, and `seeds` are `[B]`."""
    if not len(positions):
        raise ValueError("positions must be at least one to decide, got none")
    if np.shape(seeds) != (len(positions),):
        raise ValueError(f"seeds must have shape ({len(positions)},), one for each position, got {np.shape(seeds)}")
    require_movers(game, positions)


def require_movers(game: Game, positions: Positions) -> None:
    """Raises ValueError unless it is a player's turn in each of `positions` `[B]`."""
    for what, wrong in (
        ("terminal", positions["terminal"] != 0),
        ("chance nodes", positions["to_play"] >= game.players),
    ):
        if wrong.any():
            rows = np.flatnonzero(wrong).tolist()
            raise ValueError(f"positions must not be {what}: there is nothing to decide, got such in rows {rows[:10]}")
