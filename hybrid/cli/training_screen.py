"""Training as it is watched: a line for each generation, and below them what is going on now."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from eval.statistics import elo_of
from games import Game
from training.config import Config
from training.playing import PlayedGame
from training.progress import MatchReport, Observer, Report

_WIDTHS = {"gen": 7, "games": 5, "positions": 9, "sims/s": 7, "policy": 6, "value": 6, "gap": 6, "proven": 6, "left": 6}
"""The columns of a generation's line: losses of policy and value, amortisation gap in nats, share proven, time left."""


class TrainingScreen(Observer):
    """Shows a run on a console; a context manager around the training.

    Attributes:
        done: generations that are saved.
        matches: the latest evaluation.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("starting", total=None, note="")
        self._config = Config()
        self._simulations = self._played = 0
        self._since = time.perf_counter()
        self._left = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Take down the live part."""
        self._progress.stop()

    def started(self, game: Game, config: Config, run: Path, generation: int) -> None:
        """Say what is trained, and head the columns."""
        self._config = config
        self._since = time.perf_counter()
        if generation >= config.generations:
            self._console.print(f"The run in {escape(str(run))} is complete: {generation} generations.", soft_wrap=True)
            return
        begin, end = (config.at(number) for number in (generation + 1, config.generations))
        first, last = begin.self_play.games, end.self_play.games
        games = f"{first} games" if first == last else f"{first} to {last} games"
        network, blocks = begin.network, end.network.blocks
        grown = f" ({blocks} blocks from generation {config.later.after + 1} on)" if blocks > network.blocks else ""
        mixed = f", {network.mixes(1)} of them mixed over the board" if network.mixes(1) else ""
        sizes = f"{network.blocks} blocks x {network.channels} channels{mixed}{grown}"
        self._console.print(
            f"Training [bold]{escape(game.spec)}[/bold] in [bold]{escape(str(run))}[/bold]: generations "
            f"{generation + 1} to {config.generations} of {games}, {config.workers} workers, network of "
            f"{sizes}. Ctrl-C stops it, to be resumed later.",
            soft_wrap=True,
        )
        self._console.print("  ".join(name.rjust(width) for name, width in _WIDTHS.items()), style="dim")

    def phase(self, generation: int, name: str) -> None:
        """Show what the generation is at."""
        self._simulations = self._played = 0
        if name == "evaluation":
            # The next generation's games begin meanwhile.
            self._since = time.perf_counter()
        total = self._config.at(generation).self_play.games if name == "self-play" else None
        description = f"generation {generation}/{self._config.generations} · {name}"
        self._progress.reset(self._task, total=total, description=description, note=self._left)

    def game_played(self, generation: int, game: PlayedGame) -> None:
        """Advance the bar."""
        self._played += 1
        self._simulations += game.simulations
        rate = self._simulations / (time.perf_counter() - self._since)
        games = self._config.at(generation).self_play.games
        note = f"{self._played}/{games} games · {rate:,.0f} simulations/s{self._left}"
        self._progress.update(self._task, advance=1, note=note)

    def generation_done(self, report: Report) -> None:
        """Print the generation's line and, where it was evaluated, its Elo against each anchor."""
        games, losses = report.self_play, report.losses
        self._left = f" · {_duration(report.seconds_left)} left"
        cells = (
            f"{report.generation}/{report.generations}",
            f"{games.games:,}",
            f"{games.positions:,}",
            f"{games.simulations_per_second:,.0f}",
            f"{losses.policy:.3f}",
            f"{losses.value:.3f}",
            f"{games.gap:.3f}",
            f"{games.proven:.0%}",
            _duration(report.seconds_left),
        )
        line = "  ".join(cell.rjust(width) for cell, width in zip(cells, _WIDTHS.values(), strict=True))
        self._console.print(line, soft_wrap=True)
        if report.matches:
            self._console.print(f"    Elo {', '.join(map(_strength, report.matches))}", style="cyan", soft_wrap=True)


def _strength(match: MatchReport) -> str:
    """A match's Elo with its interval, the opponent, and the score."""
    low, high = map(elo_of, match.ci95)
    return f"{match.elo:+.0f} ({low:+.0f} to {high:+.0f}) against {escape(match.opponent)} ({match.score:.0%})"


def _duration(seconds: float) -> str:
    """Seconds as hours, minutes and seconds, the coarsest two."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"
