"""Plain minimax over the rules, with a dictionary for memory: what small positions are worth."""

from __future__ import annotations

from functools import cache

import numpy as np

import games
from games import Game, Positions


class Solver:
    """The exact value of any position of a small two-player zero-sum game."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self._values: dict[bytes, float] = {}

    def value(self, position: Positions) -> float:
        """The result for player 0 of `position` `[1]` under best play by both."""
        key = position.tobytes()
        if key not in self._values:
            if position["terminal"][0]:
                self._values[key] = float(position["returns"][0, 0])
            else:
                best = max if position["to_play"][0] == 0 else min
                self._values[key] = best(self.value(child) for child in self.children(position).values())
        return self._values[key]

    def children(self, position: Positions) -> dict[int, Positions]:
        """The position after each legal action."""
        actions = np.flatnonzero(self.game.legal_actions(position)[0])
        after = self.game.step(np.repeat(position, len(actions)), actions)
        return {int(action): after[index : index + 1] for index, action in enumerate(actions)}

    def action_values(self, position: Positions) -> dict[int, float]:
        """Each legal action's result for the mover."""
        sign = 1.0 if position["to_play"][0] == 0 else -1.0
        return {action: sign * self.value(child) for action, child in self.children(position).items()}

    def best_actions(self, position: Positions) -> set[int]:
        """The actions that keep the position's value."""
        values = self.action_values(position)
        return {action for action, value in values.items() if value == max(values.values())}


@cache
def solver(spec: str) -> Solver:
    """The solver of a game, which remembers what it has solved."""
    return Solver(games.load(spec))
