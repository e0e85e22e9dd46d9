"""Our agents as OpenSpiel bots, so that `pyspiel.evaluate_bots` and their other programs play against them.

Needs the extra `openspiel`. A bot plays OpenSpiel's own rules through the bridge, or, with an agent made for one of
our games, a game of theirs that is the same but for its numbering of moves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyspiel

from games import Game
from games import load as load_game
from games.replay import ReplayedGame
from hybrid.agent import Agent, Decisions
from hybrid.agents import load as load_agent


def _upside_down(move: str, rows: int) -> str:
    """A move of breakthrough on the board turned over: their first player moves down, ours up."""
    return re.sub(r"\d+", lambda row: str(rows + 1 - int(row[0])), move.rstrip("*"))


_NAMES: dict[str, Callable[[str, Game], str]] = {
    "othello": lambda move, _: move.lower(),
    "breakthrough": lambda move, game: _upside_down(move, game.observation_shape[1]),
    "go": lambda move, _: move.split()[-1].lower(),
}
"""Our name of a move from OpenSpiel's, for games whose moves they number differently."""


class AgentBot(pyspiel.Bot):  # type: ignore[misc]
    """An agent that looks at OpenSpiel's states. Decisions are seeded by (seed, game, ply).

    The states' histories are followed in the agent's own game, so that nothing needs to be told by `inform_action`.
    """

    def __init__(self, theirs: pyspiel.Game, ours: Game, agent: Agent, seed: int = 0) -> None:
        """Raises ValueError if the games are seen to differ at the start."""
        pyspiel.Bot.__init__(self)
        self._theirs, self._ours, self._agent, self._seed = theirs, ours, agent, seed
        self._number = 0
        self._begin()
        shared, legal = self._actions(), ours.legal_actions(self._position)[0]
        if theirs.num_players() != ours.players or not len(shared) == legal.sum() == len(self._state.legal_actions()):
            raise ValueError(f"game {ours.spec!r} is not OpenSpiel's {theirs}: they begin with other moves")

    def step(self, state: pyspiel.State) -> int:
        """The agent's move in `state`."""
        return self.step_with_policy(state)[1]

    def step_with_policy(self, state: pyspiel.State) -> tuple[list[tuple[int, float]], int]:
        """The distribution behind the move, and the move."""
        decisions = self._decide(state)
        actions = self._actions()
        policy = [(theirs, float(decisions.policy[0, ours])) for ours, theirs in actions.items()]
        chosen = int(decisions.actions[0])
        if chosen not in actions:
            raise ValueError(f"move {self._ours.action_name(chosen)} of {self._ours.spec} is none in OpenSpiel's game")
        return policy, actions[chosen]

    def get_policy(self, state: pyspiel.State) -> list[tuple[int, float]]:
        """The distribution behind the move."""
        return self.step_with_policy(state)[0]

    def provides_policy(self) -> bool:
        """It does."""
        return True

    def inform_action(self, state: pyspiel.State, player: int, action: int) -> None:
        """Nothing needs to be told: states hold their history."""

    def restart(self) -> None:
        """Another game begins."""
        self._number += 1

    def restart_at(self, state: pyspiel.State) -> None:
        """Another game begins, in the middle."""
        self._number += 1

    def _decide(self, state: pyspiel.State) -> Decisions:
        self._follow(state.history())
        seed = np.random.default_rng([self._seed, self._number, len(self._history)]).integers(2**64, dtype=np.uint64)
        return self._agent.decide(self._position, np.array([seed]), np.array([self._number]))

    def _begin(self) -> None:
        """Go to the starting position."""
        self._history: list[int] = []
        self._state = self._theirs.new_initial_state()
        self._position = self._ours.initial()

    def _follow(self, history: list[int]) -> None:
        """Go to the position after `history`, from where we stand if that lies on the way."""
        if history[: len(self._history)] != self._history:
            self._begin()
            self._number += 1
        for move in history[len(self._history) :]:
            names = {theirs: ours for ours, theirs in self._actions().items()}
            if move not in names:
                raise ValueError(f"OpenSpiel's move {self._state.action_to_string(move)} is none in {self._ours.spec}")
            self._position = self._ours.step(self._position, [names[move]])
            self._state.apply_action(move)
            self._history.append(move)

    def _actions(self) -> dict[int, int]:
        """OpenSpiel's action for each of ours that both allow where we stand."""
        ours, legal = self._ours, self._ours.legal_actions(self._position)[0]
        theirs = self._state.legal_actions()
        rename = _NAMES.get(ours.spec.partition(":")[0])
        if rename is None or isinstance(ours, ReplayedGame):
            return {action: action for action in np.flatnonzero(legal).tolist() if action in theirs}
        numbers = {ours.action_name(int(action)): int(action) for action in np.flatnonzero(legal)}
        named = {rename(self._state.action_to_string(action), ours): action for action in theirs}
        return {numbers[name]: action for name, action in named.items() if name in numbers}


def bot(agent: str, theirs: Any, ours: str = "", seed: int = 0) -> AgentBot:
    """The agent with spec `agent` as a bot for OpenSpiel's game `theirs`, a `pyspiel.Game` or its name.

    `ours` is the spec of the game that the agent is made for, such as `hex:size=5` for `hex(board_size=5)`; by default
    it plays OpenSpiel's rules.

    Raises:
        ValueError: the agent cannot be loaded, the game cannot be bridged, or the two games differ.
    """
    game = pyspiel.load_game(theirs) if isinstance(theirs, str) else theirs
    rules = load_game(ours or f"openspiel:{game}")
    return AgentBot(game, rules, load_agent(agent, rules), seed)
