"""What tests of the command line share: running a command in this process, and one small trained run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hybrid.cli.main import main

TINY = Path(__file__).with_name("tiny.yaml")
DOCUMENTED = Path(__file__).parents[2] / "docs" / "json.md"


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on standard error; fails unless that is all there is, and the exit code 2."""
        lines = self.err.splitlines()
        assert self.code == 2, self
        assert len(lines) == 1, self
        assert lines[0].startswith("hybrid: error: "), self
        return lines[0]


Hybrid = Callable[..., Ran]


@pytest.fixture
def hybrid(capsys: pytest.CaptureFixture[str]) -> Hybrid:
    """Run `hybrid` with arguments in this process."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        if code != 2 and "--json" in arguments:
            _check_documented(str(arguments[0]), Path(str(arguments[arguments.index("--json") + 1])))
        return Ran(code, out, err)

    return run


def _check_documented(command: str, written: Path) -> None:
    """Every key that a command writes is in docs/json.md; of `hybrid check`, properties are keys too."""
    if command == "check" or not written.is_file():
        return
    general, *sections = re.split(r"^## `hybrid (\w+)`$", DOCUMENTED.read_text(encoding="utf-8"), flags=re.MULTILINE)
    known = re.findall(r"`(\w+)`", general + dict(zip(sections[::2], sections[1::2], strict=True))[command])
    assert set(read(written)) <= set(known)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of tic-tac-toe, trained for seconds; its result is beside it in `train.json`."""
    folder = tmp_path_factory.mktemp("trained")
    arguments = ["train", "tic_tac_toe", "--config", str(TINY), "--run", str(folder / "run"), "--workers", "0"]
    assert main([*arguments, "--json", str(folder / "train.json")]) == 0
    return folder / "run"


def read(path: Path) -> Any:
    """A JSON file's content."""
    return json.loads(path.read_text(encoding="utf-8"))
