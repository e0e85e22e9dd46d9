"""List the kinds of agents: how each is written, its options, their defaults and what they mean.

An agent is written as a kind, or as the path of a run folder or checkpoint, with options behind a question mark:
'mcts?simulations=200', 'runs/connect_four?dial=0.3&time=20ms'.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.markup import escape

from hybrid.cli.output import Outcome, console, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

NOTES = (
    "'run' stands for the path of a run folder, whose newest agent it is, or of one checkpoint, or for 'pretrained', "
    "the agent that comes with Hybrid. It also takes elo=1200, once 'hybrid spectrum' has calibrated it, and "
    "dial=tuned, once 'hybrid tune' has tuned it. In a value %26 is an ampersand and %25 a percent sign.",
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid agents`."""
    parser.add_argument("kinds", nargs="*", type=str, help="the kinds to describe, such as mcts or run; by default all")


def run(*, kinds: list[str], seed: int) -> Outcome:
    """Show kinds of agents; listing them draws nothing at random, so `seed` is without effect."""
    from hybrid.agent_listing import listing, names

    found = [listing(kind) for kind in kinds or names()]
    screen = console()
    for one in found:
        screen.print(f"[bold]{escape(one.kind)}[/bold]: {escape(one.spec)}", soft_wrap=True)
        if one.options:
            shown = table("", "option", "default", "meaning", left=3)
            shown.columns[0].no_wrap = True
            for option in one.options:
                shown.add_row(escape(option.name), escape(option.default), escape(option.meaning))
            screen.print(shown)
    for note in () if kinds else NOTES:
        screen.print(escape(note), soft_wrap=True)
    return Outcome({"agents": [asdict(one) for one in found]})
