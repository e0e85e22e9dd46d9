"""What every command has in common: help, errors, exit codes and JSON files."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid.cli.main import command_names
from tests.cli.conftest import Hybrid, read
from tests.games.test_load import NIM

COMMANDS = ("agents", "bench", "check", "export", "games", "match", "measure", "play", "tournament", "train")
HEAVY = {"torch", "numba", "lightning", "onnxruntime", "numpy", "games", "training", "eval"}


def shell(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hybrid", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_help_lists_every_command_and_imports_nothing_slow() -> None:
    code = f"import sys; from hybrid.cli.main import main; main(['--help']); sys.exit({HEAVY} & set(sys.modules) or 0)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    listed = [line.split()[0] for line in ran.stdout.partition("commands:")[2].splitlines() if line.startswith("  ")]
    assert listed == sorted(listed)
    assert set(COMMANDS) <= set(listed) == set(command_names())
    assert shell("--help").stdout == ran.stdout


@pytest.mark.parametrize("command", command_names())
def test_every_command_explains_its_options(hybrid: Hybrid, command: str) -> None:
    ran = hybrid(command, "--help")
    assert ran.code == 0
    for option in ("--help", "--seed", "--json FILE"):
        assert option in ran.out
    if command not in ("agents", "games"):
        assert "default:" in ran.out.partition("--seed")[0] + ran.out.partition("positional")[2]


def test_without_a_command_the_overview_goes_to_standard_error(hybrid: Hybrid) -> None:
    ran = hybrid()
    assert (ran.code, ran.out) == (2, "")
    assert "commands:" in ran.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["tarin", "connect_four"], ["'tarin'", "'train'"]),
        (["match"], ["game"]),
        (["match", "tic_tac_toe", "random", "random", "--game", "2"], ["--game"]),
        (["train", "tic_tac_toe", "--network.block", "3"], ["--network.block", "did you mean --network.blocks?"]),
        (["train", "tic_tac_toe", "--batch", "3"], ["--batch", "did you mean --learner.batch?"]),
        (["train", "tic_tac_toe", "--evaluation.anchors", "random"], ["random", "[first,second]"]),
        (["train", "--print_config"], ["game"]),
        (["match", "connect_four?rows=5", "random", "random"], ["'connect_four?rows=5'", "hex:size=5"]),
        (["match", "tic_tac_toe", "random", "mcts:simulations=5"], ["'mcts:simulations=5'", "mcts?simulations=100"]),
        (["agents", "mtcs"], ["'mtcs'", "mcts"]),
        (["train", "tic_tac_toe", "--self_play.precision", "int4"], ["'float', 'int8'", "int4"]),
        (["match", "tic_tac_toe", f"mcts?simulations={'9' * 20}", "random"], ["1,000,000,000"]),
        (["match", "connect_for", "random", "random"], ["'connect_for'", "connect_four"]),
        (["match", "connect_four:rows=0", "random", "random"], ["rows", "0"]),
        (["match", "connect_four:row=5", "random", "random"], ["row", "rows"]),
        (["match", "missing.py", "random", "random"], ["missing.py"]),
        (["match", "tic_tac_toe", "random"], ["agents", "2", "1"]),
        (["match", "tic_tac_toe", "random", "nobody"], ["'nobody'", "random"]),
        (["match", "tic_tac_toe", "random", "mcts?simulation=3"], ["'simulation'", "simulations"]),
        (["match", "tic_tac_toe", "random", "mcts?simulations=many"], ["simulations", "'many'"]),
        (["match", "tic_tac_toe", "random", "random", "--games", "0"], ["--games", "0"]),
        (["match", "tic_tac_toe", "random", "random", "--games", "5"], ["games", "2", "5"]),
        (["match", "tic_tac_toe", "random", "random", "--gmaes", "4"], ["--gmaes"]),
        (["match", "tic_tac_toe", "random", "random", "--seed", "-1"], ["--seed", "-1"]),
        (["play", "tic_tac_toe", "random", "--seat", "3"], ["seat", "2", "3"]),
        (["check", "nothing_like_it"], ["'nothing_like_it'"]),
        (["bench", "tic_tac_toe", "--channels", "0"], ["--channels", "0"]),
        (["train"], ["game"]),
        (["train", "tic_tac_toe", "--recipe", "fast"], ["fast", "quick"]),
        (["train", "tic_tac_toe", "--self_play.gmaes", "3"], ["--self_play.gmaes"]),
        (["train", "tic_tac_toe", "--self_play.games", "-3"], ["games", "-3"]),
        (["train", "tic_tac_toe", "--self_play.dial.simulations", "0"], ["simulations", "0"]),
        (["train", "tic_tac_toe", "--config", "missing.yaml"], ["missing.yaml"]),
        (["train", "--resume", "missing"], ["missing"]),
        (["games", "--json", "/nowhere/at/all.json"], ["--json", "/nowhere/at/all.json"]),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(hybrid: Hybrid, arguments: list[str], named: list[str]) -> None:
    error = hybrid(*arguments).error
    for name in named:
        assert name in error


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 14.6 TiB"), OverflowError("int too big")])
def test_what_no_machine_holds_is_a_mistake_too(
    hybrid: Hybrid, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr("hybrid.cli.commands.games.run", fail)
    assert hybrid("games").error == f"hybrid: error: {error}"


def test_traceback_can_be_asked_for(hybrid: Hybrid) -> None:
    ran = hybrid("check", "nothing_like_it", "--traceback")
    assert ran.code == 2
    assert "Traceback" in ran.err


def test_a_game_with_a_syntax_error_says_where(hybrid: Hybrid, tmp_path: Path) -> None:
    game = tmp_path / "broken.py"
    game.write_text("\n\ndef make(:\n", encoding="utf-8")
    assert "broken.py, line 3" in hybrid("check", game).error


def test_a_game_that_fails_is_the_users_mistake(hybrid: Hybrid, tmp_path: Path) -> None:
    game = tmp_path / "broken.py"
    game.write_text("import no_such_module\n", encoding="utf-8")
    assert "broken.py' cannot be loaded: ModuleNotFoundError" in hybrid("match", game, "random", "random").error
    game.write_text(NIM.replace("a + 1", "unknown"), encoding="utf-8")
    assert "NameError: name 'unknown' is not defined" in hybrid("match", game, "random", "random").error


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "games.json"
    target.write_text("precious", encoding="utf-8")
    ran = shell(
        "games", "--json", str(target), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    )
    assert ran.returncode == 2
    assert ran.stderr == f"hybrid: error: File too large: {target}\n" or ran.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["games.json"]
    assert target.read_text(encoding="utf-8") == "precious"
    assert shell("games", "--json", str(target)).returncode == 0
    assert read(target)["games"]


def test_a_full_device_is_one_line(hybrid: Hybrid) -> None:
    assert "No space left on device" in hybrid("games", "--json", "/dev/full").error


def test_a_reader_that_has_left_is_no_error_worth_a_message() -> None:
    command = [sys.executable, "-m", "hybrid", "games", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


@pytest.mark.parametrize("command", [["games", "pig"], ["match", "tic_tac_toe", "random", "random", "--games", "2"]])
def test_a_reader_that_has_left_costs_no_file(command: list[str], tmp_path: Path) -> None:
    files = [tmp_path / "out.json", *([tmp_path / "games.jsonl"] if command[0] == "match" else [])]
    options = [text for pair in zip(("--json", "--save"), map(str, files), strict=False) for text in pair]
    arguments = [sys.executable, "-m", "hybrid", *command, *options]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert [path.stat().st_size > 0 for path in files] == [True] * len(files)
