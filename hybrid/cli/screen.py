"""The console that commands report on."""

from __future__ import annotations

from rich.console import Console

from hybrid.cli.output import desert


class Screen(Console):
    """A console on standard output whose reader may leave: it is quiet then, and the command goes on to its files."""

    def on_broken_pipe(self) -> None:
        """Say no more; rich itself would end the process."""
        self.quiet = True
        desert()
