"""Agents served over GTP: what the protocol's specification asks for, and what is ours beyond it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyspiel
import pytest
from open_spiel.python.bots.gtp import GTPBot

import games
from games import Game, Positions
from hybrid import agents, checkpoint
from hybrid.agent import Agent, Decisions
from hybrid.gtp_server import GtpServer
from hybrid.network_config import NetworkConfig, NetworkShape, initial_weights

MANDATORY = {
    *("protocol_version", "name", "version", "known_command", "list_commands", "quit"),
    *("boardsize", "clear_board", "komi", "play", "genmove"),
}
"""What the specification requires of every engine."""


def serve(game: str, agent: str = "random", seed: int = 0) -> GtpServer:
    return GtpServer(games.load(game), agent, agents.load, seed)


def ask(server: GtpServer, *commands: str) -> str:
    """The last command's answer without its mark; all must succeed."""
    text = ""
    for command in commands:
        answer = server.answer(command)
        assert re.fullmatch(r"=( .*)?\n\n", answer, re.DOTALL), (command, answer)
        assert "\n\n" not in answer[:-2]
        text = answer[1:].strip()
    return text


def refused(server: GtpServer, command: str) -> str:
    answer = server.answer(command)
    assert re.fullmatch(r"\? .+\n\n", answer), answer
    return answer[2:-2]


def stones(server: GtpServer) -> dict[str, str]:
    """What stands where, by the diagram."""
    lines = ask(server, "showboard").splitlines()
    rows = [line.split() for line in lines if line.split()[0].isdigit()]
    columns = lines[len(rows)].split()
    return {f"{c}{row[0]}": s for row in rows for c, s in zip(columns, row[1:], strict=True) if s != "."}


def test_answers_have_the_protocols_form() -> None:
    server = serve("go:size=5")
    assert server.answer("protocol_version\n") == "= 2\n\n"
    assert server.answer("17 protocol_version\r\n") == "=17 2\n\n"
    assert server.answer("clear_board") == "=\n\n"
    assert server.answer("3 clear_board") == "=3\n\n"
    assert server.answer("no_such_thing 1 2") == "? unknown command\n\n"
    assert server.answer("5 no_such_thing") == "?5 unknown command\n\n"
    assert server.answer("  \tplay\tb\x07  c3   # a comment") == "=\n\n"
    assert [server.answer(line) for line in ("", "\n", "  \t", "# only a comment")] == ["", "", "", ""]
    assert stones(server) == {"c3": "X"}


def test_commands_say_what_they_are() -> None:
    server = serve("go:size=5")
    known = ask(server, "list_commands").split()
    assert set(known) > MANDATORY | {"undo", "showboard", "final_score", "time_settings", "time_left"}
    assert {ask(server, f"known_command {name}") for name in known} == {"true"}
    assert ask(server, "known_command loadsgf") == "false"
    assert ask(server, "name") == "Hybrid"
    assert "random" in ask(server, "version")
    assert not server.ended
    ask(server, "quit")
    assert server.ended


def test_moves_are_played_generated_and_taken_back() -> None:
    server = serve("go:size=5")
    ask(server, "play black C3", "play WHITE b2", "play b d4", "play w pass")
    assert stones(server) == {"c3": "X", "b2": "O", "d4": "X"}
    move = ask(server, "genmove b")
    assert move in {f"{column}{row}" for column in "abcde" for row in range(1, 6)} | {"pass"}
    ask(server, "undo", "undo", "undo")
    assert stones(server) == {"c3": "X", "b2": "O"}
    ask(server, "undo", "undo")
    assert refused(server, "undo") == "cannot undo"
    assert stones(server) == {}


def test_captured_stones_leave_the_board_and_ko_is_kept() -> None:
    server = serve("go:size=5")
    ask(server, "play b b1", "play w c1", "play b a2", "play w d2", "play b b3", "play w c3", "play b c2")
    ask(server, "play w b2")
    assert stones(server) == {"b1": "X", "a2": "X", "b3": "X", "c1": "O", "d2": "O", "c3": "O", "b2": "O"}
    assert refused(server, "play b c2") == "illegal move"
    ask(server, "play b e5", "play w e4", "play b c2")
    assert "b2" not in stones(server)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("play b", "syntax error: play needs a colour and a move"),
        ("play green c3", "colour must be one of b, w, got 'green'"),
        ("play b i3", "illegal move"),
        ("play b f3", "illegal move"),
        ("play b c3", "illegal move"),
        ("genmove", "syntax error: one argument is needed, got 0"),
        ("genmove b w", "syntax error: one argument is needed, got 2"),
        ("genmove x", "colour must be one of b, w, got 'x'"),
        ("boardsize", "syntax error: one argument is needed, got 0"),
        ("boardsize five", "syntax error: a whole number is needed, got 'five'"),
        ("boardsize 25", "unacceptable size: size must be between 2 and 19, got 25"),
        ("komi much", "syntax error: a number is needed, got 'much'"),
        ("komi 1e999", "syntax error: a number is needed, got '1e999'"),
        ("komi 6.3", "komi must be a multiple of 0.5, got 6.3"),
        ("time_settings 1 2", "syntax error: 3 times are needed, got '1 2'"),
        ("time_left b 1", "syntax error: 2 times are needed, got '1'"),
        ("final_status_list black", "status must be alive, seki or dead, got 'black'"),
        ("set_random_seed -1", "syntax error: a whole number is needed, got '-1'"),
        ("hybrid-agent nobody", "unknown agent 'nobody'"),
    ],
)
def test_what_is_refused_changes_nothing(command: str, message: str) -> None:
    server = serve("go:size=5")
    ask(server, "play b c3")
    assert refused(server, command).startswith(message)
    assert stones(server) == {"c3": "X"}
    assert ask(server, "hybrid-game", "hybrid-agent") == "random"


def test_a_colour_out_of_turn_moves_after_a_pass_of_the_other() -> None:
    """As in a handicap game: black stones one after another, then white to move; taken back one command at a time."""
    server = serve("go:size=5")
    ask(server, "play b a1", "play b c3", "play b e5", "genmove w", "genmove w")
    assert sum(stone == "X" for stone in stones(server).values()) == 3
    ask(server, "undo", "undo", "undo")
    assert stones(server) == {"a1": "X", "c3": "X"}
    ask(server, "play w pass")
    assert refused(server, "play w b2") == "illegal move: it is the turn of b"  # that pass would end the game
    assert refused(serve("hex:size=3"), "play w a1") == "illegal move: it is the turn of b"


def test_after_the_end_there_is_only_passing() -> None:
    server = serve("go:size=5")
    ask(server, "play b c3", "play w pass", "play b pass")
    assert ask(server, "genmove w", "play b pass", "genmove w") == "pass"
    assert refused(server, "play w a1") == "illegal move: the game is over"
    ask(server, "undo", "undo", "undo", "undo", "play b a1")
    assert stones(server) == {"c3": "X", "a1": "X"}
    line = serve("tic_tac_toe")
    ask(line, "play b a1", "play w b1", "play b a2", "play w b2", "play b a3")
    assert refused(line, "genmove w") == "illegal move: the game is over"
    assert ask(line, "final_score") == "B+"


def test_go_is_loaded_with_the_size_and_komi_that_are_asked_for() -> None:
    server = serve("go:size=3")
    ask(server, "boardsize 5", "komi 5")
    assert ask(server, "hybrid-game") == "go:size=5,komi=5.0"
    assert len(ask(server, "hybrid-legal").split()) == 26
    assert ask(server, "boardsize 5", "hybrid-game") == "go:size=5,komi=5.0"
    hexes = serve("hex:size=3")
    assert len(ask(hexes, "komi 7.5", "boardsize 4", "hybrid-legal").split()) == 16
    four = serve("connect_four")
    assert refused(four, "boardsize 6") == "unacceptable size: connect_four has no other"
    assert ask(serve("tic_tac_toe"), "boardsize 3") == ""


def test_the_score_is_the_area_with_komi() -> None:
    """Black's wall on c and white's on d: 15 points to 10, whatever lies dead behind them."""
    server = serve("go:size=5")
    for row in range(1, 6):
        ask(server, f"play b c{row}", f"play w d{row}")
    assert ask(server, "final_score") == "W+2.5"
    ask(server, "play b pass", "play w pass")
    assert ask(server, "komi 5", "final_score") == "0"
    assert len(stones(server)) == 10
    assert sorted(ask(server, "final_status_list alive").split()) == sorted(stones(server))
    assert ask(server, "final_status_list dead") == ask(server, "final_status_list seki") == ""
    for game in ("tic_tac_toe", "hex:size=3"):
        assert refused(serve(game), "final_score") == "cannot score: the game is not over"
        assert refused(serve(game), "final_status_list dead").startswith("cannot tell")


def test_decisions_follow_seeds() -> None:
    def game(*commands: str) -> list[str]:
        server = serve("go:size=5")
        ask(server, *commands) if commands else None
        return [ask(server, f"genmove {'bw'[ply % 2]}") for ply in range(6)]

    assert game() == game()
    assert game("set_random_seed 3") == game("set_random_seed 3") != game()


class Fixed:
    """Plays the first legal action and keeps what it was told."""

    def __init__(self, game: Game) -> None:
        self.name = "fixed"
        self.game = game
        self.numbers: list[int] = []

    def decide(
        self,
        positions: Positions,
        seeds: np.typing.NDArray[np.uint64],
        games: np.typing.NDArray[np.int64] | None = None,
    ) -> Decisions:
        assert games is not None
        self.numbers += games.tolist()
        legal = self.game.legal_actions(positions)
        none = np.zeros(1, np.int64)
        return Decisions(
            actions=np.argmax(legal, axis=1),
            policy=legal.astype(np.float32),
            values=np.zeros((1, 2), np.float32),
            evaluations=none,
            plies=none,
            seconds=np.zeros(1),
        )

    def forget(self) -> None:
        pass


def test_an_agent_remembers_a_game_until_it_is_another() -> None:
    made: list[Fixed] = []

    def load(spec: str, game: Game) -> Agent:
        made.append(Fixed(game))
        return made[-1]

    server = GtpServer(games.load("go:size=5"), "fixed", load)
    ask(server, "genmove b", "genmove w", "reg_genmove b", "genmove b")
    ask(server, "undo", "genmove b", "clear_board", "genmove b")
    numbers = made[0].numbers
    assert len(set(numbers[:4])) == 1
    assert len(set(numbers)) == 3
    ask(server, "boardsize 5", "komi 7.5")
    assert len(made) == 1
    ask(server, "hybrid-agent other", "komi 5")
    assert [agent.game.spec for agent in made] == ["go:size=5", "go:size=5", "go:size=5,komi=5.0"]


def test_reg_genmove_does_not_play() -> None:
    server = serve("tic_tac_toe")
    assert ask(server, "reg_genmove b") == ask(server, "genmove b")
    assert len(stones(server)) == 1


def test_an_agent_explains_itself_and_may_be_changed() -> None:
    server = serve("tic_tac_toe", "mcts?simulations=100")
    ask(server, "play b a1", "play w b1", "play b a2", "play w b2")  # a3 wins for black
    first, *rest = ask(server, "hybrid-analyse").splitlines()
    assert re.fullmatch(r"a3 policy \d\.\d{3} visits \d+ value \+1\.000", first)
    assert rest[-1].startswith("variation a3")
    assert ask(server, "genmove b") == "a3"
    assert ask(server, "hybrid-agent mcts?simulations=7", "hybrid-agent") == "mcts?simulations=7"
    assert "policy 0.111" in ask(server, "hybrid-agent random", "clear_board", "hybrid-analyse")


def test_analysis_is_of_the_next_move_and_changes_none() -> None:
    """`hybrid-analyse` tells the visits behind the move of `genmove`, by the same seed, and leaves trees alone."""
    server = serve("connect_four", "mcts?simulations=50&reuse=false")
    for colour in "bwbwbw":
        lines = [line.split() for line in ask(server, "hybrid-analyse").splitlines()[:-1]]
        visits = {words[0]: int(words[4]) for words in lines}
        assert visits[ask(server, f"genmove {colour}")] == max(visits.values())
    played = []
    for asked in ([], ["hybrid-analyse"]):
        server = serve("connect_four", "mcts?simulations=9")
        played.append([ask(server, *asked, f"genmove {'bw'[ply % 2]}") for ply in range(12)])
    assert played[0] == played[1]


def test_three_players_have_colours() -> None:
    server = serve("mnk:m=4,n=3,k=3,players=3")
    ask(server, "play b a1", "play w a2", "play 3 a3", "genmove b")
    assert sorted(stones(server).values()) == ["O", "X", "X", "Z"]
    assert refused(server, "play 4 b1") == "colour must be one of b, w, 3, got '4'"


def test_a_network_keeps_to_its_board(tmp_path: Path) -> None:
    """An agent made for one size is not asked to play on another."""
    game = games.load("hex:size=3")
    config, shape = NetworkConfig(blocks=1, channels=4), NetworkShape.of(game)
    weights = initial_weights(config, shape, np.random.default_rng(0))
    path = tmp_path / "agent.safetensors"
    checkpoint.save(path, checkpoint.Checkpoint(weights=weights, config=config, shape=shape, game=game.spec))
    server = serve("hex:size=3", f"{path}?simulations=4")
    ask(server, "genmove b")
    assert refused(server, "boardsize 4").startswith("unacceptable size: ")
    assert len(stones(server)) == 1
    ask(server, "boardsize 3", "genmove b")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "hybrid", "gtp", *arguments]


@pytest.mark.parametrize("ending", ["quit\nname\n", ""])
def test_the_command_answers_on_standard_output_alone(ending: str) -> None:
    given = f"1 protocol_version\nboardsize 3\n\nplay b b2\n9 genmove w\n{ending}"
    ran = subprocess.run(
        command("tic_tac_toe", "mcts?simulations=50"),
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    answers = ran.stdout.split("\n\n")
    assert answers[:3] == ["=1 2", "=", "="]
    assert answers[3] in {f"=9 {corner}" for corner in ("a1", "a3", "c1", "c3")}  # edges lose
    assert answers[4:] == (["=", ""] if ending else [""])


def test_the_command_refuses_what_cannot_be_served() -> None:
    ran = subprocess.run(command("go", "nobody"), input="", capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("hybrid: error: unknown agent 'nobody'")


def drive(theirs: str, seats: Sequence[int], arguments: Sequence[str]) -> list[float]:
    """What our agent scores in OpenSpiel's games against random moves, driven over GTP by OpenSpiel's own client."""
    game = pyspiel.load_game(theirs)
    ours, scores = GTPBot(game, command(*arguments)), []
    for number, seat in enumerate(seats):
        bots = [pyspiel.make_uniform_random_bot(player, number) for player in range(2)]
        bots[seat] = ours
        ours.restart()
        scores.append(pyspiel.evaluate_bots(game.new_initial_state(), bots, number)[seat])
    ours.close()
    return scores


def test_openspiels_gtp_client_plays_our_agent() -> None:
    """Hex on 3 x 3 is the first player's, whom `perfect` plays; it is loaded at the size that the client asks for."""
    assert drive("hex(board_size=3)", [0] * 5, ["hex", "perfect"]) == [1.0] * 5
