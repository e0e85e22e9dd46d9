"""Dials of one agent against each other in real games: each stored as it ends, none played twice.

An entrant is what its options say, the agent's checkpoint and the budget being common to all. R rounds of a duel.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import numpy as np

from eval.arena import Fixture, play_fixtures
from eval.match import Match, seatings
from eval.openings import Book, Moves
from eval.records import Record, derive
from eval.store import Store
from eval.tuning.loop import Duel
from eval.tuning.space import Floats
from games.rules import Game
from hybrid import agents, checkpoint
from hybrid.tuned import Options

Names = Callable[[int], Options]
"""What sets a candidate apart from the others."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all games have in common.

    Attributes:
        game: the rules, for two players.
        file: the agent's checkpoint.
        common: options of every entrant, the budget among them.
        store: where games are kept.
        seed: source of all openings and decisions.
        opening_plies: length of the random openings.
        concurrent: games played at once; it changes none.
    """

    game: Game
    file: Path
    common: Options
    store: Path
    seed: int
    opening_plies: int
    concurrent: int


class Matches:
    """Plays and remembers; a context manager."""

    def __init__(self, setup: Setup, progress: Callable[[Record], None] | None = None) -> None:
        """Open the store, or make it.

        Raises:
            ValueError: it is something else, or of other games.
        """
        self.setup = setup
        self._progress = progress or (lambda record: None)
        self._store = Store(setup.store, setup.game.spec)
        try:
            self._store.require_version()
            for name in ("seed", "opening_plies"):
                self._store.require(name, getattr(setup, name))
            self._hash = checkpoint.digest_of(setup.file)
            self._known = {record.seed: record for record in self._store.records()}
        except BaseException:
            self._store.close()
            raise
        self._book = Book(setup.game, setup.opening_plies, derive("openings", setup.seed))
        self._searched = 0
        self._met: dict[frozenset[Options], set[Moves]] = {}
        self._seen: set[frozenset[tuple[tuple[Options, ...], tuple[int, ...]]]] = set()

    def __enter__(self) -> Matches:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()

    def scores(self, names: Names, duels: Sequence[Duel]) -> list[Floats]:
        """The objective of `eval.tuning.loop.optimise` over candidates that `names` sets apart.

        A round that repeats an earlier one of the same two move for move, as deterministic agents do once openings
        recur, tells nothing new and is left out.
        """
        fixtures = [
            fixture
            for duel in duels
            for number in range(duel.start, duel.start + duel.rounds)
            for fixture in self._round("search", names(duel.first), names(duel.second), number)
        ]
        for one, other, fixture in fixtures:
            self._searched = max(self._searched, fixture.round + 1)
            self._met.setdefault(frozenset((one, other)), set()).add(fixture.opening)
        finished = iter(self._play(fixtures))
        found = []
        for duel in duels:
            entrants = names(duel.first), names(duel.second)
            rounds = [(next(finished), next(finished)) for _ in range(duel.rounds)]
            told = [pair for pair in rounds if self._new(entrants, pair)]
            found.append(np.array([np.mean([game.score(0) for game in pair]) for pair in told]))
        return found

    def match(self, first: Options, second: Options, games: int) -> Match:
        """A match of two entrants after the search, and independent of it: on openings that it has not used.

        Once there are no more of those, on openings that it has not used between the same two, if there are any.
        """
        met = self._met.get(frozenset((first, second)), set())
        rounds, skipped, numbers = games // 2, 0, list[int]()
        for number in itertools.count(self._searched):
            if self._book.line(number) in met and skipped <= rounds + len(met):
                skipped += 1
            else:
                numbers.append(number)
            if len(numbers) == rounds:
                break
        fixtures = [fixture for number in numbers for fixture in self._round("match", first, second, number)]
        return Match(tuple(self._play(fixtures)))

    def _play(self, fixtures: Sequence[tuple[Options, Options, Fixture]]) -> list[Record]:
        """The games of fixtures, in order, with the entrants as agents 0 and 1: from the store, or else played."""
        missing = [entry for entry in fixtures if entry[2].seed not in self._known]
        entrants = list(dict.fromkeys(options for one, other, _ in missing for options in (one, other)))
        loaded = agents.load_all([self._spec(options) for options in entrants], self.setup.game)
        numbers = [self._store.agent(self._label(options), self._hash) for options in entrants]
        labels = [self._label(options) for options in entrants]
        seated = [
            replace(fixture, seats=tuple(entrants.index((one, other)[seat]) for seat in fixture.seats))
            for one, other, fixture in missing
        ]
        playing = play_fixtures(self.setup.game, loaded, seated, concurrent=self.setup.concurrent)
        for played in playing:
            record = replace(
                played,
                seats=tuple(numbers[seat] for seat in played.seats),
                agents=tuple(labels[seat] for seat in played.seats),
            )
            self._store.add([record])
            self._known[record.seed] = record
            self._progress(record)
        return [replace(self._known[fixture.seed], seats=fixture.seats) for _, _, fixture in fixtures]

    def _round(
        self, purpose: str, first: Options, second: Options, number: int
    ) -> list[tuple[Options, Options, Fixture]]:
        """The two games from opening `number`, whose seeds derive from all that they depend on, `purpose` included."""
        setup, opening = self.setup, self._book.line(number)
        key = (purpose, setup.seed, setup.game.spec, setup.opening_plies, self._hash, setup.common, first, second)
        return [
            (
                first,
                second,
                Fixture(seats=order, round=number, opening=opening, seed=derive(*key, number, order)),
            )
            for order in seatings(2)
        ]

    def _new(self, entrants: tuple[Options, Options], pair: tuple[Record, ...]) -> bool:
        """Whether the games of a round of two entrants have not all been played before."""
        games = frozenset((tuple(entrants[seat] for seat in game.seats), game.moves) for game in pair)
        known = games in self._seen
        self._seen.add(games)
        return not known

    def _spec(self, options: Options) -> str:
        """An entrant as `hybrid.agents.load` reads it."""
        return f"{self.setup.file}?{_query(self.setup.common + options)}"

    def _label(self, options: Options) -> str:
        """An entrant's name in the store, wherever the run folder lies."""
        return f"{self.setup.file.name}?{_query(self.setup.common + options)}"


def _query(options: Options) -> str:
    return "&".join(f"{key}={value}" for key, value in options)
