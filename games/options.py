"""Options written as text, `key=value`, read against the parameters of the function that takes them."""

from __future__ import annotations

import ast
import contextlib
import difflib
import inspect
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any


def parse(make: Callable[..., Any], owner: str, pairs: Iterable[tuple[str, str]], skip: int = 0) -> dict[str, Any]:
    """Turn `(key, value)` texts into keyword arguments of `make`, each of the type of its parameter's default.

    A parameter whose default is None takes a number, and a whole one if it is annotated as `int | None`. The first
    `skip` parameters are not options; `owner` is how messages name what is being made.

    Raises:
        ValueError: an option is unknown, given twice, or not of its type.
    """
    parameters = dict(list(inspect.signature(make).parameters.items())[skip:])
    parsed: dict[str, Any] = {}
    for key, value in pairs:
        if key not in parameters:
            close = difflib.get_close_matches(key, parameters, 1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            allowed = ", ".join(_shown(parameter) for parameter in parameters.values()) or "none"
            raise ValueError(f"{owner} has no option {key!r}: {hint}its options are {allowed}")
        if key in parsed:
            raise ValueError(f"option {key} of {owner} is given twice")
        parsed[key] = _convert(key, value, parameters[key], owner)
    return parsed


def default_text(parameter: inspect.Parameter) -> str:
    """An option's default as it is written; nothing where that is unset."""
    default = parameter.default
    if default is None:
        return ""
    if isinstance(default, Enum):
        return default.name.lower()
    return str(default).lower() if isinstance(default, bool) else str(default)


def _shown(parameter: inspect.Parameter) -> str:
    """An option with its default as it is written; by its name alone where that is unset."""
    return "=".join(filter(None, [parameter.name, default_text(parameter)]))


def _convert(key: str, value: str, parameter: inspect.Parameter, owner: str) -> Any:
    """`value` as the type of the parameter's default."""
    default = parameter.default
    if isinstance(default, str):
        return value
    if isinstance(default, Enum):
        allowed_names = [member.name.lower() for member in type(default)]
        if value not in allowed_names:
            raise ValueError(f"option {key} of {owner} must be one of {', '.join(allowed_names)}, got {value!r}")
        return type(default)[value.upper()]
    unset = int if str(parameter.annotation).startswith("int") else float
    kind = unset if default is None else type(default)
    literal: Any = {"true": True, "false": False}.get(value.lower(), value) if kind is bool else value
    if isinstance(literal, str):
        with contextlib.suppress(ValueError, SyntaxError):
            literal = ast.literal_eval(literal)
    allowed = (int, float) if kind is float else (kind,)
    if type(literal) not in allowed:
        raise ValueError(f"option {key} of {owner} must be of type {kind.__name__}, got {value!r}")
    return kind(literal)
