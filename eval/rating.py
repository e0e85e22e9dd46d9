"""Ratings: Elo's expected scores with draws as half a win and a first-move advantage, whatever openings and draws do.

With x = θ_first - θ_second + η, the first mover's expected points are p = 1 / (1 + e^-x). Points s, a draw's ½ too,
enter as s ln p + (1 - s) ln(1 - p): a quasi-likelihood (Wedderburn 1974), as Ordo's, which is concave and asks nothing
of how often games are drawn. At the fit every agent's expected points equal those it made.

Prior: normal with standard deviation 1000 Elo around the pool's mean, and as wide for the advantage; worth a fraction
of one game, it keeps perfect scores finite.
Shapes: G games, n agents, K clusters; parameters `[n + 1]` are θ and η, in natural logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse, special

from eval.clusters import Outcomes
from eval.statistics import ELO, score_of

Floats = npt.NDArray[np.float64]

PRIOR_SD = 1000.0
"""Standard deviation of the prior, in Elo."""
_TOLERANCE = 1e-12
_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """Ratings of n agents.

    Attributes:
        agents: their names.
        elo: `[n]` ratings. A difference means the expected score of Elo's formula.
        advantage: what moving first is worth, in Elo.
        reference: `[n]` weights of the ratings whose sum is fixed: one agent, or all equally.
        robust: `[n, n]` covariance of the ratings, errors free to depend on each other within clusters.
        model: `[n, n]` covariance by the model alone, as if all games were independent and none could be drawn.
        clusters: `[n]` how many clusters each agent played in.
        cluster_games: how many games of two agents a cluster has, on average.
    """

    agents: tuple[str, ...]
    elo: Floats
    advantage: float
    reference: Floats
    robust: Floats
    model: Floats
    clusters: npt.NDArray[np.int64]
    cluster_games: float

    def interval(self, agent: str, confidence: float = 0.95) -> tuple[float, float]:
        """An interval for the rating of `agent`; of no width for the anchor."""
        number = self._number(agent)
        contrast = np.eye(len(self.agents))[number] - self.reference
        half = self._half(contrast, confidence)
        return float(self.elo[number]) - half, float(self.elo[number]) + half

    def difference(self, agent: str, other: str, confidence: float = 0.95) -> tuple[float, float, float]:
        """How far `agent` is above `other`, and the ends of an interval for it."""
        return self.combination({agent: 1.0, other: -1.0}, confidence)

    def combination(self, weights: Mapping[str, float], confidence: float = 0.95) -> tuple[float, float, float]:
        """A weighted sum of ratings whose `weights` add up to 0, and the ends of an interval for it."""
        contrast = np.zeros(len(self.agents))
        for agent, weight in weights.items():
            contrast[self._number(agent)] = weight
        total, half = float(contrast @ self.elo), self._half(contrast, confidence)
        return total, total - half, total + half

    def superiority(self, agent: str, other: str) -> float:
        """The probability that `agent` is better than `other`."""
        if agent == other:
            return 0.5
        contrast = self._contrast(agent, other)
        return float(special.stdtr(self._freedom(contrast), contrast @ self.elo / self._deviation(contrast)))

    def expected(self, agent: str, other: str) -> float:
        """The points that `agent` should score against `other`, in [0, 1], moving first in every other game."""
        gap = float(self._contrast(agent, other) @ self.elo)
        return (score_of(gap + self.advantage) + score_of(gap - self.advantage)) / 2.0

    def _contrast(self, agent: str, other: str) -> Floats:
        """Weights `[n]` of the ratings in the difference of two."""
        identity = np.eye(len(self.agents))
        return np.asarray(identity[self._number(agent)] - identity[self._number(other)])

    def _number(self, agent: str) -> int:
        """The number of an agent. Raises ValueError where there is none of that name."""
        if agent not in self.agents:
            raise ValueError(f"agent {agent!r} is not rated: rated are {', '.join(self.agents)}")
        return self.agents.index(agent)

    def _half(self, contrast: Floats, confidence: float) -> float:
        """Half the width of the interval of a difference of ratings."""
        return float(special.stdtrit(self._freedom(contrast), 0.5 + confidence / 2.0)) * self._deviation(contrast)

    def _freedom(self, contrast: Floats) -> int:
        """Degrees of freedom: clusters of the agent compared that has fewest, less one."""
        involved = np.abs(contrast) >= np.abs(contrast).max()
        return max(int(self.clusters[involved].min()) - 1, 1)

    def _deviation(self, contrast: Floats) -> float:
        """The standard error of a difference of ratings.

        Seen errors say little where nearly every game went the same way, so the model's variance v (of the difference
        whose largest weight is 1, in squared natural logarithms) counts with weight u / (1 + u), u = v g² / 2 with g
        games a cluster, and the cluster-robust one with the rest: all but a few per cent robust after a hundred level
        games, the model's after a perfect score. After K clusters of draws alone, u v is 8 / K²: what `score_interval`
        takes the variance to be, with one more cluster won outright and one lost.
        """
        size = float(np.abs(contrast).max())
        if not size:
            return 0.0
        model, robust = (max(float(contrast @ matrix @ contrast), 0.0) for matrix in (self.model, self.robust))
        unseen = model * (self.cluster_games / (ELO * size)) ** 2 / 2.0
        return math.sqrt((robust + unseen * model) / (1.0 + unseen))


def rate(outcomes: Outcomes, *, anchor: str | None = None, anchor_elo: float = 0.0) -> Ratings:
    """Rate the agents of `outcomes`, with `anchor` (or, without one, the pool's mean) at `anchor_elo`.

    Raises:
        ValueError: there are no games, no such anchor, or groups of agents that no game connects.
    """
    if anchor is not None and anchor not in outcomes.agents:
        raise ValueError(f"anchor {anchor!r} has no games: agents are {', '.join(outcomes.agents)}")
    _require_connected(outcomes)
    count = len(outcomes.agents)
    precision, cells = _precision(count), _pooled(outcomes)
    parameters = _fit(cells, precision)
    reference = np.full(count, 1.0 / count) if anchor is None else np.eye(count)[outcomes.agents.index(anchor)]
    # Only differences of ratings are determined; the pseudo-inverse leaves their mean out.
    inverse = linalg.pinvh(_information(cells, parameters) + precision)
    differences = ELO * np.column_stack((np.eye(count) - reference, np.zeros(count)))
    influence = differences @ inverse
    return Ratings(
        agents=outcomes.agents,
        elo=anchor_elo + differences @ parameters,
        advantage=float(ELO * parameters[-1]),
        reference=reference,
        robust=influence @ _meat(outcomes, parameters, precision) @ influence.T,
        model=influence @ differences.T,
        clusters=_clusters_of_agents(outcomes),
        cluster_games=_games_of_a_cluster(outcomes),
    )


def _require_connected(outcomes: Outcomes) -> None:
    """Raise ValueError unless games connect all agents."""
    count = len(outcomes.agents)
    if not len(outcomes.points):
        raise ValueError("ratings need at least one game, got none")
    graph = sparse.coo_array((np.ones(len(outcomes.first)), (outcomes.first, outcomes.second)), (count, count))
    groups, labels = sparse.csgraph.connected_components(graph, directed=False)
    if groups > 1:
        members = [[outcomes.agents[k] for k in np.flatnonzero(labels == group)] for group in range(groups)]
        listed = "; ".join(", ".join(names) for names in members)
        raise ValueError(f"no game connects these groups of agents, so they cannot be compared: {listed}")


def _precision(count: int) -> Floats:
    """The prior's inverse covariance `[n + 1, n + 1]`."""
    precision = np.eye(count + 1)
    precision[:count, :count] -= 1.0 / count
    return np.asarray(precision * (ELO / PRIOR_SD) ** 2)


def _gaps(outcomes: Outcomes, parameters: Floats) -> Floats:
    """The logarithms `[G]` of the odds that the first mover is expected to score at."""
    return np.asarray(parameters[outcomes.first] - parameters[outcomes.second] + parameters[-1])


def _fit(cells: Outcomes, precision: Floats) -> Floats:
    """The parameters of greatest posterior density, by Newton's method with step halving."""
    parameters = np.zeros(len(precision))
    value = _loss(cells, precision, parameters)
    for _ in range(_STEPS):
        gradient = _scores(cells, parameters, 1)[0] - precision @ parameters
        step = linalg.pinvh(_information(cells, parameters) + precision) @ gradient
        if gradient @ step < _TOLERANCE:
            break
        while (trial := _loss(cells, precision, parameters + step)) > value:
            step /= 2.0
        parameters, value = parameters + step, trial
    return parameters


def _pooled(outcomes: Outcomes) -> Outcomes:
    """Equal comparisons as one that carries their weight, all in one cluster."""
    keys = np.stack((outcomes.first, outcomes.second, (2.0 * outcomes.points).astype(np.int64)))
    cells, inverse = np.unique(keys, axis=1, return_inverse=True)
    return Outcomes(
        agents=outcomes.agents,
        first=cells[0],
        second=cells[1],
        points=cells[2] / 2.0,
        clusters=np.zeros(len(cells[0]), np.int64),
        weights=np.bincount(inverse.ravel(), outcomes.weights).astype(np.float64),
    )


def _loss(outcomes: Outcomes, precision: Floats, parameters: Floats) -> float:
    """The negative logarithm of quasi-likelihood times prior, up to a constant."""
    gaps = _gaps(outcomes, parameters)
    surprise = np.logaddexp(0.0, gaps) - outcomes.points * gaps
    return float(outcomes.weights @ surprise + parameters @ precision @ parameters / 2.0)


def _scores(outcomes: Outcomes, parameters: Floats, groups: int) -> Floats:
    """Gradients of the quasi-likelihood's logarithm, summed over each cluster: `[K, n + 1]`."""
    surplus = outcomes.weights * (outcomes.points - special.expit(_gaps(outcomes, parameters)))
    width, rows = len(parameters), outcomes.clusters * len(parameters)
    places = (rows + outcomes.first, rows + outcomes.second, rows + width - 1)
    sums = np.bincount(np.concatenate(places), np.concatenate((surplus, -surplus, surplus)), minlength=groups * width)
    return sums.reshape(groups, width).astype(np.float64)


def _information(cells: Outcomes, parameters: Floats) -> Floats:
    """Fisher's information `[n + 1, n + 1]` of games that are won or lost; drawn ones tell more."""
    shares = special.expit(_gaps(cells, parameters))
    identity = np.eye(len(parameters))
    design = identity[cells.first] - identity[cells.second] + identity[-1]
    return np.asarray(design.T @ (design * (cells.weights * shares * (1.0 - shares))[:, None]))


def _meat(outcomes: Outcomes, parameters: Floats, precision: Floats) -> Floats:
    """The covariance of the posterior's gradient with errors clustered, `[n + 1, n + 1]`."""
    groups = int(outcomes.clusters.max()) + 1
    gradients = _scores(outcomes, parameters, groups)
    return np.asarray(groups / max(groups - 1, 1) * gradients.T @ gradients + precision)


def _clusters_of_agents(outcomes: Outcomes) -> npt.NDArray[np.int64]:
    """How many clusters each agent played in, `[n]`."""
    pairs = np.concatenate(([outcomes.first, outcomes.clusters], [outcomes.second, outcomes.clusters]), axis=1)
    return np.bincount(np.unique(pairs, axis=1)[0], minlength=len(outcomes.agents))


def _games_of_a_cluster(outcomes: Outcomes) -> float:
    """How many games of two agents a cluster has on average, by weight."""
    sides = np.sort(np.stack((outcomes.first, outcomes.second)), axis=0)
    meetings = np.unique(np.vstack((sides, outcomes.clusters)), axis=1)
    return float(outcomes.weights.sum() / meetings.shape[1])
