"""PettingZoo both ways: every `Game` as an AEC environment, and their environments as a `Game`.

`env("hex:size=5")` follows the classic environments: agents `player_0` and on, observations with `observation`
`[H, W, C]` and an `action_mask` `[A]` that is all zero off turn, rewards at the end, and an illegal move ends the game
with -1 for its player. Chance moves by itself, seeded by `reset`. The other way, `pettingzoo:connect_four_v3`,
`pettingzoo:go_v5(board_size=5)` and `pettingzoo:module:factory` are games.
"""

from __future__ import annotations

import ast
import importlib
import sys
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import EzPickle
from pettingzoo import AECEnv, make
from pettingzoo.utils import wrappers

from games.chance import settle
from games.load import load
from games.replay import Facts, ReplayedGame
from games.rules import Game
from games.sampling import random_actions

COLOURS = np.array([(233, 229, 218), (31, 61, 112), (196, 72, 52), (76, 142, 88), (150, 110, 170)], np.uint8)
"""Empty cells, then the planes of an observation in turn."""


def env(game: Game | str, render_mode: str | None = None) -> AECEnv[Any, Any, Any]:
    """`game` as an AEC environment, with PettingZoo's usual wrappers."""
    wrapped = wrappers.TerminateIllegalWrapper(GameEnv(game, render_mode), illegal_reward=-1)
    return wrappers.OrderEnforcingWrapper(wrappers.AssertOutOfBoundsWrapper(wrapped))


class GameEnv(AECEnv[str, Any, Any], EzPickle):  # type: ignore[misc]
    """The environment without wrappers; `render_mode` is None, `ansi`, `rgb_array` or `human`."""

    def __init__(self, game: Game | str, render_mode: str | None = None) -> None:
        EzPickle.__init__(self, game, render_mode)
        super().__init__()
        self.game = load(game) if isinstance(game, str) else game
        modes = ["human", "rgb_array", "ansi"]
        if render_mode not in (None, *modes):
            raise ValueError(f"render_mode must be None or one of {', '.join(modes)}, got {render_mode!r}")
        name = self.game.spec.partition(":")[0]
        self.metadata = {"render_modes": modes, "name": f"{name}_v0", "is_parallelizable": False, "render_fps": 1}
        self.render_mode = render_mode
        self.possible_agents = [f"player_{player}" for player in range(self.game.players)]
        self.agents = list(self.possible_agents)
        channels, height, width = self.game.observation_shape
        parts: dict[str, spaces.Space[Any]] = {
            "observation": spaces.Box(-np.inf, np.inf, (height, width, channels), np.float32),
            "action_mask": spaces.Box(0, 1, (self.game.num_actions,), np.int8),
        }
        if self._binary():
            parts["observation"] = spaces.Box(0, 1, (height, width, channels), np.int8)
        self.observation_spaces = {agent: spaces.Dict(parts) for agent in self.agents}
        self.action_spaces = {agent: spaces.Discrete(self.game.num_actions) for agent in self.agents}

    def observation_space(self, agent: str) -> Any:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        self._rng = np.random.default_rng(seed)
        self.position = settle(self.game, self.game.initial(), self._rng)
        self.agents = list(self.possible_agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        self.agent_selection = self.possible_agents[self.position[0]["to_play"]]

    def observe(self, agent: str) -> dict[str, npt.NDArray[Any]]:
        position = self.position.copy()
        on_turn = agent == self.agent_selection
        position["to_play"] = self.possible_agents.index(agent) if self._has_views() else position["to_play"]
        planes = np.moveaxis(self.game.observe(position)[0], 0, -1)
        legal = self.game.legal_actions(self.position)[0] & on_turn
        dtype = self.observation_spaces[agent]["observation"].dtype
        return {"observation": np.ascontiguousarray(planes, dtype), "action_mask": legal.astype(np.int8)}

    def step(self, action: Any) -> None:
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self._cumulative_rewards[agent] = 0.0
        self.position = settle(self.game, self.game.step(self.position, [int(action)]), self._rng)
        position = self.position[0]
        self.rewards = dict(zip(self.possible_agents, position["returns"].tolist(), strict=True))
        self.terminations = dict.fromkeys(self.agents, bool(position["terminal"]))
        self.agent_selection = self.possible_agents[position["to_play"]]
        self._accumulate_rewards()
        if self.render_mode == "human":
            self.render()

    def render(self) -> Any:
        """A string (`ansi`), an image `[height, width, 3]` of bytes (`rgb_array`), or None, written out (`human`)."""
        if self.render_mode == "ansi":
            return self.game.render(self.position[0])
        if self.render_mode == "rgb_array":
            return picture(self._fixed_view())
        if self.render_mode == "human":
            sys.stdout.write(self.game.render(self.position[0]) + "\n\n")
        return None

    def close(self) -> None:
        """Nothing is held open."""

    def _fixed_view(self) -> npt.NDArray[np.float32]:
        """`[P, H, W]`: the planes of the observation, first player's first."""
        planes = self.game.observe(self.position)[0][: self.game.players]
        return np.roll(planes, int(self.position[0]["to_play"]), axis=0)

    def _has_views(self) -> bool:
        """Whether a record's turn may be changed to see the position as another player does."""
        return not isinstance(self.game, ReplayedGame)

    def _binary(self) -> bool:
        """Whether observations hold only 0 and 1, as all of this package's do."""
        positions = self.game.initial(8)
        seen = [self.game.observe(positions)]
        rng = np.random.default_rng(0)
        for _ in range(64):
            live = np.flatnonzero(positions["terminal"] == 0)
            if not len(live):
                break
            positions = self.game.step(positions[live], random_actions(self.game, positions[live], rng))
            seen.append(self.game.observe(positions))
        return bool(np.isin(np.concatenate(seen), (0, 1)).all())


def picture(planes: npt.NDArray[np.float32], side: int = 48) -> npt.NDArray[np.uint8]:
    """`[H * side, W * side, 3]`: a stone for every nonzero entry of `planes` `[P, H, W]`, in the plane's colour."""
    _, height, width = planes.shape
    owner = np.where(planes.any(axis=0), planes.argmax(axis=0) + 1, 0)
    rows, columns = np.mgrid[0:side, 0:side] - (side - 1) / 2
    disc = rows**2 + columns**2 < (0.42 * side) ** 2
    shown = np.repeat(np.repeat(owner, side, axis=0), side, axis=1) * np.tile(disc, (height, width))
    image = COLOURS[shown % len(COLOURS)]
    image[::side] = image[:, ::side] = 160
    return np.ascontiguousarray(image)


@dataclass
class PettingZooEngine:
    """An `Engine` over one AEC environment, always reset with `seed`."""

    env: Any
    seed: int = 0

    def restart(self) -> None:
        self.env.reset(seed=self.seed)
        self.total = dict.fromkeys(self.env.possible_agents, 0.0)

    def play(self, action: int) -> None:
        self._advance(action)
        while not self._over() and self._dead(self.env.agent_selection):
            self._advance(None)

    def facts(self) -> Facts:
        env, over = self.env, self._over()
        agent = env.agent_selection
        seen = env.observe(agent)
        inside = isinstance(seen, dict)
        mask = seen.get("action_mask") if inside else env.infos[agent].get("action_mask")
        legal = np.ones(env.action_space(agent).n, np.bool_) if mask is None else np.array(mask, np.bool_)
        returns = tuple(self.total.values()) if over else (0.0,) * len(self.total)
        planes = planes_of(np.array(seen["observation"] if inside else seen, np.float32))
        picture = f"{agent}{' (over)' if over else ' to play'}"
        return Facts(env.possible_agents.index(agent), over, returns, legal & (not over), planes, picture)

    def action_name(self, action: int) -> str:
        return str(action)

    def _advance(self, action: int | None) -> None:
        self.env.step(action)
        for agent, reward in self.env.rewards.items():
            self.total[agent] += float(reward)

    def _dead(self, agent: str) -> bool:
        return bool(self.env.terminations[agent] or self.env.truncations[agent])

    def _over(self) -> bool:
        return all(self._dead(agent) for agent in self.env.agents)


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
    engine = PettingZooEngine(environment)
    engine.restart()
    agents = environment.possible_agents
    sizes = {int(getattr(environment.action_space(agent), "n", 0)) for agent in agents}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(f"{name!r} cannot be a game: its agents need one discrete action space, the same for all")
    shape = engine.facts().observation.shape
    rewards = _probe(name, engine)
    return ReplayedGame(
        spec=f"pettingzoo:{name}",
        engine=engine,
        players=len(agents),
        num_actions=sizes.pop(),
        observation_shape=(shape[0], shape[1], shape[2]),
        zero_sum=len(agents) == 2 and all(sum(ends) == 0 and set(ends) <= {-1, 0, 1} for ends in rewards),
        max_plies=max_plies,
    )


def _make(name: str) -> AECEnv[Any, Any, Any]:
    """The environment called `name`, options in brackets."""
    base, _, options = name.partition("(")
    try:
        call = cast("ast.Call", ast.parse(f"f({options}" if options else "f()", mode="eval").body)
        arguments = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        if ":" in base:
            module, _, factory = base.partition(":")
            return getattr(importlib.import_module(module), factory)(**arguments)
        return make("aec", f"classic/{base}", **arguments)
    except Exception as error:  # whatever their factories raise
        raise ValueError(f"PettingZoo cannot make {name!r}: {error}") from error


def _probe(name: str, engine: PettingZooEngine, games: int = 4, plies: int = 400) -> list[tuple[float, ...]]:
    """Play random games and look for chance and hidden information; the results of those that ended."""
    rng = np.random.default_rng(0)
    ends = []
    for _ in range(games):
        engine.restart()
        trail, moves = [engine.facts()], list[int]()
        while not trail[-1].terminal and len(moves) < plies:
            moves.append(int(rng.choice(np.flatnonzero(trail[-1].legal))))
            engine.play(moves[-1])
            trail.append(engine.facts())
        ends += [trail[-1].returns] if trail[-1].terminal else []
        other = PettingZooEngine(_make(name), seed=1)
        other.restart()
        for ply, facts in enumerate(trail):
            if not _equal(facts, other.facts()):
                raise ValueError(f"{name!r} cannot be a game: with equal moves and another seed it goes another way")
            if ply < len(moves):
                other.play(moves[ply])
        if _hides(other, moves, trail):
            raise ValueError(f"{name!r} cannot be a game: a player's move is hidden from who moves next")
    if any(abs(value) > 1 for end in ends for value in end):
        raise ValueError(f"{name!r} cannot be a game: its rewards leave [-1, 1]")
    return ends


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


def _equal(left: Facts, right: Facts) -> bool:
    """Whether two engines stand on what looks the same."""
    same = (left.to_play, left.terminal, left.returns) == (right.to_play, right.terminal, right.returns)
    return same and np.array_equal(left.legal, right.legal) and np.array_equal(left.observation, right.observation)
