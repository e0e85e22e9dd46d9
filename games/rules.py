"""Positions as packed records, the `Game` protocol, and `lift`, which makes a game from three scalar rules.

A position is one packed numpy record: `to_play u1`, `ply u2`, `terminal u1`, `returns f4[P]`, then the game's own
fields. A batch is an array of records, so copying, storing, hashing and pickling come free.
Shapes: B positions, A actions, P players, S symmetries, observations `[C, H, W]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numba import boolean, float32, float64, from_dtype, int64, types, uint64, void

from games import kernels, text
from games.compile import compiled, kernel

Positions = npt.NDArray[np.void]
"""A batch of positions: a one-dimensional, C-contiguous array of a game's `dtype`."""

Fields = Sequence[tuple[str, str] | tuple[str, str, tuple[int, ...]]]


class Game(Protocol):
    """The rules of one board game, batched. Every array it returns is new; its arguments are never written.

    Where `to_play` is P, at a *chance node*, no player moves: an action is an outcome, drawn with the probabilities
    that `chance` tells. Chance nodes do not follow one another directly.
    """

    @property
    def spec(self) -> str:
        """What `games.load` turns into this game again, options included."""

    @property
    def players(self) -> int:
        """P, the number of players."""

    @property
    def num_actions(self) -> int:
        """A, the size of the action space."""

    @property
    def observation_shape(self) -> tuple[int, int, int]:
        """The shape `(C, H, W)` of one observation."""

    @property
    def dtype(self) -> np.dtype[np.void]:
        """The packed record of one position."""

    @property
    def zero_sum(self) -> bool:
        """Whether two players share returns 1/-1, -1/1 or 0/0, so that results can be proven."""

    @property
    def stochastic(self) -> bool:
        """Whether the game has chance nodes."""

    @property
    def action_symmetries(self) -> npt.NDArray[np.int64]:
        """`[S, A]`: the image of each action under each symmetry; row 0 is the identity."""

    def initial(self, batch: int = 1) -> Positions:
        """`[B]` copies of the starting position."""

    def step(self, positions: Positions, actions: npt.ArrayLike) -> Positions:
        """Play `actions` `[B]`; terminal rows stay as they are. Raises ValueError on an illegal action."""

    def legal_actions(self, positions: Positions) -> npt.NDArray[np.bool_]:
        """`[B, A]`, true where an action may be played; all false where the game is over."""

    def chance(self, positions: Positions) -> npt.NDArray[np.float64]:
        """`[B, A]`, the probability of each outcome; all zero where no chance node is."""

    def observe(self, positions: Positions) -> npt.NDArray[np.float32]:
        """`[B, C, H, W]` planes from the mover's view; nothing is promised of chance nodes."""

    def transform(self, positions: Positions, symmetries: npt.ArrayLike) -> Positions:
        """The images of the positions under `symmetries` `[B]`, indices below S."""

    def rollout(
        self, positions: Positions, seeds: npt.NDArray[np.uint64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Returns per player `[B, P]` and plies `[B]` of one random playout a row, seeded per row.

        Players move uniformly, chance by its probabilities; its outcomes count as plies.
        """

    def action_name(self, action: int) -> str:
        """An action in the game's usual notation."""

    def render(self, position: np.void) -> str:
        """One position as text."""

    def parse(self, board: str) -> Positions:
        """The position, `[1]`, that `render` writes as `board`. Raises ValueError on anything else."""


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
        positions = self._checked(positions)
        actions = np.ascontiguousarray(actions, np.int64)
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
        self._legal(self._checked(positions), masks)
        return masks

    def chance(self, positions: Positions) -> npt.NDArray[np.float64]:
        probabilities = np.zeros((len(positions), self.num_actions))
        if self.stochastic:
            self._chance(self._checked(positions), probabilities)
        return probabilities

    def observe(self, positions: Positions) -> npt.NDArray[np.float32]:
        planes = np.empty((len(positions), *self.observation_shape), np.float32)
        self._observe(self._checked(positions), planes)
        return planes

    def transform(self, positions: Positions, symmetries: npt.ArrayLike) -> Positions:
        positions = self._checked(positions)
        indices = np.ascontiguousarray(np.broadcast_to(symmetries, positions.shape), np.int64)
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self.action_symmetries):
            raise ValueError(f"symmetries must be in [0, {len(self.action_symmetries)}), got {indices}")
        out = positions.copy()
        if "transform" in self.rules:
            self._transform(positions, indices, out)
        return out

    def rollout(
        self, positions: Positions, seeds: npt.NDArray[np.uint64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        positions = self._checked(positions)
        seeds = np.ascontiguousarray(seeds, np.uint64)
        if seeds.shape != positions.shape:
            raise ValueError(f"seeds must have shape {positions.shape}, one for each position, got {seeds.shape}")
        returns = np.empty((len(positions), self.players), np.float32)
        plies = np.empty(len(positions), np.int64)
        with np.errstate(over="ignore"):
            scratch = np.empty(1, self.dtype)
            self._rollout(positions, seeds, np.empty(self.num_actions, np.bool_), scratch, returns, plies)
        return returns, plies

    def perft(self, position: Positions, depth: int) -> tuple[list[int], list[int]]:
        """Count move sequences from `position` `[1]` by length, 0 to `depth`: all, and those that end the game."""
        path = np.repeat(self._checked(position), depth + 1)
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

    def _checked(self, positions: Positions) -> Positions:
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
        """Compiled for use in kernels: one that `lift` was given, or `playout`, a random game."""
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
                function = self.rules[name]
                arguments = {
                    "play": (int64,),
                    "legal": (mask,),
                    "chance": (float64[::1],),
                    "observe": (planes,),
                    "transform": (int64, self.record),
                }
                signature = void(self.record, *arguments[name])
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


def lift(
    name: str,
    *,
    num_actions: int,
    observation_shape: tuple[int, int, int],
    fields: Fields,
    play: Callable[[Any, int], None],
    legal: Callable[[Any, Any], None],
    observe: Callable[[Any, Any], None],
    players: int = 2,
    zero_sum: bool | None = None,
    start: Callable[[Any], None] | None = None,
    chance: Callable[[Any, Any], None] | None = None,
    symmetries: int = 1,
    transform: Callable[[Any, int, Any], None] | None = None,
    transform_action: Callable[[int, int], int] | None = None,
    action_name: Callable[[int], str] = str,
    render: Callable[[Any], str] | None = None,
    parse: Callable[[str, Any], None] | None = None,
) -> LiftedGame:
    """Make a batched, compiled `Game` from scalar rules.

    Args:
        name: what the game is called in messages.
        num_actions: A; actions are integers below it.
        observation_shape: `(C, H, W)` of one observation.
        fields: the game's own record fields as numpy `(name, format)` or `(name, format, shape)`; unsigned bytes
            for flags, since numba rejects nested booleans.
        play: `play(s, a)` mutates record `s` by a legal action: it sets `to_play` and `ply` and, at the end of the
            game, `terminal = 1` and `returns` (per player, in [-1, 1]). Called on no terminal position.
        legal: `legal(s, mask)` sets `mask[a]` true for the legal actions; `mask` `[A]` comes all false.
        observe: `observe(s, planes)` fills `planes` `[C, H, W]`, which come all zero, from the mover's view. Called at
            no chance node.
        players: P.
        zero_sum: whether returns are always 1/-1, -1/1 or 0/0 for two players; by default, whether `players` is 2.
        start: `start(s)` sets the starting position on a zeroed record (plain Python, not compiled).
        chance: for games of chance. A chance node is a position that is not terminal with `to_play` set to P; `legal`
            tells its possible outcomes, `chance(s, probabilities)` sets the probability of each in `[A]`, which comes
            all zero, and `play` plays one. A chance node's outcomes lead to players' turns or the end: dice that are
            thrown together are one outcome.
        symmetries: S, the number of symmetries of the rules, the identity included.
        transform: `transform(s, k, t)` writes the image of `s` under symmetry `k` to `t`, which comes as a copy of `s`.
        transform_action: the image of an action under symmetry `k`: `transform_action(a, k)` (plain Python).
        action_name: an action in the game's usual notation (plain Python); names must differ.
        render: one record as text (plain Python); by default its fields, one a line.
        parse: `parse(text, s)` fills a starting record from what `render` writes (plain Python).

    `play`, `legal`, `observe`, `chance` and `transform` are written in the part of Python that numba compiles;
    constants captured from an enclosing `make(**options)` are compiled in.

    Raises:
        ValueError: an argument is inconsistent with the others.
    """
    for argument, value in (("num_actions", num_actions), ("players", players), ("symmetries", symmetries)):
        if value < 1:
            raise ValueError(f"{argument} must be at least 1, got {value}")
    if len(observation_shape) != 3 or min(observation_shape) < 1:
        raise ValueError(f"observation_shape must be three positive sizes (C, H, W), got {observation_shape}")
    if (symmetries > 1) != (transform is not None) or (symmetries > 1) != (transform_action is not None):
        raise ValueError(f"symmetries={symmetries} needs both transform and transform_action, or symmetries=1 neither")
    if (render is None) != (parse is None):
        raise ValueError("render and parse go together: give both or neither")
    if zero_sum and players != 2:
        raise ValueError(f"zero_sum is for two players, got players={players}")
    header = [("to_play", "u1"), ("ply", "u2"), ("terminal", "u1"), ("returns", "f4", (players,))]
    image = transform_action or (lambda action, _: action)
    table = np.array([[image(action, k) for action in range(num_actions)] for k in range(symmetries)], np.int64)
    if not np.array_equal(np.sort(table, axis=1), np.tile(np.arange(num_actions), (symmetries, 1))):
        raise ValueError("transform_action must permute the actions under every symmetry")
    rules = {"play": play, "legal": legal, "observe": observe, "chance": chance, "transform": transform, "start": start}
    return LiftedGame(
        name=name,
        players=players,
        num_actions=num_actions,
        observation_shape=observation_shape,
        dtype=np.dtype((np.record, [*header, *fields])),
        zero_sum=players == 2 if zero_sum is None else zero_sum,
        action_symmetries=table,
        rules={key: rule for key, rule in rules.items() if rule is not None},
        action_name=action_name,
        renderer=render,
        parser=parse,
    )
