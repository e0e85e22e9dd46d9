"""Evaluators: what a search asks about its leaves.

Shapes: B positions, A actions, P players. Values are per player; networks think in turn order beginning with the
mover, and the evaluator alone rotates the one into the other.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from games import Game, Positions
from hybrid.checkpoint import Checkpoint
from hybrid.runtime import Floats, OnnxRuntime, Runtime, TorchRuntime


class Evaluator(Protocol):
    """Judges positions."""

    evaluations: int
    """How many positions a network has judged so far."""

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        """Policy logits `[B, A]` over all actions and values per player `[B, P]` in [-1, 1], both new arrays."""


class UniformEvaluator:
    """Knows nothing: zero logits and zero values."""

    def __init__(self, game: Game) -> None:
        self.evaluations = 0
        self._sizes = game.num_actions, game.players

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        actions, players = self._sizes
        return np.zeros((len(positions), actions), np.float32), np.zeros((len(positions), players), np.float32)


class NetworkEvaluator:
    """Asks a network."""

    def __init__(self, game: Game, runtime: Runtime) -> None:
        self.evaluations = 0
        self._game, self._runtime = game, runtime

    def __call__(self, positions: Positions) -> tuple[Floats, Floats]:
        self.evaluations += len(positions)
        logits, values = self._runtime.run(self._game.observe(positions))
        return logits, per_player(values, positions["to_play"])


def per_player(values: Floats, to_play: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> Floats:
    """Rotate values `[B, P]` from turn order beginning with the mover `to_play` `[B]` to order of players."""
    players = values.shape[1]
    turns = (np.arange(players) - to_play[:, None].astype(np.int64)) % players
    return np.take_along_axis(values, turns, axis=1)


def load_evaluator(game: Game, checkpoint: Checkpoint, *, device: str = "cpu", threads: int = 1) -> NetworkEvaluator:
    """The evaluator of a checkpoint: ONNX Runtime with `threads` on `"cpu"`, torch on `"cuda"` or `"cuda:N"`."""
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()) or (kind == "cpu" and number):
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {device!r}")
    config, shape, weights = checkpoint.config, checkpoint.shape, checkpoint.weights
    if kind == "cpu":
        return NetworkEvaluator(game, OnnxRuntime(config, shape, weights, threads=threads))
    return NetworkEvaluator(game, TorchRuntime(config, shape, weights, device=device))
