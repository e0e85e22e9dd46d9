"""`hybrid games`, `hybrid agents` and `hybrid check`."""

from __future__ import annotations

from pathlib import Path

from hybrid.agents import kinds
from tests.cli.conftest import Hybrid, read

COUNTING = """
from games import lift

def make(target: int = 10):
    def play(s, a):
        s.total += a + 1
        s.ply += 1
        if s.total >= target:
            s.terminal = 1
            s.returns[s.to_play] = 1
            s.returns[1 - s.to_play] = -1
        s.to_play = 1 - s.to_play

    def legal(s, mask):
        for a in range(3):
            mask[a] = MASK

    def observe(s, planes):
        planes[0, 0, 0] = s.total

    return lift("counting", num_actions=3, observation_shape=(1, 1, 1), fields=[("total", "u1")],
                play=play, legal=legal, observe=observe)
"""
"""Who reaches the target wins; with MASK false once the total is 5, positions have no legal move."""


def test_games_lists_connect_four_as_it_is(hybrid: Hybrid, tmp_path: Path) -> None:
    assert hybrid("games", "--json", tmp_path / "games.json").code == 0
    games = {game["name"]: game for game in read(tmp_path / "games.json")["games"]}
    assert games["connect_four"].pop("summary")
    assert games["connect_four"] == {
        "name": "connect_four",
        "options": {"rows": 6, "columns": 7, "connect": 4, "threats": True},
        "players": 2,
        "actions": 7,
        "observation_shape": [5, 6, 7],
        "symmetries": 2,
        "solver": "engine",
    }
    assert games["tic_tac_toe"]["symmetries"] == 8
    assert (games["tic_tac_toe"]["solver"], games["pig"]["solver"]) == ("exhaustion", "expectation")


def test_agents_lists_every_kind_and_what_each_option_means(hybrid: Hybrid, tmp_path: Path) -> None:
    ran = hybrid("agents", "--json", tmp_path / "agents.json")
    assert ran.code == 0
    listed = {agent["kind"]: agent for agent in read(tmp_path / "agents.json")["agents"]}
    assert set(listed) == {*kinds(), "run"}
    assert listed["minimax"]["spec"].startswith("`minimax?depth=6`")
    assert all(option["meaning"] for agent in listed.values() for option in agent["options"])
    options = {option["name"]: option["default"] for option in listed["run"]["options"]}
    assert (options["dial"], options["strategy"], options["symmetric"]) == ("", "puct", "true")
    assert {"game", "path", "evaluators"}.isdisjoint(options)
    alone = hybrid("agents", "random").out
    assert alone.split() == ["random:", "`random`"]
    assert "dial=tuned" in ran.out


def test_games_describes_games_with_options_and_those_of_others(hybrid: Hybrid, tmp_path: Path) -> None:
    specs = ["mnk:m=4,n=3,k=3,players=3", "pettingzoo:connect_four_v3", "openspiel:hex(board_size=5)"]
    assert hybrid("games", *specs, "--json", tmp_path / "games.json").code == 0
    ours, pettingzoo, openspiel = read(tmp_path / "games.json")["games"]
    assert ours["options"] == {"m": 4, "n": 3, "k": 3, "players": 3, "exact": False}
    assert (ours["players"], ours["solver"], ours["observation_shape"]) == (3, None, [3, 3, 4])
    assert (pettingzoo["actions"], pettingzoo["observation_shape"], pettingzoo["options"]) == (7, [2, 6, 7], {})
    assert (openspiel["actions"], openspiel["solver"]) == (25, None)


def test_games_refuses_what_is_no_game(hybrid: Hybrid) -> None:
    ran = hybrid("games", "pettingzoo:rps_v2")
    assert ran.code == 2
    assert "hidden" in ran.err


def test_check_passes_a_sound_game_and_has_an_entry_for_each_property(hybrid: Hybrid, tmp_path: Path) -> None:
    game = tmp_path / "counting.py"
    game.write_text(COUNTING.replace("MASK", "True"), encoding="utf-8")
    ran = hybrid("check", f"{game}:target=12", "--json", tmp_path / "check.json")
    assert ran.code == 0, ran.out
    result = read(tmp_path / "check.json")
    assert result.pop("ok") is True
    assert {"plays", "returns", "legal_actions", "symmetries", "seeds"} <= result.keys()
    assert all(entry["ok"] is True and entry["message"] for entry in result.values())


def test_check_fails_a_game_whose_positions_run_out_of_moves(hybrid: Hybrid, tmp_path: Path) -> None:
    game = tmp_path / "stuck.py"
    game.write_text(COUNTING.replace("MASK", "s.total < 5"), encoding="utf-8")
    ran = hybrid("check", game, "--json", tmp_path / "check.json")
    assert ran.code == 1
    result = read(tmp_path / "check.json")
    assert result["ok"] is False
    assert "no action is legal" in result["plays"]["message"]
    assert "no action is legal" in " ".join(ran.out.split())
