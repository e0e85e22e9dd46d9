"""A process that plays, and the queue from which such processes take their games.

A worker reads nothing but what its parent sends, the queue, and the checkpoints it is told of, and ends when its parent
does.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import queue
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from games import Game, load
from hybrid import checkpoint as checkpoints
from hybrid.cache import CachedEvaluator
from hybrid.evaluate import NetworkEvaluator, load_evaluator
from training.backends import settled
from training.effort import Effort
from training.playing import PlayedGame
from training.selfplay import play_games
from training.selfplay_config import SelfPlayConfig

_NICENESS = 5
"""Workers yield to the learner, on which everything waits."""


class GameQueue:
    """Games of a generation that nobody plays yet: numbers in a pipe, of which every worker takes one when it has room.

    So where there are more games than slots all workers are busy to the end, whichever gets the longer games or the
    faster core.
    """

    _ENTRIES = 1000
    """The most numbers, of 4 bytes each: so few fit into any pipe, and to put them there never waits for a taker."""
    MOST_TAKERS = _ENTRIES // 2

    def __init__(self) -> None:
        self.handle, self._end = os.pipe()

    def put(self, games: range, takers: int) -> None:
        """Put `games` there, several to a number where they are many, and for each taker a sign that no more follow."""
        numbers = [*games[:: self._step(games)], *[-1] * takers]
        os.write(self._end, struct.pack(f"{len(numbers)}i", *numbers))

    def close(self) -> None:
        """Forget what nobody took."""
        os.close(self.handle)
        os.close(self._end)

    @classmethod
    def taken(cls, handle: int, games: range) -> Iterator[int]:
        """Numbers of games taken by a worker, until none of `games` is left.

        Raises:
            EOFError: the process that put them there is gone.
        """
        while len(number := os.read(handle, 4)) == 4:
            (first,) = struct.unpack("i", number)
            if first < 0:
                return
            yield from range(first, min(first + cls._step(games), games.stop))
        raise EOFError

    @classmethod
    def _step(cls, games: range) -> int:
        """Games to a number."""
        return 1 + len(games) // (cls._ENTRIES - cls.MOST_TAKERS)


class Outbox:
    """Sends messages from a thread, so that a worker plays on while its parent has no time to hear.

    A context manager: what it holds is sent before it ends.
    """

    def __init__(self, pipe: Connection) -> None:
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._empty, args=(pipe,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._messages.put(None)
        self._thread.join()

    def send(self, message: object) -> None:
        """Send anything but None; does not wait."""
        self._messages.put(message)

    def _empty(self, pipe: Connection) -> None:
        """Send what comes until the end, or for as long as there is someone to hear it."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while (message := self._messages.get()) is not None:
                pipe.send(message)


def serve(handle: int, waiting: int, parent: int) -> None:
    """Run a worker: obey the parent at the other end of the pipe `handle` until it is gone; `waiting` holds games."""
    _die_with(parent)
    os.nice(_NICENESS)
    with Connection(handle) as pipe, Outbox(pipe) as outbox:
        try:
            spec, seed = pipe.recv()
            game = load(spec)
            while True:
                config, generation, checkpoint, own, common = pipe.recv()
                numbers = itertools.chain(own, GameQueue.taken(waiting, common))
                for message in play(game, config, seed, generation, checkpoint, numbers):
                    outbox.send(message)
        except (EOFError, ConnectionResetError):
            return
        except Exception:
            outbox.send(traceback.format_exc())


def play(
    game: Game, config: SelfPlayConfig, seed: int, generation: int, checkpoint: Path, numbers: Iterable[int]
) -> Iterator[PlayedGame | Effort]:
    """Play games with the agent at `checkpoint`; yields each, and last what they cost."""
    start = time.process_time()
    evaluator = _evaluator(game, config, checkpoint) if config.dial.consults_network else None
    yield from play_games(game, evaluator, config, seed, generation, numbers)
    evaluations = evaluator.evaluations if evaluator is not None else 0
    yield Effort(evaluations=evaluations, seconds=time.process_time() - start)


def _evaluator(game: Game, config: SelfPlayConfig, checkpoint: Path) -> NetworkEvaluator | CachedEvaluator:
    """The network at `checkpoint`, on the CPU behind a cache that lives no longer than the generation.

    A device answers while the next question is being prepared, which a cache between the two would have to wait for.
    """
    agent = checkpoints.load(checkpoint, game)
    if config.device != "cpu":
        return load_evaluator(game, agent, device=config.device)
    evaluator = load_evaluator(game, agent, backend=settled(config), precision=config.precision)
    if config.cache_megabytes:
        return CachedEvaluator(game, evaluator, megabytes=config.cache_megabytes)
    return evaluator


def _die_with(parent: int) -> None:
    """End this process when its parent ends, however that comes about.

    Linux sends a signal; a thread looks every second for everywhere else.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
