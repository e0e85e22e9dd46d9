"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid.files import is_device, write_atomically


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/null", "/proc/self/fd/1", "/dev"])
def test_what_a_process_has_open_is_no_plain_file(name: str) -> None:
    assert is_device(Path(name))


@pytest.mark.parametrize("name", ["/dev/shm/run/agent", "missing/agent", "/dev/missing"])
def test_anything_else_is_or_may_become_one(name: str) -> None:
    assert not is_device(Path(name))


def test_folders_that_are_missing_are_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "one" / "file", b"text")
    write_atomically(tmp_path / "new" / "one" / "file", b"other")
    assert [path.read_bytes() for path in (tmp_path / "new" / "one").iterdir()] == [b"other"]
