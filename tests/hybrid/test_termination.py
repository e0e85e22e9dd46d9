"""SIGTERM and SIGINT unwind a program wherever they happen upon it, SIGTERM once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hybrid.termination import closing_when_terminated, interruptible

PROGRAM = """
import ctypes, signal, sys, time, weakref
from hybrid.termination import closing_when_terminated

class Thing:
    pass

class Deadly:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

class Faulty:
    def __del__(self):
        raise RuntimeError("boom")

def terminate(*arguments):
    signal.raise_signal(signal.SIGTERM)
    return 0

if sys.argv[1] == "hook":
    sys.unraisablehook = terminate
with closing_when_terminated(7):
    try:
        thing = Deadly() if sys.argv[1] == "del" else Thing()
        reference = weakref.ref(thing, terminate if sys.argv[1] == "weakref" else None)
        if sys.argv[1] == "plain":
            terminate()
        del thing
        if sys.argv[1] == "callback":
            ctypes.CFUNCTYPE(ctypes.c_int)(terminate)()
        if sys.argv[1] == "hook":
            Faulty()
        print("lost", flush=True)
        time.sleep(60)
    finally:
        signal.raise_signal(signal.SIGTERM)  # a second one does not disturb the closing
        print("closed", flush=True)
"""


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("plain", ["closed"]),
        ("weakref", ["lost", "closed"]),
        ("del", ["lost", "closed"]),
        ("callback", ["lost", "closed"]),
        ("hook", ["lost", "closed"]),
    ],
)
def test_a_signal_is_never_lost(place: str, said: list[str]) -> None:
    """Exceptions cannot leave some places: there Python prints and drops them."""
    process = subprocess.run([sys.executable, "-c", PROGRAM, place], capture_output=True, text=True, timeout=50)
    assert process.stdout.split() == said
    assert process.returncode == 7
    assert process.stderr == ""


def test_a_signal_at_the_very_end_counts() -> None:
    """One that was dropped is raised on the way out, and not sent any more."""
    program = (
        PROGRAM.partition("with closing")[0]
        + """
class Deadly:
    def __del__(self):
        terminate()

try:
    with closing_when_terminated(7):
        Deadly()
finally:
    time.sleep(0.2)
    print(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN)
"""
    )
    process = subprocess.run([sys.executable, "-c", program, ""], capture_output=True, text=True, timeout=50)
    assert (process.returncode, process.stdout, process.stderr) == (7, "True\n", "")


def test_other_exceptions_that_are_dropped_are_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty:
        def __del__(self) -> None:
            raise RuntimeError("boom")

    reported: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: reported.append(unraisable.exc_value))
    before = signal.getsignal(signal.SIGTERM)
    with closing_when_terminated(7):
        assert signal.getsignal(signal.SIGTERM) is not before
        Faulty()
    assert [str(error) for error in reported] == ["boom"]
    assert signal.getsignal(signal.SIGTERM) is before


MODULE = """
import signal, time
signal.raise_signal(getattr(signal, NAME))
time.sleep(0.02)
print("imported", flush=True)
"""


@pytest.mark.parametrize(
    ("name", "context", "caught"),
    [("SIGTERM", "closing_when_terminated(7)", "SystemExit"), ("SIGINT", "interruptible()", "KeyboardInterrupt")],
)
def test_an_import_is_brought_to_its_end(tmp_path: Path, name: str, context: str, caught: str) -> None:
    """Compiled modules do not stand being interrupted amid theirs."""
    (tmp_path / "slow.py").write_text(MODULE.replace("NAME", repr(name)))
    program = f"""
import signal, time
from hybrid.termination import closing_when_terminated, interruptible
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
with {context}:
    try:
        import slow
        print("lost", flush=True)
        time.sleep(60)
    except {caught}:
        print("unwound", flush=True)
"""
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert process.stdout.split() == ["imported", "lost", "unwound"], process.stderr


@pytest.mark.parametrize("place", ["plain", "weakref", "callback"])
def test_an_interrupt_is_never_lost(place: str) -> None:
    program = f"""
import ctypes, signal, time, weakref
from hybrid.termination import interruptible

signal.signal(signal.SIGINT, signal.default_int_handler)

class Thing:
    pass

def interrupt(*arguments):
    signal.raise_signal(signal.SIGINT)
    return 0

with interruptible():
    try:
        thing = Thing()
        reference = weakref.ref(thing, interrupt if {place!r} == "weakref" else None)
        del thing
        if {place!r} == "callback":
            ctypes.CFUNCTYPE(ctypes.c_int)(interrupt)()
        if {place!r} == "plain":
            interrupt()
        print("lost", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("unwound", flush=True)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert process.stdout.split() == [*(["lost"] if place != "plain" else []), "unwound", "True"]
    assert process.stderr == ""


def test_interrupts_that_are_ignored_stay_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_have_no_signals() -> None:
    """Where a command is called from a thread, the signal stays its owner's."""
    inside: list[object] = []

    def call() -> None:
        with closing_when_terminated(7):
            inside.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert inside == [before]
