"""In which precision a run learns: what is faster here, measured once and kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import games
from training import precision
from training.config import Config, LearnerConfig, LearnerPrecision
from training.precision import settle_precision, step_seconds


def opened(config: Config, **changes: Any) -> Config:
    """`config` with the precision left open."""
    return replace(config, learner=replace(config.learner, precision="fastest", **changes))


@pytest.mark.parametrize(("half", "expected"), [(0.5, "bfloat16"), (0.9, "bfloat16"), (0.95, "float"), (20.0, "float")])
def test_sixteen_bits_must_be_worth_it(
    half: float, expected: LearnerPrecision, monkeypatch: pytest.MonkeyPatch, alone: Config
) -> None:
    monkeypatch.setattr(precision, "step_seconds", lambda game, config: {"float": 1.0, "bfloat16": half})
    settled = settle_precision(games.load("tic_tac_toe"), opened(alone))
    assert settled == replace(alone, learner=replace(alone.learner, precision=expected))


def test_nothing_is_measured_where_nothing_is_open(monkeypatch: pytest.MonkeyPatch, alone: Config) -> None:
    monkeypatch.setattr(precision, "step_seconds", lambda game, config: pytest.fail("measured"))
    game, half = games.load("tic_tac_toe"), replace(alone, learner=LearnerConfig(precision="bfloat16"))
    assert settle_precision(game, alone) is alone
    assert settle_precision(game, half) is half
    assert settle_precision(game, opened(alone, accelerator="cuda")).learner.precision == "float"


@pytest.mark.parametrize("game", ["tic_tac_toe", "pig"])
def test_steps_are_timed_in_both(game: str, alone: Config) -> None:
    seconds = step_seconds(games.load(game), opened(alone))
    assert seconds.keys() == {"float", "bfloat16"}
    assert all(0.0 < value < 5.0 for value in seconds.values())
