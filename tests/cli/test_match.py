"""`hybrid match`: its result, its files and its seed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval import records
from eval.arena import play_fixtures
from hybrid.cli.output import figures, write_json
from tests.cli.conftest import Hybrid, read
from tests.hybrid.test_gtp_agent import command

KEYS = ("score", "ci95", "elo", "wins", "draws", "losses", "games", "distinct_games")


@pytest.fixture
def match(hybrid: Hybrid, tmp_path: Path) -> Any:
    def run(*arguments: object) -> dict[str, Any]:
        ran = hybrid("match", *arguments, "--json", tmp_path / "match.json")
        assert ran.code == 0, ran
        result = read(tmp_path / "match.json")
        assert isinstance(result, dict)
        return {"out": ran.out, **result}

    return run


def test_search_beats_chance_and_the_figures_agree(match: Any) -> None:
    result = match("tic_tac_toe", "mcts?simulations=200", "random", "--games", 40, "--opening-plies", 1)
    assert set(KEYS) <= result.keys()
    assert result["wins"] + result["draws"] + result["losses"] == result["games"] == 40
    assert result["score"] > 0.8
    low, high = result["ci95"]
    assert 0.5 < low < result["score"] < high <= 1.0
    assert result["elo"] > 200
    assert result["costs"][0]["plies"] > 0 == result["costs"][1]["plies"]
    assert f"{result['wins']} wins" in " ".join(result["out"].split())


def test_perfect_play_on_both_sides_is_drawn_and_repeats_itself(match: Any) -> None:
    result = match("tic_tac_toe", "perfect", "perfect", "--games", 4, "--opening-plies", 0)
    assert (result["score"], result["elo"], result["draws"]) == (0.5, 0.0, 4)


def test_a_sequential_test_stops_when_it_knows(match: Any) -> None:
    """Many simulations beat chance by far more than 50 Elo, which is soon known; chance beats nobody."""
    arguments = ("tic_tac_toe", "mcts?simulations=100", "random")
    options = ("--opening-plies", 2, "--games", 400, "--concurrent", 15, "--sprt", "0,50")
    better = match(*arguments, *options)
    assert better["games"] < 400
    assert better["sprt"] == {"elo0": 0, "elo1": 50, "alpha": 0.05, "beta": 0.05, "verdict": "better"}
    assert "Is the first agent 50 Elo better rather than 0" in better["out"]
    assert "lean towards this verdict" in " ".join(better["out"].split())
    worse = match(arguments[0], *arguments[:0:-1], *options)
    assert worse["sprt"]["verdict"] == "not better"
    assert "lean towards this verdict" in " ".join(worse["out"].split())


def test_a_sequential_test_that_runs_out_of_games_says_so(match: Any, tmp_path: Path) -> None:
    """A program that knows no chance has no more games with itself than there are openings: nine, from either seat."""
    programs = [f"gtp?command={command('good', tmp_path / name)}" for name in ("one", "other")]
    options = ("--opening-plies", 1, "--games", 400, "--concurrent", 20, "--sprt", "0,50")
    result = match("tic_tac_toe", *programs, *options)
    assert (result["sprt"]["verdict"], result["games"], result["distinct_games"]) == ("undecided", 40, 18)
    assert "its last games all repeat earlier ones" in " ".join(result["out"].split())
    assert "lean towards" not in result["out"]


@pytest.mark.parametrize("value", ["20", "0,x", "20,0"])
def test_tests_without_sense_are_refused(hybrid: Hybrid, value: str) -> None:
    error = hybrid("match", "tic_tac_toe", "random", "mcts", "--sprt", value).error
    assert "--sprt must be" in error or "elo0 must be below elo1" in error


@pytest.mark.parametrize("value", ["-5,0", "-20,-10", "-5.5,+5"])
def test_tests_may_begin_below_zero(match: Any, value: str) -> None:
    result = match("tic_tac_toe", "random", "random", "--games", 2, "--sprt", value)
    assert (result["sprt"]["elo0"], result["sprt"]["elo1"]) == tuple(map(float, value.split(",")))
    assert result["finished"]


def test_tests_are_of_pairs_of_games(hybrid: Hybrid) -> None:
    error = hybrid("match", "tic_tac_toe", "random", "random", "--games", 3, "--sprt", "0,20").error
    assert "--games must be even with --sprt" in error


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (0.09996, "0.100"),
        (2.0, "2.00"),
        (9.996, "10.0"),
        (64, "64.0"),
        (12345.6, "12,346"),
    ],
)
def test_costs_have_three_significant_digits(value: float, shown: str) -> None:
    assert figures(value) == shown


def test_numbers_that_json_lacks_become_null(tmp_path: Path) -> None:
    data = {"score": 1.0, "elo": float("inf"), "ci95": (0.5, float("nan"))}
    write_json(tmp_path / "b.json", data)
    assert json.loads((tmp_path / "b.json").read_text(encoding="utf-8"), parse_constant=pytest.fail) == {
        "score": 1.0,
        "elo": None,
        "ci95": [0.5, None],
    }


def test_a_seed_repeats_the_games_and_another_does_not(match: Any, tmp_path: Path) -> None:
    def moves(seed: int) -> list[tuple[int, ...]]:
        path = tmp_path / f"{seed}.jsonl"
        match("connect_four", "random", "mcts?simulations=20", "--games", 6, "--seed", seed, "--save", path)
        return [record.moves for record in records.load(path)]

    first = moves(3)
    assert first == moves(3)
    assert first != moves(4)


def test_saved_games_can_be_replayed(match: Any, tmp_path: Path) -> None:
    match("connect_four:rows=5", "random", "random", "--games", 8, "--save", tmp_path / "games.jsonl")
    found = records.load(tmp_path / "games.jsonl")
    assert len(found) == 8
    for record in found:
        assert len(records.replay(record)) == len(record.moves) + 1


def test_a_trained_run_beats_chance(match: Any, trained: Path) -> None:
    result = match("tic_tac_toe", f"{trained}?simulations=32", "random", "--games", 40, "--opening-plies", 1)
    assert result["ci95"][0] > 0.5
    assert result["costs"][0]["evaluations"] > 0


def test_a_run_of_another_game_is_refused(hybrid: Hybrid, trained: Path) -> None:
    assert "tic_tac_toe" in hybrid("match", "connect_four", trained, "random").error


def test_a_damaged_checkpoint_is_refused(hybrid: Hybrid, trained: Path, tmp_path: Path) -> None:
    whole = max(trained.glob("checkpoints/*.safetensors")).read_bytes()
    for name, content in (
        ("short", whole[: len(whole) // 2]),
        ("empty", b""),
        ("foreign", b"PK\x03\x04 something else"),
    ):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        assert path.name in hybrid("match", "tic_tac_toe", path, "random").error


@pytest.mark.parametrize("over", [0, 1, 5])
@pytest.mark.parametrize("options", [[], ["--sprt", "0,50"]])
def test_games_that_are_over_survive_an_interrupt(
    over: int, options: list[str], hybrid: Hybrid, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> Iterator[records.Record]:
        yield from itertools.islice(play_fixtures(*arguments, **options), over)
        raise KeyboardInterrupt

    for module in ("match", "sprt"):
        monkeypatch.setattr(f"eval.{module}.play_fixtures", interrupted)
    path, result = tmp_path / "games.jsonl", tmp_path / "match.json"
    ran = hybrid("match", "tic_tac_toe", "random", "random", "--games", 20, "--save", path, "--json", result, *options)
    assert ran.code == 130
    assert path.exists() == result.exists() == (over > 0)
    if over:
        shown = " ".join(ran.out.split())
        assert f"The {over} games that are over" in shown
        assert f"Stopped after {over} of 20 games" in shown
        assert f"{over} of {over} games distinct" in shown
        assert len(records.load(path)) == over
        assert (read(result)["games"], read(result)["finished"]) == (over, False)


def test_a_result_is_shown_before_its_games_are_written(hybrid: Hybrid) -> None:
    ran = hybrid("match", "tic_tac_toe", "random", "random", "--games", 2, "--save", "/dev/full")
    assert ran.code == 2
    assert "2 of 2 games distinct" in " ".join(ran.out.split())
    assert Path("/dev/full").is_char_device()


def test_options_that_write_to_the_same_file_are_refused(hybrid: Hybrid, tmp_path: Path) -> None:
    path = tmp_path / "out"
    ran = hybrid("match", "tic_tac_toe", "random", "random", "--save", path, "--json", path)
    assert "--json must be another file than --save" in ran.error
    assert not path.exists()
