"""The compiled code's cache: nothing is compiled twice, nothing stale is used, and rules run without compiling."""

import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import int64, njit
from numba.core.caching import FunctionCache
from numba.extending import register_jitable

import games
from games.compile import compiled, fingerprint

COUNT = """
import numpy as np
import games
from numba.core.compiler import CompilerBase

compiled = []
plain = CompilerBase.compile_extra


def spy(self, function):
    compiled.append(function.__qualname__)
    return plain(self, function)


CompilerBase.compile_extra = spy
for spec in ("connect_four", "hex:size=4"):
    game = games.load(spec)
    positions = game.step(game.initial(3), np.flatnonzero(game.legal_actions(game.initial())[0])[:3])
    game.observe(positions)
    game.transform(positions, 1)
    game.rollout(positions, np.arange(3, dtype=np.uint64))
    game.perft(game.initial(), 2)
print(len(compiled))
"""


def run(code: str, *, cwd: Path | None = None, **environment: str) -> str:
    command = [sys.executable, "-c", code]
    here = str(Path(__file__).parents[2])
    variables = os.environ | {"PYTHONPATH": here} | environment
    return subprocess.run(command, env=variables, cwd=cwd, capture_output=True, text=True, check=True).stdout


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    first = int(run(COUNT, NUMBA_CACHE_DIR=str(tmp_path)))
    second = int(run(COUNT, NUMBA_CACHE_DIR=str(tmp_path)))
    assert first > 10
    assert second == 0


SAME_NAMES = """
import sys
from numba import int64, njit
from games.compile import kernel


def factory(constant):
    @njit
    def inner(n):
        return constant if n < 2 else inner(n - 1) + inner(n - 2)

    def outer(n):
        return inner(n)

    return outer


for constant in sys.argv[1:]:
    print(kernel(factory, int64(int64), int(constant))(1))
"""


def test_kernels_cached_by_two_processes_keep_their_own_inner_functions(tmp_path: Path) -> None:
    """The cache wants a file, in which the kernels are."""
    script = tmp_path / "same_names.py"
    script.write_text(SAME_NAMES)
    command = [sys.executable, str(script)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "NUMBA_CACHE_DIR": str(tmp_path)}
    printed = [
        subprocess.run([*command, *constants], env=environment, capture_output=True, text=True, check=True).stdout
        for constants in (["10"], ["20"], ["10", "20"])
    ]
    assert [text.split() for text in printed] == [["10"], ["20"], ["10", "20"]]


HELPER = "from numba import njit\n\n\n@njit\ndef bonus(x):\n    return x + {}\n"
GAME = """
from games import lift
from helper import bonus


def make():
    def play(s, a):
        s.ply += 1
        s.terminal = 1
        s.returns[0] = bonus(a)

    def legal(s, mask):
        mask[:] = True

    def observe(s, planes):
        planes[:] = 1

    return lift("one_move", num_actions=1, observation_shape=(1, 1, 1), fields=[], play=play, legal=legal,
                observe=observe, players=1)
"""


def test_a_change_in_an_imported_helper_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "game.py").write_text(GAME)
    code = "import games; g = games.load('game.py'); print(g.step(g.initial(), [0])[0]['returns'][0])"
    printed = []
    for constant in ("0.25", "0.5"):
        (tmp_path / "helper.py").write_text(HELPER.format(constant))
        path = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))
        printed.append(run(code, cwd=tmp_path, PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="1"))
    assert [float(text) for text in printed] == [0.25, 0.5]


def test_fingerprints_see_constants_closures_and_helpers() -> None:
    def rule(constant: float, table: list[int], helper: object) -> str:
        array = np.array(table)

        def play(x: int) -> float:
            return helper(x) + array[x] + constant  # type: ignore[operator, no-any-return]

        return fingerprint(play)

    @register_jitable
    def one(x: int) -> int:
        return x + 1

    @register_jitable
    def two(x: int) -> int:
        return x + 2

    prints = [rule(1.0, [1, 2], one), rule(2.0, [1, 2], one), rule(1.0, [1, 3], one), rule(1.0, [1, 2], two)]
    assert len(set(prints)) == 4
    assert rule(1.0, [1, 2], one) == prints[0]


def test_fingerprints_see_how_helpers_are_compiled() -> None:
    def made(**options: Any) -> str:
        helper = njit(**options)(lambda x: x * 2.0 + 1.0)

        def play(s: Any) -> Any:
            return helper(s)

        return fingerprint(play)

    assert made() == made()
    several = [made(), made(fastmath={"contract"}), made(fastmath={"contract", "nsz"}), made(fastmath=True)]
    assert len(set(several)) == len(several)


def test_fingerprints_take_no_values_for_others() -> None:
    """Neither two numbers side by side, nor defaults, nor lists of helpers."""

    def rule(m: int, n: int, k: int = 0, helpers: tuple[object, ...] = ()) -> str:
        def play(x: int, step: int = k) -> int:
            return x * m + n + step + len(helpers)

        return fingerprint(play)

    def one() -> int:
        return 11112

    def other() -> int:
        return 11122

    prints = [rule(22, 2), rule(2, 22), rule(2, 2, 2), rule(2, 2, 22), rule(2, 2, 2, (one,)), rule(2, 2, 2, (other,))]
    assert len(set(prints)) == len(prints)
    assert rule(2, 22) == prints[1]


def test_fingerprints_see_all_that_rules_use_of_one_module(monkeypatch: pytest.MonkeyPatch) -> None:
    lib = types.ModuleType("lib")

    def one() -> int:
        return 1

    def other() -> int:
        return 2

    vars(lib).update(first=one, second=one, __file__="lib.py")

    def legal() -> int:
        return lib.first()  # type: ignore[no-any-return]

    def play() -> int:
        return legal() + lib.second()  # type: ignore[no-any-return]

    before = fingerprint(play)
    assert fingerprint(play) == before
    for name in ("first", "second"):
        with monkeypatch.context() as patch:
            patch.setattr(lib, name, other)
            assert fingerprint(play) != before


def test_boards_of_swapped_sides_keep_their_own_rules(tmp_path: Path) -> None:
    """Five stones in a line are one on the board that is so long, and the cells 0 to 4 are none on the narrow one."""
    code = """
import games
for spec in ("mnk:m=22,n=2,k=5", "mnk:m=2,n=22,k=5"):
    game = games.load(spec)
    for line, between in (((0, 1, 2, 3, 4), 30), ((0, 2, 4, 6, 8), 31)):
        position = game.initial()
        for i, cell in enumerate(line):
            position = game.step(position, [cell])
            if i < 4:
                position = game.step(position, [between + 2 * i])
        print(int(position["terminal"][0]), end="")
"""
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)) == run(code, NUMBA_DISABLE_JIT="1") == "1001"


@pytest.mark.parametrize("spec", ["connect_four", "go:size=4", "hex:size=4,swap=True", "breakthrough:rows=5,columns=4"])
def test_rules_run_as_plain_python(spec: str) -> None:
    code = f"from games.sampling import digest; print(digest({spec!r}, 3))"
    assert run(code, NUMBA_DISABLE_JIT="1", PYTHONWARNINGS="error") == run(code, NUMBA_DISABLE_JIT="0")


def test_plain_python_plays_as_compiled_code_does() -> None:
    game = games.load("tic_tac_toe")
    code = "import games; g = games.load('tic_tac_toe'); print(g.perft(g.initial(), 5))"
    assert run(code, NUMBA_DISABLE_JIT="1").strip() == str(game.perft(game.initial(), 5))  # type: ignore[attr-defined]


def test_a_cache_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, function: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(FunctionCache, "__init__", refuse)
    with pytest.raises(ValueError, match=r"of test_compile.py cannot be kept: set NUMBA_CACHE_DIR .*no locator"):
        compiled(lambda: 1, int64())
