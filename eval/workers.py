"""Playing a queue of fixtures in this process or in several; finished games come back one by one."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from queue import Empty, SimpleQueue
from typing import Protocol

from eval.arena import Fixture, play_fixtures
from eval.records import Record
from games import load as load_game
from games.rules import Game
from hybrid.agent import Agent
from hybrid.termination import closing_when_terminated

PATIENCE = 3.0
"""Seconds that a worker has to end when it is told to: compiled code that runs is not interrupted."""

Loader = Callable[[Sequence[str], Game], list[Agent]]
"""Makes agents from specs, as `hybrid.agents.load_all`; a function at the top of a module, for other processes."""


class Queue(Protocol):
    """Where fixtures come from; see `eval.schedule`."""

    def take(self, count: int) -> list[Fixture]:
        """At most `count` fixtures to be played next; fewer if there are no more for now."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """What a worker must know to play.

    Attributes:
        game: spec of the game.
        agents: spec by agent number.
        loader: makes the agents.
        concurrent: games that one worker plays at once.
    """

    game: str
    agents: dict[int, str]
    loader: Loader
    concurrent: int

    def load(self) -> Callable[[Iterator[Fixture | None]], Iterator[Record]]:
        """Load the agents and return what plays fixtures with them.

        Agents have no memory from move to move there: a game depends on nothing but its seed.
        """
        game = load_game(self.game)
        agents = dict(zip(self.agents, self.loader(list(self.agents.values()), game), strict=True))
        anyone = next(iter(agents.values()))
        seated: Sequence[Agent] = [agents.get(number, anyone) for number in range(max(agents) + 1)]
        return lambda fixtures: play_fixtures(game, seated, fixtures, concurrent=self.concurrent)


def play_queue(crew: Crew, queue: Queue, workers: int) -> Iterator[Record]:
    """Play all of `queue` and yield each game as it ends; the caller reports it to the queue before the next.

    Raises:
        ValueError: an agent cannot be loaded or chooses an illegal move.
        RuntimeError: a worker process died.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if workers == 1:
        yield from crew.load()(_stream(queue))
        return
    context = multiprocessing.get_context("spawn")
    connections: dict[Connection, int] = {}
    processes = []
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(crew, theirs), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            connections[ours] = 0
        yield from _serve(connections, queue, crew.concurrent)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(PATIENCE)
            process.kill()
            process.join()


def _stream(queue: Queue) -> Iterator[Fixture | None]:
    """The queue's fixtures one by one; None where there is none for now."""
    while True:
        yield next(iter(queue.take(1)), None)


def _serve(connections: dict[Connection, int], queue: Queue, concurrent: int) -> Iterator[Record]:
    """Keep all workers supplied with fixtures and yield what they send; values count games in their hands."""
    while True:
        for connection, held in sorted(connections.items(), key=lambda item: item[1]):
            # A few in reserve, so that a worker never waits for the next.
            fixtures = queue.take(concurrent + concurrent // 4 + 1 - held)
            if fixtures:
                with suppress(ConnectionError):  # what a worker that has ended had to say is read below
                    connection.send(fixtures)
                connections[connection] += len(fixtures)
        if not any(connections.values()):
            return
        for ready in wait(list(connections)):
            assert isinstance(ready, Connection)
            try:
                message = ready.recv()
            except (EOFError, ConnectionError):
                raise RuntimeError(
                    "a worker process died; all finished games are stored, run again to resume"
                ) from None
            if isinstance(message, BaseException):
                raise message
            connections[ready] -= 1
            yield message


def _work(crew: Crew, connection: Connection) -> None:
    """The life of a worker process: play what is sent, send what is finished, end with the parent.

    When it is terminated it ends as Python does, so that programs which its agents run end too.
    """
    with closing_when_terminated(0):
        _play_what_comes(crew, connection)


def _play_what_comes(crew: Crew, connection: Connection) -> None:
    """Until the connection ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    inbox: SimpleQueue[Fixture] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, inbox), daemon=True).start()
    try:
        play = crew.load()
        while True:
            for record in play(itertools.chain([inbox.get()], _at_hand(inbox))):
                connection.send(record)
    except (ConnectionError, KeyboardInterrupt):
        return
    except Exception as error:
        connection.send(error)


def _receive(connection: Connection, inbox: SimpleQueue[Fixture]) -> None:
    """Take what the parent sends at any time: were both sides to wait until the other reads, nobody would."""
    try:
        while True:
            for fixture in connection.recv():
                inbox.put(fixture)
    except (EOFError, OSError):
        return


def _at_hand(inbox: SimpleQueue[Fixture]) -> Iterator[Fixture | None]:
    """What the parent has sent, without waiting for more."""
    while True:
        try:
            yield inbox.get_nowait()
        except Empty:
            yield None


def _end_with_parent() -> None:
    """Leave as soon as the parent process is gone, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
