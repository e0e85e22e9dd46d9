"""What a run tells about itself while it goes on: reports of each generation, and who is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from games import Game, Positions
from training.config import Config
from training.effort import Effort
from training.learner import Losses
from training.playing import PlayedGame

OPENING = 8
"""Plies that count as a game's opening."""


@dataclass(frozen=True, kw_only=True)
class SelfPlayReport:
    """A generation's self-play.

    Attributes:
        games: games played.
        positions: positions searched.
        distinct: different ones among them.
        opening_diversity: the share of different ones among those of at most `OPENING` plies; NaN without any.
        seconds: wall time.
        processor_seconds: processor time of the workers, or of the process that played.
        simulations: simulations spent.
        evaluations: positions that the network evaluated; the cache answered for the other leaves.
        length: mean plies of a game.
        first_wins: share of games that the first player won.
        draws: share of games in which all players fared alike.
        gap: mean amortisation gap of moves with full budget, in nats; NaN where no network was consulted.
        proven: share of the positions that the search proved.
        resigned: share of games that a player gave up.
        false_resignations: among the games that were played out although a player would have given up, the share that
            this player did not lose; NaN without such games.
        age: mean age of the replay's samples in generations, the new ones included.
    """

    games: int
    positions: int
    distinct: int
    opening_diversity: float
    seconds: float
    processor_seconds: float
    simulations: int
    evaluations: int
    length: float
    first_wins: float
    draws: float
    gap: float
    proven: float
    resigned: float
    false_resignations: float
    age: float

    @property
    def simulations_per_second(self) -> float:
        """Simulations per second of wall time, all workers together."""
        return self.simulations / self.seconds

    @property
    def evaluations_per_second(self) -> float:
        """Network evaluations per second of wall time, all workers together."""
        return self.evaluations / self.seconds


@dataclass(frozen=True, kw_only=True)
class MatchReport:
    """A match of the agent against one anchor.

    Attributes:
        generation: the agent's.
        opponent: the anchor's spec.
        score: mean points in [0, 1].
        ci95: its 95 % confidence interval.
        elo: the difference that the score means, at most what one half game short of all, or of none, would mean.
        wins: games won.
        draws: games drawn.
        losses: games lost.
        distinct_games: different games among them.
    """

    generation: int
    opponent: str
    score: float
    ci95: tuple[float, float]
    elo: float
    wins: int
    draws: int
    losses: int
    distinct_games: int


@dataclass(frozen=True, kw_only=True)
class SolverReport:
    """The agent on solver-labelled positions.

    Attributes:
        generation: the agent's.
        agent: `network`, by itself, or `search`, at dial 0.5.
        simulations: its budget per move.
        blunders: share of moves that change the game-theoretic outcome, by class of position, and of `all`.
        value_error: mean distance of its value from the truth, in [0, 2].
        calibration: the same for the mean of positions that it values alike; see `eval.exact.Score`.
    """

    generation: int
    agent: str
    simulations: int
    blunders: Mapping[str, float]
    value_error: float
    calibration: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """One generation.

    Attributes:
        generation: its number, from 1.
        generations: how many there will be.
        self_play: its games.
        losses: means over its optimisation steps.
        learning_rate: in force during them.
        learning_seconds: wall time of learning.
        seconds: wall time since the generation before was saved, or since the run began or went on.
        matches: against every anchor, where this generation was evaluated.
        judged: on labelled positions, where this generation was evaluated and there are any.
        idle: share of the usable cores' time since the last report in which neither this process nor a worker ran.
        memory: resident bytes of this process and its workers.
        seconds_left: estimate for the rest of the run.
    """

    generation: int
    generations: int
    self_play: SelfPlayReport
    losses: Losses
    learning_rate: float
    learning_seconds: float
    seconds: float
    matches: tuple[MatchReport, ...]
    judged: tuple[SolverReport, ...]
    idle: float
    memory: int
    seconds_left: float


class Observer:
    """Is told what happens; this one ignores it all. Derive from it to show progress."""

    def started(self, game: Game, config: Config, run: Path, generation: int) -> None:
        """A run begins, or goes on after `generation`."""

    def game_played(self, generation: int, game: PlayedGame) -> None:
        """A game of self-play has ended."""

    def phase(self, generation: int, name: str) -> None:
        """A generation enters `"self-play"`, `"learning"` or `"evaluation"` (which includes saving)."""

    def generation_done(self, report: Report) -> None:
        """A generation is over and saved."""


def summarise(games: Sequence[PlayedGame], effort: Effort, seconds: float, age: float) -> SelfPlayReport:
    """The report of a generation's `games`, which took `effort` and wall `seconds`; `age` is the replay's."""
    positions = np.concatenate([game.samples["position"] for game in games])
    openings = positions[positions["ply"] <= OPENING]
    returns = np.stack([game.returns for game in games])
    verdicts = [game.resignation for game in games]
    tested = verdicts.count("right") + verdicts.count("wrong")
    gaps = [game.gap for game in games if not np.isnan(game.gap)]
    return SelfPlayReport(
        games=len(games),
        positions=len(positions),
        distinct=_distinct(positions),
        opening_diversity=_distinct(openings) / len(openings) if len(openings) else float("nan"),
        seconds=seconds,
        processor_seconds=effort.seconds,
        simulations=sum(game.simulations for game in games),
        evaluations=effort.evaluations,
        length=float(np.mean([game.length for game in games])),
        first_wins=float(np.mean((returns[:, :1] > returns[:, 1:]).all(axis=1))),
        draws=float(np.mean((returns == returns[:, :1]).all(axis=1))),
        gap=float(np.mean(gaps)) if gaps else float("nan"),
        proven=float(np.mean([game.proven for game in games])),
        resigned=verdicts.count("made") / len(games),
        false_resignations=verdicts.count("wrong") / tested if tested else float("nan"),
        age=age,
    )


def _distinct(positions: Positions) -> int:
    """How many of `positions` `[N]` are different."""
    return len({position.tobytes() for position in positions})
