"""Positions as people look at them: the board alone, without what else a position's text form holds."""

from __future__ import annotations

import numpy as np

from games.replay import ReplayedGame
from games.rules import Game, LiftedGame


def picture(game: Game, position: np.void) -> str:
    """One position's text form without what a reader does not need.

    That is what our own games write below their boards, separated by an empty line, and the list of moves above those
    of other libraries' games: it is there for `parse`, and in a long game it is much longer than the board.
    """
    text = game.render(position)
    if isinstance(game, ReplayedGame):
        return text.partition("\n\n")[2]
    return text.partition("\n\n")[0] if isinstance(game, LiftedGame) else text
