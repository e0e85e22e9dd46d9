"""`hybrid match`: its result, its files and its seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval import records
from hybrid.cli.output import write_json
from tests.cli.conftest import Hybrid, read

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
    assert match(arguments[0], *arguments[:0:-1], *options)["sprt"]["verdict"] == "not better"


@pytest.mark.parametrize("value", ["20", "0,x", "20,0"])
def test_tests_without_sense_are_refused(hybrid: Hybrid, value: str) -> None:
    error = hybrid("match", "tic_tac_toe", "random", "mcts", "--sprt", value).error
    assert "--sprt must be" in error or "elo0 must be below elo1" in error


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
