"""The parser of one command's options."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import NonNegativeInt, PositiveInt

_OF_ONE_CALL = ("game", "recipe", "run", "resume", "start", "config", "json", "traceback")
_CONFIG = "--config"


class CommandParser(ArgumentParser):
    """jsonargparse's parser.

    The configurations it prints leave out what belongs to one call of the command, and the recipe, which they tell in
    full.
    """

    def hint(self, complaint: str) -> str:
        """What is probably meant by the option that `complaint` does not recognise, or how to see all of them."""
        unknown = re.search(r"unrecognized arguments: (--[^\s=]+)", complaint)
        close = _close(unknown[1], self._option_string_actions) if unknown else None
        return f"did you mean {close}?" if close else f"see '{self.prog} --help'"

    def dump(self, cfg: Namespace, *args: Any, **kwargs: Any) -> str:
        """`cfg` as YAML."""
        kept = cfg.clone()
        for key in _OF_ONE_CALL:
            kept.pop(key, None)
        text: str = super().dump(kept, *args, **kwargs)
        return text


def _close(option: str, known: Iterable[str]) -> str | None:
    """The known option that `option` is like: the same but for the groups that it is in, or nearly so."""
    names = [name for name in known if name.startswith("--")]
    short = {name.rpartition(".")[2].lstrip("-"): name for name in reversed(names)}
    for asked, choices in ((option.lstrip("-"), short), (option, {name: name for name in names})):
        for name in difflib.get_close_matches(asked, choices, 1, cutoff=0.8):
            return choices[name]
    return None


def files_first(arguments: Sequence[str]) -> list[str]:
    """`arguments` with every file of options before all else: jsonargparse lets it override what comes before it."""
    files, others = list[str](), list[str]()
    rest = iter(arguments)
    for argument in rest:
        if argument == _CONFIG:
            files += [argument, *([value] if (value := next(rest, None)) is not None else [])]
        else:
            (files if argument.startswith(f"{_CONFIG}=") else others).append(argument)
    return [*files, *others]


def make(module: ModuleType, name: str) -> CommandParser:
    """The parser of command `name`: the options that its module declares and those that every command has."""
    parser = CommandParser(prog=f"hybrid {name}", description=module.__doc__, exit_on_error=False, allow_abbrev=False)
    # Else argparse takes `-5,0`, as in `--sprt -5,0`, for an option of its own.
    parser._negative_number_matcher = re.compile(r"-[0-9.]+(,[-+0-9.]+)*$")
    module.add_arguments(parser)
    if "seed" not in {action.dest for action in parser._actions}:
        parser.add_argument("--seed", type=NonNegativeInt, default=0, help="all randomness derives from it")
    parser.add_argument(
        "--json", type=Path | None, default=None, metavar="FILE", help="write the results there as JSON"
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error was raised")
    return parser


def add_openings(parser: ArgumentParser) -> None:
    """Declare the option of all commands that play from random openings."""
    parser.add_argument(
        "--opening-plies", type=NonNegativeInt, default=4, help="random moves at the start of each game"
    )


def add_concurrent(parser: ArgumentParser) -> None:
    """Declare how many games a process plays at once."""
    parser.add_argument(
        "--concurrent", type=PositiveInt, default=64, help="games that a process plays side by side; changes no game"
    )


def plain(value: Any) -> Any:
    """`value` without the parser's own number types, which check their range but are no exact `int` or `float`."""
    for kind in (int, float):
        if isinstance(value, kind) and not isinstance(value, bool):
            return kind(value)
    return value
