"""Ending in order when told to: SIGTERM unwinds the program as an interrupt from the keyboard does."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
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
    process but SIGKILL. Outside the main thread, where Python handles no signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    closing = lost = False

    def terminate(number: int, frame: FrameType | None) -> None:
        nonlocal closing, lost
        if closing:
            return  # it takes a moment: once is enough
        while frame is not None:
            if frame.f_code is dropped.__code__:
                again()  # what is raised there is dropped as well
                return
            frame = frame.f_back
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
