"""Where random numbers come from: the run's seed, the generation and their purpose, nothing that happened before."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What random numbers are for; different purposes share none."""

    SELF_PLAY = 0
    LEARNING = 1
    EVALUATION = 2
    CALIBRATION = 3


def generator(seed: int, generation: int, purpose: Purpose, number: int = 0) -> np.random.Generator:
    """The generator of one thing in one generation: of game `number`, or of the match against anchor `number`."""
    return np.random.default_rng([seed, generation, purpose, number])
