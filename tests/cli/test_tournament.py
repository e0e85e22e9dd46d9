"""`hybrid tournament`: its results, its files, its store and what it refuses."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from eval import tournament
from eval.records import Record
from eval.store import Store
from tests.cli.conftest import Hybrid, Ran, read

AGENTS = ("random", "mcts?simulations=20", "perfect")
KEYS = {"standings", "games", "distinct_games"}


@pytest.fixture
def play(hybrid: Hybrid, tmp_path: Path) -> Any:
    """Run a small tournament in a store; returns what ran and its JSON."""

    def run(*options: object, store: str = "games.db", agents: Iterable[str] = AGENTS) -> tuple[Ran, dict[str, Any]]:
        arguments = ("tic_tac_toe", *agents, "--games", 20, "--opening-plies", 2, "--store", tmp_path / store)
        ran = hybrid("tournament", *arguments, "--json", tmp_path / "result.json", *options)
        result = read(tmp_path / "result.json")
        assert isinstance(result, dict)
        return ran, result

    return run


def moves(path: Path) -> list[tuple[str, str]]:
    """Seed and moves of the games in a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["seed"], row["moves"]) for row in csv.DictReader(file)]


def test_standings_and_files(play: Any, tmp_path: Path) -> None:
    ran, result = play("--anchor", "random", "--csv", tmp_path / "games.csv", "--pgn", tmp_path / "games.pgn")
    assert (ran.code, ran.err) == (0, "")
    assert result.keys() >= KEYS
    assert [set(line) for line in result["standings"]] == [{"agent", "elo", "ci95", "games", "score"}] * 3
    assert (result["games"], result["finished"]) == (60, True)
    assert 50 < result["distinct_games"] <= 60
    lines = {line["agent"]: line for line in result["standings"]}
    assert list(lines)[-1] == "random"
    assert (lines["random"]["elo"], lines["random"]["ci95"]) == (0, [0, 0])
    assert lines["perfect"]["ci95"][0] > 0
    assert sum(line["score"] for line in lines.values()) == pytest.approx(1.5)
    assert {line["games"] for line in lines.values()} == {40}
    agents = list(lines)
    assert result["scores"][agents.index("perfect")][agents.index("random")] > 0.6
    assert result["scores"][0][0] is None
    assert result["superiority"][0][0] == 0.5
    assert result["superiority"][agents.index("perfect")][agents.index("random")] > 0.99
    assert result["superiority"][0][1] == pytest.approx(1 - result["superiority"][1][0])
    assert len(moves(tmp_path / "games.csv")) == 60
    assert (tmp_path / "games.pgn").read_text(encoding="utf-8").count("[White ") == 60
    assert "mcts?simulations=20" in ran.out
    assert "60 games distinct" in ran.out


def test_what_is_stored_is_not_played_again(play: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    play("--csv", tmp_path / "first.csv")
    monkeypatch.setattr(Store, "add", lambda *_: pytest.fail("a game was played"))
    _, result = play("--csv", tmp_path / "second.csv", "--schedule", "gauntlet")
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()
    assert result["games"] == 60


def test_stopped_tournaments_go_on(play: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add, left = Store.add, iter(range(7))

    def interrupted(self: Store, records: Iterable[Record]) -> int:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return add(self, records)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", interrupted)
        ran, result = play()
    assert (ran.code, ran.err) == (130, "")
    assert "7 of 60 games are stored" in ran.out
    assert "run the same command again" in ran.out
    assert (result["games"], result["finished"]) == (7, False)
    stopped = set(result)
    ran, result = play("--csv", tmp_path / "resumed.csv")
    assert (ran.code, result["games"], result["finished"]) == (0, 60, True)
    assert set(result) == stopped
    play("--csv", tmp_path / "whole.csv", store="whole.db")
    assert moves(tmp_path / "resumed.csv") == moves(tmp_path / "whole.csv")


def test_stopped_before_the_first_report_it_is_not_finished_either(
    play: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tournament, "run", interrupted)
    ran, result = play()
    assert (ran.code, ran.err) == (130, "")
    assert result == {"games": 0, "store": str(tmp_path / "games.db"), "finished": False}


def test_ratings_that_there_are_none_of_become_null(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Store, records: Iterable[Record]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "add", interrupted)
    _, result = play()
    assert result["standings"] == [
        {"agent": agent, "elo": None, "ci95": None, "games": 0, "score": None} for agent in AGENTS
    ]
    assert [result[name] for name in ("superiority", "scores", "misfit", "cycles", "alpha_rank")] == [None] * 5


def test_schedules(play: Any) -> None:
    _, gauntlet = play("--schedule", "gauntlet", store="gauntlet.db")
    assert {line["agent"]: line["games"] for line in gauntlet["standings"]} == dict(
        zip(AGENTS, (40, 20, 20), strict=True)
    )
    _, adaptive = play("--schedule", "adaptive", store="adaptive.db")
    assert adaptive["games"] == 60


def test_tensorboard_gets_the_standings(play: Any, tmp_path: Path) -> None:
    _, first = play("--tensorboard", tmp_path / "events")
    _, second = play("--tensorboard", tmp_path / "events", "--games", 24)
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    points = {event.step: event.value for event in events.Scalars("elo/perfect")}
    expected = {
        result["games"]: line["elo"]
        for result in (first, second)
        for line in result["standings"]
        if line["agent"] == "perfect"
    }
    assert points == pytest.approx(expected, rel=1e-5)
    assert "standings/text_summary" in events.Tags()["tensors"]
    assert [event.step for event in events.Images("standings")] == sorted(expected)
    agent = EventAccumulator(str(tmp_path / "events" / "perfect"))
    agent.Reload()
    assert agent.Scalars("hparam/elo")[-1].value == pytest.approx(expected[second["games"]], rel=1e-5)


def test_the_default_store_is_named_after_the_game(
    hybrid: Hybrid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = hybrid("tournament", "mnk:m=3,n=3,k=3", "random", "mcts?simulations=2", "--games", 2)
    assert ran.code == 0
    assert [path.name for path in Path("runs").iterdir()] == ["tournament-mnk-m=3-n=3-k=3.db"]


def test_repeated_games_are_cautioned_against(play: Any, trained: Path) -> None:
    networks = (f"{trained}?dial=0", f"{trained}?simulations=0")
    ran, result = play("--opening-plies", 0, agents=networks)
    assert (result["games"], result["distinct_games"]) == (20, 2)
    assert "caution: only 2 of 20 games between" in ran.out


def test_standings_are_shown_on_the_way(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    ran, _ = play("--games", 4)
    assert "mcts?simulations=20" in ran.err
    assert "12/12" in ran.err


def test_other_stores_are_refused_and_left_alone(hybrid: Hybrid, play: Any, tmp_path: Path) -> None:
    play("--games", 2)
    (tmp_path / "text.db").write_text("not a database\n" * 500, encoding="utf-8")
    (tmp_path / "short.db").write_bytes((tmp_path / "games.db").read_bytes()[:5000])
    for name, game, said in (
        ("games.db", "connect_four", "'tic_tac_toe', not of 'connect_four'"),
        ("text.db", "tic_tac_toe", "not a sound tournament store"),
        ("short.db", "tic_tac_toe", "short.db"),
    ):
        before = (tmp_path / name).read_bytes()
        assert said in hybrid("tournament", game, "random", "mcts", "--store", tmp_path / name).error
        assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize(
    ("options", "said"), [(("--seed", 1), "seed 0, not 1"), (("--opening-plies", 3), "opening_plies 2, not 3")]
)
def test_another_plan_does_not_enter_a_store(
    hybrid: Hybrid, play: Any, tmp_path: Path, options: tuple[object, ...], said: str
) -> None:
    play("--games", 2)
    path = tmp_path / "games.db"
    before = tournament.read(path, "tic_tac_toe").records
    arguments = ("tic_tac_toe", *AGENTS, "--opening-plies", 2, "--store", path, *options)
    assert said in hybrid("tournament", *arguments).error
    assert tournament.read(path, "tic_tac_toe").records == before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["random"], ["agents", "2", "1"]),
        (["random", "random"], ["differ", "random"]),
        (["random", "nobody"], ["'nobody'"]),
        (["random", "mcts", "--anchor", "perfect"], ["anchor", "'perfect'"]),
        (["random", "mcts", "--games", "0"], ["--games", "0"]),
        (["random", "mcts", "--schedule", "swiss"], ["--schedule", "swiss", "gauntlet"]),
        (["random", "mcts", "--csv", "nowhere/games.csv"], ["--csv", "nowhere"]),
        (["random", "mcts", "--pgn", "games.db"], ["--pgn", "--store", "games.db"]),
        (["random", "mcts", "--json", "games.db"], ["--json", "--store", "games.db"]),
        (["random", "mcts", "--csv", "out", "--pgn", "out"], ["--pgn", "--csv", "'out'"]),
        (["random", "mcts", "--store", "nowhere/games.db"], ["nowhere"]),
    ],
)
def test_a_mistake_is_one_line_and_makes_no_file(
    hybrid: Hybrid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], named: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    error = hybrid("tournament", "tic_tac_toe", "--store", "games.db", *arguments).error
    for name in named:
        assert name in error
    assert list(tmp_path.iterdir()) == []


def test_no_file_replaces_a_store(hybrid: Hybrid, play: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    play("--games", 2)
    path = tmp_path / "games.db"
    before = path.read_bytes()
    default = tmp_path / "runs" / "tournament-tic_tac_toe.db"
    default.parent.mkdir()
    monkeypatch.chdir(tmp_path)
    first = ("tic_tac_toe", "random", "mcts", "--games", 2, "--json", default)
    assert "--json must not replace a database" in hybrid("tournament", *first).error
    assert len(tournament.read(default, "tic_tac_toe").records) == 2
    for option in ("--json", "--csv"):
        arguments = ("tic_tac_toe", "random", "mcts", "--store", tmp_path / "other.db", option, path)
        assert f"{option} must not replace a database of games" in hybrid("tournament", *arguments).error
    assert path.read_bytes() == before


def test_a_lost_worker_is_one_line(hybrid: Hybrid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object, **__: object) -> None:
        raise RuntimeError("a worker process died")

    monkeypatch.setattr(tournament, "run", lost)
    arguments = ("tic_tac_toe", "random", "mcts", "--store", tmp_path / "games.db")
    assert "a worker process died" in hybrid("tournament", *arguments).error
