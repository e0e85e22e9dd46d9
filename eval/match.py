"""Matches: the same agents play seeded random openings, each once in every seating, all games batched. P players."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from eval import openings, records
from eval.arena import Fixture, play_fixtures
from eval.clusters import clusters
from eval.records import Cost, Record, derive
from eval.statistics import elo_of, pentanomial, score_interval
from games.rules import Game
from hybrid.agent import Agent


@dataclass(frozen=True)
class Match:
    """The games of one match and what follows from them, from the first agent's view.

    Every opening weighs the same however often it was repeated, so games that repeat each other exactly change neither
    score nor interval (`eval.clusters`); wins, draws and losses count all games.
    """

    games: tuple[Record, ...]

    def __post_init__(self) -> None:
        if not self.games:
            raise ValueError("a match needs at least one game, got none")

    @cached_property
    def points(self) -> list[float]:
        """The first agent's points in each game, in [0, 1]."""
        return [game.score(0) for game in self.games]

    @cached_property
    def clusters(self) -> list[float]:
        """The first agent's mean points in each independent observation; see `eval.clusters`."""
        return [float(np.mean([game.score(0) for one in cluster for game in one])) for cluster in clusters(self.games)]

    @property
    def score(self) -> float:
        """The first agent's mean points, in [0, 1]."""
        return float(np.mean(self.clusters))

    @property
    def ci95(self) -> tuple[float, float]:
        """The 95 % confidence interval of `score`; see `eval.statistics.score_interval`."""
        return score_interval(self.clusters)

    @property
    def elo(self) -> float:
        """The Elo difference that `score` means; infinite at a perfect score."""
        return elo_of(self.score)

    @property
    def elo_ci95(self) -> tuple[float, float]:
        """The 95 % confidence interval of `elo`."""
        low, high = self.ci95
        return elo_of(low), elo_of(high)

    @property
    def wins(self) -> int:
        """Games in which the first agent alone did best."""
        return sum(point == 1.0 for point in self.points)

    @property
    def losses(self) -> int:
        """Games in which some opponent did better than the first agent."""
        return len(self.games) - self.wins - self.draws

    @property
    def draws(self) -> int:
        """Games in which the first agent shared the best return."""
        best = [(max(game.returns), game.returns[game.seats.index(0)]) for game in self.games]
        return sum(own == top for top, own in best) - self.wins

    @property
    def distinct_games(self) -> int:
        """How many of the games differ in seating or moves."""
        return len({(game.seats, game.moves) for game in self.games})

    @property
    def pentanomial(self) -> tuple[int, ...]:
        """How many pairs of games gave the first agent 0, ½, 1, 1½ and 2 points; for two players."""
        rounds: dict[int, float] = {}
        for game, point in zip(self.games, self.points, strict=True):
            rounds[game.round] = rounds.get(game.round, 0.0) + point
        return tuple(pentanomial(list(rounds.values())).tolist())

    @property
    def caution(self) -> str | None:
        """What is wrong with the sample, if anything is."""
        if 2 * self.distinct_games > len(self.games):
            return None
        return (
            f"only {self.distinct_games} of {len(self.games)} games are distinct: the agents repeat their games; "
            "give them more random openings (opening_plies)"
        )

    def costs(self, agent: int) -> Cost:
        """What agent number `agent` spent in all games together."""
        spent = [game.costs[game.seats.index(agent)] for game in self.games]
        return Cost(
            evaluations=sum(cost.evaluations for cost in spent),
            plies=sum(cost.plies for cost in spent),
            seconds=sum(cost.seconds for cost in spent),
            moves=sum(cost.moves for cost in spent),
        )

    @classmethod
    def of(cls, games: Iterable[Record]) -> Match:
        """The match of these games, in whatever order they ended."""
        return cls(tuple(sorted(games, key=lambda game: (game.round, game.seats))))

    def save(self, path: Path | str) -> None:
        """Write the games as JSON lines."""
        records.save(self.games, path)

    @classmethod
    def load(cls, path: Path | str) -> Match:
        """Read what `save` wrote. Raises ValueError on anything else."""
        return cls(tuple(records.load(path)))


def play(
    game: Game,
    agents: Sequence[Agent],
    games: int,
    rng: np.random.Generator,
    *,
    opening_plies: int = 4,
    concurrent: int = 64,
    memory: bool = False,
    progress: Callable[[Record], None] | None = None,
) -> Match:
    """Play a match: every seeded random opening once in every seating of the agents.

    Args:
        game: the rules.
        agents: one for each player; the first is the one whose score is given.
        games: how many, a multiple of the number of seatings (`seatings`; 2 for two players).
        rng: draws the openings and the seed of the decisions.
        opening_plies: length of the openings; see `eval.openings.draw`.
        concurrent: how many games are played at once. It changes no game, only speed.
        memory: whether agents are told which game a position is from, so that they may reuse what they found at earlier
            moves. How much they remember may depend on how many games are played at once; without it nothing does.
        progress: called with each game as it finishes.

    Raises:
        ValueError: an argument does not fit the game, or an agent chooses an illegal move.
    """
    orders = seatings(game.players)
    if len(agents) != game.players:
        raise ValueError(f"agents must be {game.players}, one for each player of the game, got {len(agents)}")
    if games < 1 or games % len(orders):
        raise ValueError(f"games must be a positive multiple of {len(orders)}, the number of seatings, got {games}")
    seed = int(rng.integers(2**63))
    lines = openings.draw(game, games // len(orders), opening_plies, rng)
    fixtures = [fixture for number, line in enumerate(lines) for fixture in round_of(game, number, line, seed)]
    finished = []
    for record in play_fixtures(game, agents, fixtures, concurrent=concurrent, memory=memory):
        finished.append(record)
        if progress is not None:
            progress(record)
    match = Match.of(finished)
    if match.caution is not None:
        warnings.warn(match.caution, stacklevel=2)
    return match


def round_of(game: Game, number: int, opening: openings.Moves, seed: int) -> list[Fixture]:
    """Round `number` of a match that is seeded by `seed`: its opening in every seating."""
    return [
        Fixture(seats=order, round=number, opening=opening, seed=derive(seed, number, order))
        for order in seatings(game.players)
    ]


def seatings(players: int) -> list[tuple[int, ...]]:
    """The seatings that a round goes through: who sits where, `[P]` agent numbers by seat.

    All orders up to three players; above that the rotations, in which everyone sits everywhere equally often.

    Raises:
        ValueError: there is nobody to meet.
    """
    if players < 2:
        raise ValueError(f"game must be for at least 2 players to have matches, it is for {players}")
    if players <= 3:
        return list(itertools.permutations(range(players)))
    return [tuple((seat + turn) % players for seat in range(players)) for turn in range(players)]
