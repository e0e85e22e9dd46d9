"""The replay: packed positions with what the search and the game said about them.

Shapes: N samples, B positions of a batch, A actions, P players, S symmetries, observations `[C, H, W]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from games import Game, Positions

Samples = npt.NDArray[np.void]
"""Samples `[N]`, an array of records of `sample_dtype`."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one optimisation step learns from.

    Attributes:
        planes: `[B, C, H, W]` observations.
        legal: `[B, A]` legal actions.
        policy: `[B, A]` target of the policy.
        outcome: `[B, P]` returns of the game, in turn order beginning with the mover.
        value: `[B, P]` the search's value, in the same order.
        weight: `[B]` weight of the policy's loss.
    """

    planes: npt.NDArray[np.float32]
    legal: npt.NDArray[np.bool_]
    policy: npt.NDArray[np.float32]
    outcome: npt.NDArray[np.float32]
    value: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]


def sample_dtype(game: Game) -> np.dtype[np.void]:
    """The packed record of one sample.

    Its fields: `position`, `policy f4[A]` the target, `outcome f4[P]` and `value f4[P]` (of the game and of the
    search, per player), `weight f4` of the policy, `generation i4`.
    """
    actions, players = (game.num_actions,), (game.players,)
    fields = [("position", game.dtype), ("policy", "f4", actions), ("outcome", "f4", players), ("value", "f4", players)]
    return np.dtype([*fields, ("weight", "f4"), ("generation", "i4")])


def transform(game: Game, samples: Samples, symmetries: npt.NDArray[np.int64]) -> Samples:
    """The images of the samples under `symmetries` `[N]`; positions and policies change, values do not."""
    out = samples.copy()
    out["position"] = game.transform(_positions(game, samples), symmetries)
    policy = np.empty_like(samples["policy"])
    np.put_along_axis(policy, game.action_symmetries[symmetries], samples["policy"], axis=1)
    out["policy"] = policy
    return out


def batch_of(game: Game, samples: Samples) -> Batch:
    """Observe samples, and turn their values from players to turn order."""
    positions = _positions(game, samples)
    order = (positions["to_play"][:, None] + np.arange(game.players)) % game.players
    return Batch(
        planes=game.observe(positions),
        legal=game.legal_actions(positions),
        policy=np.ascontiguousarray(samples["policy"]),
        outcome=np.take_along_axis(samples["outcome"], order, axis=1),
        value=np.take_along_axis(samples["value"], order, axis=1),
        weight=np.ascontiguousarray(samples["weight"]),
    )


class Replay:
    """A ring buffer of the newest samples. Memory: `capacity` records of `sample_dtype`, taken at once."""

    def __init__(self, game: Game, capacity: int) -> None:
        """Raises ValueError where the memory that is free would not hold it."""
        needed, free = capacity * sample_dtype(game).itemsize, psutil.virtual_memory().available
        if needed > free:
            raise ValueError(
                f"replay.capacity must leave room: {capacity:,} positions of {game.spec!r} take {needed / 1e9:.1f} GB "
                f"of memory, {free / 1e9:.1f} GB are free"
            )
        self._game = game
        self._ring: Samples = np.zeros(capacity, sample_dtype(game))
        self._next = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        """Bytes that its samples take, in memory and on disk."""
        return self._size * self._ring.dtype.itemsize

    @property
    def samples(self) -> Samples:
        """A copy of everything remembered, oldest first."""
        return np.concatenate(self._parts())

    def insert(self, samples: Samples) -> None:
        """Remember samples `[N]`, in order; where they exceed the capacity, the last ones.

        Raises:
            ValueError: the samples are another game's, or hold numbers that nothing can be learned from.
        """
        self._check(samples)
        samples = samples[-len(self._ring) :]
        places = (self._next + np.arange(len(samples))) % len(self._ring)
        self._ring[places] = samples
        self._next = (self._next + len(samples)) % len(self._ring)
        self._size = min(self._size + len(samples), len(self._ring))

    def sample(self, rng: np.random.Generator, size: int, window: int | None = None) -> Batch:
        """Draw `size` samples with replacement, each under a random symmetry, from the newest `window` or from all.

        Samples are counted from the oldest of those, so that what is drawn does not depend on their place in the ring.

        Raises:
            ValueError: the replay is empty, or the window is.
        """
        if not self._size:
            raise ValueError("the replay must hold samples to draw from, it is empty")
        if window is not None and window < 1:
            raise ValueError(f"window must be at least 1, got {window}")
        window = self._size if window is None else min(window, self._size)
        samples = self._ring[(self._next - window + rng.integers(window, size=size)) % len(self._ring)]
        symmetries = rng.integers(len(self._game.action_symmetries), size=size)
        return batch_of(self._game, transform(self._game, samples, symmetries))

    def count(self, generation: int) -> int:
        """How many of its samples are from `generation`."""
        return int(np.count_nonzero(self._ring["generation"][: self._size] == generation))

    def handed_on(self, generations: int, capacity: int) -> Replay:
        """A replay of `capacity` with the newest of these samples, counted as so many generations older.

        These themselves become older, too.
        """
        self._ring["generation"] -= generations
        if capacity == len(self._ring):
            return self
        other = Replay(self._game, capacity)
        for part in self._parts():
            other.insert(part)
        return other

    def age(self, generation: int) -> float:
        """Mean age of the samples in generations; 0 when empty."""
        return float(generation - self._ring["generation"][: self._size].mean()) if self._size else 0.0

    def _parts(self) -> tuple[Samples, Samples]:
        """Everything remembered, oldest first, where it lies: a copy of it all may not fit into memory."""
        first = self._next - self._size
        return self._ring[first:] if first < 0 else self._ring[:0], self._ring[max(first, 0) : self._next]

    def _check(self, samples: Samples) -> None:
        """Raises ValueError for what is no sample of this game, or cannot be learned from."""
        if samples.dtype != self._ring.dtype or samples.ndim != 1:
            raise ValueError(f"samples must be records of {self._game.spec}, got {samples.dtype}")
        if not all(np.isfinite(samples[name]).all() for name in ("policy", "outcome", "value", "weight")):
            raise ValueError("samples must be finite numbers")

    def save(self, path: Path) -> None:
        """Write the samples to `path` in numpy's own format, oldest first."""
        header = np.lib.format.header_data_from_array_1_0(self._ring) | {"shape": (self._size,)}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for part in self._parts():
                file.write(part.view(np.uint8).data)

    def load(self, path: Path) -> None:
        """Replace the samples by those of `path`. Raises ValueError where the file is not a replay of this game."""
        try:
            samples: Any = np.lib.format.open_memmap(path, mode="r")
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{path} is not a replay: {error}") from error
        try:
            self._check(samples)
        except ValueError as error:
            raise ValueError(f"{path} is not a replay of {self._game.spec}: {error}") from error
        if len(samples) > len(self._ring):
            raise ValueError(f"{path} is not a replay of {self._game.spec} with {len(self._ring)} positions")
        self._next = self._size = 0
        self.insert(samples)


def _positions(game: Game, samples: Samples) -> Positions:
    """The positions of samples as the game's own records."""
    return np.ascontiguousarray(samples["position"]).astype(game.dtype, copy=False)
