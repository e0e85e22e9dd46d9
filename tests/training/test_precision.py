"""In which precision a run learns: what is faster here, measured once and kept."""

from __future__ import annotations

import time
from collections import Counter
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


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"winograd": 0.95, "bfloat16": 0.5}, "bfloat16"),
        ({"winograd": 1.5, "bfloat16": 0.9}, "bfloat16"),
        ({"winograd": 1.5, "bfloat16": 0.95}, "float"),
        ({"winograd": 0.6, "bfloat16": 20.0}, "winograd"),
        ({"winograd": 0.6, "bfloat16": 0.55}, "winograd"),
        ({"winograd": 0.6, "bfloat16": 0.5}, "bfloat16"),
        ({"bfloat16": 20.0}, "float"),
    ],
)
def test_what_rounds_more_must_be_worth_it(
    seconds: dict[str, float], expected: LearnerPrecision, monkeypatch: pytest.MonkeyPatch, alone: Config
) -> None:
    monkeypatch.setattr(precision, "step_seconds", lambda game, config: {"float": 1.0} | seconds)
    settled = settle_precision(games.load("tic_tac_toe"), opened(alone))
    assert settled == replace(alone, learner=replace(alone.learner, precision=expected))


def test_nothing_is_measured_where_nothing_is_open(monkeypatch: pytest.MonkeyPatch, alone: Config) -> None:
    monkeypatch.setattr(precision, "step_seconds", lambda game, config: pytest.fail("measured"))
    game, half = games.load("tic_tac_toe"), replace(alone, learner=LearnerConfig(precision="bfloat16"))
    assert settle_precision(game, alone) is alone
    assert settle_precision(game, half) is half
    assert settle_precision(game, opened(alone, accelerator="cuda")).learner.precision == "float"


@pytest.mark.parametrize("game", ["tic_tac_toe", "pig"])
def test_steps_are_timed_in_every_precision(game: str, alone: Config) -> None:
    seconds = step_seconds(games.load(game), opened(alone))
    assert seconds.keys() == {"float", "bfloat16"}
    assert all(0.0 < value < 5.0 for value in seconds.values())


def test_what_is_far_slower_takes_no_time_from_the_others(monkeypatch: pytest.MonkeyPatch, alone: Config) -> None:
    steps: Counter[str] = Counter()

    def step(fabric: Any, module: Any, *rest: object) -> None:
        steps[name := module._config.precision] += 1
        time.sleep(0.1 if name == "bfloat16" else 0.001)

    monkeypatch.setattr(precision, "optimise", step)
    step_seconds(games.load("tic_tac_toe"), opened(alone))
    assert steps == {"float": 12, "bfloat16": 1}


def test_winograd_is_timed_where_there_are_channels_enough(monkeypatch: pytest.MonkeyPatch, alone: Config) -> None:
    monkeypatch.setattr(precision, "_CHANNELS", alone.network.channels)
    seconds = step_seconds(games.load("tic_tac_toe"), opened(alone))
    assert list(seconds) == ["float", "winograd", "bfloat16"]
