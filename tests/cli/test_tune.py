"""`hybrid tune`: what it finds, says, keeps and refuses."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from eval.store import Store
from tests.cli.conftest import Hybrid, Ran, read

QUICK = ("--budget", 8, "--games", 32, "--confirm", 4, "--opening-plies", 2)


@pytest.fixture(scope="module")
def tuned(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained run, to be written to."""
    return Path(shutil.copytree(trained, tmp_path_factory.mktemp("tuned") / "run"))


@pytest.fixture
def tune(hybrid: Hybrid, tuned: Path, tmp_path: Path) -> Any:
    """Tune; returns what ran and its JSON."""

    def run(*options: object) -> tuple[Ran, dict[str, Any]]:
        ran = hybrid("tune", "tic_tac_toe", tuned, *QUICK, "--json", tmp_path / "tune.json", *options)
        result = read(tmp_path / "tune.json")
        assert isinstance(result, dict)
        return ran, result

    return run


def test_it_recommends_keeps_and_draws(tune: Any, hybrid: Hybrid, tuned: Path) -> None:
    ran, result = tune()
    assert (ran.code, ran.err) == (0, "")
    assert (result["budget"], result["axes"], result["games"], result["finished"]) == ("8", ["dial"], 32, True)
    assert f"Recommended: {result['recommended']}" in ran.out
    assert result["verdict"] in ran.out
    assert f"{tuned}?dial=tuned&simulations=8 plays at the recommendation" in ran.out
    assert [gain["over_dial"] for gain in result["gains"]] == [0.0, 0.5, 1.0]
    for gain in result["gains"]:
        if gain["games"]:
            assert gain["games"] == 4
            assert 0.0 <= gain["score"] <= 1.0
    assert Path(result["curve"]).read_bytes().startswith(b"\x89PNG")
    assert Path(result["curve"]).parent == tuned / "tuning"
    ran = hybrid("match", "tic_tac_toe", f"{tuned}?dial=tuned&simulations=8", "random", "--games", 2)
    assert ran.code == 0


def test_what_was_played_is_not_played_again(tune: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, before = tune()
    monkeypatch.setattr(Store, "add", lambda *_: pytest.fail("a game was played"))
    _, after = tune()
    assert after == before


def test_tensorboard_shows_it(tune: Any, tuned: Path) -> None:
    for _ in range(2):
        _, result = tune()
    folder = Path(result["store"]).with_suffix("")
    assert folder.parent == tuned / "tuning"
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()
    assert {"tune/expected_regret", "tune/best_dial", "tune/gain_over_dial_0.5"} <= set(tags["scalars"])
    assert tags["images"] == ["tune/landscape"]
    assert [event.step for event in events.Scalars("tune/best_dial")] == [0, 32]
    assert "_hparams_/session_start_info" in events.summary_metadata


def test_stopped_it_says_how_to_go_on(tune: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", interrupted)
        ran, result = tune("--budget", 4)
    assert (ran.code, result["finished"]) == (130, False)
    assert "run the same command again" in ran.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--budget", "fast"), "'fast'"),
        (("--axes", "dial,prior_weight"), "axes must be"),
        (("--axes", "speed"), "speed"),
        (("--confirm", 3), "confirm"),
        (("--games", 1), "games"),
        (("--precision", 0), "precision"),
    ],
)
def test_mistakes_are_one_line(tune: Any, hybrid: Hybrid, tuned: Path, options: tuple[object, ...], said: str) -> None:
    tune()
    assert said in hybrid("tune", "tic_tac_toe", tuned, *QUICK, *options).error


def test_only_runs_can_be_tuned(hybrid: Hybrid) -> None:
    assert "trained run" in hybrid("tune", "tic_tac_toe", "mcts").error
