"""Test whether a game keeps the promises that agents and training rely on; for games that you write.

Plays seeded random games and tries, among much else, illegal moves, symmetries and batches against single rows. The
exit code is 1 if the game breaks a promise.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.markup import escape

from hybrid.cli.output import Outcome, console, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid check`."""
    from jsonargparse.typing import PositiveInt

    parser.add_argument("game", type=str, help="a game's name or the path of its file, such as my_game.py:size=5")
    parser.add_argument("--games", type=PositiveInt, default=32, help="random games to play")
    parser.add_argument("--max-plies", type=PositiveInt, default=5000, help="moves after which a game must be over")


def run(*, game: str, games: int, max_plies: int, seed: int) -> Outcome:
    """Check the game and show what was found, property by property."""
    from games.check import check
    from games.load import load

    load(game)  # what the user got wrong in naming the game is no finding about it
    findings = check(game, seed=seed, games=games, max_plies=max_plies)
    listing = table("", "property", "", "what was tested, or the first violation", left=3)
    for finding in findings:
        verdict = "[green]ok[/green]" if finding.ok else "[red]FAILS[/red]"
        listing.add_row(finding.property, verdict, escape(finding.message))
    ok = all(finding.ok for finding in findings)
    screen = console()
    screen.print(listing)
    screen.print(f"{escape(game)} keeps every promise." if ok else f"[bold]{escape(game)} is not sound yet.[/bold]")
    entries = {_key(finding.property): {"ok": finding.ok, "message": finding.message} for finding in findings}
    return Outcome({"ok": ok, **entries}, code=0 if ok else 1)


def _key(name: str) -> str:
    """A property's name as scripts like it: words joined by underscores."""
    return "_".join(re.findall(r"\w+", name.replace("'", "")))
