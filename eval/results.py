"""What a tournament's games say: standings, ratings, how many games are distinct."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from eval.clusters import outcomes
from eval.rating import Ratings, rate
from eval.records import Record


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One line of the table: Elo is None while too few games connect the agents.

    Attributes:
        agent: its label.
        elo: its rating.
        ci95: the 95 % interval of the rating.
        games: how many it played.
        score: its mean points, in [0, 1].
    """

    agent: str
    elo: float | None
    ci95: tuple[float, float] | None
    games: int
    score: float | None


@dataclass(frozen=True, kw_only=True)
class Results:
    """The games of a tournament and what follows from them.

    Attributes:
        game: spec of the game.
        agents: labels of the agents.
        records: all games, in an order that does not depend on when they finished.
        anchor: the agent whose rating is `anchor_elo`, or None for the pool's mean.
        anchor_elo: what the anchor is rated.
    """

    game: str
    agents: tuple[str, ...]
    records: tuple[Record, ...]
    anchor: str | None = None
    anchor_elo: float = 0.0

    @cached_property
    def ratings(self) -> Ratings:
        """The ratings. Raises ValueError while games do not connect the agents."""
        return rate(outcomes(self.records), anchor=self.anchor, anchor_elo=self.anchor_elo)

    @cached_property
    def standings(self) -> list[Standing]:
        """The agents, best first."""
        points: dict[str, list[float]] = {label: [] for label in self.agents}
        for record in self.records:
            for seat, label in zip(record.seats, record.agents, strict=True):
                points[label].append(record.score(seat))
        try:
            rated = self.ratings if all(points.values()) else None
        except ValueError:
            rated = None
        lines = [
            Standing(
                agent=label,
                elo=None if rated is None else float(rated.elo[rated.agents.index(label)]),
                ci95=None if rated is None else rated.interval(label),
                games=len(gained),
                score=sum(gained) / len(gained) if gained else None,
            )
            for label, gained in points.items()
        ]
        return sorted(lines, key=lambda line: (line.elo or 0.0, line.score or 0.0), reverse=True)

    @property
    def distinct_games(self) -> int:
        """How many games differ in players, seats or moves."""
        return len({(record.agents, record.moves) for record in self.records})

    @property
    def caution(self) -> str | None:
        """What is wrong with the sample, if anything is: in all of it, or between some of the agents."""
        tables: dict[tuple[str, ...], list[Record]] = {}
        for record in self.records:
            tables.setdefault(tuple(sorted(record.agents)), []).append(record)
        counts = {names: (len({(game.agents, game.moves) for game in met}), len(met)) for names, met in tables.items()}
        repeating = {names: (distinct, met) for names, (distinct, met) in counts.items() if 2 * distinct <= met}
        if not repeating:
            return None
        names, (distinct, met) = min(repeating.items(), key=lambda item: item[1][0] / item[1][1])
        others = f" (and so in {len(repeating) - 1} more pairings)" if len(repeating) > 1 else ""
        return (
            f"only {distinct} of {met} games between {' and '.join(names)} are distinct{others}: the agents repeat "
            "their games; give them more random openings (opening_plies)"
        )
