"""Another program that speaks GTP, run as a child process: questions, answers, time-outs, and its end in any case."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import shlex
import signal
import subprocess
import tempfile
import time
import weakref
from collections.abc import Sequence
from typing import BinaryIO

LIMIT = 1 << 20
"""Bytes that one answer, and what is kept of the program's errors, may have."""
LONGEST = 86400.0
"""Seconds that one wait of the operating system's may take."""
FAREWELL = 1.0
"""Seconds that a program has to end by itself."""


class EngineFailedError(ValueError):
    """The program crashed, kept silent or spoke no GTP; it has been ended."""


class EngineRefusedError(ValueError):
    """The program answered that it will not do what it was asked."""


class EngineProcess:
    """A running program. It ends with `close`, with this object, or with this process, whichever is first.

    It has a session of its own, so that an interrupt from the keyboard does not reach it and its children end with it.
    """

    def __init__(self, command: str) -> None:
        """Start `command`, split as a shell would but run without one. Raises ValueError if that fails."""
        self.command = command
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process is
        # Both write at the end, wherever that is, so that the file can be cut when it grows long.
        fcntl.fcntl(errors, fcntl.F_SETFL, fcntl.fcntl(errors, fcntl.F_GETFL) | os.O_APPEND)
        try:
            words = shlex.split(command)
            self._process = subprocess.Popen(
                words,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        except (OSError, ValueError, IndexError) as error:
            errors.close()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ValueError(f"command {command!r} cannot be started: {reason}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._errors = errors
        self._buffer = b""
        self._number = 0
        self._end = weakref.finalize(self, _end, self._process, errors, FAREWELL)

    def ask(self, question: str, seconds: float) -> str:
        """The answer to one GTP command; see `ask_all`."""
        return self.ask_all([question], seconds)[0]

    def ask_all(self, questions: Sequence[str], seconds: float) -> list[str]:
        """The answers to GTP commands sent all at once, each of which has to come within `seconds` of the one before.

        Raises:
            EngineRefusedError: one of them is an error message.
            EngineFailedError: one is missing, or is no GTP, or the program has been ended.
        """
        if not self._end.alive:
            raise EngineFailedError(f"engine {self.command!r} has ended")
        first = self._number + 1
        self._number += len(questions)
        with contextlib.suppress(OSError):  # a program that is gone is noticed when its answer is read
            lines = [f"{first + place} {question}\n" for place, question in enumerate(questions)]
            self._input.write("".join(lines).encode())
        answers, refusals = [], []
        for place, question in enumerate(questions):
            answer = self._read(question, time.monotonic() + seconds, seconds)
            match = re.fullmatch(r"([=?])(\d*)(?:\s(.*))?", answer, re.DOTALL)
            if match is None or match[2] != str(first + place):
                what = f"answered {question!r} with {_short(answer)}, which is no answer number {first + place}"
                raise self._failure(what)
            answers.append((match[3] or "").strip())
            if match[1] == "?":
                refusals.append(f"{question!r}: {answers[-1] or 'without a reason'}")
        if os.fstat(self._errors.fileno()).st_size > LIMIT:
            os.ftruncate(self._errors.fileno(), 0)
        if refusals:
            raise EngineRefusedError(f"engine {self.command!r} refused {refusals[0]}")
        return answers

    def close(self) -> None:
        """End the program, politely if it listens."""
        self._end()

    def _read(self, question: str, deadline: float, seconds: float) -> str:
        """Read up to the next empty line."""
        waiting = select.poll()
        waiting.register(self._output, select.POLLIN)
        while True:
            self._buffer = self._buffer.replace(b"\r", b"").lstrip(b"\n\t ")
            if self._buffer and self._buffer[:1] not in b"=?":
                raise self._failure(f"answered {question!r} with {_short(self._buffer.decode(errors='replace'))}")
            answer, ended, rest = self._buffer.partition(b"\n\n")
            if ended:
                self._buffer = rest
                return answer.decode(errors="replace")
            if len(self._buffer) > LIMIT:
                raise self._failure(f"answered {question!r} without an end")
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._failure(f"did not answer {question!r} within {seconds:g} s")
            if not waiting.poll(1000 * min(left, LONGEST)):
                continue
            data = os.read(self._output.fileno(), 65536)
            if not data:
                raise self._failure(f"ended when asked {question!r}")
            self._buffer += data

    def _failure(self, what: str) -> EngineFailedError:
        """End the program and say what went wrong, with the last line it wrote to its standard error."""
        said = _end(self._process, self._errors, 0.2) if self._end.detach() else ""
        return EngineFailedError(f"engine {self.command!r} {what}" + (f"; it said: {said}" if said else ""))


def _short(text: str) -> str:
    """The beginning of an answer, for messages."""
    return repr(text[:60])


def _end(process: subprocess.Popen[bytes], errors: BinaryIO, patience: float) -> str:
    """Ask the program to quit, give it a moment, then end it and its children; the last line of its errors."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.write(b"quit\n")
    with contextlib.suppress(OSError):
        process.stdin.close()
    deadline = time.monotonic() + patience
    # Only looked at, not reaped: as long as it is not, its number cannot become another group's.
    peek = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while os.waitid(os.P_PID, process.pid, peek) is None and time.monotonic() < deadline:
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2000))
    lines = errors.read().decode(errors="replace").splitlines()
    errors.close()
    return "".join([line.strip()[:200] for line in lines if line.strip()][-1:])
