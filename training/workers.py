"""Processes that play: each with its own evaluator on one thread, all of them gone when their parent is.

A worker is a fresh interpreter, neither a fork nor a re-run of the caller's script, so training may be called from
anywhere; what it does there is in `training.worker`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from games import Game
from training.effort import Effort
from training.playing import PlayedGame
from training.selfplay_config import SelfPlayConfig
from training.worker import GameQueue, play

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

# Interrupts are the parent's: they must be ignored before the slow imports, during which they would print a traceback.
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from training.worker import serve
serve(*map(int, sys.argv[1:]))
"""


class Workers:
    """A pool of self-play processes; a context manager. With 0 workers the calling process plays."""

    def __init__(self, game: Game, seed: int, count: int) -> None:
        self._game, self._seed = game, seed
        self._processes: list[subprocess.Popen[bytes]] = []
        self._pipes: list[Connection] = []
        self._queue = GameQueue() if count else None
        try:
            for _ in range(count):
                self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def process_ids(self) -> list[int]:
        """The workers' process ids."""
        return [process.pid for process in self._processes]

    def play(
        self, config: SelfPlayConfig, generation: int, checkpoint: Path, finished: Callable[[PlayedGame], None]
    ) -> tuple[list[PlayedGame], Effort]:
        """Play a generation to its end: `start`, then `Round.finish`."""
        return self.start(config, generation, checkpoint, finished).finish()

    def start(
        self, config: SelfPlayConfig, generation: int, checkpoint: Path, finished: Callable[[PlayedGame], None]
    ) -> Round:
        """Begin to play a generation as `config` says, with the agent at `checkpoint`.

        `finished` is called with each game as it is heard of, in no reproducible order. The round must be finished
        before the next one starts.

        Raises:
            ChildProcessError: a worker failed or died.
        """
        count, games = len(self._pipes), config.games
        if self._queue is None:
            local = play(self._game, config, self._seed, generation, checkpoint, range(games))
            return Round(self._messages, set(), local, finished)
        own = min(games, count * config.slots)
        self._queue.put(range(own, games), count)
        for index in range(count):
            self._send(index, (config, generation, checkpoint, range(index, own, count), range(own, games)))
        return Round(self._messages, set(range(count)), None, finished)

    def close(self) -> None:
        """End the workers at once."""
        for process in self._processes:
            process.kill()
        for process, pipe in zip(self._processes, self._pipes, strict=True):
            process.wait()
            pipe.close()
        if self._queue is not None:
            self._queue.close()
        self._processes, self._pipes, self._queue = [], [], None

    def _start(self) -> None:
        """Start one worker and tell it which game it is to play."""
        assert self._queue is not None
        ours, theirs = Pipe()
        handles = theirs.fileno(), self._queue.handle
        limits = dict.fromkeys(_THREAD_VARIABLES, "1")
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, *map(str, handles), str(os.getpid())],
                pass_fds=handles,
                stdin=subprocess.DEVNULL,
                env=os.environ | limits | {"PYTHONPATH": path},
            )
        self._processes.append(process)
        self._pipes.append(ours)
        self._send(len(self._pipes) - 1, (self._game.spec, self._seed))

    def _messages(self, busy: set[int], timeout: float | None) -> Iterator[tuple[int, PlayedGame | Effort]]:
        """What those of the `busy` workers say that have something to say within `timeout` seconds."""
        for ready in wait([self._pipes[index] for index in busy], timeout):
            index = self._pipes.index(ready)  # type: ignore[arg-type]
            message = self._receive(index)
            if isinstance(message, str):
                raise ChildProcessError(f"self-play worker {index} failed:\n{message}")
            yield index, message

    def _send(self, index: int, message: Any) -> None:
        try:
            self._pipes[index].send(message)
        except OSError as error:
            raise self._death(index) from error

    def _receive(self, index: int) -> Any:
        try:
            return self._pipes[index].recv()
        except (EOFError, OSError) as error:
            raise self._death(index) from error

    def _death(self, index: int) -> ChildProcessError:
        """What to say of a worker whose pipe is closed."""
        process = self._processes[index]
        try:
            code = process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return ChildProcessError(f"self-play worker {index} (process {process.pid}) stopped answering")
        cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        hint = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
        return ChildProcessError(f"self-play worker {index} (process {process.pid}) died with {cause}{hint}")


class Round:
    """A generation that is being played, whether or not anyone hears of it.

    Attributes:
        seconds: wall time from its start to when its last worker so far was heard to have ended, which may be
            later than it did where nobody listened; 0 before.
    """

    def __init__(
        self,
        messages: Callable[[set[int], float | None], Iterator[tuple[int, PlayedGame | Effort]]],
        busy: set[int],
        local: Iterator[PlayedGame | Effort] | None,
        finished: Callable[[PlayedGame], None],
    ) -> None:
        self._messages, self._busy, self._local, self._finished = messages, busy, local, finished
        self._games: list[PlayedGame] = []
        self._effort = Effort()
        self._begun = time.perf_counter()
        self.seconds = 0.0

    def hear(self, timeout: float | None = 0.0) -> None:
        """Take what the workers have said, waiting up to `timeout` seconds (None: for ever) for at least one of them.

        Raises:
            ChildProcessError: a worker failed or died.
        """
        for index, message in self._messages(self._busy, timeout):
            self._take(message)
            if isinstance(message, Effort):
                self._busy.remove(index)
                self.seconds = time.perf_counter() - self._begun

    def finish(self) -> tuple[list[PlayedGame], Effort]:
        """Wait for the end; returns the games in order of their numbers, and what they cost.

        Unlike the games, the cost depends on how many workers there are, since each has its own cache.

        Raises:
            ChildProcessError: a worker failed or died.
        """
        if self._local is not None:
            self._begun = time.perf_counter()
            for message in self._local:
                self._take(message)
            self.seconds = time.perf_counter() - self._begun
        while self._busy:
            self.hear(None)
        return sorted(self._games, key=lambda game: game.number), self._effort

    def _take(self, message: PlayedGame | Effort) -> None:
        if isinstance(message, PlayedGame):
            self._games.append(message)
            self._finished(message)
        else:
            self._effort += message
