"""Checking the fields of frozen dataclasses, and reading them from JSON."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal


def parse(kind: Any, value: Any, name: str) -> Any:
    """Read JSON `value` as `kind`: a dataclass, `int`, `float`, an optional one, or a tuple of strings."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        if not isinstance(value, dict) or not value.keys() <= hints.keys():
            unknown = sorted(value.keys() - hints.keys()) if isinstance(value, dict) else value
            raise ValueError(f"{name} has no {unknown}: its keys are {', '.join(hints)}")
        return typing.cast(Any, kind)(**{key: parse(hints[key], item, f"{name}.{key}") for key, item in value.items()})
    if typing.get_origin(kind) is types.UnionType:
        return None if value is None else parse(typing.get_args(kind)[0], value, name)
    if typing.get_origin(kind) is Literal:
        return value
    if typing.get_origin(kind) is tuple:
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
    elif type(value) is kind or (kind is float and type(value) is int):
        return kind(value)
    raise ValueError(f"{name} must be {getattr(kind, '__name__', kind)}, got {value!r}")


def one_of(config: Any, name: str, kind: Any) -> None:
    """Raises ValueError unless the field `name` is one of the literals of `kind`."""
    if getattr(config, name) not in typing.get_args(kind):
        raise ValueError(f"{name} must be one of {', '.join(typing.get_args(kind))}, got {getattr(config, name)!r}")


def at_least(config: Any, least: int, *names: str) -> None:
    """Raises ValueError unless every named field is at least `least` and finite."""
    for name in names:
        value = getattr(config, name)
        if not value >= least or value == float("inf"):
            finite = " and finite" if value == float("inf") else ""
            raise ValueError(f"{name} must be at least {least}{finite}, got {value}")


def above_zero(config: Any, *names: str) -> None:
    """Raises ValueError unless every named field is positive and finite."""
    for name in names:
        if not 0 < getattr(config, name) < float("inf"):
            raise ValueError(f"{name} must be positive, got {getattr(config, name)}")


def at_most_one(config: Any, *names: str) -> None:
    """Raises ValueError unless every named field is in [0, 1]."""
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            raise ValueError(f"{name} must be between 0 and 1, got {getattr(config, name)}")
