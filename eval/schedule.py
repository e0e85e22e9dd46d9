"""Who plays whom: round robin, gauntlet, and a schedule that plays where ratings are uncertain.

A table is the agents of one game, P of them, best thought of as a pairing. Every table plays rounds: the k-th opening
of its own, once in every seating. All randomness is derived from the tournament's seed and the table.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from eval.arena import Fixture
from eval.clusters import Outcomes, outcomes
from eval.match import seatings
from eval.openings import Book
from eval.rating import rate
from eval.records import Record, derive
from eval.statistics import ELO, score_of
from games.rules import Game

Table = tuple[int, ...]
"""Numbers of the agents that play each other, increasing."""


class Schedule(Enum):
    """How the games are spread over the pairings."""

    ROUND_ROBIN = "round-robin"
    GAUNTLET = "gauntlet"
    ADAPTIVE = "adaptive"


_FIRST_ROUNDS = 2
"""Rounds that the adaptive schedule gives every table before it looks at ratings."""
_BLOCK = 16
"""Rounds that it hands out at least before it rates again."""


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Makes fixtures: the same for the same arguments, whatever is played when.

    Attributes:
        game: the rules.
        identities: what an agent's play depends on, spec and hash of the checkpoint, by agent number.
        seed: the tournament's seed.
        opening_plies: length of the random openings.
        only: the tables that play, whatever the schedule; None = all that it has.
    """

    game: Game
    identities: dict[int, tuple[str, str]]
    seed: int
    opening_plies: int
    only: frozenset[frozenset[int]] | None = None
    _books: dict[Table, Book] = field(default_factory=dict)

    def tables(self, schedule: Schedule) -> list[Table]:
        """All tables; in a gauntlet those with the first agent. They do not depend on the order of the others."""
        numbers = list(self.identities)
        found = itertools.combinations(sorted(numbers, key=self.identities.__getitem__), self.game.players)
        return [
            table
            for table in found
            if (schedule is not Schedule.GAUNTLET or numbers[0] in table)
            and (self.only is None or frozenset(table) in self.only)
        ]

    def round(self, table: Table, number: int) -> list[Fixture]:
        """The fixtures of a table's round, one for every seating."""
        names = tuple(self.identities[agent] for agent in table)
        key = (self.seed, self.game.spec, self.opening_plies, names)
        if table not in self._books:
            self._books[table] = Book(self.game, self.opening_plies, derive("openings", *key))
        opening = self._books[table].line(number)
        return [
            Fixture(
                seats=tuple(table[place] for place in order),
                round=number,
                opening=opening,
                seed=derive("game", *key, number, order),
            )
            for order in seatings(self.game.players)
        ]


class FixedQueue:
    """The missing games of a schedule in which every table plays the same number of rounds."""

    def __init__(self, calendar: Calendar, schedule: Schedule, rounds: int, done: Iterable[Record]) -> None:
        seeds = {record.seed for record in done}
        fixtures = [
            fixture
            for number in range(rounds)
            for table in calendar.tables(schedule)
            for fixture in calendar.round(table, number)
        ]
        self.total = len(fixtures)
        self._missing = deque(fixture for fixture in fixtures if fixture.seed not in seeds)
        self.played = self.total - len(self._missing)

    def take(self, count: int) -> list[Fixture]:
        """At most `count` fixtures to be played next."""
        return [self._missing.popleft() for _ in range(min(count, len(self._missing)))]

    def report(self, record: Record) -> None:
        """Take note of a finished game."""
        self.played += 1


class AdaptiveQueue:
    """As many games as a round robin would have, each round given to the table that tells most about the ratings.

    What a round tells about a pairing is ½ ln(1 + v i): v the variance of the difference of its ratings, i the round's
    information on it. Rounds in play count as played. Of games that are done already, those missing before a table's
    last are played first.
    """

    def __init__(self, calendar: Calendar, rounds: int, done: Iterable[Record]) -> None:
        self._calendar = calendar
        self._records: list[Record] = []
        self._queue: deque[Fixture] = deque()
        tables = calendar.tables(Schedule.ADAPTIVE)
        self._seatings = len(seatings(calendar.game.players))
        finished = {record.seed: record for record in done}
        begun = dict.fromkeys(tables, min(_FIRST_ROUNDS, rounds))
        for record in finished.values():
            table = self._table(record)
            if table in begun:
                begun[table] = max(begun[table], record.round + 1)
        self._issued = begun
        for table, count in begun.items():
            for number in range(count):
                self._restore(self._calendar.round(table, number), finished)
        self._rounds_left = rounds * len(tables) - sum(begun.values())
        self.total = (sum(begun.values()) + max(self._rounds_left, 0)) * self._seatings
        self.played = len(self._records)

    def _restore(self, fixtures: Iterable[Fixture], finished: dict[int, Record]) -> None:
        """Count what is finished of a round, and queue what is missing."""
        for fixture in fixtures:
            if fixture.seed in finished:
                self._records.append(finished[fixture.seed])
            else:
                self._queue.append(fixture)

    def take(self, count: int) -> list[Fixture]:
        """At most `count` fixtures to be played next."""
        missing = count - len(self._queue)
        if missing > 0 and self._rounds_left > 0 and self._records:
            wanted = max(math.ceil(missing / self._seatings), _BLOCK)
            for table in self._choose(min(wanted, self._rounds_left)):
                self._queue += self._calendar.round(table, self._issued[table])
                self._issued[table] += 1
                self._rounds_left -= 1
        return [self._queue.popleft() for _ in range(min(count, len(self._queue)))]

    def report(self, record: Record) -> None:
        """Take note of a finished game."""
        self._records.append(record)
        self.played += 1

    def comparisons(self) -> Outcomes:
        """The games so far, ready to be rated."""
        return outcomes(self._records)

    def _choose(self, count: int) -> Sequence[Table]:
        """The tables of the next `count` rounds."""
        games: dict[Table, int] = dict.fromkeys(self._issued, 0)
        for record in self._records:
            games[self._table(record)] += 1
        if not all(games.values()):
            return sorted(self._issued, key=lambda table: (self._issued[table], table))[:count]
        names = {
            number: name for record in self._records for number, name in zip(record.seats, record.agents, strict=True)
        }
        ratings = rate(self.comparisons())
        heap: list[tuple[float, Table, float, int]] = []
        for table, played in games.items():
            pending = self._issued[table] - played // self._seatings
            worth = max(_worth(*ratings.difference(names[a], names[b])) for a, b in itertools.combinations(table, 2))
            heapq.heappush(heap, (-_gain(worth, pending), table, worth, pending))
        chosen = []
        for _ in range(count):
            _, table, worth, pending = heap[0]
            chosen.append(table)
            heapq.heapreplace(heap, (-_gain(worth, pending + 1), table, worth, pending + 1))
        return chosen

    def _table(self, record: Record) -> Table:
        """The table of a record."""
        return tuple(sorted(record.seats, key=self._calendar.identities.__getitem__))


def _worth(gap: float, low: float, high: float) -> float:
    """The variance of a difference of ratings times what one round tells about it."""
    share = score_of(gap)
    return ((high - low) / 3.92 / ELO) ** 2 * 2.0 * share * (1.0 - share)


def _gain(worth: float, pending: int) -> float:
    """What one more round tells when `pending` rounds are in play."""
    return math.log1p(worth / (1.0 + pending * worth))
