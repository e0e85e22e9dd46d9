"""Measure how often agents err, on positions in which a solver has told the true value of every move.

Every agent moves once in each position. A move is an error if it gives away value: if it makes a draw or a loss of a
win, or a loss of a draw. Positions are classed: beginning, middle and end by the moves played, easy, medium and hard by
how long perfect play lasts. docs/evaluation.md says which sets come with Hybrid, and how to label positions of your own
game.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from hybrid.cli.output import Outcome, console, progress, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from eval.exact import Report, Score
    from eval.labels import Labelled
    from hybrid.agent import Agent

_NARROW = 16
"""Letters of the longest spec that stands in the table."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid measure`."""
    parser.add_argument("game", type=str, help="such as connect_four or connect_four:rows=5")
    parser.add_argument(
        "agents", type=str, nargs="+", help="run folders, checkpoints, random, 'mcts?simulations=1000' and others"
    )
    parser.add_argument(
        "--positions",
        type=Path | None,
        default=None,
        metavar="SET",
        help="a set that comes with Hybrid, or an .npz file of labelled positions; else the set with the game's name",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="show the figures as a table in Markdown, with more of them"
    )


def run(*, game: str, agents: list[str], positions: Path | None, markdown: bool, seed: int) -> Outcome:
    """Measure every agent and show the errors."""
    from eval import exact, labels
    from games import load as load_game
    from hybrid.agents import load_all

    rules = load_game(game)
    chosen = labels.default(rules) if positions is None else str(positions)
    labelled = labels.load(chosen, rules)
    players = load_all(agents, rules)
    reports: list[Report] = []
    screen = console()
    try:
        _measure(players, labelled, seed, reports)
    except KeyboardInterrupt:
        if not reports:
            raise
        screen.print(f"Stopped after {len(reports)} of {len(agents)} agents.")
    count, critical = len(labelled), int(labelled.critical.sum())
    shown = f"{game}: {count} positions ({chosen}); in {critical} of them one can err."
    screen.print(escape(shown), soft_wrap=True)
    if markdown:
        screen.print(exact.table(reports), markup=False, soft_wrap=True)
    else:
        _show(reports)
    finished = len(reports) == len(agents)
    data = {
        "game": game,
        "positions": chosen,
        "digest": labelled.digest,
        "results": [as_json(report) for report in reports],
        "finished": finished,
    }
    return Outcome(data, code=0 if finished else 130)


def _measure(players: list[Agent], labelled: Labelled, seed: int, reports: list[Report]) -> None:
    """Add the report of each agent to `reports` as soon as it is done, behind a bar of its own."""
    from eval.exact import measure

    with progress() as bar:
        for player in players:
            task = bar.add_task(escape(player.name), total=len(labelled))
            reports.append(measure(player, labelled, seed=seed, progress=partial(bar.advance, task)))
            player.forget()  # else every agent would keep its trees until the last one is done


def as_json(report: Report) -> dict[str, Any]:
    """An agent's errors as the object that `--json` writes."""
    total = report.total
    return {
        "agent": report.agent,
        "classes": {name: _counts(score) for name, score in report.classes},
        "all": _counts(total),
        "value_error": total.value_error,
        "calibration": total.calibration,
        "regret": total.regret,
        "regret_error": total.regret_error,
        "fastest": total.fastest,
        "gap": total.gap,
        "seconds": report.seconds,
        "evaluations": report.evaluations,
    }


def _counts(score: Score) -> dict[str, Any]:
    """How many positions there were, and the errors in them."""
    return {
        "positions": score.positions,
        "critical": score.critical,
        "errors": score.blunders,
        "share": score.blunder_rate,
        "ci95": list(score.ci95),
    }


def _show(reports: list[Report]) -> None:
    """Print the errors, one row an agent; specs that leave no room for them stand above, numbered."""
    classes = [(*name.split("-"), f"n={score.positions}") for name, score in reports[0].classes]
    everything = ("all", "", f"n={reports[0].total.positions}")
    heads = ["\n".join(lines) for lines in (*classes, everything)]
    listing = table("errors in %", "agent", *heads, "±95 %", "value\nerror")
    listing.padding = (0, 0)  # six classes and an agent are to fit a screen
    for column in listing.columns[1:]:
        column.no_wrap = True
    numbered = max(len(report.agent) for report in reports) > _NARROW
    screen = console()
    for number, report in enumerate(reports, 1):
        low, high = report.total.ci95
        if numbered:
            screen.print(f"{number}: {escape(report.agent)}", soft_wrap=True)
        rates = [f"{100 * score.blunder_rate:.1f}" for _, score in report.rows()]
        certainty = [f"{50 * (high - low):.1f}", f"{report.total.value_error:.3f}"]
        listing.add_row(str(number) if numbered else escape(report.agent), *rates, *certainty)
    screen.print(listing)
