"""What the README and the map of the architecture say is so."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from games.check import check
from hybrid.cli.parser import make

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if not kind for line in re.findall(r"hybrid \w.*", text)]


def python_block(containing: str) -> str:
    blocks = [text for kind, text in BLOCKS if kind == "python" and containing in text]
    assert len(blocks) == 1
    return blocks[0]


def test_the_game_shown_is_short_and_sound(tmp_path: Path) -> None:
    game = python_block("def make(")
    assert len(game.splitlines()) < 80
    path = tmp_path / "domineering.py"
    path.write_text(game, encoding="utf-8")
    assert [finding for finding in check(f"{path}:size=4") if not finding.ok] == []


def test_the_program_shown_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(python_block("agents.load("), "README.md", "exec"), {})
    score, decision = capsys.readouterr().out.splitlines()
    assert float(score.split()[1].rstrip(",")) > 0.5
    assert decision.startswith(("1", "2", "3", "4", "5", "6", "7"))


def test_there_are_commands_to_try() -> None:
    assert len(COMMANDS) > 8


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_shown_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("generations: 3\n", encoding="utf-8")
    _, name, *arguments = shlex.split(line.partition(">")[0])
    module = import_module(f"hybrid.cli.commands.{name}")
    shown = [argument for argument in arguments if argument != "--print_config"]
    assert make(module, name).parse_args(shown)


def test_the_files_that_the_architecture_names_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`([\w/]+\.(?:py|toml))`", text))
    rooms = (".", "games", "hybrid", "hybrid/cli", "eval", "eval/spectrum", "eval/tuning", "training")
    assert len(names) > 30
    assert [name for name in names if not any((ROOT / room / name).is_file() for room in rooms)] == []
