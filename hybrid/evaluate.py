"""Evaluators: what a search asks about its leaves.

Shapes: B positions, A actions, P players. Values are per player; networks think in turn order beginning with the
mover, and the evaluator alone rotates the one into the other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np

from games import Game, Positions
from hybrid import checkpoint as checkpoints
from hybrid.checkpoint import Checkpoint
from hybrid.network_config import check_device
from hybrid.runtime import Backend, Floats, OnnxRuntime, OpenVino, OverlappingRuntime, Runtime

Precision = Literal["float", "int8"]
Judged = tuple[Floats, Floats]
"""What an evaluator says of positions `[B]`: policy logits `[B, A]` over all actions and values per player `[B, P]`."""


_ROUNDING = 1e-3
"""How far values may leave [-1, 1] by rounding."""


class Evaluator(Protocol):
    """Judges positions."""

    def __call__(self, positions: Positions) -> Judged:
        """Logits `[B, A]` and values `[B, P]` in [-1, 1]; whoever asks takes copies, see `checked`."""


@runtime_checkable
class Overlapping(Evaluator, Protocol):
    """An evaluator that can judge while its caller does something else."""

    def start(self, positions: Positions) -> Callable[[], Judged]:
        """Begin to judge positions; what is returned waits for the answer.

        No more than two questions may be open at a time, and they are answered in their order.
        """


class UniformEvaluator:
    """Knows nothing: zero logits and zero values."""

    def __init__(self, game: Game) -> None:
        self._sizes = game.num_actions, game.players

    def __call__(self, positions: Positions) -> Judged:
        actions, players = self._sizes
        return np.zeros((len(positions), actions), np.float32), np.zeros((len(positions), players), np.float32)


class NetworkEvaluator:
    """Asks a network; `evaluations` counts the positions that it has judged."""

    def __init__(self, game: Game, runtime: Runtime) -> None:
        self.evaluations = 0
        self._game, self._runtime = game, runtime

    def __call__(self, positions: Positions) -> Judged:
        self.evaluations += len(positions)
        logits, values = self._runtime.run(self._game.observe(positions))
        return logits, per_player(values, positions["to_play"])


class OverlappingEvaluator(NetworkEvaluator):
    """Asks a network that runs on a device of its own."""

    def __init__(self, game: Game, runtime: OverlappingRuntime) -> None:
        super().__init__(game, runtime)
        self._device = runtime

    def start(self, positions: Positions) -> Callable[[], Judged]:
        """See `Overlapping.start`."""
        self.evaluations += len(positions)
        answer, to_play = self._device.start(self._game.observe(positions)), positions["to_play"].copy()

        def judged() -> Judged:
            logits, values = answer()
            return logits, per_player(values, to_play)

        return judged


def arrays_of(judged: object, count: int) -> Judged:
    """What an evaluator returned for `count` positions, as new arrays of two dimensions; raises ValueError."""
    try:
        logits, values = (np.array(each, np.float32, order="C") for each in judged)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise ValueError(f"the evaluator must return two arrays, logits and values, got {judged!r}") from error
    if logits.ndim != 2 or values.ndim != 2 or not len(logits) == len(values) == count:
        raise ValueError(
            f"the evaluator must return logits and values of shapes ({count}, A) and ({count}, P), "
            f"got {logits.shape} and {values.shape}"
        )
    return logits, values


def checked(game: Game, judged: object, count: int) -> Judged:
    """What an evaluator returned for `count` positions of `game`, as new arrays: kernels read them unchecked.

    Raises:
        ValueError: it is not what `Evaluator` says, but for numbers that are not finite, which searches refuse.
    """
    logits, values = arrays_of(judged, count)
    if (logits.shape[1], values.shape[1]) != (game.num_actions, game.players):
        raise ValueError(
            f"the evaluator must return {game.num_actions} logits and {game.players} values for each position, "
            f"got {logits.shape[1]} and {values.shape[1]}"
        )
    if (np.isfinite(values) & (np.abs(values) > 1.0 + _ROUNDING)).any():
        raise ValueError(f"the evaluator must return values in [-1, 1], got {values.min():g} to {values.max():g}")
    return logits, values


def images(game: Game, positions: Positions) -> Positions:
    """The images `[S * B]` of positions `[B]` under the game's S symmetries: all of them under the first, and so on.

    The first symmetry is the identity.
    """
    symmetries = np.repeat(np.arange(len(game.action_symmetries)), len(positions))
    return game.transform(np.tile(positions, len(game.action_symmetries)), symmetries)


def averaged(game: Game, judged: Judged) -> Judged:
    """From what was said of `images`, the mean for each of the B positions, which errs less than any one image.

    Silver et al. (2016) judge a position so, by the mean over its eight images.
    """
    logits, values = judged
    symmetries = np.repeat(game.action_symmetries, len(logits) // len(game.action_symmetries), axis=0)
    logits = np.take_along_axis(logits, symmetries, axis=1)  # an action's logit stands where its image does
    shape = (len(game.action_symmetries), -1)
    return logits.reshape(*shape, logits.shape[1]).mean(0), values.reshape(*shape, values.shape[1]).mean(0)


def per_player(values: Floats, to_play: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> Floats:
    """Rotate values `[B, P]` from turn order beginning with the mover `to_play` `[B]` to order of players."""
    players = values.shape[1]
    if players == 2:
        return np.where(to_play[:, None] == 0, values, values[:, ::-1])
    turns = (np.arange(players) - to_play[:, None].astype(np.int64)) % players
    rotated: Floats = values[np.arange(len(values))[:, None], turns]
    return rotated


def load_evaluator(
    game: Game,
    checkpoint: Checkpoint,
    *,
    device: str = "cpu",
    threads: int = 1,
    backend: Backend = "onnxruntime",
    precision: Precision = "float",
) -> NetworkEvaluator:
    """The evaluator of a checkpoint made for `game`; the options and errors are those of `load_runtime`."""
    runtime = load_runtime(checkpoint, device=device, threads=threads, backend=backend, precision=precision)
    if isinstance(runtime, OverlappingRuntime):
        return OverlappingEvaluator(game, runtime)
    return NetworkEvaluator(game, runtime)


class Evaluators:
    """The evaluators of checkpoints, each made once: agents that ask the same network can be answered in one batch."""

    def __init__(self, game: Game) -> None:
        self._game = game
        self._made: dict[tuple[Path, str, Precision], NetworkEvaluator] = {}

    def of(self, path: str, device: str, precision: Precision = "float") -> NetworkEvaluator:
        """The evaluator of the run or checkpoint at `path`; errors are those of loading it."""
        file = checkpoints.find(path)
        key = (file.resolve(), device, precision)
        if key not in self._made:
            checkpoint = checkpoints.load(file, self._game)
            self._made[key] = load_evaluator(self._game, checkpoint, device=device, precision=precision)
            self._made[key](self._game.initial())  # the first question takes longer, which is no agent's fault
        return self._made[key]


def load_runtime(
    checkpoint: Checkpoint,
    *,
    device: str = "cpu",
    threads: int = 1,
    backend: Backend = "onnxruntime",
    precision: Precision = "float",
) -> Runtime:
    """The network of a checkpoint, ready to run.

    Args:
        checkpoint: the agent.
        device: `cpu`, `cuda` or `cuda:N`; on CUDA the network runs in torch, and the other options are not used.
        threads: threads of one evaluation on the CPU.
        backend: what runs the network on the CPU.
        precision: `float` is single precision on the CPU and half precision on CUDA; `int8` needs the checkpoint's
            `ranges`.

    Raises:
        ValueError: an option is unknown, or the checkpoint has not been calibrated for 8 bits.
    """
    _check("backend", backend, get_args(Backend))
    _check("precision", precision, get_args(Precision))
    check_device(device)
    if precision == "int8" and checkpoint.ranges is None:
        raise ValueError("precision int8 needs a checkpoint calibrated for it; this one allows only float")
    config, shape, weights = checkpoint.config, checkpoint.shape, checkpoint.weights
    if device != "cpu":
        from hybrid.cuda import CudaRuntime

        return CudaRuntime(config, shape, weights, device=device)
    runtime = OnnxRuntime if backend == "onnxruntime" else OpenVino
    return runtime(config, shape, weights, threads=threads, ranges=checkpoint.ranges if precision == "int8" else None)


def _check(argument: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raises ValueError unless `value` is `allowed`."""
    if value not in allowed:
        raise ValueError(f"{argument} must be one of {', '.join(allowed)}, got {value!r}")
