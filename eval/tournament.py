"""Tournaments: many agents, one store, any number of processes; killed or interrupted, they go on where they were."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval.match import seatings
from eval.records import Record
from eval.results import Results
from eval.schedule import AdaptiveQueue, Calendar, FixedQueue, Schedule
from eval.store import Store
from eval.workers import Crew, Loader, play_queue
from games import load as load_game
from games.rules import Game
from hybrid import agents as hybrid_agents
from hybrid import checkpoint

_PROGRESS_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be played.

    Attributes:
        game: spec of the game.
        agents: specs of the agents; in a gauntlet the first meets all others.
        games: how many games each pairing plays (on average, if adaptive); rounded up to whole rounds.
        schedule: how they are spread.
        seed: source of all openings and decisions.
        opening_plies: length of the random openings.
        pairings: who meets whom, as places in `agents`, out of the pairings of the schedule; None = all of them.
    """

    game: str
    agents: tuple[str, ...]
    games: int = 200
    schedule: Schedule = Schedule.ROUND_ROBIN
    seed: int = 0
    opening_plies: int = 4
    pairings: tuple[tuple[int, ...], ...] | None = None

    def __post_init__(self) -> None:
        if len(set(self.agents)) < len(self.agents):
            raise ValueError(f"agents must differ, got {', '.join(self.agents)}")
        if self.games < 1:
            raise ValueError(f"games must be at least 1, got {self.games}")
        if self.opening_plies < 0:
            raise ValueError(f"opening_plies must be at least 0, got {self.opening_plies}")

    def tables(self, numbers: Sequence[int]) -> frozenset[frozenset[int]] | None:
        """`pairings` by the agents' `numbers` instead of their places."""
        if self.pairings is None:
            return None
        return frozenset(frozenset(numbers[place] for place in pairing) for pairing in self.pairings)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a tournament is."""

    played: int
    total: int
    results: Results


def run(
    plan: Plan,
    path: Path | str,
    *,
    workers: int = 1,
    concurrent: int = 64,
    anchor: str | None = None,
    anchor_elo: float = 0.0,
    progress: Callable[[Progress], None] | None = None,
    loader: Loader = hybrid_agents.load_all,
) -> Results:
    """Play what is missing of `plan` in the store at `path`, and return all games of its agents.

    Args:
        plan: what to play. A fixed schedule of agents without time budgets ends with the same games, whatever the
            number of workers and however often it was interrupted.
        path: the store, made if it does not exist; several processes may write to one at a time. All its games have
            the same seed and opening length, and were made by one version of the agents (`PLAY_VERSION`).
        workers: processes to play in.
        concurrent: games that each of them plays at once.
        anchor: spec of the agent whose rating is `anchor_elo`; the pool's mean without one.
        anchor_elo: see `anchor`.
        progress: called now and then, and at the end, also when that is a KeyboardInterrupt.
        loader: makes agents from specs.

    Raises:
        ValueError: an argument does not fit, an agent cannot be loaded, or the store cannot be used.
    """
    game = _game_of(plan, anchor)
    resolved = [resolve(spec, game) if loader is hybrid_agents.load_all else (spec, "") for spec in plan.agents]
    concrete, hashes = zip(*resolved, strict=True)
    loader(concrete, game)  # a mistake should be known before the store is written to
    with Store(path, game.spec) as store:
        store.require_version()
        for name in ("seed", "opening_plies"):
            store.require(name, getattr(plan, name))
        identities = {store.agent(*names): names for names in zip(plan.agents, hashes, strict=True)}
        numbers = list(identities)
        calendar = Calendar(
            game=game,
            identities=identities,
            seed=plan.seed,
            opening_plies=plan.opening_plies,
            only=plan.tables(numbers),
        )
        entrants = dict(zip(numbers, concrete, strict=True))
        crew = Crew(game=game.spec, agents=entrants, loader=loader, concurrent=concurrent)
        anchored = None if anchor is None else numbers[plan.agents.index(anchor)]
        reader = _Reader(store, numbers, anchored, anchor_elo)
        _play(plan, calendar, crew, store, reader, workers, progress)
        return reader.results(store.records())


def _game_of(plan: Plan, anchor: str | None) -> Game:
    """The game of a plan. Raises ValueError unless the plan and `anchor` fit it."""
    game = load_game(plan.game)
    if len(plan.agents) < game.players:
        raise ValueError(f"agents must be at least {game.players}, the game's players, got {len(plan.agents)}")
    if anchor is not None and anchor not in plan.agents:
        raise ValueError(f"anchor must be one of the agents {', '.join(plan.agents)}, got {anchor!r}")
    return game


def _play(
    plan: Plan,
    calendar: Calendar,
    crew: Crew,
    store: Store,
    reader: _Reader,
    workers: int,
    progress: Callable[[Progress], None] | None,
) -> None:
    """Play the missing games, write each at once and tell how far things are."""
    rounds = -(-plan.games // len(seatings(calendar.game.players)))
    known = list(reader.results(store.records()).records)
    queue: FixedQueue | AdaptiveQueue
    if plan.schedule is Schedule.ADAPTIVE:
        queue = AdaptiveQueue(calendar, rounds, known)
    else:
        queue = FixedQueue(calendar, plan.schedule, rounds, known)
    tell = progress or (lambda _: None)
    told = time.monotonic()
    labels = store.labels()
    try:
        for played in play_queue(crew, queue, workers):
            record = replace(played, agents=tuple(labels[number] for number in played.seats))
            store.add([record])
            queue.report(record)
            known.append(record)
            if time.monotonic() - told > _PROGRESS_SECONDS:
                tell(Progress(played=queue.played, total=queue.total, results=reader.results(known)))
                told = time.monotonic()
    except KeyboardInterrupt:
        known = store.records()
        raise
    finally:
        tell(Progress(played=queue.played, total=queue.total, results=reader.results(known)))


@dataclass(frozen=True)
class _Reader:
    """Picks the games of some agents out of a store's."""

    store: Store
    numbers: Sequence[int]
    anchor: int | None
    anchor_elo: float

    def results(self, records: Sequence[Record]) -> Results:
        """The results that these games make."""
        labels = self.store.labels()
        wanted = set(self.numbers)
        ours = (record for record in records if wanted.issuperset(record.seats))
        return Results(
            game=self.store.game,
            agents=tuple(labels[number] for number in self.numbers),
            # An agent's label changes when another process adds one with the same spec.
            records=tuple(_labelled(record, labels) for record in ours),
            anchor=None if self.anchor is None else labels[self.anchor],
            anchor_elo=self.anchor_elo,
        )


def _labelled(record: Record, labels: dict[int, str]) -> Record:
    """The record with its agents named as they are now."""
    names = tuple(labels[number] for number in record.seats)
    return record if record.agents == names else replace(record, agents=names)


def resolve(spec: str, game: Game) -> tuple[str, str]:
    """The spec of an agent of `game` with its run replaced by the checkpoint that it means now, and that file's hash.

    A run that is still training would otherwise be another agent from one worker to the next; and so would a strength
    (`elo`) that is calibrated anew, or a dial that is tuned anew.

    Raises:
        ValueError: no such agent.
    """
    parsed = hybrid_agents.parse_spec(spec, game)
    if parsed.kind != hybrid_agents.RUN:
        return spec, ""
    file = checkpoint.find(parsed.path)
    _, mark, query = spec.partition("?")
    options = hybrid_agents.expand(parsed)
    if options == parsed.options:
        return f"{file}{mark}{query}", checkpoint.digest_of(file)
    meant = "&".join(f"{key}={value}" for key, value in options)
    return f"{file}?{meant}", checkpoint.digest_of(file, meant)


def read(path: Path | str, game: str, *, anchor: str | None = None, anchor_elo: float = 0.0) -> Results:
    """All games of a store, without playing any, and the agents that played them.

    Raises:
        ValueError: there is no store of `game` at `path`.
    """
    if not Path(path).is_file():
        raise ValueError(f"there is no tournament store {str(path)!r}")
    with Store(path, load_game(game).spec) as store:
        records = tuple(store.records())
        played = {number for record in records for number in record.seats}
        return Results(
            game=store.game,
            agents=tuple(label for number, label in store.labels().items() if number in played),
            records=records,
            anchor=anchor,
            anchor_elo=anchor_elo,
        )
