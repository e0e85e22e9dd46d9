"""Seeded choice among actions. Shapes: B positions, A actions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def pick(best: npt.NDArray[np.bool_], seeds: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """`[B]` one of each row's true columns in `best` `[B, A]`, uniformly by the row's seed."""
    chosen = [
        np.random.default_rng(int(seed)).choice(np.flatnonzero(row)) for row, seed in zip(best, seeds, strict=True)
    ]
    return np.array(chosen, np.int64)


def uniform(best: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """`[B, A]` the uniform distribution over each row's true columns in `best` `[B, A]`."""
    shares: npt.NDArray[np.float32] = (best / best.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def draw(weights: npt.NDArray[np.float64], seeds: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """`[B]` one column of each row of `weights` `[B, A]`, drawn in proportion to them by the row's seed."""
    ranks = np.cumsum(weights, axis=1)
    shares = np.array([np.random.default_rng(int(seed)).random() for seed in seeds])
    chosen: npt.NDArray[np.int64] = np.argmax(ranks > (shares * ranks[:, -1])[:, None], axis=1).astype(np.int64)
    return chosen


def decision_seed(seed: int, ply: int) -> int:
    """The seed of the decision at `ply` of a game that is seeded by `seed`."""
    return int(np.random.default_rng([seed, ply]).integers(2**64, dtype=np.uint64))
