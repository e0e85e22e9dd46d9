"""The agent that comes with Hybrid: it is found, it is any run's equal, and it plays as well as is said."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import games
import hybrid
from eval import tune
from eval.exact import measure
from eval.labels import load as load_labels
from eval.match import play
from eval.tournament import resolve
from hybrid import agents, checkpoint, pretrained, strength
from hybrid.search_agent import SearchAgent
from hybrid.tuned import Budget
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


def test_what_is_found_out_about_it_is_kept_for_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package may not be writable, and a later one brings another agent."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="'pretrained' is not tuned; 'hybrid tune GAME pretrained' does that"):
        agents.load("pretrained?dial=tuned", GAME)
    tune.run(tune.Plan(game="connect_four", agent="pretrained", budget=Budget.parse("4"), games=16, confirm=2))
    assert (tmp_path / "hybrid" / "pretrained" / "connect_four" / "tuning.json").is_file()
    agents.load("pretrained?dial=tuned", GAME)
    with pytest.raises(ValueError, match=r"tuned is pretrained, not pretrained\?strategy=uct"):
        agents.load("pretrained?dial=tuned&strategy=uct", GAME)


def test_it_is_as_strong_as_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its calibration comes with it, and gives way to one of the user's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    came = strength.load(pretrained.find(GAME))
    low, high = came.range
    assert low < came.anchor_elo < high
    soft = agents.load(f"pretrained?elo={low + 50.0:.0f}", GAME)
    assert isinstance(soft, SearchAgent)
    assert soft.temperature > 0.0
    searching = agents.load(f"pretrained?elo={math.floor(high)}", GAME)
    assert isinstance(searching, SearchAgent)
    assert searching.config.dial.simulations > 1
    own = replace(came, rungs=tuple(replace(rung, elo=rung.elo + 5000.0) for rung in came.rungs))
    strength.save(tmp_path / "hybrid" / "pretrained" / "connect_four" / strength.FILE, own)
    with pytest.raises(ValueError, match="elo must be between"):
        agents.load(f"pretrained?elo={low + 50.0:.0f}", GAME)


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
