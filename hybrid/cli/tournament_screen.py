"""A tournament as it is watched: the standings so far above a bar; and as it is reported when it is over."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape

from hybrid.cli.output import figures, progress, table

if TYPE_CHECKING:
    from rich.table import Table

    from eval.results import Results
    from eval.tournament import Progress


class TournamentScreen:
    """Shows progress on standard error where that is a terminal, and leaves nothing behind; a context manager.

    Attributes:
        latest: how far the tournament is, or None before its first report.
    """

    def __init__(self, title: str) -> None:
        self.latest: Progress | None = None
        self._bar = progress()
        self._task = self._bar.add_task(escape(title), total=None)
        errors = Console(stderr=True)
        self._live = Live(self._bar, console=errors, transient=True) if errors.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, now: Progress) -> None:
        """Show how far things are."""
        self.latest = now
        self._bar.update(self._task, completed=now.played, total=now.total)
        if self._live is not None:
            self._live.update(Group(standings_table(now.results), self._bar))


def standings_table(results: Results, *, final: bool = False) -> Table:
    """The standings, best first; if `final`, with the probability that each agent is better than the next."""
    columns = ("agent", "Elo", "±95 %", "games", "score", "ms/move")
    listing = table("", "", *columns, *(("beats next",) if final else ()), left=2)
    milliseconds = _milliseconds(results)
    lines = results.standings
    for place, line in enumerate(lines, 1):
        cells = [
            str(place),
            escape(line.agent),
            _shown(line.elo, "{:+.0f}".format),
            "-" if line.ci95 is None else f"{(line.ci95[1] - line.ci95[0]) / 2:.0f}",
            str(line.games),
            _shown(line.score, "{:.1%}".format),
            _shown(milliseconds[line.agent], figures),
        ]
        if final and place < len(lines) and line.elo is not None:
            cells.append(f"{results.ratings.superiority(line.agent, lines[place].agent):.1%}")
        listing.add_row(*cells)
    return listing


def pairings_table(agents: tuple[str, ...], scores: list[list[float | None]]) -> Table:
    """What the agent of each row scored against the agents of the columns, which are numbered as the rows are."""
    listing = table("", "", "agent", *(str(place) for place in range(1, len(agents) + 1)), left=2)
    for place, (agent, row) in enumerate(zip(agents, scores, strict=True), 1):
        listing.add_row(str(place), escape(agent), *(_shown(score, "{:.0%}".format) for score in row))
    return listing


def _milliseconds(results: Results) -> dict[str, float | None]:
    """What each agent took per move, or None where it has not moved."""
    seconds, moves = dict.fromkeys(results.agents, 0.0), dict.fromkeys(results.agents, 0)
    for record in results.records:
        for agent, cost in zip(record.agents, record.costs, strict=True):
            seconds[agent] += cost.seconds
            moves[agent] += cost.moves
    return {agent: 1000 * seconds[agent] / moves[agent] if moves[agent] else None for agent in results.agents}


def _shown(value: float | None, form: Callable[[float], str]) -> str:
    return "-" if value is None else form(value)
