"""The agent that comes with Hybrid: it is found, it is any run's equal, and it plays as well as is said."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

import games
import hybrid
from eval.exact import measure
from eval.labels import load as load_labels
from eval.match import play
from eval.tournament import resolve
from hybrid import agents, checkpoint, pretrained
from hybrid.search_agent import SearchAgent
from training import origin
from training.recipes import recipe

GAME = games.load("connect_four")


def test_it_takes_the_options_of_a_run() -> None:
    agent = agents.load("pretrained?dial=0.25&simulations=64", GAME)
    assert isinstance(agent, SearchAgent)
    assert agent.name == "pretrained?dial=0.25&simulations=64"
    same = agents.load(f"{pretrained.find(GAME)}?dial=0.25&simulations=64", GAME)
    assert isinstance(same, SearchAgent)
    assert agent.config == same.config


def test_it_is_known_by_its_content() -> None:
    """So that results of one are not mistaken for those of its successor."""
    file = pretrained.find(GAME)
    assert resolve("pretrained?dial=0", GAME) == (f"{file}?dial=0", checkpoint.digest_of(file))


def test_it_is_installed_with_the_code() -> None:
    """What a package reads beside its code belongs to the package."""
    root = Path(hybrid.__file__).parents[1]
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]
    for package in ("hybrid", "eval"):
        for file in (root / package / "data").iterdir():
            assert any(file.relative_to(root / package).match(pattern) for pattern in patterns[package])


def test_games_without_one_say_so() -> None:
    with pytest.raises(ValueError, match="pretrained: an agent comes for connect_four, not for 'hex:size=5'"):
        agents.load("pretrained", games.load("hex:size=5"))
    with pytest.raises(ValueError, match="is an agent for game 'connect_four', not for 'connect_four:rows=5'"):
        agents.load("pretrained", games.load("connect_four:rows=5"))


def test_it_can_be_built_on() -> None:
    found = origin.read(pretrained.find(GAME), GAME)
    later = recipe("strong", GAME).afterwards()
    found.check(GAME, later.network)
    assert found.config.learner.optimizer == later.learner.optimizer == "muon"


def test_it_errs_as_rarely_as_is_said() -> None:
    """By the solver's labels; docs/learning.md has the figures."""
    labelled = load_labels("connect_four_random")
    alone = measure(agents.load("pretrained?dial=0", GAME), labelled, seed=0)
    assert alone.total.blunder_rate < 0.03


def test_it_wins() -> None:
    entrants = [agents.load(spec, GAME) for spec in ("pretrained?simulations=32", "minimax?depth=4")]
    match = play(GAME, entrants, 8, np.random.default_rng(1))
    assert match.score >= 0.75
