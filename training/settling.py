"""What a configuration leaves to measurement: decided when a run is made, and the same from then on."""

from __future__ import annotations

from dataclasses import replace

from games import Game
from training.backends import fastest_backend, untrained
from training.batching import fastest_slots
from training.config import Config, LaterConfig
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


def reopened(config: Config, done: int) -> Config:
    """What a run that builds on `done` generations of a run of `config` begins with, unless told otherwise.

    That is what the other would go on with if it were long enough, for as many generations as it was to have, and
    everything that is decided by measurement is open once more. Where no change is due, `growth` begins anew.
    """
    generations, after = config.generations, config.later.after
    direct = max(0, config.self_play.direct_generations - done)
    if 0 < after <= done:
        config = replace(config, generations=max(generations, after + 1)).afterwards()
    later = replace(config.later, after=after - done) if done < after else LaterConfig()
    playing = replace(config.self_play, direct_generations=direct, backend="fastest", slots=0)
    learner = replace(config.learner, precision="fastest")
    return replace(config, self_play=playing, learner=learner, later=later, generations=generations)
