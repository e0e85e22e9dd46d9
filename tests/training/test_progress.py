"""What a generation's games are summed up to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import games
from tests.training.conftest import TINY
from training.effort import Effort
from training.playing import PlayedGame
from training.progress import OPENING, summarise
from training.selfplay import play_games


def played() -> list[PlayedGame]:
    """Three games of Connect Four by rollouts, each from the empty board, without any opening in common after that."""
    dial = replace(TINY.self_play.dial, value_weight=0.0, prior_weight=0.0)
    config = replace(TINY.self_play, dial=dial, opening_fraction=0.0, temperature_plies=42)
    return list(play_games(games.load("connect_four"), None, config, 0, 1, range(3)))


def test_repeated_games_are_not_diverse() -> None:
    once, twice = (summarise(played() * times, Effort(), 1.0, 0.0) for times in (1, 2))
    assert twice.positions == 2 * once.positions
    assert twice.distinct == once.distinct < once.positions  # the empty board was met three times
    assert twice.opening_diversity == pytest.approx(once.opening_diversity / 2)


def test_openings_are_the_first_plies() -> None:
    """By hand: of one game all positions are different; with its end alone there is no opening to tell of."""
    (game, *_) = played()
    assert summarise([game], Effort(), 1.0, 0.0).opening_diversity == 1.0
    late = replace(game, samples=game.samples[game.samples["position"]["ply"] > OPENING])
    assert len(late.samples)
    assert np.isnan(summarise([late], Effort(), 1.0, 0.0).opening_diversity)
