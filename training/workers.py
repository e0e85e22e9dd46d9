"""Processes that play: each with its own evaluator on one thread, all of them gone when their parent is.

A worker is a fresh interpreter, neither a fork nor a re-run of the caller's script, so training may be called from
anywhere. It shares one pipe with its parent, and reads nothing but the checkpoints it is told of.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from games import Game, load
from hybrid import checkpoint as checkpoints
from hybrid.cache import CachedEvaluator
from hybrid.evaluate import NetworkEvaluator, load_evaluator
from training.backends import settled
from training.config import SelfPlayConfig
from training.effort import Effort, resident_memory
from training.playing import PlayedGame
from training.selfplay import play_games

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

_NICENESS = 5
"""Workers yield to the learner, on which everything waits."""

# Interrupts are the parent's: they must be ignored before the slow imports, during which they would print a traceback.
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from training.workers import serve
serve(int(sys.argv[1]), int(sys.argv[2]))
"""


class Workers:
    """A pool of self-play processes; a context manager. With 0 workers the calling process plays."""

    def __init__(self, game: Game, config: SelfPlayConfig, seed: int, count: int) -> None:
        self._game, self._config, self._seed = game, config, seed
        self._processes: list[subprocess.Popen[bytes]] = []
        self._pipes: list[Connection] = []
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
        self, generation: int, checkpoint: Path, finished: Callable[[PlayedGame], None]
    ) -> tuple[list[PlayedGame], Effort]:
        """Play a generation to its end: `start`, then `Round.finish`."""
        return self.start(generation, checkpoint, finished).finish()

    def start(
        self, generation: int, checkpoint: Path, finished: Callable[[PlayedGame], None], games: int | None = None
    ) -> Round:
        """Begin to play a generation, or only its first `games`, with the agent at `checkpoint`.

        `finished` is called with each game as it is heard of, in no reproducible order. The round must be finished
        before the next one starts.

        Raises:
            ChildProcessError: a worker failed or died.
        """
        count, games = len(self._pipes), self._config.games if games is None else games
        for index in range(count):
            self._send(index, (generation, checkpoint, range(index, games, count)))
        local = None if count else self._local(generation, checkpoint, games)
        return Round(self._messages, set(range(count)), local, finished)

    def close(self) -> None:
        """End the workers at once."""
        for process in self._processes:
            process.kill()
        for process, pipe in zip(self._processes, self._pipes, strict=True):
            process.wait()
            pipe.close()
        self._processes, self._pipes = [], []

    def _start(self) -> None:
        """Start one worker and tell it what to play."""
        ours, theirs = Pipe()
        handle = theirs.fileno()
        limits = dict.fromkeys(_THREAD_VARIABLES, "1")
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, str(handle), str(os.getpid())],
                pass_fds=[handle],
                stdin=subprocess.DEVNULL,
                env=os.environ | limits | {"PYTHONPATH": path},
            )
        self._processes.append(process)
        self._pipes.append(ours)
        self._send(len(self._pipes) - 1, (self._game.spec, self._config, self._seed))

    def _local(self, generation: int, checkpoint: Path, games: int) -> Iterator[PlayedGame | Effort]:
        """Play in this process."""
        return _play(self._game, self._config, self._seed, generation, checkpoint, range(games))

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
    """A generation that is being played. Workers wait where nobody hears them: call `hear` now and then."""

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

    def hear(self, timeout: float | None = 0.0) -> None:
        """Take what the workers have said, waiting up to `timeout` seconds (None: for ever) for at least one of them.

        Raises:
            ChildProcessError: a worker failed or died.
        """
        for index, message in self._messages(self._busy, timeout):
            self._take(message)
            if isinstance(message, Effort):
                self._busy.remove(index)

    def finish(self) -> tuple[list[PlayedGame], Effort]:
        """Wait for the end; returns the games in order of their numbers, and what they cost.

        Unlike the games, the cost depends on how many workers there are, since each has its own cache.

        Raises:
            ChildProcessError: a worker failed or died.
        """
        for message in self._local or ():
            self._take(message)
        while self._busy:
            self.hear(None)
        return sorted(self._games, key=lambda game: game.number), self._effort

    def _take(self, message: PlayedGame | Effort) -> None:
        if isinstance(message, PlayedGame):
            self._games.append(message)
            self._finished(message)
        else:
            self._effort += message


def serve(handle: int, parent: int) -> None:
    """Run a worker: obey the parent at the other end of the pipe `handle` until it is gone."""
    _die_with(parent)
    os.nice(_NICENESS)
    with Connection(handle) as pipe:
        try:
            spec, config, seed = pipe.recv()
            game = load(spec)
            while True:
                generation, checkpoint, numbers = pipe.recv()
                for message in _play(game, config, seed, generation, checkpoint, numbers):
                    pipe.send(message)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except Exception:
            pipe.send(traceback.format_exc())


def _play(
    game: Game, config: SelfPlayConfig, seed: int, generation: int, checkpoint: Path, numbers: Sequence[int]
) -> Iterator[PlayedGame | Effort]:
    """Play games with the agent at `checkpoint`; yields each, and last what they cost."""
    start = time.process_time()
    config = config.at(generation)
    evaluator = _evaluator(game, config, checkpoint) if config.dial.consults_network else None
    yield from play_games(game, evaluator, config, seed, generation, numbers)
    evaluations = evaluator.evaluations if evaluator is not None else 0
    yield Effort(evaluations=evaluations, seconds=time.process_time() - start, memory=resident_memory())


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
