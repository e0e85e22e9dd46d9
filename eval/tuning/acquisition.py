"""What to play next, and what is still at stake. M candidates, S sampled landscapes, Q proposed duels."""

from __future__ import annotations

import contextlib

import numpy as np
import numpy.typing as npt
from scipy import special

from eval.statistics import ELO
from eval.tuning.landscape import Landscape
from eval.tuning.space import Floats

_SAMPLES = 512
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)


def samples(landscape: Landscape, rng: np.random.Generator) -> Floats:
    """`[S, M]` strengths that the candidates may have, drawn from what is believed of them."""
    root = _root(landscape.covariance)
    return landscape.mean + rng.standard_normal((_SAMPLES, len(root))) @ root.T


def _root(covariance: Floats) -> Floats:
    """A root `[M, M]` of a covariance, R with R Rᵀ the covariance.

    Candidate 0 has no variance, and rounding may leave others a little less than none, so some is added: as little as
    will do.
    """
    scale = covariance.diagonal().max()
    for share in (1e-8, 1e-6, 1e-4):
        with contextlib.suppress(np.linalg.LinAlgError):
            return np.linalg.cholesky(covariance + (share * scale + 1e-12) * np.eye(len(covariance)))
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def expected_regret(landscape: Landscape, drawn: Floats) -> float:
    """How much Elo is expected to be lost by taking the seemingly best candidate for the best; `drawn` by `samples`."""
    return float((drawn.max(axis=1) - drawn[:, landscape.best]).mean())


def choose(landscape: Landscape, drawn: Floats, count: int, rounds: int) -> list[tuple[int, int]]:
    """The next `count` duels, each of `rounds` rounds, chosen one after another as if the earlier had been played.

    Top-two Thompson sampling (Russo 2016) proposes pairs: the best candidate of one of the sampled landscapes `drawn`
    against the best of another. The one with the greatest knowledge gradient (Frazier et al. 2009) is played: the rise
    of the greatest expected strength that its result will bring on average.
    """
    pairs, covariance = _proposals(landscape, drawn), landscape.covariance
    # Only those that may be best can become the seemingly best.
    rivals = np.unique(np.append(pairs, landscape.best))
    chosen = []
    for _ in range(count):
        shift = _shifts(landscape, covariance, pairs, rounds)
        means = landscape.mean[rivals] + _NODES[:, None, None] * shift[:, rivals]
        best = int(np.argmax(_WEIGHTS @ means.max(axis=2)))
        chosen.append((int(pairs[best, 0]), int(pairs[best, 1])))
        covariance = covariance - np.outer(shift[best], shift[best])
    return chosen


def _proposals(landscape: Landscape, drawn: Floats) -> npt.NDArray[np.int64]:
    """`[Q, 2]` pairs of different candidates."""
    best = drawn.argmax(axis=1).reshape(-1, 2)
    pairs = np.unique(best[best[:, 0] != best[:, 1]], axis=0)
    return pairs if len(pairs) else np.argsort(-landscape.mean, kind="stable")[None, :2]


def _shifts(landscape: Landscape, covariance: Floats, pairs: npt.NDArray[np.int64], rounds: int) -> Floats:
    """`[Q, M]` by how much a result one standard deviation above expectation would raise each candidate's mean."""
    one, other = pairs.T
    shares = special.expit((landscape.mean[one] - landscape.mean[other]) / ELO)
    noise = ELO**2 * landscape.dispersion / (2.0 * rounds * shares * (1.0 - shares))
    reach = covariance[one] - covariance[other]
    rows = np.arange(len(pairs))
    known = np.maximum(reach[rows, one] - reach[rows, other], 0.0)
    return np.asarray(reach / np.sqrt(known + noise)[:, None])
