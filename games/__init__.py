"""Board games as packed-record positions and compiled rules; nothing here knows of agents, search or networks."""

from games.load import load, names
from games.rules import Game, LiftedGame, Positions, lift

__all__ = ["Game", "LiftedGame", "Positions", "lift", "load", "names"]
