"""`LiftedGame`: a `Game` whose scalar rules are compiled into the batched kernels of `games.kernels`.

Shapes: B positions, A actions, P players, S symmetries, observations `[C, H, W]`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numba import boolean, float32, float64, from_dtype, int64, types, uint64, void

from games import kernels, text
from games.compile import compiled, kernel
from games.game import Positions

_Whole = TypeVar("_Whole", bound="np.integer[Any]")


@dataclass(frozen=True, eq=False)
class LiftedGame:
    """A `Game` whose rules are compiled; made by `lift`, which documents the fields. Compilation is lazy and cached."""

    name: str
    players: int
    num_actions: int
    observation_shape: tuple[int, int, int]
    dtype: np.dtype[np.void]
    zero_sum: bool
    action_symmetries: npt.NDArray[np.int64]
    rules: dict[str, Callable[..., Any]]
    action_name: Callable[[int], str]
    renderer: Callable[[np.void], str] | None
    parser: Callable[[str, np.void], None] | None
    spec: str = ""
    memo: dict[str, Any] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        from games.load import load

        if not self.spec:
            raise ValueError(f"game {self.name!r} has no spec: load it by name or path to send it to another process")
        return load, (self.spec,)

    @property
    def stochastic(self) -> bool:
        return "chance" in self.rules

    def initial(self, batch: int = 1) -> Positions:
        position = np.zeros(1, self.dtype)
        if "start" in self.rules:
            self.rules["start"](position[0])
        return np.repeat(position, batch)

    def step(self, positions: Positions, actions: npt.ArrayLike) -> Positions:
        positions = self.checked(positions)
        actions = _whole("actions", actions, np.int64)
        if actions.shape != positions.shape:
            raise ValueError(f"actions must have shape {positions.shape}, one for each position, got {actions.shape}")
        out = np.empty_like(positions)
        row = self._step(positions, actions, np.empty(self.num_actions, np.bool_), out)
        if row >= 0:
            allowed = np.flatnonzero(self.legal_actions(positions[row : row + 1])[0]).tolist()
            raise ValueError(f"action {actions[row]} of row {row} is illegal in {self.name}: allowed are {allowed}")
        return out

    def legal_actions(self, positions: Positions) -> npt.NDArray[np.bool_]:
        masks = np.empty((len(positions), self.num_actions), np.bool_)
        self._legal(self.checked(positions), masks)
        return masks

    def chance(self, positions: Positions) -> npt.NDArray[np.float64]:
        probabilities = np.zeros((len(positions), self.num_actions))
        if self.stochastic:
            self._chance(self.checked(positions), probabilities)
        return probabilities

    def forced(
        self, positions: Positions
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """What the rule `forcing` tells: verdicts `[B]`, and where they are 0, moves worth a try and weights `[B, A]`.

        Where the game has no such rule, verdicts and weights are 0 and the moves are the legal ones.
        """
        shape = len(positions), self.num_actions
        verdicts, masks, weights = np.empty(shape[0], np.int64), np.empty(shape, np.bool_), np.empty(shape, np.int64)
        self._forced(self.checked(positions), verdicts, masks, weights)
        return verdicts, masks, weights

    def observe(self, positions: Positions) -> npt.NDArray[np.float32]:
        planes = np.empty((len(positions), *self.observation_shape), np.float32)
        self._observe(self.checked(positions), planes)
        return planes

    def transform(self, positions: Positions, symmetries: npt.ArrayLike) -> Positions:
        positions = self.checked(positions)
        indices = _whole("symmetries", symmetries, np.int64)
        if indices.shape not in ((1,), positions.shape):
            raise ValueError(f"symmetries must be one, or have shape {positions.shape}, got {indices.shape}")
        indices = np.ascontiguousarray(np.broadcast_to(indices, positions.shape))
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self.action_symmetries):
            raise ValueError(f"symmetries must be in [0, {len(self.action_symmetries)}), got {indices}")
        out = positions.copy()
        if "transform" in self.rules:
            self._transform(positions, indices, out)
        return out

    def rollout(
        self, positions: Positions, seeds: npt.NDArray[np.uint64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        positions = self.checked(positions)
        seeds = _whole("seeds", seeds, np.uint64)
        if seeds.shape != positions.shape:
            raise ValueError(f"seeds must have shape {positions.shape}, one for each position, got {seeds.shape}")
        returns = np.empty((len(positions), self.players), np.float32)
        plies = np.empty(len(positions), np.int64)
        with np.errstate(over="ignore"):
            scratch = np.empty(1, self.dtype)
            self._rollout(positions, seeds, np.empty(self.num_actions, np.bool_), scratch, returns, plies)
        return returns, plies

    def perft(self, position: Positions, depth: int) -> tuple[list[int], list[int]]:
        """Count move sequences from `position` `[1]` by length, 0 to `depth`: all, and those that end the game.

        Raises:
            ValueError: the depth is negative.
        """
        if depth < 0:
            raise ValueError(f"depth must be at least 0, got {depth}")
        path = np.repeat(self.checked(position), depth + 1)
        counts = np.zeros((2, depth + 1), np.int64)
        self._perft(path, np.zeros((depth + 1, self.num_actions), np.bool_), counts[0], counts[1])
        return counts[0].tolist(), counts[1].tolist()

    def render(self, position: np.void) -> str:
        return self.renderer(position) if self.renderer else text.dump(position)

    def parse(self, board: str) -> Positions:
        position = self.initial()
        (self.parser or text.load)(board, position[0])
        if self.render(position[0]).split() != board.split():
            raise ValueError(f"this is no position of {self.name}; nearest to it is\n{self.render(position[0])}")
        return position

    def checked(self, positions: Positions) -> Positions:
        """Positions as the kernels need them: this game's records, one-dimensional and contiguous."""
        if positions.dtype != self.dtype or positions.ndim != 1:
            raise ValueError(
                f"positions must be a one-dimensional array of {self.name} positions, "
                f"got {positions.ndim} dimensions of {positions.dtype}"
            )
        return np.ascontiguousarray(positions)

    @cached_property
    def record(self) -> Any:
        """The numba type of one position."""
        return from_dtype(self.dtype)

    @cached_property
    def records(self) -> Any:
        """The numba type of a batch of positions."""
        return types.Array(self.record, 1, "C", aligned=False)

    def rule(self, name: str) -> Any:
        """Compiled for use in kernels: one that `lift` was given, `forcing` in any case, or a random `playout`."""
        if name not in self.memo:
            mask, planes = boolean[::1], float32[:, :, ::1]
            if name == "playout":
                moves = (self.rule("play"), self.rule("legal"))
                if self.stochastic:
                    function = kernels.chance_playout_factory(*moves, self.rule("chance"))
                else:
                    function = kernels.playout_factory(*moves)
                signature = int64(self.record, uint64, mask)
            else:
                function = self.rules.get(name, kernels.unforced)
                arguments = {
                    "play": (int64,),
                    "legal": (mask,),
                    "chance": (float64[::1],),
                    "forcing": (mask, int64[::1]),
                    "observe": (planes,),
                    "transform": (int64, self.record),
                }
                result = int64 if name == "forcing" else void
                signature = result(self.record, *arguments[name])
            self.memo[name] = compiled(function, signature)
        return self.memo[name]

    @cached_property
    def _step(self) -> Callable[..., int]:
        signature = int64(self.records, int64[::1], boolean[::1], self.records)
        return kernel(kernels.step_factory, signature, self.rule("play"), self.rule("legal"))

    @cached_property
    def _legal(self) -> Callable[..., None]:
        return kernel(kernels.legal_factory, void(self.records, boolean[:, ::1]), self.rule("legal"))

    @cached_property
    def _chance(self) -> Callable[..., None]:
        return kernel(kernels.chance_factory, void(self.records, float64[:, ::1]), self.rule("chance"))

    @cached_property
    def _forced(self) -> Callable[..., None]:
        signature = void(self.records, int64[::1], boolean[:, ::1], int64[:, ::1])
        return kernel(kernels.forced_factory, signature, self.rule("legal"), self.rule("forcing"))

    @cached_property
    def _observe(self) -> Callable[..., None]:
        factory = kernels.chance_observe_factory if self.stochastic else kernels.observe_factory
        return kernel(factory, void(self.records, float32[:, :, :, ::1]), self.rule("observe"))

    @cached_property
    def _transform(self) -> Callable[..., None]:
        signature = void(self.records, int64[::1], self.records)
        return kernel(kernels.transform_factory, signature, self.rule("transform"))

    @cached_property
    def _rollout(self) -> Callable[..., None]:
        signature = void(self.records, uint64[::1], boolean[::1], self.records, float32[:, ::1], int64[::1])
        return kernel(kernels.rollout_factory, signature, self.rule("playout"))

    @cached_property
    def _perft(self) -> Callable[..., None]:
        signature = void(self.records, boolean[:, ::1], int64[::1], int64[::1])
        return kernel(kernels.perft_factory, signature, self.rule("play"), self.rule("legal"))


def _whole(name: str, values: npt.ArrayLike, kind: type[_Whole]) -> npt.NDArray[_Whole]:
    """`values` as contiguous whole numbers of this kind. Raises ValueError where they are none, or negative seeds."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "biu":
        raise ValueError(f"{name} must be whole numbers, got {array.dtype}")
    if kind is np.uint64 and array.dtype.kind == "i" and (array < 0).any():
        raise ValueError(f"{name} must not be negative, got {array.min()}")
    return np.ascontiguousarray(array, kind)
