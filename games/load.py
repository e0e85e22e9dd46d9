"""Finding games: `connect_four`, `connect_four:rows=6,columns=7`, or `path/to/my_game.py:size=5`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import games
from games.options import parse
from games.rules import Game, LiftedGame

BRIDGES = ("openspiel", "pettingzoo")
"""Modules whose `bridge(text)` makes games of other libraries; `text` is what follows the colon of a spec."""


@lru_cache(maxsize=64)
def load(spec: str) -> Game:
    """The game named by `spec`: a name or the path of a Python file, then options as `:key=value,key=value`.

    A game's file has a function `make(**options)` that returns a `Game`. `openspiel:NAME(...)` and `pettingzoo:NAME`
    are games of those libraries.

    Raises:
        ValueError: no such game, no such option, a value that the game refuses, or a file that fails.
    """
    name, _, text = spec.partition(":")
    if name in BRIDGES:
        return cast("Game", importlib.import_module(f"games.{name}").bridge(text))
    make = _make(_module(name), name)
    options = _options(make, name, text)
    try:
        game = make(**options)
    except ValueError:
        raise
    except Exception as error:  # whatever is wrong with a game's file
        raise ValueError(f"game {spec!r} cannot be made: {type(error).__name__}: {error}") from error
    return replace(game, spec=spec) if isinstance(game, LiftedGame) else game


def names() -> list[str]:
    """The games that come with this package, in alphabetical order."""
    modules = [module.name for module in pkgutil.iter_modules(games.__path__)]
    return [name for name in sorted(modules) if "\ndef make(" in _source(name)]


def options(name: str) -> dict[str, Any]:
    """The options of game `name` with their defaults."""
    parameters = inspect.signature(_make(_module(name), name)).parameters
    return {parameter.name: parameter.default for parameter in parameters.values()}


def settings(spec: str) -> dict[str, Any]:
    """Every option of the game that `spec` names, defaults included; empty for other libraries' games and no spec."""
    name, _, text = spec.partition(":")
    if not name or name in BRIDGES:
        return {}
    return options(name) | _options(_make(_module(name), name), name, text)


def is_file(spec: str) -> bool:
    """Whether a spec names a game by its file."""
    return spec.partition(":")[0].endswith(".py")


def same(stored: str, spec: str) -> bool:
    """Whether `stored`, the spec of a game of before, means the game with `spec`, defaults spelled out.

    A game's own file counts by its name, wherever it lies. Only the one that `spec` names is ever read.

    Raises:
        ValueError: the game named by `spec` has no such options as `stored`.
    """
    (stored_name, _, stored_options), (name, _, text) = stored.partition(":"), spec.partition(":")
    if stored == spec or name in BRIDGES:
        return stored == spec
    if not (stored_name == name or (name.endswith(".py") and Path(stored_name).name == Path(name).name)):
        return False
    one, other = (
        {key: str(value) for key, value in settings(f"{name}:{given}").items()} for given in (stored_options, text)
    )
    return one == other


def respecified(spec: str, **changes: Any) -> str:
    """`spec` with some of its options changed."""
    name, _, text = spec.partition(":")
    given = dict(item.partition("=")[::2] for item in text.split(",") if item)
    given |= {key: str(value) for key, value in changes.items()}
    return f"{name}:{','.join(f'{key}={value}' for key, value in given.items())}"


@dataclass(frozen=True)
class Option:
    """One option of a game: its name and default value."""

    name: str
    default: Any


@dataclass(frozen=True)
class Listing:
    """What a list of games says about one.

    Attributes:
        name: what `load` takes.
        summary: the first line of its documentation; of other libraries' games, whose they are.
        options: in the order of its `make`; none for other libraries' games.
        players: P.
        actions: A.
        observation_shape: `(C, H, W)`.
        symmetries: S, the identity included.
    """

    name: str
    summary: str
    options: tuple[Option, ...]
    players: int
    actions: int
    observation_shape: tuple[int, int, int]
    symmetries: int


def listing(spec: str) -> Listing:
    """Describe the game named by `spec`.

    Raises:
        ValueError: `load` cannot load it.
    """
    game, name = load(spec), spec.partition(":")[0]
    foreign = {"openspiel": "A game of OpenSpiel.", "pettingzoo": "An environment of PettingZoo."}
    return Listing(
        name=spec,
        summary=foreign.get(name) or (_module(name).__doc__ or "").strip().partition("\n")[0],
        options=tuple(Option(option, value) for option, value in settings(spec).items()),
        players=game.players,
        actions=game.num_actions,
        observation_shape=game.observation_shape,
        symmetries=len(game.action_symmetries),
    )


def _source(name: str) -> str:
    """The text of a module of this package."""
    return Path(games.__path__[0], f"{name}.py").read_text(encoding="utf-8")


def _module(name: str) -> ModuleType:
    """The module that holds game `name`, a name in this package or the path of a file."""
    if name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise ValueError(f"game file {name!r} does not exist")
        # Compiled code on disk names the module it came from, so that must be importable when it is loaded again.
        module_name = f"hybrid_game_{path.stem.replace('.', '_')}"
        specification = importlib.util.spec_from_file_location(module_name, path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[module_name] = module
        try:
            specification.loader.exec_module(module)
        except Exception as error:  # whatever the file raises
            sys.modules.pop(module_name, None)
            raise ValueError(f"game file {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
        return module
    if name not in names():
        raise ValueError(
            f"unknown game {name!r}: known are {', '.join(names())}; or give a path to a .py file, pettingzoo:NAME or "
            "openspiel:NAME" + (", and options as in hex:size=5" if "?" in name else "")
        )
    return importlib.import_module(f"games.{name}")


def _make(module: ModuleType, name: str) -> Callable[..., Game]:
    """The factory in a game's module."""
    make = getattr(module, "make", None)
    if not callable(make):
        raise ValueError(f"game {name!r} has no function make(**options)")
    return cast("Callable[..., Game]", make)


def _options(make: Callable[..., Game], name: str, text: str) -> dict[str, Any]:
    """Parse `key=value,key=value` against the parameters of `make`."""
    items = (item.partition("=") for item in text.split(",") if item)
    return parse(make, f"game {name!r}", [(key, value) for key, _, value in items])
