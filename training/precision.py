"""In which arithmetic a run learns: fixed when the run is made, so that a resumed one computes the same bits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from games import Game
from games.chance import awaits
from games.sampling import play
from training.config import Config, LearnerPrecision
from training.learner import Learner, fabric_of, optimise, torch_threads
from training.replay import Batch, batch_of, sample_dtype
from training.winograd_tiles import points_of

_MEASURED: tuple[LearnerPrecision, ...] = ("float", "winograd", "bfloat16")
"""From what rounds least to what rounds most."""
_CHANNELS, _POINTS = 32, 4.0
"""Of fewer channels, or where there are more points to a cell instead of nine products, Winograd's convolutions are not
even tried, which takes some seconds to compile."""
_TURNS = 12
"""Steps in each precision, in turns, of which each one's best counts: other programs only ever slow a step."""
_SECONDS = 6.0
"""No step is begun later than so long after the first, once all have been tried."""
_HOPELESS = 5.0
"""What took so many times as long as another at first is not tried again: it would leave no time for the others."""
_WORTHWHILE = 0.9
"""What rounds more is taken where a step takes at most this share of its time in what rounds less."""


def settle_precision(game: Game, config: Config) -> Config:
    """`config` with the precision of the learner that is fastest here, where it leaves that open.

    On other accelerators than the CPU that is single precision.
    """
    if config.learner.precision != "fastest":
        return config
    chosen: LearnerPrecision = "float"
    if config.learner.accelerator == "cpu":
        seconds = step_seconds(game, config)
        for precision, needed in seconds.items():
            if needed <= _WORTHWHILE * seconds[chosen]:
                chosen = precision
    return replace(config, learner=replace(config.learner, precision=chosen))


def step_seconds(game: Game, config: Config) -> dict[LearnerPrecision, float]:
    """Seconds of an optimisation step by precision, on positions of random games."""
    batch = _random_batch(game, config)
    steps: dict[LearnerPrecision, Callable[[], object]] = {}
    for precision in _MEASURED:
        if precision == "winograd" and not _spares(game, config):
            continue
        learning = replace(config.learner, precision=precision)
        learner, fabric = Learner(game, config.network, learning, config.seed), fabric_of(learning)
        module, optimizer = fabric.setup(learner, learner.configure_optimizers())
        steps[precision] = partial(optimise, fabric, module, optimizer, batch, learning.clip)
    seconds = dict.fromkeys(steps, float("inf"))
    begun = time.perf_counter()
    with torch_threads(config.learner.threads):
        for turn in range(_TURNS):
            for precision, step in steps.items():
                start = time.perf_counter()
                if turn and start - begun > _SECONDS:
                    return seconds
                if turn and seconds[precision] > _HOPELESS * min(seconds.values()):
                    continue
                step()
                seconds[precision] = min(seconds[precision], time.perf_counter() - start)
    return seconds


def _spares(game: Game, config: Config) -> bool:
    """Whether Winograd's convolutions could be faster: transforms cost as much on small boards or by few channels."""
    height, width = game.observation_shape[1:]
    points = points_of(height) * points_of(width)
    few = points <= _POINTS * height * width
    return few and config.network.blocks > 0 and config.network.channels >= _CHANNELS


def _random_batch(game: Game, config: Config) -> Batch:
    """As many positions as a step learns from, with any legal move as the policy and draws as values."""
    positions = play(game, config.seed, 16, 1000).before
    positions = positions[~awaits(game, positions)]
    samples = np.zeros(len(positions), sample_dtype(game))
    legal = game.legal_actions(positions)
    samples["position"], samples["policy"], samples["weight"] = positions, legal / legal.sum(1, keepdims=True), 1.0
    chosen = np.random.default_rng(config.seed).integers(len(samples), size=config.learner.batch)
    return batch_of(game, samples[chosen])
