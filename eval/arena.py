"""Playing many games at once: all positions in which one agent is to move are decided in one call, those of agents that
share a network in the same batches.

Shapes: B games at once, P players.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from eval.records import Cost, Record, derive
from games import Positions
from games.chance import awaits, draw
from games.rules import Game
from hybrid import together
from hybrid.agent import Agent, Decisions

_CHANCE = -1
"""In place of the number of an agent, where chance moves."""


@dataclass(frozen=True, kw_only=True)
class Fixture:
    """A game to be played.

    Attributes:
        seats: `[P]` numbers of the agents, by seat.
        round: the round it belongs to, as in `Record`.
        opening: the moves that are given.
        seed: what the seeds of all decisions, and the outcomes of chance, are derived from; a game depends on nothing
            else.
    """

    seats: tuple[int, ...]
    round: int
    opening: tuple[int, ...]
    seed: int


@dataclass
class _Live:
    """A game in progress."""

    fixture: Fixture
    number: int
    moves: list[int]
    costs: list[Cost] = field(default_factory=list)


def play_fixtures(
    game: Game,
    agents: Sequence[Agent],
    fixtures: Iterable[Fixture | None],
    *,
    concurrent: int = 64,
    memory: bool = False,
) -> Iterator[Record]:
    """Play `fixtures` and yield each game as it ends.

    The next fixture is taken when fewer than `concurrent` games are in progress; None says that none is at hand at
    the moment, and is asked for again after the next move. Without `memory` agents decide afresh at every move.
    With it they are told as `games` a number that every side of every game has of its own, so that an agent that meets
    itself keeps two memories.

    Raises:
        ValueError: `concurrent` is not positive, an agent chooses an illegal move, or an opening ends its game.
    """
    if concurrent < 1:
        raise ValueError(f"concurrent must be at least 1, got {concurrent}")
    for agent in agents:
        agent.forget()
    source, started = iter(fixtures), 0
    live: list[_Live] = []
    positions = game.initial(0)
    while True:
        for fixture in _take(source, concurrent - len(live)):
            live.append(_Live(fixture, started, list(fixture.opening), [Cost()] * game.players))
            positions = np.concatenate((positions, _opened(game, fixture.opening)))
            started += 1
        if not live:
            return
        positions = game.step(positions, _decide(game, agents, live, positions, memory))
        over = positions["terminal"] != 0
        ended = [_record(game, agents, live[row], positions[row]) for row in np.flatnonzero(over)]
        live = [one for one, done in zip(live, over, strict=True) if not done]
        positions = positions[~over]
        yield from ended


def _take(source: Iterator[Fixture | None], room: int) -> Iterator[Fixture]:
    """At most `room` fixtures, fewer if the source has none at hand."""
    for _ in range(room):
        fixture = next(source, None)
        if fixture is None:
            return
        yield fixture


def _opened(game: Game, opening: Sequence[int]) -> Positions:
    """The position `[1]` after an opening."""
    position = game.initial()
    for move in opening:
        position = game.step(position, [move])
    if position["terminal"][0]:
        raise ValueError(f"opening {list(opening)} ends the game: openings must leave something to play")
    return position


def _decide(
    game: Game, agents: Sequence[Agent], live: Sequence[_Live], positions: Positions, memory: bool
) -> npt.NDArray[np.int64]:
    """Everyone's moves `[B]`, all agents deciding together, and chance's; moves and costs are added to `live`."""
    seats = positions["to_play"].astype(np.int64)
    nature = np.flatnonzero(awaits(game, positions))
    movers = np.array([(*one.fixture.seats, _CHANCE)[seat] for one, seat in zip(live, seats, strict=True)])
    sides = np.array([one.number for one in live]) * game.players + seats
    seeds = np.array([derive(one.fixture.seed, len(one.moves)) for one in live], np.uint64)
    actions = np.empty(len(live), np.int64)
    if len(nature):
        actions[nature] = draw(game, positions[nature], seeds[nature] / 2.0**64)
        for row in nature.tolist():
            live[row].moves.append(int(actions[row]))
    places = [np.flatnonzero(movers == mover) for mover in np.setdiff1d(movers, _CHANCE)]
    requests = [
        together.Request(
            agent=agents[movers[rows[0]]],
            positions=positions[rows],
            seeds=seeds[rows],
            games=sides[rows] if memory else None,
        )
        for rows in places
    ]
    for rows, request, decisions in zip(places, requests, together.decide(requests), strict=True):
        actions[rows] = _allowed(game, request.agent.name, request.positions, decisions.actions)
        for k, row in enumerate(rows.tolist()):
            live[row].moves.append(int(actions[row]))
            seat = seats[row]
            live[row].costs[seat] = _added(live[row].costs[seat], decisions, k)
    return actions


def _added(before: Cost, decisions: Decisions, row: int) -> Cost:
    """What a side has spent, one more decision included."""
    return Cost(
        evaluations=before.evaluations + int(decisions.evaluations[row]),
        plies=before.plies + int(decisions.plies[row]),
        seconds=before.seconds + float(decisions.seconds[row]),
        moves=before.moves + 1,
    )


def _allowed(game: Game, name: str, positions: Positions, actions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`actions` `[B]`, if all are legal in `positions` `[B]`."""
    legal = game.legal_actions(positions)
    for row, action in enumerate(actions):
        if not 0 <= action < game.num_actions or not legal[row, action]:
            allowed = np.flatnonzero(legal[row]).tolist()
            raise ValueError(
                f"agent {name!r} chose action {action} at ply {positions['ply'][row]}: legal are {allowed}"
            )
    return actions


def _record(game: Game, agents: Sequence[Agent], one: _Live, position: np.void) -> Record:
    """A finished game for the records."""
    return Record(
        game=game.spec,
        agents=tuple(agents[number].name for number in one.fixture.seats),
        seats=one.fixture.seats,
        round=one.fixture.round,
        seed=one.fixture.seed,
        opening=len(one.fixture.opening),
        moves=tuple(one.moves),
        returns=tuple(float(value) for value in position["returns"]),
        costs=tuple(one.costs),
    )
