"""What a run keeps, small."""

from __future__ import annotations

import torch

import games
from tests.training.test_replay import random_samples
from training.config import Config
from training.learner import Learner
from training.replay import Replay


def parts(
    config: Config, game_name: str = "tic_tac_toe", seed: int = 0
) -> tuple[Learner, torch.optim.Optimizer, Replay]:
    """A learner that has made two steps, its optimizer and a replay with ten samples."""
    game = games.load(game_name)
    learner = Learner(game, config.network, config.learner, seed)
    optimizer = learner.configure_optimizers()
    for _ in range(2):
        logits, values = learner(torch.zeros(1, *game.observation_shape))
        (logits.sum() + values[:, 0].sum()).backward()
        optimizer.step()
        learner.update_average()
    replay = Replay(game, 20)
    replay.insert(random_samples(game, 10, seed))
    return learner, optimizer, replay
