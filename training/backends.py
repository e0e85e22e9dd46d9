"""Which runtime a run plays with: fixed when the run is made, so that a resumed one computes the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from games import Game
from games.sampling import play
from hybrid.backends import choose
from hybrid.checkpoint import Checkpoint
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights
from hybrid.runtime import Backend, calibrate
from training.config import Config
from training.selfplay_config import SelfPlayConfig

_BATCH = 96
"""Positions of a call for which backends are compared where the number of games side by side is open."""


def fastest_backend(config: Config, agent: Checkpoint) -> Config:
    """`config` with the fastest backend for `agent` by name, where it asks for the fastest."""
    playing = config.self_play
    if playing.backend != "fastest":
        return config
    batch = min(playing.slots or _BATCH, config.share)
    backend = choose(agent, workers=max(1, config.workers), precision=playing.precision, batch=batch)
    return replace(config, self_play=replace(playing, backend=backend))


def settled(config: SelfPlayConfig) -> Backend:
    """The backend that `config` names. Raises ValueError where it has not been settled."""
    if config.backend == "fastest":
        raise ValueError("backend must be settled before anything is played, got 'fastest'")
    return config.backend


def check_exists(device: str) -> None:
    """Raises ValueError unless a device, as a configuration names it, exists."""
    if device != "cpu":
        from hybrid.network import device_of  # and torch, which workers do without

        device_of(device)


def untrained(game: Game, config: NetworkConfig, seed: int) -> Checkpoint:
    """An agent with random weights, calibrated on positions of random games."""
    shape = NetworkShape.of(game)
    weights = initial_weights(config, shape, np.random.default_rng(seed))
    ranges = calibrate(config, shape, weights, game.observe(play(game, seed, 16, 1000).before))
    return Checkpoint(weights=weights, config=config, shape=shape, game=game.spec, ranges=ranges)
