"""Runs small enough to be trained in a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import games
from hybrid.dial import Dial
from hybrid.network_config import NetworkConfig
from tests.training.learned import parts
from training import state
from training.config import Config, EvaluationConfig, LearnerConfig, ReplayConfig
from training.selfplay_config import SelfPlayConfig

TINY = Config(
    network=NetworkConfig(blocks=1, channels=8),
    self_play=SelfPlayConfig(
        dial=Dial(simulations=16), fast_simulations=8, games=12, slots=4, temperature_plies=4, opening_plies=2
    ),
    replay=ReplayConfig(capacity=150),
    learner=LearnerConfig(batch=32),
    evaluation=EvaluationConfig(every=2, games=2, simulations=8, anchors=("random",)),
    generations=4,
    workers=2,
)


@pytest.fixture
def tiny() -> Config:
    """Four generations of a dozen tic-tac-toe games with two workers; the replay forgets from the third on."""
    return TINY


@pytest.fixture
def alone() -> Config:
    """The same, played by the training process itself."""
    return replace(TINY, workers=0)


@pytest.fixture
def run(tmp_path: Path, alone: Config) -> Path:
    """A run folder with one saved state."""
    folder = tmp_path / "run"
    state.create(folder, games.load("tic_tac_toe"), alone)
    state.save(folder, 1, *parts(alone))
    return folder
