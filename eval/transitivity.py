"""Does one number per agent say enough? Where A beats B, B beats C and C beats A, ratings mislead.

n agents; matrices `[n, n]` are from the row agent's view.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from eval.clusters import clusters
from eval.rating import Ratings
from eval.records import Record
from eval.results import Results
from eval.statistics import score_interval

Floats = npt.NDArray[np.float64]
_SUSPICIOUS = 0.01


@dataclass(frozen=True, kw_only=True)
class Transitivity:
    """How well ratings describe a pool.

    Attributes:
        agents: the agents, best first.
        scores: `[n, n]` mean points of the row agent against the column agent; NaN where they have not met.
        surprises: `[n, n]` those points less what the ratings say, in standard errors; NaN as above.
        misfit: the chance of surprises as great as these if ratings said everything; None with no more pairings met
            than ratings need.
        cycles: triples of which each beats the next and the last the first, every time with 95 % confidence.
        alpha_rank: share of each agent `[n]` in alpha-Rank's stationary distribution (Omidshafiei et al. 2019); None
            unless OpenSpiel is installed and all agents have met.
    """

    agents: tuple[str, ...]
    scores: Floats
    surprises: Floats
    misfit: float | None
    cycles: list[tuple[str, str, str]]
    alpha_rank: Floats | None

    @property
    def caution(self) -> str | None:
        """What is wrong with rating this pool by one number each, if anything is."""
        if self.cycles:
            listed = "; ".join(" > ".join((*cycle, cycle[0])) for cycle in self.cycles[:3])
            return f"ratings do not describe this pool: it has {len(self.cycles)} cycles, as {listed}"
        if self.misfit is not None and self.misfit < _SUSPICIOUS:
            row, column = np.unravel_index(np.nanargmax(self.surprises), self.surprises.shape)
            return (
                f"ratings do not describe this pool (p = {self.misfit:.1g}): {self.agents[row]} scores "
                f"{self.scores[row, column]:.0%} against {self.agents[column]}, "
                f"{self.surprises[row, column]:.1f} standard errors more than they say"
            )
        return None


def examine(results: Results) -> Transitivity:
    """Compare what each pairing of two players scored with what the ratings say.

    Raises:
        ValueError: the game is not for two players, or games do not connect the agents.
    """
    if any(len(record.agents) != 2 for record in results.records):
        raise ValueError("transitivity is examined in games for 2 players only")
    agents = tuple(line.agent for line in results.standings)
    ratings, count = results.ratings, len(agents)
    scores, surprises = np.full((2, count, count), np.nan)
    lowest = np.full((count, count), np.nan)
    met: dict[tuple[str, str], list[Record]] = {}
    for record in results.records:
        met.setdefault((min(record.agents), max(record.agents)), []).append(record)
    for (one, other), games in met.items():
        row, column = agents.index(one), agents.index(other)
        score, low, high, surprise = _compare(games, one, other, ratings)
        scores[row, column], surprises[row, column], lowest[row, column] = score, surprise, low
        scores[column, row], surprises[column, row], lowest[column, row] = 1.0 - score, -surprise, 1.0 - high
    spare = len(met) - (count - 1)
    total = float(np.nansum(np.triu(surprises) ** 2))
    return Transitivity(
        agents=agents,
        scores=scores,
        surprises=surprises,
        misfit=float(special.chdtrc(spare, total)) if spare > 0 else None,
        cycles=_cycles(agents, lowest > 0.5),
        alpha_rank=_alpha_rank(scores),
    )


def _compare(games: Sequence[Record], one: str, other: str, ratings: Ratings) -> tuple[float, float, float, float]:
    """Points of `one` against `other`, the ends of their interval, and how surprising they are."""
    means = [
        float(np.mean([game.score(game.seats[game.agents.index(one)]) for members in cluster for game in members]))
        for cluster in clusters(games)
    ]
    score, (low, high) = float(np.mean(means)), score_interval(means)
    deviation = (high - low) / (2.0 * float(special.stdtrit(len(means) + 1, 0.975)))
    return score, low, high, (score - ratings.expected(one, other)) / deviation


def _cycles(agents: tuple[str, ...], beats: npt.NDArray[np.bool_]) -> list[tuple[str, str, str]]:
    """All triples that beat each other in a circle."""
    found = []
    for a, b, c in itertools.combinations(range(len(agents)), 3):
        for x, y, z in ((a, b, c), (a, c, b)):
            if beats[x, y] and beats[y, z] and beats[z, x]:
                found.append((agents[x], agents[y], agents[z]))
    return found


def _alpha_rank(scores: Floats) -> Floats | None:
    """Alpha-Rank's distribution `[n]` in the limit of strong selection, where OpenSpiel can compute it."""
    payoffs = np.where(np.eye(len(scores), dtype=bool), 0.5, scores)
    missing = any(importlib.util.find_spec(name) is None for name in ("open_spiel", "matplotlib"))
    if missing or np.isnan(payoffs).any() or len(payoffs) < 2:
        return None
    from open_spiel.python.egt import alpharank

    _, _, distribution, _, _ = alpharank.compute([payoffs], use_inf_alpha=True, inf_alpha_eps=1e-3)
    return np.asarray(distribution, np.float64)
