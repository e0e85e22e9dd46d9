"""In which arithmetic a run learns: fixed when the run is made, so that a resumed one computes the same bits."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import get_args

import numpy as np

from games import Game
from games.chance import awaits
from games.sampling import play
from training.config import Config, LearnerPrecision
from training.learner import Learner, fabric_of, optimise, torch_threads
from training.replay import Batch, Replay, sample_dtype

_TURNS = 4
"""Rounds over the precisions, of which each one's best counts: other programs only ever slow a step."""
_STEPS = 3
"""Steps of a round."""
_WORTHWHILE = 0.9
"""Sixteen bits are taken where a step takes at most this share of its time in single precision."""


def settle_precision(game: Game, config: Config) -> Config:
    """`config` with the precision of the learner that is fastest here, where it leaves that open.

    On other accelerators than the CPU that is single precision.
    """
    if config.learner.precision != "fastest":
        return config
    chosen: LearnerPrecision = "float"
    if config.learner.accelerator == "cpu":
        seconds = step_seconds(game, config)
        chosen = "bfloat16" if seconds["bfloat16"] <= _WORTHWHILE * seconds["float"] else "float"
    return replace(config, learner=replace(config.learner, precision=chosen))


def step_seconds(game: Game, config: Config) -> dict[LearnerPrecision, float]:
    """Seconds of an optimisation step by precision, on positions of random games."""
    batch, steps = _random_batch(game, config), {}
    for precision in get_args(LearnerPrecision):
        if precision != "fastest":
            learning = replace(config.learner, precision=precision)
            learner, fabric = Learner(game, config.network, learning, config.seed), fabric_of(learning)
            steps[precision] = (fabric, *fabric.setup(learner, learner.configure_optimizers()))
    seconds = dict.fromkeys(steps, float("inf"))
    with torch_threads(config.learner.threads):
        for fabric, module, optimizer in steps.values():
            optimise(fabric, module, optimizer, batch, config.learner.clip)
        for _ in range(_TURNS):
            for precision, (fabric, module, optimizer) in steps.items():
                start = time.perf_counter()
                for _ in range(_STEPS):
                    optimise(fabric, module, optimizer, batch, config.learner.clip)
                seconds[precision] = min(seconds[precision], (time.perf_counter() - start) / _STEPS)
    return seconds


def _random_batch(game: Game, config: Config) -> Batch:
    """As many positions as a step learns from, with any legal move as the policy and draws as values."""
    positions = play(game, config.seed, 16, 1000).before
    positions = positions[~awaits(game, positions)]
    samples = np.zeros(len(positions), sample_dtype(game))
    legal = game.legal_actions(positions)
    samples["position"], samples["policy"], samples["weight"] = positions, legal / legal.sum(1, keepdims=True), 1.0
    replay = Replay(game, len(samples))
    replay.insert(samples)
    return replay.sample(np.random.default_rng(config.seed), config.learner.batch)
