"""`lift`: a batched, compiled game from three scalar rules. Beside it what a game's file needs: `Game`, `Positions`.

Shapes: A actions, P players, S symmetries, observations `[C, H, W]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from games.game import Game, Positions
from games.lifted import LiftedGame

__all__ = ["Game", "LiftedGame", "Positions", "lift"]

Fields = Sequence[tuple[str, str] | tuple[str, str, tuple[int, ...]]]


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
    forcing: Callable[[Any, Any, Any], int] | None = None,
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
        forcing: what makes proofs cheap in two-player zero-sum games without chance: `forcing(s, mask, weights)`
            returns 1 where some move of the mover wins at once, -1 where after each of its moves the opponent can win
            at once, else 0. Then it may take such losing moves out of `mask` `[A]`, which comes with the legal ones,
            and set `weights` `[A]`, integers which come all zero: moves of greater ones are tried first.
        symmetries: S, the number of symmetries of the rules, the identity included.
        transform: `transform(s, k, t)` writes the image of `s` under symmetry `k` to `t`, which comes as a copy of `s`.
        transform_action: the image of an action under symmetry `k`: `transform_action(a, k)` (plain Python).
        action_name: an action in the game's usual notation (plain Python); names must differ.
        render: one record as text (plain Python); by default its fields, one a line.
        parse: `parse(text, s)` fills a starting record from what `render` writes (plain Python).

    `play`, `legal`, `observe`, `chance`, `forcing` and `transform` are written in the part of Python that numba
    compiles; constants captured from an enclosing `make(**options)` are compiled in.

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
    if forcing and (players != 2 or zero_sum is False or chance):
        raise ValueError("forcing is for two-player zero-sum games without chance")
    if zero_sum and players != 2:
        raise ValueError(f"zero_sum is for two players, got players={players}")
    header = [("to_play", "u1"), ("ply", "u2"), ("terminal", "u1"), ("returns", "f4", (players,))]
    image = transform_action or (lambda action, _: action)
    table = np.array([[image(action, k) for action in range(num_actions)] for k in range(symmetries)], np.int64)
    if not np.array_equal(np.sort(table, axis=1), np.tile(np.arange(num_actions), (symmetries, 1))):
        raise ValueError("transform_action must permute the actions under every symmetry")
    rules: dict[str, Callable[..., Any] | None] = {"play": play, "legal": legal, "observe": observe, "start": start}
    rules |= {"chance": chance, "forcing": forcing, "transform": transform}
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
