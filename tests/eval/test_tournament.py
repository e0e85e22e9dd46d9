from __future__ import annotations

import csv
import io
import itertools
import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import games
from eval import export, tournament
from eval.arena import Fixture
from eval.rating import rate
from eval.records import Record, replay
from eval.schedule import AdaptiveQueue, Calendar, FixedQueue, Schedule
from eval.store import Store
from eval.tournament import Plan, Progress, _Reader, run
from eval.workers import Crew, _serve, play_queue
from tests.eval import players
from tests.eval.simulate import World

PLAN = Plan(game="tic_tac_toe", agents=("dice", "first", "last"), games=20, seed=5)


def _essence(records: Sequence[Record]) -> list[Record]:
    """Games without what may differ: times, and numbers in the store."""
    return [replace(record, costs=(), seats=()) for record in records]


def test_round_robin_plays_every_pairing_equally(tmp_path: Path) -> None:
    seen: list[Progress] = []
    results = run(
        PLAN, tmp_path / "games.db", loader=players.load_all, progress=seen.append, anchor="dice", anchor_elo=100
    )
    assert Counter(frozenset(record.agents) for record in results.records) == dict.fromkeys(
        map(frozenset, itertools.combinations(PLAN.agents, 2)), 20
    )
    for record in results.records:
        replay(record)
    assert seen[-1].played == seen[-1].total == 60
    lines = {line.agent: line for line in results.standings}
    assert lines["dice"].elo == 100
    assert lines["dice"].ci95 == (100, 100)
    assert all(line.games == 40 for line in results.standings)
    assert sum(line.score or 0 for line in results.standings) == pytest.approx(1.5)
    again = run(PLAN, tmp_path / "games.db", loader=players.load_all)
    assert _essence(again.records) == _essence(results.records)
    assert tournament.read(tmp_path / "games.db", "tic_tac_toe").records == again.records


def test_more_games_and_more_agents_extend_a_store(tmp_path: Path) -> None:
    short = run(PLAN, tmp_path / "games.db", loader=players.load_all)
    more = replace(PLAN, games=30, agents=("last", "dice?2", "first", "dice"))
    longer = run(more, tmp_path / "games.db", loader=players.load_all)
    assert len(longer.records) == 6 * 30
    fresh = run(more, tmp_path / "fresh.db", loader=players.load_all)
    key = {(record.seed, record.moves) for record in longer.records}
    assert key == {(record.seed, record.moves) for record in fresh.records}
    assert key > {(record.seed, record.moves) for record in short.records}


@pytest.mark.parametrize(("name", "other"), [("seed", 6), ("opening_plies", 3)])
def test_a_store_of_another_plan_is_refused(name: str, other: int, tmp_path: Path) -> None:
    before = _essence(run(PLAN, tmp_path / "games.db", loader=players.load_all).records)
    with pytest.raises(ValueError, match=f"games with {name} {getattr(PLAN, name)}, not {other}"):
        run(replace(PLAN, **{name: other}), tmp_path / "games.db", loader=players.load_all)  # type: ignore[arg-type]
    assert _essence(tournament.read(tmp_path / "games.db", "tic_tac_toe").records) == before


def test_games_of_another_version_of_the_agents_can_be_read_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = run(PLAN, tmp_path / "games.db", loader=players.load_all)
    monkeypatch.setattr("eval.store.PLAY_VERSION", 1_000)
    with pytest.raises(ValueError, match="made by another version of the agents"):
        run(replace(PLAN, games=30), tmp_path / "games.db", loader=players.load_all)
    assert tournament.read(tmp_path / "games.db", "tic_tac_toe").records == results.records


def test_gauntlet_plays_the_first_agent_against_all_others(tmp_path: Path) -> None:
    plan = replace(PLAN, agents=("first", "dice", "last", "dice?2"), schedule=Schedule.GAUNTLET)
    results = run(plan, tmp_path / "games.db", loader=players.load_all)
    assert len(results.records) == 60
    assert all("first" in record.agents for record in results.records)
    assert results.ratings.difference("dice", "last")[1] < 400


def test_workers_and_batches_change_no_game(tmp_path: Path) -> None:
    one = run(PLAN, tmp_path / "one.db", loader=players.load_all, concurrent=3)
    two = run(PLAN, tmp_path / "two.db", loader=players.load_all, workers=2, concurrent=5)
    assert _essence(one.records) == _essence(two.records)


_SCRIPT = """
import sys
from pathlib import Path
from eval.tournament import Plan, run
from tests.eval import players
if __name__ == "__main__":
    plan = Plan(game="tic_tac_toe", agents=("dice", "first", "last", "slow"), games=40, seed=5)
    run(plan, Path(sys.argv[1]), loader=players.load_all, workers=2, concurrent=4)
"""


def _stored(path: Path) -> int:
    """How many games a store holds at the moment."""
    if not path.exists():
        return 0
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM games").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def _children(process: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_killed_tournaments_go_on_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "games.db"
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    before: set[int] = set()
    for target in (20, 70, 120):
        process = subprocess.Popen([sys.executable, str(script), str(path)], env=environment)
        while _stored(path) < target:
            assert process.poll() is None
            time.sleep(0.02)
        children = _children(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert children
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{child}/exe").exists() for child in children):
            assert time.monotonic() < deadline, "a worker outlived its parent"
            time.sleep(0.02)
        after = {record.seed for record in tournament.read(path, "tic_tac_toe").records}
        assert target <= len(after) < 240
        assert before < after
        before = after
    subprocess.run([sys.executable, str(script), str(path)], env=environment, check=True, timeout=120)
    plan = Plan(game="tic_tac_toe", agents=("dice", "first", "last", "slow"), games=40, seed=5)
    whole = run(plan, tmp_path / "whole.db", loader=players.load_all)
    resumed = tournament.read(path, "tic_tac_toe")
    assert _essence(resumed.records) == _essence(whole.records)
    assert len(resumed.records) == 240


def test_workers_with_thousands_of_short_games_do_not_wait_for_each_other() -> None:
    """More games than a pipe holds end at the same move, while more fixtures than it holds are on their way."""
    game = games.load("tic_tac_toe")
    calendar = Calendar(game=game, identities={0: ("dice", ""), 1: ("first", "")}, seed=0, opening_plies=4)
    queue = FixedQueue(calendar, Schedule.ROUND_ROBIN, 2000, [])
    crew = Crew(game=game.spec, agents={0: "dice", 1: "first"}, loader=players.load_all, concurrent=1500)
    seeds = {record.seed for record in play_queue(crew, queue, 2)}
    assert len(seeds) == 4000


def test_a_worker_that_dies_while_nobody_listens_is_missed() -> None:
    """Whoever sends to it next finds that it is gone."""
    game = games.load("tic_tac_toe")
    calendar = Calendar(game=game, identities={0: ("dice", ""), 1: ("first", "")}, seed=0, opening_plies=2)
    ours, theirs = multiprocessing.Pipe()
    theirs.close()
    with pytest.raises(RuntimeError, match="a worker process died"):
        next(_serve({ours: 0}, FixedQueue(calendar, Schedule.ROUND_ROBIN, 2, []), 1))


def test_what_a_worker_had_to_say_is_heard_after_its_end() -> None:
    """Its last game, and the error that ended it."""
    game = games.load("tic_tac_toe")
    calendar = Calendar(game=game, identities={0: ("dice", ""), 1: ("first", "")}, seed=0, opening_plies=2)
    ours, theirs = multiprocessing.Pipe()
    queue = FixedQueue(calendar, Schedule.ROUND_ROBIN, 2, [])
    last = _record(Fixture(seats=(0, 1), round=0, opening=(0, 1), seed=1), 0, 1.0)
    theirs.send(last)
    theirs.send(ValueError("agent 'first' chose action 0"))
    theirs.close()
    served = _serve({ours: 0}, queue, 1)
    assert next(served) == last
    with pytest.raises(ValueError, match="agent 'first' chose action 0"):
        next(served)


def test_another_process_may_add_a_checkpoint_of_the_same_run(tmp_path: Path) -> None:
    """Labels tell them apart from then on; games that were read before are counted as theirs all the same."""
    run(PLAN, tmp_path / "games.db", loader=players.load_all)
    with Store(tmp_path / "games.db", "tic_tac_toe") as store:
        reader = _Reader(store, [1, 2, 3], None, 0.0)
        known = store.records()
        before = reader.results(known)
        store.agent("dice", "a" * 64)
        after = reader.results(known)
    assert [line.games for line in after.standings] == [line.games for line in before.standings]
    assert {line.agent for line in before.standings} == {"dice", "first", "last"}
    assert {line.agent for line in after.standings} == set(after.agents)
    assert any("@" in label for label in after.agents)


def test_errors_of_workers_arrive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="agent 'zero' chose action 0"):
        run(replace(PLAN, agents=("zero", "first")), tmp_path / "games.db", loader=players.load_all, workers=2)


def test_adaptive_schedule_plays_where_ratings_are_uncertain(tmp_path: Path) -> None:
    game = games.load("tic_tac_toe")
    world = World(elo=(0, 10, 20, 900))
    calendar = Calendar(game=game, identities={k: (f"a{k}", "") for k in range(4)}, seed=0, opening_plies=2)
    queue, games_of = _simulated(calendar, world, rounds=50, rng=np.random.default_rng(0))
    assert sum(games_of.values()) == queue.total == queue.played == 600
    close = [games_of[pair] for pair in itertools.combinations(range(3), 2)]
    far = [games_of[(k, 3)] for k in range(3)]
    # The strongest is as far from each of the others: which of them it meets oftenest is chance.
    assert sum(close) > 1.5 * sum(far)
    assert min(close) > sum(far) / 3
    assert min(far) >= 4


def _simulated(
    calendar: Calendar, world: World, rounds: int, rng: np.random.Generator, openings: int | None = None
) -> tuple[AdaptiveQueue, Counter[tuple[int, ...]]]:
    """Play an adaptive schedule with results drawn from a world.

    With `openings`, every pairing has only as many; after those its games repeat, as those of deterministic agents do.
    """
    queue, found = AdaptiveQueue(calendar, rounds, []), Counter[tuple[int, ...]]()
    lucks: dict[tuple[tuple[int, ...], int], float] = {}
    drawn: dict[tuple[tuple[int, ...], int], float] = {}
    while fixtures := queue.take(16):
        for fixture in fixtures:
            pair, seats = tuple(sorted(fixture.seats)), fixture.seats
            opening = fixture.round % openings if openings is not None else fixture.round
            luck = lucks.setdefault((pair, opening), rng.normal(0.0, world.luck))
            if (seats, opening) not in drawn:
                first, second = np.array(seats[:1]), np.array(seats[1:])
                drawn[seats, opening] = float(world.points(first, second, np.array([luck]), rng)[0])
            found[pair] += 1
            queue.report(_record(fixture, opening, drawn[seats, opening]))
    return queue, found


def _record(fixture: Fixture, opening: int, points: float) -> Record:
    """A record without a game, whose first mover made `points`."""
    return Record(
        game="",
        agents=tuple(f"a{seat}" for seat in fixture.seats),
        seats=fixture.seats,
        round=fixture.round,
        seed=fixture.seed,
        opening=1,
        moves=(opening, int(2 * points)),
        returns=(2 * points - 1, 1 - 2 * points),
        costs=(),
    )


ADAPTIVE = {
    "plain": (World(elo=(0, 50, 150, 300)), None),
    "openings": (World(elo=(0, 50, 150, 300), luck=150.0), None),
    "duplicates": (World(elo=(0, 50, 150, 300)), 15),
    "openings and duplicates": (World(elo=(0, 50, 150, 300), luck=150.0), 15),
}
"""Worlds, and how many openings a pairing has for its 20 rounds on average."""


def _adaptive_coverage(name: str, tournaments: int) -> float:
    """How often intervals of differences hold what an endless tournament over such openings would say."""
    world, openings = ADAPTIVE[name]
    rng, pairs = np.random.default_rng(0), list(itertools.combinations(range(4), 2))
    truth = np.array(world.elo)
    if world.luck:
        truth = rate(world.play(pairs, [20_000] * len(pairs), rng), anchor="a0").elo
    identities = {k: (f"a{k}", "") for k in range(4)}
    calendar = Calendar(game=games.load("tic_tac_toe"), identities=identities, seed=0, opening_plies=0)
    hits = []
    for _ in range(tournaments):
        ratings = rate(_simulated(calendar, world, 20, rng, openings)[0].comparisons())
        for one, other in pairs:
            _, low, high = ratings.difference(f"a{one}", f"a{other}")
            hits.append(low <= truth[one] - truth[other] <= high)
    return float(np.mean(hits))


@pytest.mark.parametrize("name", ADAPTIVE)
def test_intervals_hold_under_the_adaptive_schedule(name: str) -> None:
    assert 0.88 < _adaptive_coverage(name, 30) < 1.0


@pytest.mark.full
@pytest.mark.parametrize("name", ADAPTIVE)
def test_intervals_hold_under_the_adaptive_schedule_in_2000_tournaments(name: str) -> None:
    assert 0.93 < _adaptive_coverage(name, 2000) < 0.97


def test_adaptive_tournaments_resume(tmp_path: Path) -> None:
    plan = replace(PLAN, schedule=Schedule.ADAPTIVE)
    run(replace(plan, games=10), tmp_path / "games.db", loader=players.load_all)
    results = run(plan, tmp_path / "games.db", loader=players.load_all, workers=2)
    assert len(results.records) == 60
    assert len(run(plan, tmp_path / "games.db", loader=players.load_all).records) == 60


def test_rounds_beyond_a_missing_one_are_not_played_again() -> None:
    """Games do not end in the order in which they began, so a killed tournament leaves gaps."""
    identities = {k: (f"a{k}", "") for k in range(3)}
    calendar = Calendar(game=games.load("tic_tac_toe"), identities=identities, seed=0, opening_plies=2)
    rounds = [calendar.round((0, 1), number) for number in range(6)]
    done = [_record(fixture, 0, 1.0) for number in (0, 2, 5) for fixture in rounds[number]]
    queue = AdaptiveQueue(calendar, 4, done)
    assert (queue.played, queue.total) == (6, 24)
    assert len(queue.comparisons().points) == 6
    issued: list[Fixture] = []
    while fixtures := queue.take(16):
        issued += fixtures
        for fixture in fixtures:
            queue.report(_record(fixture, fixture.round, 0.5))
    seeds = {fixture.seed for fixture in issued}
    assert len(issued) == len(seeds) == 18
    assert not seeds & {record.seed for record in done}
    assert seeds >= {fixture.seed for number in (1, 3, 4) for fixture in rounds[number]}


def test_more_stored_games_than_asked_for_are_all_that_there_are() -> None:
    identities = {k: (f"a{k}", "") for k in range(3)}
    calendar = Calendar(game=games.load("tic_tac_toe"), identities=identities, seed=0, opening_plies=2)
    done = [
        _record(fixture, 0, 1.0)
        for table in calendar.tables(Schedule.ADAPTIVE)
        for number in range(5)
        for fixture in calendar.round(table, number)
    ]
    queue = AdaptiveQueue(calendar, 3, done)
    assert (queue.played, queue.total, queue.take(16)) == (30, 30, [])


def test_exports(tmp_path: Path) -> None:
    results = run(PLAN, tmp_path / "games.db", loader=players.load_all)
    summary = json.loads(export.to_json(results))
    assert [set(line) for line in summary["standings"]] == [{"agent", "elo", "ci95", "games", "score"}] * 3
    elos = [line["elo"] for line in summary["standings"]]
    assert elos == sorted(elos, reverse=True)
    assert (summary["games"], summary["distinct_games"]) == (60, results.distinct_games)
    rows = list(csv.DictReader(io.StringIO(export.to_csv(results))))
    assert len(rows) == 60
    for row, record in zip(rows, results.records, strict=True):
        assert (row["agent_1"], row["agent_2"]) == record.agents
        assert int(row["moves_1"]) + int(row["moves_2"]) == len(record.moves) - 4
        assert tuple(map(int, row["moves"].split())) == record.moves
    text = export.to_pgn(results)
    assert text.count('[White "') == text.count('[Result "') == 60
    assert max(map(len, text.splitlines())) <= 80
    first = text.split("\n\n")[1].replace("\n", " ").split()
    game = games.load("tic_tac_toe")
    names = [game.action_name(move) for move in results.records[0].moves]
    assert [word for word in first[:-1] if not word.endswith(".")] == names
    assert first[-1] in {"1-0", "0-1", "1/2-1/2"}


def test_repeated_games_are_reported(tmp_path: Path) -> None:
    plan = Plan(game="tic_tac_toe", agents=("first", "last"), games=40, opening_plies=0)
    results = run(plan, tmp_path / "games.db", loader=players.load_all)
    assert (len(results.records), results.distinct_games) == (40, 2)
    assert results.caution is not None
    assert "only 2 of 40" in results.caution


def test_repeated_games_are_reported_among_many_that_differ(tmp_path: Path) -> None:
    plan = Plan(game="tic_tac_toe", agents=("dice", "dice?2", "first", "last"), games=20, opening_plies=0)
    results = run(plan, tmp_path / "games.db", loader=players.load_all)
    assert 2 * results.distinct_games > len(results.records)
    assert results.caution is not None
    assert "only 2 of 20 games between first and last are distinct:" in results.caution


def test_results_without_connection_have_no_ratings(tmp_path: Path) -> None:
    run(replace(PLAN, agents=("first", "last")), tmp_path / "games.db", loader=players.load_all)
    run(replace(PLAN, agents=("dice", "dice?2")), tmp_path / "games.db", loader=players.load_all)
    results = tournament.read(tmp_path / "games.db", "tic_tac_toe")
    assert [line.elo for line in results.standings] == [None] * 4
    assert json.loads(export.to_json(results))["standings"][0]["elo"] is None
    with pytest.raises(ValueError, match="no game connects"):
        assert results.ratings


def test_agents_that_cannot_be_loaded_leave_no_trace(tmp_path: Path) -> None:
    plan = Plan(game="tic_tac_toe", agents=("random", "mcts?depth=3"), games=4)
    with pytest.raises(ValueError, match="depth"):
        run(plan, tmp_path / "games.db")
    assert not (tmp_path / "games.db").exists()


def test_agents_without_games_are_no_entrants(tmp_path: Path) -> None:
    """They would leave everyone without a rating."""
    run(PLAN, tmp_path / "games.db", loader=players.load_all)
    with Store(tmp_path / "games.db", "tic_tac_toe") as store:
        store.agent("stray", "")
    results = tournament.read(tmp_path / "games.db", "tic_tac_toe")
    assert set(results.agents) == set(PLAN.agents)
    assert None not in [line.elo for line in results.standings]


def test_arguments_are_checked(tmp_path: Path) -> None:
    for options, message in (
        ({"agents": ("first", "first")}, "agents must differ"),
        ({"games": 0}, "games must be at least 1"),
        ({"opening_plies": -1}, "opening_plies"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(PLAN, **options)
    with pytest.raises(ValueError, match="agents must be at least 2"):
        run(replace(PLAN, agents=("first",)), tmp_path / "games.db", loader=players.load_all)
    with pytest.raises(ValueError, match="anchor must be one of"):
        run(PLAN, tmp_path / "games.db", loader=players.load_all, anchor="nobody")
    with pytest.raises(ValueError, match="workers must be at least 1"):
        run(PLAN, tmp_path / "games.db", loader=players.load_all, workers=0)
    with pytest.raises(ValueError, match="there is no tournament store"):
        tournament.read(tmp_path / "none.db", "tic_tac_toe")
    with pytest.raises(ValueError, match="unknown agent 'nobody'"):
        run(replace(PLAN, agents=("nobody", "random")), tmp_path / "other.db")
    assert not (tmp_path / "other.db").exists()


def test_real_agents_play(tmp_path: Path) -> None:
    plan = Plan(game="tic_tac_toe", agents=("random", "mcts?simulations=5", "mcts?simulations=100"), games=20)
    results = run(plan, tmp_path / "games.db", anchor="random")
    assert [line.agent for line in results.standings] == ["mcts?simulations=100", "mcts?simulations=5", "random"]
