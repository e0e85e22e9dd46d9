"""What peers' engines have in common: the Go Text Protocol for Connect Four, and as many simulations as fit a time.

It needs nothing but Python, so that an engine may run in any environment.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

COLUMNS, HEIGHT = 7, 6
LONG = (2, 1, 1, 1, 5, 1, 1, 2, 1, 5, 5, 3, 3, 3, 3, 0, 6, 4, 6, 6, 2, 2, 0, 2, 3, 5, 4, 3, 2, 6, 5, 4)
TRIED = ((), (3, 3, 2), (3, 3, 3, 2, 4, 2, 0, 6), LONG[:16], LONG[:24], LONG)
"""Positions, as columns played, that the time of a move is measured in: searches may be faster towards the end."""
REPEATS, ROUNDS, FIRST = 5, 9, 16
"""Moves in each of them, and how many numbers of simulations are tried, the first of them."""
CLOSE = 0.9
"""The share of the time that a number of simulations has to use for the search for it to end."""

Tell = Callable[[str], None]


class Player(Protocol):
    """Chooses moves with a fixed number of simulations, 0 for its network's own best move."""

    simulations: int

    def choose(self, columns: list[int]) -> int:
        """The column played after `columns`, thought about anew."""


def seconds(player: Player) -> float:
    """What a move takes: the mean over the positions `TRIED` of the medians, after compiling."""
    player.choose([])
    return statistics.mean(
        statistics.median(_timed(player, list(columns)) for _ in range(REPEATS)) for columns in TRIED
    )


def _timed(player: Player, columns: list[int]) -> float:
    began = time.perf_counter()
    player.choose(columns)
    return time.perf_counter() - began


def calibrated(make: Callable[[int], Player], budget: float, tell: Tell) -> Player:
    """The player with the most simulations, among those tried, whose moves take at most `budget` seconds.

    `make` makes one for a number of simulations.
    """
    best: Player | None = None
    number, tried = FIRST, set[int]()
    while number not in tried and len(tried) < ROUNDS:
        tried.add(number)
        player = make(number)
        took = seconds(player)
        tell(f"{number} simulations take {1000 * took:.2f} ms of {1000 * budget:g} ms")
        if took <= budget and (best is None or number > best.simulations):
            best = player
            if took >= CLOSE * budget:
                break
        scaled = number * min(4.0, (1 + CLOSE) / 2 * budget / took)
        number = max(1 if best is None else best.simulations + 1, int(scaled))
    if best is None:
        raise ValueError(f"time-per-move must fit a simulation, got {budget} s, which {min(tried)} exceed")
    tell(f"plays with {best.simulations} simulations")
    return best


class Engine:
    """One board, and the answers to GTP's commands."""

    def __init__(self, name: str, player: Player) -> None:
        self.spent: list[float] = []
        self.ended = False
        self._player = player
        self._columns: list[int] = []
        self._commands: dict[str, Callable[[list[str]], str]] = {
            "protocol_version": lambda _: "2",
            "name": lambda _: name,
            "version": lambda _: "",
            "known_command": lambda words: str(words[0] in self._commands).lower(),
            "list_commands": lambda _: "\n".join(self._commands),
            "quit": self._quit,
            "boardsize": self._boardsize,
            "clear_board": self._clear,
            "komi": lambda _: "",
            "play": lambda words: self._play(words[0], words[1]),
            "genmove": self._genmove,
        }

    def answer(self, line: str) -> str:
        """The answer to one line of input, its empty line included; nothing to an empty one."""
        words = line.partition("#")[0].split()
        number = words.pop(0) if words and words[0].isdigit() else ""
        if not words:
            return ""
        command = self._commands.get(words[0])
        try:
            text = command(words[1:]) if command else None
        except (ValueError, IndexError) as error:
            return f"?{number} {error}\n\n"
        return f"?{number} unknown command\n\n" if text is None else f"={number} {text}".rstrip() + "\n\n"

    def _quit(self, words: list[str]) -> str:
        self.ended = True
        return ""

    def _clear(self, words: list[str]) -> str:
        self._columns.clear()
        return ""

    def _boardsize(self, words: list[str]) -> str:
        raise ValueError("unacceptable size: the board has 6 rows and 7 columns")

    def _play(self, colour: str, name: str) -> str:
        if colour.lower()[:1] != "bw"[len(self._columns) % 2]:
            raise ValueError("illegal move: it is the other colour's turn")
        column = int(name) - 1
        if not 0 <= column < COLUMNS or self._columns.count(column) == HEIGHT:
            raise ValueError("illegal move")
        self._columns.append(column)
        return ""

    def _genmove(self, words: list[str]) -> str:
        began = time.perf_counter()
        name = str(self._player.choose(self._columns) + 1)
        self.spent.append(time.perf_counter() - began)
        self._play(words[0], name)
        return name


def options(description: str) -> argparse.ArgumentParser:
    """The options that engines share, to which theirs are added."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("checkpoint", type=Path, help="a checkpoint, or a folder whose newest is taken")
    parser.add_argument("--log", type=Path, help="a file that also gets what is told")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--simulations", type=int, help="simulations a move, 0 for the network alone")
    budget.add_argument("--time-per-move", type=float, help="seconds a move")
    return parser


def serve(arguments: argparse.Namespace, name: str, note: str, make: Callable[[int], Player]) -> None:
    """Answer until `quit` or the end of the input, by the player that `make` makes for a number of simulations."""

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)
        if arguments.log:
            with arguments.log.open("a") as file:
                print(text, file=file)

    tell(note)
    if arguments.time_per_move is None:
        if arguments.simulations < 0:
            raise ValueError(f"simulations must not be negative, got {arguments.simulations}")
        player = make(arguments.simulations)
    else:
        player = calibrated(make, arguments.time_per_move, tell)
    player.choose([])  # compiled before the first answer, so that no move's time has to do with it
    engine = Engine(name, player)
    for line in sys.stdin:
        print(engine.answer(line), end="", flush=True)
        if engine.ended:
            break
    if engine.spent:
        mean, most = statistics.mean(engine.spent), max(engine.spent)
        tell(f"{len(engine.spent)} moves took {1000 * mean:.2f} ms on average, {1000 * most:.2f} ms at most")
