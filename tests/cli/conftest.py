"""What tests of the command line share: running a command in this process, and one small trained run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hybrid.cli.main import main

TINY = Path(__file__).with_name("tiny.yaml")


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
        return Ran(code, out, err)

    return run


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
