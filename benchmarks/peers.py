"""Another library's benchmark in a process of its own: `Peer` asks for runs, `answer` is the child that makes them.

It needs nothing but Python, so that the child may run in any environment.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


class Peer:
    """A child that runs `script`, a file beside this one, with `arguments`, the first of them the library's name.

    Attributes:
        name: the library.
        note: what the child said of itself when it was ready.
    """

    def __init__(self, python: str, script: str, *arguments: object) -> None:
        command = [python, str(Path(__file__).with_name(script)), *map(str, arguments)]
        self.name = str(arguments[0])
        self._process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.note = self._answer().removeprefix("ready").strip()

    def run(self) -> float:
        """The rate of one run, per second of the child's processor time."""
        return self.rates()[0]

    def rates(self) -> tuple[float, float]:
        """The rates of one run, per second of the child's processor time and of the wall's."""
        assert self._process.stdin is not None
        print("run", file=self._process.stdin, flush=True)
        processor, wall = self._answer().split()
        return float(processor), float(wall)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ValueError(f"{self.name} ended without an answer: {self._process.args!r}")
        return line


def answer(run: Callable[[], object], amount: int, note: str = "") -> None:
    """Answer every line of the input with the rates of one `run`, which does `amount` of what is counted."""
    print(f"ready {note}", flush=True)
    for _ in sys.stdin:
        processor, wall = time.process_time(), time.perf_counter()
        run()
        print(amount / (time.process_time() - processor), amount / (time.perf_counter() - wall), flush=True)
