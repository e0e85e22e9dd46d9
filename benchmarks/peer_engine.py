r"""What `peer_training.py` trained, as an engine that speaks the Go Text Protocol and plays Connect Four.

    taskset -c 0 hybrid match connect_four 'RUN?time=50ms' --games 400 \
        'gtp?timeout=300s&command=PYTHON benchmarks/peer_engine.py PEER --time-per-move 0.05'

PYTHON is the one that `peer_training.py` ran with, PEER its folder or one checkpoint. A compiled search of mctx has a
fixed number of simulations, so for a time per move that number is found at the start by trying, and then kept; what was
tried, and at the end what a move took, is told on the standard error and in `--log`. Moves are the best by mctx's
Gumbel search without noise, so the engine repeats itself.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax  # type: ignore[import-not-found]
import jax.numpy as jnp  # type: ignore[import-not-found]
import numpy as np
from peer_agent import ENVIRONMENT, Checkpoint, load, network, search

COLUMNS, HEIGHT = 7, 6
TRIED = ((), (3, 3, 2), (3, 3, 3, 2, 4, 2, 0, 6))
"""Positions, as columns played, that the time of a move is measured in."""
REPEATS, ROUNDS, FIRST = 5, 9, 16
"""Moves in each of them, and how many numbers of simulations are tried, the first of them."""
CLOSE = 0.9
"""The share of the time that a number of simulations has to use for the search for it to end."""

Tell = Callable[[str], None]


class Player:
    """Chooses moves with one network and a fixed number of simulations, 0 for the network's own best move."""

    def __init__(self, checkpoint: Checkpoint, simulations: int) -> None:
        if simulations < 0:
            raise ValueError(f"simulations must not be negative, got {simulations}")
        self.simulations = simulations
        self._model = checkpoint.model
        self._compiled = jax.jit(_chooser(checkpoint, simulations))

    def choose(self, columns: list[int]) -> int:
        """The column played after `columns`."""
        moves = np.zeros(COLUMNS * HEIGHT, np.int32)
        moves[: len(columns)] = columns
        return int(self._compiled(self._model, moves, len(columns)))

    def seconds(self) -> float:
        """What a move takes: the mean over the positions `TRIED` of the medians, after compiling."""
        self.choose([])
        return statistics.mean(
            statistics.median(self._timed(list(columns)) for _ in range(REPEATS)) for columns in TRIED
        )

    def _timed(self, columns: list[int]) -> float:
        began = time.perf_counter()
        self.choose(columns)
        return time.perf_counter() - began


def _chooser(checkpoint: Checkpoint, simulations: int) -> Callable[[Any, Any, Any], Any]:
    """The best action after the first `count` of `moves`."""

    def choose(model: Any, moves: Any, count: Any) -> Any:
        key = jax.random.PRNGKey(0)
        state = jax.lax.fori_loop(
            0, count, lambda ply, state: ENVIRONMENT.step(state, moves[ply]), ENVIRONMENT.init(key)
        )
        states = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], state)
        if simulations:
            return search(checkpoint.config, model, key, states, simulations, 0.0).action[0]
        (logits, _), _ = network(checkpoint.config).apply(*model, states.observation, False)
        return jnp.where(states.legal_action_mask, logits, -jnp.inf).argmax(axis=1)[0]

    return choose


def calibrated(checkpoint: Checkpoint, budget: float, tell: Tell) -> Player:
    """The player with the most simulations, among those tried, whose moves take at most `budget` seconds."""
    best, number, tried = None, FIRST, set[int]()
    while number not in tried and len(tried) < ROUNDS:
        tried.add(number)
        player = Player(checkpoint, number)
        took = player.seconds()
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

    def __init__(self, player: Player) -> None:
        self.spent: list[float] = []
        self.ended = False
        self._player = player
        self._columns: list[int] = []
        self._commands: dict[str, Callable[[list[str]], str]] = {
            "protocol_version": lambda _: "2",
            "name": lambda _: "mctx and pgx",
            "version": lambda _: "example",
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


def main() -> None:
    """Answer until `quit` or the end of the input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="a checkpoint, or a folder whose newest is taken")
    parser.add_argument("--log", type=Path, help="a file that also gets what is told")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--simulations", type=int, help="simulations a move, 0 for the network alone")
    budget.add_argument("--time-per-move", type=float, help="seconds a move")
    arguments = parser.parse_args()
    checkpoint = load(arguments.checkpoint)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)
        if arguments.log:
            with arguments.log.open("a") as file:
                print(text, file=file)

    tell(f"iteration {checkpoint.iteration}, {checkpoint.seconds:.1f} s of training: {checkpoint.config}")
    if arguments.time_per_move is None:
        player = Player(checkpoint, arguments.simulations)
    else:
        player = calibrated(checkpoint, arguments.time_per_move, tell)
    player.choose([])  # compiled before the first answer, so that no move's time has to do with it
    engine = Engine(player)
    for line in sys.stdin:
        print(engine.answer(line), end="", flush=True)
        if engine.ended:
            break
    if engine.spent:
        mean, most = statistics.mean(engine.spent), max(engine.spent)
        tell(f"{len(engine.spent)} moves took {1000 * mean:.2f} ms on average, {1000 * most:.2f} ms at most")


if __name__ == "__main__":
    main()
