"""`hybrid play`: a game typed line by line."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from rich.console import Console

import games
from games import Game, LiftedGame, Positions
from hybrid.agent import Agent, Decisions
from hybrid.agents import load
from hybrid.analyse import analyse
from hybrid.cli.session import Session, with_option
from tests.cli.conftest import Hybrid, read


class Scripted:
    """Plays given squares, by ply, and fails where there are no more."""

    def __init__(self, game: Game, squares: Sequence[str]) -> None:
        self.name = "scripted"
        self._game = game
        names = [game.action_name(action) for action in range(game.num_actions)]
        self._actions = [names.index(square) for square in squares]

    def decide(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Decisions:
        turn = int(positions["ply"][0]) // 2
        if turn >= len(self._actions):
            raise ValueError("nothing more to say")
        action = self._actions[turn]
        policy = np.zeros((1, self._game.num_actions), np.float32)
        policy[0, action] = 1
        zero = np.zeros(1, np.int64)
        return Decisions(
            actions=np.array([action]),
            policy=policy,
            values=np.zeros((1, 2), np.float32),
            evaluations=zero,
            plies=zero,
            seconds=np.zeros(1),
        )

    def forget(self) -> None:
        pass


def play(lines: Sequence[str], replies: Sequence[str], human: int = 0) -> tuple[Session, bool, str]:
    """Type `lines` in a game of tic-tac-toe against an agent that replies with `replies`."""
    game = games.load("tic_tac_toe")
    text = io.StringIO()

    def make(spec: str) -> Agent:
        return Scripted(game, replies) if spec == "scripted" else load(spec, game)

    session = Session(game, make, "scripted", human, 0, Console(file=text, width=200))
    waiting = iter(lines)
    finished = session.play(lambda: next(waiting, None))
    return session, finished, text.getvalue()


def test_three_in_a_row_win() -> None:
    session, finished, text = play(["a1", "B1", "c1"], ["a3", "b3"])
    assert finished
    assert session.moves == ["a1", "a3", "b1", "b3", "c1"]
    assert text.rstrip().endswith("You win.")


def test_dice_are_thrown_by_the_seed_and_shown() -> None:
    game = games.load("pig:target=12,max_plies=60")

    def throws(seed: int) -> tuple[list[str], str]:
        text = io.StringIO()
        session = Session(game, lambda spec: load(spec, game), "random", 0, seed, Console(file=text, width=200), show=0)
        waiting = iter(["roll"] * 3 + ["undo"] + ["roll", "hold"] * 40)
        session.play(lambda: next(waiting, None))
        assert text.getvalue().count("Chance: ") >= sum(move.isdigit() for move in session.moves)
        return session.moves, text.getvalue()

    moves, text = throws(1)
    assert throws(1) == (moves, text)
    assert throws(2)[0] != moves
    assert "X rolls" in text
    assert all(move.isdigit() for before, move in pairwise(moves) if before == "roll")


def test_the_agent_can_win_from_either_seat() -> None:
    _, finished, text = play(["a3", "b3"], ["a1", "b1", "c1"], human=1)
    assert finished
    assert text.rstrip().endswith("You lose.")


def test_a_full_board_is_a_draw() -> None:
    session, finished, text = play(["b2", "a3", "b1", "a2", "c3"], ["a1", "c1", "b3", "c2"])
    assert len(session.moves) == 9
    assert finished
    assert text.rstrip().endswith("A draw.")


@pytest.mark.parametrize("line", ["d4", "a1 b2", "dial", "castle", "[bold]", "a3"])
def test_what_is_no_move_changes_nothing(line: str) -> None:
    session, finished, text = play(["a1", line], ["a3"])
    assert not finished
    assert session.moves == ["a1", "a3"]
    assert "neither a legal move nor a command" in text


def test_undo_takes_back_the_reply_and_the_move_before_it() -> None:
    session, _, _ = play(["a1", "b2", "undo", "undo"], ["a3", "b3"])
    assert session.moves == []
    assert session.position["ply"] == 0
    session, _, text = play(["undo", "a1"], ["a3"])
    assert session.moves == ["a1", "a3"]
    assert "no move of yours" in text
    session, _, _ = play(["a1", "undo", "c3"], ["a3"])
    assert session.moves == ["c3", "a3"]


def test_quit_leaves_the_game_unfinished() -> None:
    session, finished, text = play(["a1", "quit", "b1"], ["a3"])
    assert not finished
    assert session.moves == ["a1", "a3"]
    assert "unfinished" in text


def test_agents_without_an_opinion_show_no_value() -> None:
    _, _, text = play(["b2", "agent mcts?simulations=8", "hint"], ["a1"])
    silent, searched = text.split("Agent: ")[1:]
    assert "value" not in silent
    assert "value" in searched.partition(" visits")[0]


def test_an_interrupted_game_is_told(hybrid: Hybrid, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = iter(["b2"])

    def read_line(screen: Console) -> str:
        for line in lines:
            return line
        raise KeyboardInterrupt

    monkeypatch.setattr("hybrid.cli.commands.play._read", read_line)
    ran = hybrid("play", "tic_tac_toe", "random", "--json", tmp_path / "play.json")
    assert (ran.code, ran.err) == (130, "")
    result = read(tmp_path / "play.json")
    assert (result["finished"], result["returns"], len(result["moves"])) == (False, None, 2)


def test_help_moves_and_hint() -> None:
    _, _, text = play(["help", "a1", "moves", "hint"], ["a3", "b3"])
    assert "dial 0.3" in text
    assert "b3" in text
    assert text.count("Agent: ") == 2


@pytest.mark.parametrize(
    ("lines", "moves"),
    [
        (["help"], ["a1"]),
        (["agent random", "quit"], ["a1", "?"]),
        (["undo", "b1"], ["b1"]),
        (["c3", "b2"], ["a1", "c3", "b2"]),
        (["agent nobody", "moves"], ["a1"]),
    ],
)
def test_an_agent_that_fails_costs_no_game(lines: list[str], moves: list[str]) -> None:
    session, finished, text = play(["a1", *lines], [])
    assert not finished
    assert text.count("cannot move: nothing more to say") == (2 if moves[-1] in ("b1", "b2") else 1)
    assert len(session.moves) == len(moves)
    assert all(expected in (move, "?") for move, expected in zip(session.moves, moves, strict=True))


@pytest.mark.parametrize("typed", ["a", "A"])
def test_moves_that_differ_by_case_alone_are_told_apart(typed: str) -> None:
    plain = games.load("tic_tac_toe")
    assert isinstance(plain, LiftedGame)
    game = replace(plain, action_name=lambda action: "aAbBcdefg"[action])
    session = Session(game, lambda spec: Scripted(game, ["b"]), "scripted", 0, 0, Console(file=io.StringIO()))
    waiting = iter([typed, "B", "C"])
    session.play(lambda: next(waiting, None))
    assert session.moves == [typed, "b", "B", "c"]


def test_hints_change_no_reply() -> None:
    """The opponent keeps its tree: it counts as many visits with hints in between as without."""

    def visits(lines: Sequence[str]) -> list[list[str]]:
        game, text = games.load("connect_four"), io.StringIO()
        waiting = iter(lines)
        session = Session(
            game, lambda spec: load(spec, game), "mcts?simulations=40", 0, 0, Console(file=text, width=200)
        )
        session.play(lambda: next(waiting, None))
        thoughts = [part.split("network")[0].split() for part in text.getvalue().split("Agent: ")[1:]]
        return [thought for thought, line in zip(thoughts, lines, strict=True) if line != "hint"]

    replies = visits(["4", "4", "4"])
    assert len({reply[reply.index("visits") - 1] for reply in replies}) > 1  # trees are kept
    assert visits(["hint", "4", "hint", "hint", "4", "hint", "4"]) == replies


def test_the_agent_can_be_changed_and_a_wrong_one_changes_nothing() -> None:
    session, _, text = play(["agent mcts?simulations=8", "simulations 16", "dial 2", "agent nobody", "b2"], [])
    assert session.spec == "mcts?simulations=16"
    assert "'nobody'" in text
    assert "16 visits" in text
    assert len(session.moves) == 2


def test_the_expected_line_is_shown_and_can_be_played() -> None:
    game = games.load("tic_tac_toe")
    text = io.StringIO()
    session = Session(game, lambda spec: load(spec, game), "mcts?simulations=100", 1, 0, Console(file=text, width=200))
    session.play(lambda: None)
    line = text.getvalue().partition("Principal variation: ")[2].splitlines()[0].split()
    names = [game.action_name(action) for action in range(game.num_actions)]
    assert 2 <= len(line) == len(set(line)) <= 9
    assert line[0] == session.moves[0]
    position = game.initial()
    for name in line:
        position = game.step(position, np.array([names.index(name)]))
    header = next(row for row in text.getvalue().splitlines() if row.split()[:1] == ["move"])
    assert header.split() == ["move", "policy", "prior", "improved", "visits", "value", "proven"]


def test_showing_thoughts_changes_no_move(trained: Path) -> None:
    game = games.load("tic_tac_toe")
    for spec in ("mcts?simulations=30", f"{trained}?dial=0.8&simulations=30", f"{trained}?dial=0"):
        shown, silent = load(spec, game), load(spec, game)
        position = game.initial()
        for seed in range(4):
            analysis = analyse(game, position, shown, seed, remembered=0)
            decision = silent.decide(position, np.array([seed], np.uint64), np.zeros(1, np.int64))
            for name in ("actions", "policy", "values", "evaluations", "plies"):
                assert (getattr(analysis.decision, name) == getattr(decision, name)).all()
            position = game.step(position, decision.actions)


@pytest.mark.parametrize(
    ("spec", "key", "value", "result"),
    [
        ("runs/c4", "dial", "0.3", "runs/c4?dial=0.3"),
        ("runs/c4?dial=0.3", "dial", "1", "runs/c4?dial=1"),
        ("runs/c4?simulations=9&prior_weight=0.5&value_weight=0", "dial", "0.7", "runs/c4?simulations=9&dial=0.7"),
        ("runs/c4?dial=0.3&simulations=9", "prior_weight", "0", "runs/c4?simulations=9&prior_weight=0"),
        ("runs/c4?dial=0.3", "time", "20ms", "runs/c4?dial=0.3&time=20ms"),
        ("runs/c4?time=20ms", "simulations", "9", "runs/c4?simulations=9"),
        ("runs/c4?evaluations=200", "time", "20ms", "runs/c4?time=20ms"),
    ],
)
def test_setting_an_option_drops_what_contradicts_it(spec: str, key: str, value: str, result: str) -> None:
    assert with_option(spec, key, value) == result


def test_the_dial_turns_during_a_game_against_a_trained_run(trained: Path, tmp_path: Path) -> None:
    lines = "b2\ndial 0\nhint\ndial 1\nsimulations 50\nhint\n"
    command = [
        sys.executable,
        "-m",
        "hybrid",
        "play",
        "tic_tac_toe",
        str(trained),
        "--json",
        str(tmp_path / "play.json"),
    ]
    ran = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    thoughts = [" ".join(part.split()) for part in ran.stdout.split("Agent: ")[1:]]
    assert len(thoughts) == 3
    alphazero, network, direct = thoughts
    assert "64 visits" in alphazero or "win" in alphazero or "draw" in alphazero
    assert "visits" not in network.partition("network evaluations")[0]
    assert "8 network evaluations, 0 rollout plies" in network  # the position's images
    assert "gap" in alphazero
    assert "gap" not in network
    assert "move policy network prior improved visits" in direct
    assert "0 network evaluations" in direct
    assert "0 rollout plies" not in direct
