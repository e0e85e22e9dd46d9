"""List the games that come with Hybrid, or describe others: their options, shapes, symmetries and solvers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape

from hybrid.cli.output import Outcome, console, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from games.load import Listing

NOTES = (
    "Solvers: 'exhaustion', and 'expectation' where there is chance, reach the end on small boards only; 'engine' "
    "needs the extra 'solver'. The agent 'perfect' plays by them.",
    "Others' games: pettingzoo:NAME, pettingzoo:MODULE:FACTORY, openspiel:NAME(...). Yours: path/to/game.py. "
    "'hybrid games GAME' describes one, 'hybrid check GAME' tests it.",
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid games`."""
    parser.add_argument("games", nargs="*", type=str, help="games to describe instead of those that come with Hybrid")


def run(*, games: list[str], seed: int) -> Outcome:
    """Show every game; listing them draws nothing at random, so `seed` is without effect."""
    from games import load, names
    from games.load import listing
    from hybrid import pretrained
    from hybrid.solve import method

    found = {listing(name): method(load(name)) for name in games or names()}
    shown = table("", "game and its options", "solver", "players", "actions", "CxHxW", "symmetries", left=2)
    shown.columns[0].min_width = 20
    for game, way in found.items():
        options = ", ".join(f"{option.name}={option.default}" for option in game.options)
        name = f"[bold]{escape(game.name)}[/bold]" + (f"\n{options}" if options else "")
        shape = "x".join(map(str, game.observation_shape))
        shown.add_row(name, way or "none", str(game.players), str(game.actions), shape, str(game.symmetries))
    screen = console()
    screen.print(shown)
    ready = f"The agent 'pretrained' comes with Hybrid, for {', '.join(pretrained.names())}."
    for note in () if games else (ready, *NOTES):
        screen.print(escape(note))
    return Outcome({"games": [{**_as_json(game), "solver": way} for game, way in found.items()]})


def _as_json(game: Listing) -> dict[str, Any]:
    return {**vars(game), "options": {option.name: option.default for option in game.options}}
