"""Is one agent better than another? A sequential test that stops as soon as the games say so.

The generalised sequential probability ratio test on pairs of games: an opening played both ways gives 0, ½, 1, 1½ or
2 points, five outcomes of unknown chances whose mean alone the hypotheses fix. The log-likelihood ratio compares the
two multinomials of greatest likelihood with the means of `elo0` and `elo1` (Van den Bergh, "A practical introduction
to the GSPRT", eq. 2.1); Wald's bounds (1945) then limit the error rates. Pairs, not games, are independent, and only
those of different openings: where openings recur, deterministic agents play the same pair again, which is no news.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from scipy import optimize

from eval.arena import play_fixtures
from eval.match import Match, round_of
from eval.openings import Book
from eval.records import Record, derive
from eval.statistics import score_of
from games.rules import Game
from hybrid.agent import Agent

_POINTS = np.linspace(0.0, 1.0, 5)
_UNSEEN = 1e-3
"""Pairs counted for an outcome that has not occurred, so that the likelihood is never zero."""


class Verdict(Enum):
    """What a sequential test says."""

    BETTER = "better"
    NOT_BETTER = "not better"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Sprt:
    """A test of "the first agent is `elo1` better" against "it is `elo0` better".

    Attributes:
        elo0: the hypothesis to be rejected when the agent is better.
        elo1: the improvement looked for.
        alpha: bound on the rate of `BETTER` where the truth is `elo0` or less.
        beta: bound on the rate of `NOT_BETTER` where the truth is `elo1` or more.
    """

    elo0: float = 0.0
    elo1: float = 20.0
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not -math.inf < self.elo0 < self.elo1 < math.inf:
            raise ValueError(f"elo0 must be below elo1, both finite, got {self.elo0} and {self.elo1}")
        for name, rate in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0.0 < rate < 0.5:
                raise ValueError(f"{name} must be between 0 and 0.5, got {rate}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The log-likelihood ratios at which the test ends."""
        return math.log(self.beta / (1.0 - self.alpha)), math.log((1.0 - self.beta) / self.alpha)

    def ratio(self, pairs: npt.ArrayLike) -> float:
        """The log-likelihood ratio of `elo1` to `elo0` after `pairs` `[5]`, counts of pairs by points."""
        counts = np.asarray(pairs, np.float64)
        if counts.shape != (5,) or counts.min() < 0:
            raise ValueError(f"pairs must be five counts of at least 0, got {counts.tolist()}")
        if not counts.any():
            return 0.0
        counts = np.maximum(counts, _UNSEEN)
        shares = counts / counts.sum()
        likelier, likely = (_tilted(shares, score_of(elo)) for elo in (self.elo1, self.elo0))
        return float(counts @ (np.log(likelier) - np.log(likely)))

    def verdict(self, pairs: npt.ArrayLike) -> Verdict:
        """What the test says after `pairs` `[5]`."""
        low, high = self.bounds
        ratio = self.ratio(pairs)
        if ratio >= high:
            return Verdict.BETTER
        return Verdict.NOT_BETTER if ratio <= low else Verdict.UNDECIDED


def _tilted(shares: npt.NDArray[np.float64], mean: float) -> npt.NDArray[np.float64]:
    """The distribution `[5]` of greatest likelihood under `shares` among those with expected score `mean`."""
    offsets = _POINTS - mean
    edge = 1e-9

    def excess(weight: float) -> float:
        return float(shares @ (offsets / (1.0 + weight * offsets)))

    low, high = -(1.0 - edge) / offsets[-1], -(1.0 - edge) / offsets[0]
    return np.asarray(shares / (1.0 + optimize.brentq(excess, low, high) * offsets))


def run(
    game: Game,
    agents: Sequence[Agent],
    test: Sprt,
    rng: np.random.Generator,
    *,
    max_games: int = 20_000,
    batch: int = 64,
    opening_plies: int = 4,
    progress: Callable[[Record], None] | None = None,
) -> tuple[Verdict, Match]:
    """Play two agents until the test decides or `max_games` are played, `batch` games at a time.

    No opening comes again before all have been played. When a whole batch brings no new game, there is nothing more to
    learn: the test warns and ends undecided. `progress` is called with each game as it finishes.

    Raises:
        ValueError: the game or the agents are not for two players, or `batch` or `max_games` are not positive and even.
    """
    if game.players != 2:
        raise ValueError(f"the test needs a game for 2 players, got {game.players}")
    if len(agents) != 2:
        raise ValueError(f"agents must be 2, got {len(agents)}")
    for name, value in (("batch", batch), ("max_games", max_games)):
        if value < 2 or value % 2:
            raise ValueError(f"{name} must be a positive even number, got {value}")
    seed = int(rng.integers(2**63))
    book = Book(game, opening_plies, derive("openings", seed))
    match: Match | None = None
    while True:
        known = () if match is None else match.games
        numbers = range(len(known) // 2, min(len(known) + batch, max_games) // 2)
        fixtures = [fixture for number in numbers for fixture in round_of(game, number, book.line(number), seed)]
        played = play_fixtures(game, agents, fixtures, concurrent=batch)
        before, match = match, Match.of((*known, *_told(played, progress)))
        verdict = test.verdict(evidence(match))
        if verdict is not Verdict.UNDECIDED or len(match.games) >= max_games:
            return verdict, match
        if before is not None and match.distinct_games == before.distinct_games:
            warnings.warn(exhausted(match), stacklevel=2)
            return verdict, match


def exhausted(match: Match) -> str:
    """Why a test of these games ends undecided before there are as many as it may have."""
    return (
        f"the test ends undecided: its last games all repeat earlier ones, {match.distinct_games} of "
        f"{len(match.games)} are distinct; give the agents more random openings (opening_plies)"
    )


def _told(games: Iterable[Record], progress: Callable[[Record], None] | None) -> Iterator[Record]:
    """The same games, each told to `progress`."""
    for game in games:
        if progress is not None:
            progress(game)
        yield game


def evidence(match: Match) -> npt.NDArray[np.float64]:
    """The independent observations of a match as counts `[5]` of pairs by points.

    They are its clusters: rounds that repeat an opening make one observation together, their mean, which is divided
    between the two outcomes that it lies between.
    """
    places = 4.0 * np.array(match.clusters)
    below = np.minimum(places.astype(np.int64), 3)
    share = places - below
    counts = np.bincount(below, 1.0 - share, minlength=5) + np.bincount(below + 1, share, minlength=5)
    return np.asarray(counts, np.float64)
