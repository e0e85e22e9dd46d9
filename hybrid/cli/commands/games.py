"""List the games that come with Hybrid, with their options and shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hybrid.cli.output import Outcome, console, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from games.load import Listing


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid games`: it has none of its own."""


def run(*, seed: int) -> Outcome:
    """Show every game; listing them draws nothing at random, so `seed` is without effect."""
    from games import names
    from games.load import listing

    found = [listing(name) for name in names()]
    columns = ("game", "options (defaults)", "players", "actions", "observation C x H x W", "symmetries")
    shown = table("", *columns, left=2)
    for game in found:
        options = ", ".join(f"{option.name}={option.default}" for option in game.options)
        shape = " x ".join(map(str, game.observation_shape))
        shown.add_row(game.name, options, str(game.players), str(game.actions), shape, str(game.symmetries))
    console().print(shown)
    return Outcome({"games": [_as_json(game) for game in found]})


def _as_json(game: Listing) -> dict[str, Any]:
    return {**vars(game), "options": {option.name: option.default for option in game.options}}
