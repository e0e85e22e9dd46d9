"""Every `Game` as an AEC environment of PettingZoo.

`env("hex:size=5")` follows the classic environments: agents `player_0` and on, observations with `observation`
`[H, W, C]` and an `action_mask` `[A]` that is all zero off turn, rewards at the end, and an illegal move ends the game
with -1 for its player. Chance moves by itself, seeded by `reset`.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import EzPickle
from pettingzoo import AECEnv
from pettingzoo.utils import wrappers

from games.chance import settle
from games.load import load
from games.replay import ReplayedGame
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
        if seed is not None or not hasattr(self, "_rng"):
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
        """Whether observations hold only 0 and 1, as those of most games here do, in some random games."""
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
