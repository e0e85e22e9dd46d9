"""`hybrid spectrum`: its files, its answers, resuming, what it refuses, and the strength that it calibrates."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

import games
from eval.match import play
from eval.records import Record
from eval.store import Store
from hybrid import agents, strength
from tests.cli.conftest import Hybrid, Ran, read

OPTIONS = ("--positions", "0,0.5,1", "--simulations", "4,16", "--checkpoints", 2, "--games", 4)
OPPONENTS = ("--opponents", "mcts?simulations=10", "random")
PLOTS = {"map.png", "dial.png", "cost.png", "training.png", "errors.png", "gap.png", "strength.png"}


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained run, for calibrations to lie in."""
    shutil.copytree(trained / "checkpoints", tmp_path / "run" / "checkpoints")
    return tmp_path / "run"


def survey(hybrid: Hybrid, run: Path, *options: object) -> tuple[Ran, dict[str, Any]]:
    """Make a small map; what ran, and its JSON."""
    target = run.parent / "spectrum.json"
    ran = hybrid("spectrum", "tic_tac_toe", run, *OPTIONS, *OPPONENTS, "--json", target, *options)
    result = read(target)
    assert isinstance(result, dict)
    return ran, result


def test_a_map_its_files_and_going_on(hybrid: Hybrid, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add, left = Store.add, iter(range(9))

    def interrupted(self: Store, records: Iterable[Record]) -> int:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return add(self, records)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", interrupted)
        ran, result = survey(hybrid, run)
    assert (ran.code, ran.err, result) == (130, "", {"games": 9, "finished": False})
    assert "run the same command again" in ran.out
    ran, result = survey(hybrid, run)
    assert (ran.code, ran.err, result["finished"]) == (0, "", True)
    _check_result(result)
    _check_files(run / "spectrum", result)
    _check_events(run / "spectrum" / "tensorboard", result)
    assert "When does search pay?" in ran.out
    assert f"Strength is calibrated: {run}?elo=" in ran.out.replace("\n", "")
    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", lambda *_: pytest.fail("a game was played again"))
        again, repeated = survey(hybrid, run)
    assert again.code == 0
    assert repeated == result
    _check_strength(hybrid, run, result)


def _check_result(result: dict[str, Any]) -> None:
    assert result["generations"] == [2, 4]
    rows = result["rows"]
    # Three positions, two budgets, two checkpoints; random play and three temperatures.
    assert len([row for row in rows if row["generation"] is not None]) == 12
    assert {row["agent"].partition("?")[0] for row in rows if row["generation"] is None} >= {"random", "mcts"}
    anchor = next(row for row in rows if row["agent"] == "mcts?simulations=10")
    assert (anchor["elo"], anchor["elo_low"], anchor["elo_high"]) == (1000, 1000, 1000)
    weakest = next(row for row in rows if row["agent"] == "random")
    assert weakest["elo"] < 1000
    assert weakest["optimal"] < min(row["optimal"] for row in rows if row["position"] == 0.5 and row["generation"] == 4)
    for row in rows:
        assert row["elo_low"] <= row["elo"] <= row["elo_high"]
        assert (row["gap"] is None) == (row["position"] in (0.0, None))
        # A new root is judged by its eight images instead of once.
        assert row["evaluations"] <= (row["simulations"] or 1) + 7
    assert [finding["question"] for finding in result["findings"]][-1] == "How does that move as training proceeds?"


def _check_files(folder: Path, result: dict[str, Any]) -> None:
    assert {path.name for path in folder.glob("*.png")} == PLOTS
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.glob("*.png"))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert len(page) < 1_000_000
    assert page.count("<svg") == len(PLOTS)
    # Self-contained: nothing is fetched and nothing runs.
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', page) == []
    assert "url(http" not in page
    for finding in result["findings"]:
        assert finding["question"] in page
    with (folder / "spectrum.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(result["rows"])
    assert float(table[0]["elo"]) == pytest.approx(result["rows"][0]["elo"], rel=1e-4)


def _check_events(folder: Path, result: dict[str, Any]) -> None:
    """TensorBoard has a curve over generations for every place, the plots, the answers, and places as hparams."""
    events = EventAccumulator(str(folder))
    events.Reload()
    curve = events.Scalars("elo/dial_0.5_simulations_16")
    there = [row for row in result["rows"] if (row["position"], row["simulations"]) == (0.5, 16)]
    assert [event.step for event in curve] == [2, 4]
    assert [event.value for event in curve] == pytest.approx([row["elo"] for row in there], rel=1e-5)
    assert set(events.Tags()["images"]) == {f"spectrum/{Path(name).stem}" for name in PLOTS}
    assert "spectrum/answers/text_summary" in events.Tags()["tensors"]
    places = [path for path in folder.iterdir() if path.is_dir()]
    assert len(places) == 12
    place = EventAccumulator(str(folder / "generation_4_dial_1_simulations_4"))
    place.Reload()
    assert {"hparam/elo", "hparam/milliseconds"} <= set(place.Tags()["scalars"])
    assert "_hparams_/session_start_info" in place.summary_metadata


def _check_strength(hybrid: Hybrid, run: Path, result: dict[str, Any]) -> None:
    calibration = strength.load(run)
    assert (calibration.anchor, calibration.anchor_elo) == ("mcts?simulations=10", 1000.0)
    assert calibration.games == result["games"]
    low, high = calibration.range
    middle = round((low + high) / 2)
    assert hybrid("match", "tic_tac_toe", f"{run}?elo={middle}", "random", "--games", 2).code == 0
    assert "elo must be between" in hybrid("match", "tic_tac_toe", f"{run}?elo={high + 50:.0f}", "random").error


def test_a_place_of_its_own_and_fewer_places(hybrid: Hybrid, run: Path, tmp_path: Path) -> None:
    options = ("--positions", "0.5", "--simulations", "4", "--checkpoints", "1", "--out", tmp_path / "a" / "b")
    ran, result = survey(hybrid, run, *options)
    assert (ran.code, ran.err) == (0, "")
    assert (tmp_path / "a" / "b" / "report.html").is_file()
    assert not (run / "spectrum").exists()
    assert result["files"][0] == str(tmp_path / "a" / "b" / "report.html")


SMALL = ("--positions", "0.5", "--simulations", "4", "--checkpoints", "1", "--games", 2)


def test_one_checkpoint_does_not_take_the_place_of_the_run(hybrid: Hybrid, run: Path) -> None:
    survey(hybrid, run, *SMALL)
    files = {path: path.read_bytes() for path in (run / "spectrum").iterdir() if path.is_file()}
    before = strength.load(run)
    named = run / "checkpoints" / "000002.safetensors"
    _, result = survey(hybrid, named, *SMALL)
    assert {Path(path).parent for path in result["files"]} == {run / "spectrum-000002"}
    assert {path: path.read_bytes() for path in files} == files
    assert strength.load(run) == before
    assert strength.load(named).checkpoint == named.name


def test_a_lone_checkpoint_is_mapped_without_a_calibration(hybrid: Hybrid, run: Path, tmp_path: Path) -> None:
    """There is nowhere to keep one, so no page tells how to use it."""
    lone = shutil.copy(run / "checkpoints" / "000004.safetensors", tmp_path / "lone.safetensors")
    ran, result = survey(hybrid, Path(lone), *SMALL)
    assert (ran.code, ran.err, result["strength"]) == (0, "", None)
    assert "elo=" not in ran.out
    assert "?elo=" not in (tmp_path / "spectrum-lone" / "report.html").read_text(encoding="utf-8")
    assert not list(tmp_path.rglob(strength.FILE))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["random"], ["agent", "'random'"]),
        (["nobody"], ["'nobody'"]),
        (["{run}?dial=0.5"], ["dial"]),
        (["{run}", "--positions", "0,half"], ["--positions", "'0,half'"]),
        (["{run}", "--positions", "1,0"], ["positions", "increasing"]),
        (["{run}", "--simulations", "1.5"], ["--simulations", "'1.5'"]),
        (["{run}", "--simulations", "0"], ["simulations", "at least 1"]),
        (["{run}", "--checkpoints", "0"], ["--checkpoints", "0"]),
        (["{run}", "--games", "0"], ["--games", "0"]),
        (["{run}", "--opponents", "nobody"], ["'nobody'"]),
        (["{run}", "--out", "{run}/checkpoints/000004.safetensors"], ["--out", "folder"]),
    ],
)
def test_a_mistake_is_one_line_and_makes_no_file(
    hybrid: Hybrid, run: Path, arguments: list[str], named: list[str]
) -> None:
    before = sorted(run.rglob("*"))
    error = hybrid("spectrum", "tic_tac_toe", *(text.replace("{run}", str(run)) for text in arguments)).error
    for name in named:
        assert name in error
    assert sorted(run.rglob("*")) == before


def test_calibrations_that_cannot_be_added_to_are_found_before_the_first_game(hybrid: Hybrid, run: Path) -> None:
    (run / strength.FILE).write_text("{", encoding="utf-8")
    error = hybrid("spectrum", "tic_tac_toe", run, *OPTIONS, *OPPONENTS).error
    assert "is no calibration of strength, or it is damaged" in error
    assert not (run / "spectrum").exists()
    assert (run / strength.FILE).read_text(encoding="utf-8") == "{"


@pytest.mark.full
def test_stronger_settings_win_matches(hybrid: Hybrid, run: Path) -> None:
    ran, _ = survey(hybrid, run, "--games", 40, "--checkpoints", 1)
    assert ran.code == 0
    game = games.load("tic_tac_toe")
    low, high = strength.load(run).range
    steps = [low, low + 0.5 * (high - low), high]
    players = [agents.load(f"{run}?elo={elo:.6f}", game) for elo in np.clip(steps, low + 1e-3, high - 1e-3)]
    for weak, strong in ((0, 1), (1, 2), (0, 2)):
        match = play(game, [players[strong], players[weak]], 200, np.random.default_rng(strong), opening_plies=3)
        assert match.ci95[0] > 0.5
