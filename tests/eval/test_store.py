from __future__ import annotations

import multiprocessing
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import games
from eval.match import play
from eval.records import Record
from eval.store import Store
from tests.eval import players


def _records(count: int = 8) -> tuple[Record, ...]:
    game = games.load("tic_tac_toe")
    agents = [players.load(name, game) for name in ("first", "dice")]
    return play(game, agents, count, np.random.default_rng(0)).games


def _filled(path: Path) -> list[Record]:
    """A store with eight games; what it gives back."""
    with Store(path, "tic_tac_toe") as store:
        numbers = [store.agent("first", ""), store.agent("dice", "")]
        records = [replace(one, seats=tuple(numbers[seat] for seat in one.seats)) for one in _records()]
        assert store.add(records) == 8
        return store.records()


def test_games_come_back_as_they_were(tmp_path: Path) -> None:
    stored = _filled(tmp_path / "games.db")
    with Store(tmp_path / "games.db", "tic_tac_toe") as store:
        assert store.records() == stored
        assert store.add(stored) == 0
        assert store.agent("dice", "") == 2
    key = {(one.seed, one.agents, one.moves, one.returns, one.round, one.opening, one.costs) for one in _records()}
    assert {(one.seed, one.agents, one.moves, one.returns, one.round, one.opening, one.costs) for one in stored} == key


def test_another_checkpoint_is_another_agent(tmp_path: Path) -> None:
    with Store(tmp_path / "games.db", "tic_tac_toe") as store:
        old, new, other = store.agent("run", "a" * 64), store.agent("run", "b" * 64), store.agent("dice", "")
        assert store.labels() == {old: "run@aaaaaaaa", new: "run@bbbbbbbb", other: "dice"}


@pytest.mark.parametrize("stored", [None, "0"])
def test_games_of_another_version_of_the_agents_are_not_added_to(tmp_path: Path, stored: str | None) -> None:
    """Stores from before do not say which version theirs is of."""
    with Store(tmp_path / "new.db", "tic_tac_toe") as store:
        store.require_version()
        store.require_version()
    _filled(tmp_path / "games.db")
    with Store(tmp_path / "games.db", "tic_tac_toe") as store:
        if stored is not None:
            store._connection.execute("INSERT INTO meta VALUES ('play_version', ?)", (stored,))
        with pytest.raises(ValueError, match=r"games\.db' has games made by another version of the agents"):
            store.require_version()
        assert len(store.records()) == 8


def test_foreign_and_damaged_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    _filled(tmp_path / "good.db")
    good = (tmp_path / "good.db").read_bytes()
    with sqlite3.connect(tmp_path / "foreign.db") as connection:
        connection.execute("CREATE TABLE games (title TEXT)")
    connection.close()
    cases = {
        "text": (b"not a database at all\n" * 100, "not a sound tournament store"),
        "truncated": (good[: len(good) // 2], "damaged|not a sound"),
        "scrambled": (good[:4096] + bytes(4096) + good[8192:], "damaged|not a sound"),
        "foreign": ((tmp_path / "foreign.db").read_bytes(), "is a database, but not a tournament store"),
        "later": (good[:60] + (2).to_bytes(4, "big") + good[64:], "version 1"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / f"{name}.store"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            Store(path, "tic_tac_toe")
        assert path.read_bytes() == content, name
    with pytest.raises(ValueError, match="holds games of 'tic_tac_toe', not of 'connect_four'"):
        Store(tmp_path / "good.db", "connect_four")
    assert (tmp_path / "good.db").read_bytes() == good
    with pytest.raises(ValueError, match="no folder"):
        Store(tmp_path / "nowhere" / "games.db", "tic_tac_toe")
    with pytest.raises(ValueError, match=str(tmp_path)):
        Store(tmp_path, "tic_tac_toe")


def test_a_game_is_the_same_however_it_is_written(tmp_path: Path) -> None:
    for spec in ("connect_four", "connect_four:rows=6", "connect_four:columns=7,rows=6"):
        Store(tmp_path / "games.db", spec).close()
    with pytest.raises(ValueError, match="holds games of 'connect_four', not of 'connect_four:rows=5'"):
        Store(str(tmp_path / "games.db"), "connect_four:rows=5")


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "games.db").touch()
    assert len(_filled(tmp_path / "games.db")) == 8


def _write(path: Path, offset: int, record: Record, barrier: multiprocessing.synchronize.Barrier) -> None:
    """Open a store together with other processes and write games, half of which others write too."""
    barrier.wait()
    with Store(path, "tic_tac_toe") as store:
        numbers = [store.agent(f"first?{offset % 2}", ""), store.agent("dice", "")]
        for seed in range(offset * 50, offset * 50 + 100):
            store.add([replace(record, seed=seed, seats=tuple(numbers))])


def test_processes_write_at_the_same_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    record = _records(2)[0]
    workers = [context.Process(target=_write, args=(tmp_path / "games.db", k, record, barrier)) for k in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    with Store(tmp_path / "games.db", "tic_tac_toe") as store:
        assert sorted(record.seed for record in store.records()) == list(range(200))
        assert sorted(store.labels().values()) == ["dice", "first?0", "first?1"]


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    stored = _filled(tmp_path / "games.db")
    with Store(tmp_path / "games.db", "tic_tac_toe") as store:
        with pytest.raises(ValueError, match="cannot be used"):
            store.add([replace(stored[0], seed=99), replace(stored[0], seed=100, round=None)])  # type: ignore[arg-type]
        assert store.records() == stored


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path) -> None:
    stored = _filled(tmp_path / "games.db")
    with Store(tmp_path / "games.db", "tic_tac_toe") as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ValueError, match="cannot be used: database or disk is full"):
            store.add([replace(stored[0], seed=seed) for seed in range(10_000)])
        assert store.records() == stored


def test_what_games_have_in_common_is_settled_by_the_first_game(tmp_path: Path) -> None:
    with Store(tmp_path / "games.db", "tic_tac_toe") as store, Store(tmp_path / "games.db", "tic_tac_toe") as other:
        store.require("seed", 0)
        other.require("seed", 1)
        numbers = [store.agent("first", ""), store.agent("dice", "")]
        records = [replace(one, seats=tuple(numbers[seat] for seat in one.seats)) for one in _records()]
        with pytest.raises(ValueError, match="has games with seed 1, not 0"):
            store.add(records)
        assert other.add(records[:2]) == 2
        with pytest.raises(ValueError, match="has games with seed 1, not 0"):
            store.require("seed", 0)
        assert other.add(records) == 6
