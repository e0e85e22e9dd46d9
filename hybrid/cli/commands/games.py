"""List the games that come with Hybrid, with their options and shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hybrid.cli.output import Outcome, console, table

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid games`: it has none of its own."""


def run(*, seed: int) -> Outcome:
    """Show every game; listing them draws nothing at random, so `seed` is without effect."""
    found = [_describe(name) for name in _names()]
    listing = table(
        "", "game", "options (defaults)", "players", "actions", "observation C x H x W", "symmetries", left=2
    )
    for game in found:
        options = ", ".join(f"{key}={value}" for key, value in game["options"].items())
        shape = " x ".join(map(str, game["observation_shape"]))
        listing.add_row(
            game["name"], options, str(game["players"]), str(game["actions"]), shape, str(game["symmetries"])
        )
    console().print(listing)
    return Outcome({"games": found})


def _names() -> list[str]:
    from games import names

    return names()


def _describe(name: str) -> dict[str, Any]:
    """A game's sizes with its default options."""
    from games.load import load, options

    game = load(name)
    return {
        "name": name,
        "options": options(name),
        "players": game.players,
        "actions": game.num_actions,
        "observation_shape": list(game.observation_shape),
        "symmetries": len(game.action_symmetries),
    }
