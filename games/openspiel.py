"""Games of OpenSpiel (an optional extra): `openspiel:breakthrough(rows=6,columns=6)` is a `Game`.

Observations are OpenSpiel's tensor for the mover and, as it seldom depends on who that is, one plane a player that
is 1 for the mover.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from games.engines import Facts
from games.replay import ReplayedGame


@dataclass
class OpenSpielEngine:
    """An `Engine` over one OpenSpiel game."""

    game: Any
    shape: tuple[int, int, int]
    state: Any = field(default=None)

    def restart(self) -> None:
        self.state = self.game.new_initial_state()

    def play(self, action: int) -> None:
        try:
            self.state.apply_action(action)
        except Exception as error:  # pyspiel raises its own type, or cannot read its own message
            raise ValueError(f"OpenSpiel's {self.game} failed at action {action}: {_first_line(error)}") from error

    def facts(self) -> Facts:
        state, players = self.state, self.game.num_players()
        over = state.is_terminal()
        mover = 0 if over else state.current_player()
        legal = np.zeros(self.game.num_distinct_actions(), np.bool_)
        legal[self.legal()] = True
        planes = np.zeros((self.shape[0] + players, *self.shape[1:]), np.float32)
        planes[: self.shape[0]] = np.reshape(state.observation_tensor(mover), self.shape)
        planes[self.shape[0] + mover] = 1
        return Facts(mover, over, self.returns(), legal, planes, str(state))

    def legal(self) -> list[int]:
        return sorted(self.state.legal_actions())

    def returns(self) -> tuple[float, ...]:
        if not self.state.is_terminal():
            return (0.0,) * int(self.game.num_players())
        largest = float(max(abs(self.game.min_utility()), abs(self.game.max_utility())))
        return tuple(value / largest for value in self.state.returns())

    def action_name(self, action: int) -> str:
        return str(action)

    def copy(self) -> OpenSpielEngine:
        return OpenSpielEngine(self.game, self.shape, self.state and self.state.clone())


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def bridge(name: str) -> ReplayedGame:
    """The game that OpenSpiel calls `name`, parameters in brackets.

    Raises:
        ValueError: OpenSpiel is missing or knows no such game, or it has chance, hidden information, moves at once,
            or rewards before the end.
    """
    try:
        import pyspiel
    except ImportError as error:
        raise ValueError(
            "games of OpenSpiel need the extra openspiel: pip install 'hybrid-agents[openspiel]'"
        ) from error
    base, known = name.partition("(")[0], pyspiel.registered_names()
    if base not in known:  # pyspiel would print them all
        close = difflib.get_close_matches(base, known, 3)
        hint = f": did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(f"OpenSpiel has no game {base!r}{hint}")
    try:
        game = pyspiel.load_game(name)
    except Exception as error:  # pyspiel raises its own type
        raise ValueError(f"OpenSpiel cannot load {name!r}: {_first_line(error)}") from error
    kind = game.get_type()
    for wanted, value in (
        (pyspiel.GameType.ChanceMode.DETERMINISTIC, kind.chance_mode),
        (pyspiel.GameType.Dynamics.SEQUENTIAL, kind.dynamics),
        (pyspiel.GameType.Information.PERFECT_INFORMATION, kind.information),
        (pyspiel.GameType.RewardModel.TERMINAL, kind.reward_model),
        (True, kind.provides_observation_tensor),
    ):
        if value != wanted:
            raise ValueError(f"OpenSpiel's {name!r} cannot be played here: it is {value}, what is needed is {wanted}")
    shape = [1, 1, 1, *game.observation_tensor_shape()][-3:]
    engine = OpenSpielEngine(game, (shape[0], shape[1], shape[2]))
    return ReplayedGame(
        spec=f"openspiel:{name}",
        engine=engine,
        players=game.num_players(),
        num_actions=game.num_distinct_actions(),
        observation_shape=(shape[0] + game.num_players(), shape[1], shape[2]),
        zero_sum=game.num_players() == 2
        and kind.utility == pyspiel.GameType.Utility.ZERO_SUM
        and (game.min_utility(), game.max_utility()) == (-1.0, 1.0),
        max_plies=game.max_game_length(),
    )
