"""What the README and the pages of documentation say is so."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from games.check import check
from hybrid.cli.parser import make

ROOT = Path(__file__).parents[2]
PAGES = {
    path: path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md")))
}


def blocks(page: str) -> list[tuple[str, str]]:
    """The blocks of code on a page, each with its language, lines that go on joined."""
    found: list[tuple[str, str]] = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [(kind, re.sub(r"\\\n\s*", "", text)) for kind, text in found]


BLOCKS = blocks(PAGES[ROOT / "README.md"])
COMMANDS = {
    line
    for page in PAGES.values()
    for kind, text in blocks(page)
    if not kind
    for line in re.findall(r"hybrid [a-z].*", text)
}


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
    assert len(COMMANDS) > 40


def anchors(page: str) -> set[str]:
    """What a link to a place on a page may say behind the sign: its headings, as GitHub spells them."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_every_link_leads_somewhere() -> None:
    broken = []
    for path, page in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", page):
            if target.startswith(("https:", "http:")):
                continue
            file, _, anchor = target.partition("#")
            linked = (path.parent / file).resolve() if file else path
            if not linked.exists() or (anchor and anchor not in anchors(PAGES[linked])):
                broken.append((path.name, target))
    assert broken == []


@pytest.mark.parametrize("line", sorted(COMMANDS))
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
