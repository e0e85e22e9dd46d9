"""The yardsticks on positions small enough to judge by hand, and the shipped sets against a solver."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import games
from eval.exact import measure, table
from eval.labels import Labelled, default, label, load, names
from games import Positions
from hybrid import agents
from hybrid.agent import Decisions
from hybrid.solve import ExhaustiveSolver, solver


class Scripted:
    """Plays given actions, with given values for the mover."""

    name = "scripted"

    def __init__(self, actions: list[int], values: list[float], gap: float | None = None) -> None:
        self.actions, self.values, self.gap = np.array(actions), np.array(values), gap

    def decide(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Decisions:
        count = len(positions)
        values = np.zeros((count, 2), np.float32)
        values[np.arange(count), positions["to_play"].astype(np.int64)] = self.values
        return Decisions(
            actions=self.actions,
            policy=np.zeros((count, 9), np.float32),
            values=values,
            evaluations=np.full(count, 3),
            plies=np.zeros(count, np.int64),
            seconds=np.full(count, 0.5),
            gap=None if self.gap is None else np.full(count, self.gap),
        )

    def forget(self) -> None: ...


def line(*actions: int) -> Positions:
    game = games.load("tic_tac_toe")
    position = game.initial()
    for action in actions:
        position = game.step(position, [action])
    return position


def marked() -> Labelled:
    """Three positions judged by hand, squares 0-8 row by row: X wins at 2; O must block at 2; X on an empty board."""
    game = games.load("tic_tac_toe")
    positions = np.concatenate([line(0, 3, 1, 4), line(0, 4, 1), line()])
    return label(game, positions, solver(game), draws_end=9)


def test_labels_are_what_the_board_says() -> None:
    labelled = marked()
    assert labelled.best.tolist() == [1, 0, 0]
    assert labelled.critical.tolist() == [True, True, False]
    assert labelled.remaining.tolist() == [1, 6, 9]
    assert labelled.classes.tolist() == ["beginning-easy"] * 3
    # O has 3 and 4: X wins at 2 now, elsewhere O completes 5, which X must first prevent.
    assert labelled.values[0, 2] == 1
    assert labelled.plies[0, 2] == 1
    assert labelled.values[1, 2] == 0
    assert np.flatnonzero(labelled.values[1] == 0).tolist() == [2]
    assert labelled.plies[1, 8] == 2  # X takes 2 at once


def test_errors_are_counted_by_what_they_give_away() -> None:
    labelled = marked()
    good = measure(Scripted([2, 2, 4], [1, 0, 0], gap=0.25), labelled)
    assert (good.total.blunders, good.total.regret, good.total.fastest) == (0, 0.0, 1.0)
    assert (good.total.value_error, good.total.gap) == (0.0, 0.25)
    assert (good.seconds, good.evaluations) == (0.5, 3)
    bad = measure(Scripted([8, 8, 4], [0, 0.5, -1]), labelled).total
    assert (bad.positions, bad.critical, bad.blunders) == (3, 2, 2)
    assert bad.optimal == pytest.approx(1 / 3)
    assert bad.critical_blunder_rate == 1.0
    assert bad.regret == pytest.approx((2 + 1 + 0) / 3)  # the first throws a win to a loss, the second a draw
    assert bad.value_error == pytest.approx((1 + 0.5 + 1) / 3)
    assert bad.calibration == pytest.approx((1 + 0.5 + 1) / 3)  # each value stands alone
    alike = measure(Scripted([2, 2, 4], [0.3, 0.35, 0.35]), labelled).total
    assert alike.calibration == pytest.approx(0.0, abs=1e-7)  # a win and two draws at a third of a win each
    assert bad.gap is None


def test_an_observer_is_told_how_many_positions_are_decided() -> None:
    told: list[int] = []
    measure(agents.load("random", games.load("tic_tac_toe")), marked(), batch=2, progress=told.append)
    assert told == [2, 1]


def test_a_slow_win_is_optimal_but_not_the_fastest() -> None:
    game = games.load("tic_tac_toe")
    # X wins at 2; or, slower, blocks O's row at 6, which threatens both 2 and 3.
    position = line(0, 8, 1, 7)
    labelled = label(game, position, solver(game))
    assert np.flatnonzero(labelled.values[0] == 1).tolist() == [2, 6]
    assert labelled.plies[0, [2, 6]].tolist() == [1, 3]
    report = measure(Scripted([6], [1]), labelled)
    assert (report.total.blunders, report.total.fastest) == (0, 0.0)


def test_perfect_errs_nowhere_and_random_where_one_can() -> None:
    labelled = load("connect_four").select(np.arange(0, 2000, 5))
    game = games.load("connect_four")
    perfect = measure(agents.load("perfect?fastest=true", game), labelled)
    assert all((score.blunders, score.fastest, score.value_error) == (0, 1.0, 0.0) for _, score in perfect.rows())
    rng_rate = measure(agents.load("random", game), labelled).total.blunder_rate
    legal = ~np.isnan(labelled.values)
    wrong = legal & (labelled.values < labelled.best[:, None])
    assert rng_rate == pytest.approx(float((wrong.sum(axis=1) / legal.sum(axis=1)).mean()), abs=0.07)
    text = table([perfect]).splitlines()
    assert text[2].startswith("| perfect?fastest=true | 0.0 |")
    assert text[0].count("|") == text[1].count("|") == text[2].count("|")


def test_a_set_survives_its_file(tmp_path: Path) -> None:
    labelled = marked()
    for name in ("a.npz", "b.npz"):
        labelled.save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = load(tmp_path / "a.npz")
    assert again.game == labelled.game
    assert again.positions.tobytes() == labelled.positions.tobytes()
    for name in ("values", "plies", "remaining", "source"):
        np.testing.assert_array_equal(getattr(again, name), getattr(labelled, name))


def test_a_set_is_of_its_game_however_that_is_written() -> None:
    assert names() == ["connect_four", "connect_four_12_30", "connect_four_random"]
    for spec in ("connect_four:rows=6", "connect_four:threats=false"):
        game = games.load(spec)
        assert default(game) == "connect_four"
        assert load("connect_four_random", game).game == spec
    for spec in ("connect_four:rows=5", "tic_tac_toe"):
        with pytest.raises(ValueError, match=f"no labelled positions come for '{spec}'"):
            default(games.load(spec))
        with pytest.raises(ValueError, match=f"'connect_four' are of 'connect_four', not of '{spec}'"):
            load("connect_four", games.load(spec))


def test_a_games_own_file_counts_by_its_name_and_is_read_where_it_is_named(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("from games.tic_tac_toe import make\n", encoding="utf-8")
    replace(marked(), game="gone/mine.py").save(tmp_path / "mine.npz")
    replace(marked(), game="gone/other.py").save(tmp_path / "other.npz")
    game = games.load(str(mine))
    assert load(tmp_path / "mine.npz", game).game == str(mine)
    with pytest.raises(ValueError, match=r"are of 'gone/other.py', not of .*mine.py"):
        load(tmp_path / "other.npz", game)


def test_unknown_sets_and_empty_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="known are connect_four, connect_four_12_30, connect_four_random,"):
        load("chess")
    with pytest.raises(ValueError, match=r"no labelled positions .*missing.npz"):
        load(tmp_path / "missing.npz")
    np.savez(tmp_path / "other.npz", positions=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npz").write_bytes((tmp_path / "array.npy").read_bytes())
    (tmp_path / "cut.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:40])
    (tmp_path / "empty.npz").touch()
    marked().save(tmp_path / "flipped.npz")
    content = bytearray((tmp_path / "flipped.npz").read_bytes())
    start = content.index(b"positions.npy") + len("positions.npy")
    content[start : start + 60] = bytes(60)
    (tmp_path / "flipped.npz").write_bytes(content)
    for name in ("other", "array", "cut", "empty", "flipped"):
        with pytest.raises(ValueError, match=rf"{name}.npz holds no labelled positions, or it is damaged"):
            load(tmp_path / f"{name}.npz")
    with pytest.raises(ValueError, match="at least one position"):
        measure(Scripted([], []), marked().select(np.zeros(3, np.bool_)))


def test_the_shipped_sets_are_what_they_say() -> None:
    board, study, chance = load("connect_four"), load("connect_four_12_30"), load("connect_four_random")
    assert len(board) >= 2000
    assert len(study) == 1000
    plies = study.positions["ply"]
    assert (plies.min(), plies.max()) == (12, 30)
    kinds, counts = np.unique(board.classes, return_counts=True)
    hard_first = ["beginning-easy", "beginning-hard", "beginning-medium", "end-easy", "middle-easy", "middle-medium"]
    assert kinds.tolist() == hard_first
    assert counts.min() >= 250
    kinds, counts = np.unique(chance.classes, return_counts=True)
    assert kinds.tolist() == hard_first
    assert counts.tolist() == [1000] * 6
    assert np.bincount(board.source).min() > 400
    game = games.load("connect_four")
    every = np.concatenate([board.positions, study.positions, chance.positions])
    images = [frozenset(row.tobytes() for row in pair) for pair in zip(every, game.transform(every, 1), strict=True)]
    assert len(set(images)) == len(every)
    assert not every["terminal"].any()


def test_the_shipped_labels_are_true() -> None:
    game = games.load("connect_four")
    for name in ("connect_four", "connect_four_12_30", "connect_four_random"):
        shipped = load(name)
        late = shipped.select(np.flatnonzero(shipped.positions["ply"] >= 26)[:60])
        again = label(game, late.positions, ExhaustiveSolver(game, table_bits=18), draws_end=42)
        np.testing.assert_array_equal(again.values, late.values)
        np.testing.assert_array_equal(again.plies, late.plies)
        np.testing.assert_array_equal(again.remaining, late.remaining)
        some = shipped.select(np.arange(0, len(shipped), len(shipped) // 100))
        np.testing.assert_array_equal(solver(game).action_values(some.positions), some.values)
