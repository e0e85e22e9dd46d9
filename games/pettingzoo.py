"""PettingZoo both ways: `env` makes a `Game` an AEC environment (see `games.pettingzoo_env`), `bridge` theirs a `Game`.

`pettingzoo:connect_four_v3`, `pettingzoo:go_v5(board_size=5)` and `pettingzoo:module:factory` are games.
"""

from __future__ import annotations

import ast
import copy
import importlib
import textwrap
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import AECEnv, make

from games.engines import Facts, agree
from games.pettingzoo_env import env
from games.replay import ReplayedGame

__all__ = ["bridge", "env"]

REMEMBERED_BYTES = 1 << 27
"""Of the observations that a bridged game keeps."""


@dataclass
class PettingZooEngine:
    """An `Engine` over one AEC environment, always reset with `seed`.

    `copies` says that `duplicate` was seen to make sound copies of it.
    """

    env: Any
    seed: int = 0
    copies: bool = False

    def restart(self) -> None:
        self.env.reset(seed=self.seed)
        self.total = dict.fromkeys(self.env.possible_agents, 0.0)

    def play(self, action: int) -> None:
        self._advance(action)
        while not self._over() and self._dead(self.env.agent_selection):
            self._advance(None)

    def facts(self) -> Facts:
        agent, over = self.env.agent_selection, self._over()
        seen = self.env.observe(agent)
        planes = planes_of(np.array(seen["observation"] if isinstance(seen, dict) else seen, np.float32))
        picture = f"{agent}{' (over)' if over else ' to play'}"
        mover = self.env.possible_agents.index(agent)
        return Facts(mover, over, self.returns(), self._mask(seen) & (not over), planes, picture)

    def legal(self) -> list[int]:
        if self._over():
            return []
        legal: list[int] = np.flatnonzero(self._mask(self.env.observe(self.env.agent_selection))).tolist()
        return legal

    def returns(self) -> tuple[float, ...]:
        return tuple(self.total.values()) if self._over() else (0.0,) * len(self.total)

    def _mask(self, seen: Any) -> npt.NDArray[np.bool_]:
        """The actions that what the mover has `seen`, or is told beside it, allows: all where neither tells."""
        agent = self.env.agent_selection
        mask = (seen if isinstance(seen, dict) else self.env.infos[agent]).get("action_mask")
        return np.ones(self.env.action_space(agent).n, np.bool_) if mask is None else np.array(mask, np.bool_)

    def action_name(self, action: int) -> str:
        return str(action)

    def copy(self) -> PettingZooEngine | None:
        if not self.copies:
            return None
        twin = replace(self, env=duplicate(self.env))
        twin.total = dict(self.total)
        return twin

    def _advance(self, action: int | None) -> None:
        self.env.step(action)
        for agent, reward in self.env.rewards.items():
            self.total[agent] += float(reward)

    def _dead(self, agent: str) -> bool:
        return bool(self.env.terminations[agent] or self.env.truncations[agent])

    def _over(self) -> bool:
        return all(self._dead(agent) for agent in self.env.agents)


def duplicate(env: Any) -> Any:
    """A copy of an environment that shares only its spaces.

    `copy.deepcopy` alone will not do: what is an `EzPickle`, as most environments are, it makes anew and unplayed.
    """
    layers = [env]
    while "env" in vars(layers[-1]):
        layers.append(vars(layers[-1])["env"])
    known = {id(layer): object.__new__(type(layer)) for layer in layers}
    for value in [value for layer in layers for value in vars(layer).values()]:
        for space in value.values() if isinstance(value, dict) else [value]:
            if isinstance(space, spaces.Space):
                known[id(space)] = space
    for layer in layers:
        vars(known[id(layer)]).update(copy.deepcopy(vars(layer), known))
    return known[id(env)]


def planes_of(observation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """`[C, H, W]` from `[H, W, C]`, or from fewer axes by adding some of length 1."""
    whole = observation.reshape((*observation.shape, 1, 1)[:3]) if observation.ndim < 3 else observation
    return np.ascontiguousarray(np.moveaxis(whole, -1, 0))


def bridge(name: str, max_plies: int = 1000) -> ReplayedGame:
    """The environment `name` of PettingZoo's classic ones, or `module:factory`, as a game of at most `max_plies` plies.

    Raises:
        ValueError: there is no such environment, or it is seen to have chance, hidden information or other rewards
            than within [-1, 1].
    """
    environment = _make(name)
    if not isinstance(environment, AECEnv):
        raise ValueError(f"{name!r} cannot be a game: it is a {type(environment).__name__}, not an AEC environment")
    engine = PettingZooEngine(environment)
    engine.restart()
    agents = environment.possible_agents
    sizes = {int(getattr(environment.action_space(agent), "n", 0)) for agent in agents}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(f"{name!r} cannot be a game: its agents need one discrete action space, the same for all")
    start = engine.facts().observation
    rewards = _probe(name, engine)
    engine.copies = _copies(engine)
    return ReplayedGame(
        spec=f"pettingzoo:{name}",
        engine=engine,
        players=len(agents),
        num_actions=sizes.pop(),
        observation_shape=(start.shape[0], start.shape[1], start.shape[2]),
        zero_sum=len(agents) == 2 and all(sum(ends) == 0 and set(ends) <= {-1, 0, 1} for ends in rewards),
        max_plies=max_plies,
        remembered=max(1, min(20_000, REMEMBERED_BYTES // start.nbytes)),
    )


def _make(name: str) -> AECEnv[Any, Any, Any]:
    """The environment called `name`, options in brackets."""
    base, bracket, options = name.partition("(")
    try:
        if bracket and not options.endswith(")"):
            raise ValueError("its bracket is not closed")
        call = cast("ast.Call", ast.parse(f"f({options}" if options else "f()", mode="eval").body)
        if call.args or not all(word.arg for word in call.keywords):
            raise ValueError("its options must be written name=value")
        arguments = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        if ":" in base:
            module, _, factory = base.partition(":")
            return getattr(importlib.import_module(module), factory)(**arguments)
        return make("aec", f"classic/{base}", **arguments)
    except Exception as error:  # whatever their factories raise
        raise ValueError(f"PettingZoo cannot make {name!r}: {textwrap.shorten(str(error), 300)}") from error


def _probe(name: str, engine: PettingZooEngine, games: int = 4, plies: int = 400) -> list[tuple[float, ...]]:
    """Play random games, fewer if they are long, and look for chance and hidden information; the results of all.

    A game still running after `plies` plies counts for nothing, and as one that all lost, since nothing is known of it.
    """
    rng = np.random.default_rng(0)
    ends, played = list[tuple[float, ...]](), 0
    while not ends or (len(ends) < games and played < plies):
        trail, moves = _wander(engine, rng, plies)
        played += len(moves)
        ends.append(trail[-1].returns if trail[-1].terminal else (-1.0,) * len(trail[-1].returns))
        other = PettingZooEngine(_make(name), seed=1)
        other.restart()
        for ply, facts in enumerate(trail):
            if not agree(facts, other.facts()):
                raise ValueError(f"{name!r} cannot be a game: with equal moves and another seed it goes another way")
            if ply < len(moves):
                other.play(moves[ply])
        if _hides(other, moves, trail):
            raise ValueError(f"{name!r} cannot be a game: a player's move is hidden from who moves next")
    if any(abs(value) > 1 for end in ends for value in end):
        raise ValueError(f"{name!r} cannot be a game: its rewards leave [-1, 1]")
    return ends


def _wander(engine: PettingZooEngine, rng: np.random.Generator, plies: int) -> tuple[list[Facts], list[int]]:
    """A random game of at most `plies` plies: all that was seen, and the moves between."""
    engine.restart()
    trail, moves = [engine.facts()], list[int]()
    while not trail[-1].terminal and len(moves) < plies:
        moves.append(int(rng.choice(np.flatnonzero(trail[-1].legal))))
        engine.play(moves[-1])
        trail.append(engine.facts())
    return trail, moves


def _copies(engine: PettingZooEngine, plies: int = 24) -> bool:
    """Whether copies made in the first `plies` plies of a random game stand, stay and go on where they should."""
    engine = replace(engine, copies=True)
    rng, copies = np.random.default_rng(0), list[PettingZooEngine | None]()
    trail, moves = _wander(engine, rng, plies)
    try:
        engine.restart()
        for move in moves:
            copies.append(engine.copy())
            engine.play(move)
        for ply, twin in enumerate(copies):
            if twin is None or not agree(twin.facts(), trail[ply]):
                return False
            for seen, move in enumerate(moves[ply:], ply + 1):
                twin.play(move)
                if not agree(twin.facts(), trail[seen]):
                    return False
    except Exception:  # whatever an environment copied amiss may raise
        return False
    return agree(engine.facts(), trail[-1])


def _hides(engine: PettingZooEngine, moves: list[int], trail: list[Facts], plies: int = 8) -> bool:
    """Whether some player's other moves in the first `plies` all look the same to who moves next."""
    shows: dict[int, list[bool]] = {}
    for ply in range(min(plies, len(moves))):
        others = [int(action) for action in np.flatnonzero(trail[ply].legal) if action != moves[ply]]
        for action in others[:1]:
            engine.restart()
            for move in [*moves[:ply], action]:
                engine.play(move)
            shown = not np.array_equal(engine.facts().observation, trail[ply + 1].observation)
            shows.setdefault(trail[ply].to_play, []).append(shown)
    return any(not any(shown) for shown in shows.values())
