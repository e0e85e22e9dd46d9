"""Serve an agent to other programs over GTP, version 2, on standard input and output.

For programs that play go against an engine, and for any other game by its own names of moves. `boardsize` and `komi`
load go anew, if the agent can play that. `list_commands` lists what is understood; docs/gtp.md explains it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hybrid.cli.output import Outcome

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid gtp`."""
    parser.add_argument("game", type=str, help="such as go:size=9 or connect_four")
    parser.add_argument("agent", type=str, help="who is asked for moves, such as 'mcts?time=1s' or runs/go")


def run(*, game: str, agent: str, seed: int) -> Outcome:
    """Answer commands until `quit` or the end of input."""
    import games
    from hybrid.agents import load
    from hybrid.gtp_server import GtpServer

    server = GtpServer(games.load(game), agent, load, seed)
    answered = 0
    while not server.ended and (line := sys.stdin.readline()):
        answer = server.answer(line)
        sys.stdout.write(answer)
        sys.stdout.flush()
        answered += bool(answer)
    return Outcome({"game": game, "agent": agent, "answered": answered})
