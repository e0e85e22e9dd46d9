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
from training.config import Config, SelfPlayConfig


def settle(game: Game, config: Config) -> Config:
    """`config` with the fastest backend by name, where it asks for the fastest.

    Raises:
        ValueError: self-play is to ask a device that does not exist.
    """
    if config.self_play.device != "cpu":
        from hybrid.network import device_of  # and torch, which workers do without

        device_of(config.self_play.device)
    if config.self_play.backend != "fastest":
        return config
    workers = max(1, config.workers)
    batch = max(1, min(config.self_play.slots, config.self_play.games // workers))
    agent = untrained(game, config.network, config.seed)
    backend = choose(agent, workers=workers, precision=config.self_play.precision, batch=batch)
    return replace(config, self_play=replace(config.self_play, backend=backend))


def settled(config: SelfPlayConfig) -> Backend:
    """The backend that `config` names. Raises ValueError where it has not been settled."""
    if config.backend == "fastest":
        raise ValueError("backend must be settled before anything is played, got 'fastest'")
    return config.backend


def untrained(game: Game, config: NetworkConfig, seed: int) -> Checkpoint:
    """An agent with random weights, calibrated on positions of random games."""
    shape = NetworkShape.of(game)
    weights = initial_weights(config, shape, np.random.default_rng(seed))
    ranges = calibrate(config, shape, weights, game.observe(play(game, seed, 16, 1000).before))
    return Checkpoint(weights=weights, config=config, shape=shape, game=game.spec, ranges=ranges)
