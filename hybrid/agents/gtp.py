"""Another program as an agent, over GTP: engines for go, and whatever else plays by `play` and `genmove`.

`docs/gtp.md` says how positions reach the program and what happens when it fails.
"""

from __future__ import annotations

import time as clock
import warnings
from enum import Enum

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from games.load import settings
from hybrid import gtp
from hybrid.agent import Decisions, require_decidable
from hybrid.choice import pick
from hybrid.durations import parse_duration
from hybrid.gtp_process import EngineFailedError, EngineProcess
from hybrid.lines import Line, Lines

STARTUP = 60.0
"""Seconds that a program has at least for its first answer: it may have a network to load."""
REQUIRED = ("boardsize", "clear_board", "komi", "play", "genmove")


class Illegal(Enum):
    """What a reply that is no legal move leads to."""

    ERROR = 0
    RESIGN = 1


class GtpAgent:
    """Plays what one running program answers to `genmove`, its board set up by the moves that lead to each position."""

    def __init__(self, game: Game, command: str, timeout: float, per_move: int, illegal: Illegal) -> None:
        """Start `command`. Raises ValueError if it does not speak GTP or cannot play `game`."""
        self.name = "gtp"
        self._game = game
        self._command = command
        self._timeout = timeout
        self._per_move = per_move
        self._illegal = illegal
        self._lines = Lines(game)
        self._board: Line | None = None
        self._number: int | None = None
        self._start()

    def decide(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Decisions:
        """See `Agent.decide`; rows are decided one after another. A program without `set_random_seed` ignores seeds.

        Without `games` every position is set up on a cleared board; with them the program goes on with a game that it
        was asked about last, and may use what it remembers of it.
        """
        require_decidable(self._game, positions, seeds)
        actions, seconds = np.zeros(len(positions), np.int64), np.zeros(len(positions))
        for row in range(len(positions)):
            started = clock.perf_counter()
            self._take_up(None if games is None else int(games[row]))
            actions[row] = self._choose(positions[row : row + 1], seeds[row : row + 1])
            seconds[row] = clock.perf_counter() - started
        none = np.zeros(len(positions), np.int64)
        return Decisions(
            actions=actions,
            policy=np.eye(self._game.num_actions, dtype=np.float32)[actions],
            values=np.zeros((len(positions), self._game.players), np.float32),
            evaluations=none,
            plies=none,
            seconds=seconds,
        )

    def forget(self) -> None:
        """Drop the lines of earlier games; the program begins its next one on a cleared board."""
        self._lines.forget()
        self._board = None

    def close(self) -> None:
        """End the program. It ends with this object or this process too."""
        self._process.close()

    def _take_up(self, number: int | None) -> None:
        """Turn to the game with this number; whatever stands on the board counts only if it is from there."""
        if number is None or number != self._number:
            self._board = None
        self._number = number

    def _start(self) -> None:
        """Start the program and tell it what is played."""
        self._process = EngineProcess(self._command)
        self._board = None
        try:
            version = self._process.ask("protocol_version", max(self._timeout, STARTUP))
            if version != gtp.VERSION:
                raise EngineFailedError(f"engine {self._command!r} speaks GTP {version[:20]!r}, not {gtp.VERSION}")
            self._commands = set(self._ask("list_commands").split())
            missing = [name for name in REQUIRED if name not in self._commands]
            if missing:
                raise EngineFailedError(f"engine {self._command!r} has no command {', '.join(missing)}")
            side, komi = gtp.side(self._game), settings(self._game.spec).get("komi")
            if side is not None:
                self._ask(f"boardsize {side}")
            if komi is not None:
                self._ask(f"komi {komi:g}")
            if self._per_move:
                self._ask(f"time_settings 0 {self._per_move} 1")
        except ValueError:
            self._process.close()
            raise

    def _ask(self, question: str) -> str:
        return self._process.ask(question, self._timeout)

    def _choose(self, position: Positions, seed: npt.NDArray[np.uint64]) -> int:
        """The action in `position` `[1]`. A program that fails is started again, once a move."""
        line = self._lines.find(position)
        try:
            reply = self._reply(line, position, seed)
        except EngineFailedError as error:
            warnings.warn(f"{error}; it is started again", RuntimeWarning, stacklevel=3)
            self._start()
            reply = self._reply(line, position, seed)
        legal = self._game.legal_actions(position)
        action = gtp.action(self._game, legal[0], reply)
        if action is not None:
            self._board = (*line, (int(position[0]["to_play"]), action))
            return action
        if reply.lower() != gtp.RESIGN and self._illegal is Illegal.ERROR:
            raise ValueError(
                f"engine {self._command!r} answered genmove at ply {position[0]['ply']} with {reply[:60]!r}, "
                f"which is not legal in\n{self._game.render(position[0])}"
            )
        passing = gtp.action(self._game, legal[0], gtp.PASS)
        return int(pick(legal, seed)[0]) if passing is None else passing

    def _reply(self, line: Line, position: Positions, seed: npt.NDArray[np.uint64]) -> str:
        """What the program answers to `genmove` after the moves of `line`."""
        played, self._board = self._board, None  # until all went well nobody knows what stands on its board
        questions = []
        if played is None or line[: len(played)] != played:
            questions, played = ["clear_board"], ()
        for player, action in line[len(played) :]:
            questions.append(f"play {gtp.COLOURS[player]} {self._game.action_name(action)}")
        if "set_random_seed" in self._commands:
            questions.append(f"set_random_seed {int(seed[0]) % 2**31}")
        self._process.ask_all(questions, self._timeout)
        return self._ask(f"genmove {gtp.COLOURS[position[0]['to_play']]}")


def make(
    game: Game, command: str = "", timeout: str = "60s", time: str = "", illegal: Illegal = Illegal.ERROR
) -> GtpAgent:
    """Spec `gtp?command=gnugo --mode gtp --level 1&timeout=10s`; `%26` is an ampersand, `%25` a percent sign.

    Args:
        game: the game to play.
        command: the program and its arguments, split as a shell does.
        timeout: what each answer may take; the first one a minute at least.
        time: what the program is told it has for a move, in whole seconds; by default nothing.
        illegal: `error`, or `resign` to play on after an illegal reply as after a resignation.
    """
    if not command:
        raise ValueError("command must name the program to run, as in gtp?command=gnugo --mode gtp, got ''")
    if game.stochastic:
        raise ValueError(f"GTP knows no chance, which {game.spec} has")
    if game.players > len(gtp.COLOURS):
        raise ValueError(f"GTP is for at most {len(gtp.COLOURS)} players, {game.spec} has {game.players}")
    limit, per_move = parse_duration(timeout, "timeout"), parse_duration(time) or 0.0
    if per_move != int(per_move):
        raise ValueError(f"time must be in whole seconds for GTP, got {time!r}")
    return GtpAgent(game, command, limit or STARTUP, int(per_move), illegal)
