"""Tic-tac-toe: two players in turn mark a 3 x 3 board; three in a line win. Squares are a1 (bottom left) to c3."""

from __future__ import annotations

from dataclasses import replace

from games import mnk
from games.rules import LiftedGame


def make() -> LiftedGame:
    """The 3,3,3-game."""
    return replace(mnk.make(m=3, n=3, k=3), name="tic_tac_toe")
