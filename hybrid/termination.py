"""Ending in order when told to: SIGTERM unwinds the program as an interrupt from the keyboard does, and both do so
where an exception can leave.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN = 0.05
"""Seconds after which a signal whose exception was lost is sent again."""


class Terminated(SystemExit):
    """Raised by SIGTERM within `closing_when_terminated`."""


@contextmanager
def closing_when_terminated(code: int) -> Iterator[None]:
    """Let SIGTERM raise SystemExit(code) in here, once, so that everything is closed on the way out.

    Python drops an exception that is raised where none can leave: in a weak reference's callback, in one that compiled
    code makes, in `__del__`. A signal that happens upon such a place is sent again, else nothing would ever end the
    process but SIGKILL; so is one amid an import, see `interruptible`. Outside the main thread, where Python handles no
    signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    closing = lost = False

    def terminate(number: int, frame: FrameType | None) -> None:
        nonlocal closing, lost
        if closing:
            return  # it takes a moment: once is enough
        if _held(frame, dropped):
            again()
            return
        closing, lost = True, False
        raise Terminated(code)

    def dropped(unraisable: sys.UnraisableHookArgs) -> None:
        nonlocal closing
        if not isinstance(unraisable.exc_value, Terminated):
            report(unraisable)
            return
        again()
        closing = False

    def again() -> None:
        nonlocal lost
        if not lost:
            lost = True
            threading.Thread(target=send, daemon=True).start()

    def send() -> None:
        while lost:
            time.sleep(AGAIN)
            os.kill(os.getpid(), signal.SIGTERM)

    before, report = signal.signal(signal.SIGTERM, terminate), sys.unraisablehook
    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = report
        if signal.getsignal(signal.SIGTERM) is terminate:
            # What Python closes after this, at its exit, is not to be disturbed either.
            signal.signal(signal.SIGTERM, signal.SIG_IGN if closing or lost else before)
        if lost:
            lost = False
            raise Terminated(code)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt in here, but not where it would be dropped, nor amid an import.

    Compiled modules abort the process, or are left half made, if they are interrupted while they are imported. There a
    signal is sent again a moment later. Outside the main thread, and where SIGINT is not Python's own any more, this
    does nothing.
    """
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    waiting: list[threading.Timer] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if _held(frame, dropped):
            again()
        else:
            raise KeyboardInterrupt

    def dropped(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            again()
        else:
            report(unraisable)

    def again() -> None:
        waiting.append(threading.Timer(AGAIN, os.kill, (os.getpid(), signal.SIGINT)))
        waiting[-1].daemon = True
        waiting[-1].start()

    report = sys.unraisablehook
    signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = report
        for timer in waiting:
            timer.cancel()
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _held(frame: FrameType | None, hook: Callable[[sys.UnraisableHookArgs], None]) -> bool:
    """Whether what is raised at `frame` would be dropped, for it is within the `hook` for that, or break an import."""
    while frame is not None:
        code = frame.f_code
        if code is hook.__code__ or code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
