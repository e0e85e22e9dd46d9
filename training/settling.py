"""What a configuration leaves to measurement: decided when a run is made, and the same from then on."""

from __future__ import annotations

from dataclasses import replace

from games import Game
from training.backends import fastest_backend, untrained
from training.batching import fastest_slots
from training.config import Config
from training.precision import settle_precision
from training.selfplay_config import BackendName

_DEVICE = 512
"""The most games side by side on a device, which has two tables of half of them in turns."""


def settle(game: Game, config: Config) -> Config:
    """`config` with what it leaves to measurement: backend, games side by side, and the learner's precision."""
    config = settle_precision(game, config)
    playing = config.self_play
    if playing.device != "cpu":
        # The backend is not asked.
        backend: BackendName = "onnxruntime" if playing.backend == "fastest" else playing.backend
        slots = playing.slots or min(config.share, _DEVICE)
        return replace(config, self_play=replace(playing, backend=backend, slots=slots))
    if playing.backend != "fastest" and playing.slots:
        return config
    agent = untrained(game, config.network, config.seed)
    return fastest_slots(game, fastest_backend(config, agent), agent)
