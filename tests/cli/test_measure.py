"""`hybrid measure`: its figures, what it refuses, and how it ends early."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import games
from eval import labels
from eval.exact import Score, measure, table
from hybrid import agents
from tests.cli.conftest import Hybrid, read

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Some positions of Connect Four, of every class."""
    path = tmp_path / "few.npz"
    labels.load("connect_four").select(np.arange(0, 2775, 60)).save(path)
    return path


def counted(score: Score) -> dict[str, Any]:
    shown = {"positions": score.positions, "critical": score.critical, "errors": score.blunders}
    return {**shown, "share": score.blunders / score.positions, "ci95": list(score.ci95)}


def test_the_figures_are_those_of_the_measurement(hybrid: Hybrid, few: Path, tmp_path: Path) -> None:
    specs = ["random", "mcts?simulations=20"]
    ran = hybrid("measure", "connect_four", *specs, "--positions", few, "--seed", 3, "--json", tmp_path / "out.json")
    assert (ran.code, ran.err) == (0, "")
    game, labelled, result = games.load("connect_four"), labels.load(few), read(tmp_path / "out.json")
    assert (result["game"], result["positions"], result["finished"]) == ("connect_four", str(few), True)
    assert result["digest"] == labelled.digest
    assert [one["agent"] for one in result["results"]] == specs
    for spec, one in zip(specs, result["results"], strict=True):
        report = measure(agents.load(spec, game), labelled, seed=3)
        assert one["classes"] == {name: counted(score) for name, score in report.classes}
        assert len(one["classes"]) == 6
        assert one["all"] == counted(report.total)
        assert sum(counts["positions"] for counts in one["classes"].values()) == len(labelled) == 47
        for name in ("value_error", "calibration", "regret", "regret_error", "fastest", "gap"):
            assert one[name] == getattr(report.total, name)
        assert one["evaluations"] == report.evaluations
        assert (one["seconds"] > 0) == (spec != "random")
        rates = [f"{100 * score.blunder_rate:.1f}" for _, score in report.rows()]
        line = next(line for line in ran.out.splitlines() if f" {' '.join(rates)} " in " ".join([*line.split(), ""]))
        assert line.split()[-1] == f"{report.total.value_error:.3f}"
    assert f"47 positions ({few}); in {labelled.critical.sum()} of them one can err" in ran.out


def test_without_a_name_the_positions_are_those_that_come_for_the_game(hybrid: Hybrid, tmp_path: Path) -> None:
    for game in ("connect_four", "connect_four:rows=6,threats=false"):
        assert hybrid("measure", game, "random", "--json", tmp_path / "out.json").code == 0
        result = read(tmp_path / "out.json")
        assert (result["positions"], result["results"][0]["all"]["positions"]) == ("connect_four", 2775)


def test_markdown_is_that_of_the_measurement(hybrid: Hybrid, few: Path) -> None:
    ran = hybrid("measure", "connect_four", "random", "--positions", few, "--markdown")
    report = measure(agents.load("random", games.load("connect_four")), labels.load(few))
    # The last column is the time.
    wanted = [line.rsplit("|", 2)[0] for line in table([report]).splitlines()]
    assert [line.rsplit("|", 2)[0] for line in ran.out.splitlines()[1:]] == wanted


def test_positions_are_labelled_as_the_documentation_says(
    hybrid: Hybrid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = re.search(r"^```python\n(.*?)^```$", DOCUMENTED, re.MULTILINE | re.DOTALL)
    assert program is not None
    exec(compile(program[1], "evaluation.md", "exec"), {})
    arguments = ("tic_tac_toe", "perfect", "random", "--positions", "positions.npz", "--json", "out.json")
    assert hybrid("measure", *arguments).code == 0
    perfect, random = (one["all"] for one in read(tmp_path / "out.json")["results"])
    assert perfect["errors"] == 0 < random["errors"] <= random["critical"] <= random["positions"]


@pytest.mark.parametrize(
    ("game", "options", "named"),
    [
        ("tic_tac_toe", [], ["'tic_tac_toe'", "connect_four (of connect_four)", "connect_four_random", ".npz"]),
        ("connect_four:rows=5", [], ["'connect_four:rows=5'", "connect_four (of connect_four)"]),
        ("connect_four", ["--positions", "chess"], ["'chess'", "known are connect_four, connect_four_12_30"]),
        ("tic_tac_toe", ["--positions", "connect_four_random"], ["'connect_four_random'", "not of 'tic_tac_toe'"]),
        ("connect_four", ["--positions", "x.npz", "--json", "x.npz"], ["--json must be another file than --positions"]),
    ],
)
def test_positions_that_there_are_not_are_refused(
    hybrid: Hybrid, game: str, options: list[str], named: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = hybrid("measure", game, "random", *options).error
    for name in named:
        assert name in error


@pytest.mark.parametrize("done", [0, 1])
def test_agents_that_are_done_survive_an_interrupt(
    done: int, hybrid: Hybrid, few: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = itertools.count()

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if next(calls) == done:
            raise KeyboardInterrupt
        return measure(*arguments, **options)

    monkeypatch.setattr("eval.exact.measure", interrupted)
    path = tmp_path / "out.json"
    ran = hybrid("measure", "connect_four", "random", "mcts", "--positions", few, "--json", path)
    assert ran.code == 130
    assert path.exists() == (done > 0)
    if done:
        assert "Stopped after 1 of 2 agents" in ran.out
        result = read(path)
        assert (result["finished"], [one["agent"] for one in result["results"]]) == (False, ["random"])
