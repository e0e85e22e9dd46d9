"""What there is to say of every kind of agent: how its spec is written, and the options that its factory has."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass

import docstring_parser

from games.options import default_text
from hybrid import agents


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of a kind of agent.

    Attributes:
        name: as it is written in a spec.
        default: its value where a spec says nothing, as it is written; empty where it is unset.
        meaning: a sentence, or empty where its factory's docstring has none.
    """

    name: str
    default: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a list of agents says about one kind.

    Attributes:
        kind: the name in front of the question mark; `run` is what stands for the path of a run or checkpoint.
        spec: how it is written, in a sentence.
        options: in the order of its factory.
    """

    kind: str
    spec: str
    options: tuple[Option, ...]


def names() -> list[str]:
    """Every kind of agent, in alphabetical order."""
    return sorted([*agents.kinds(), agents.RUN])


def listing(kind: str) -> Listing:
    """Describe a kind of agent.

    Raises:
        ValueError: there is no such kind.
    """
    if kind not in names():
        raise ValueError(f"unknown kind of agent {kind!r}: known are {', '.join(names())}")
    make = importlib.import_module(f"{agents.__name__}.{kind}").make
    told = docstring_parser.parse(inspect.getdoc(make) or "")
    meanings = {param.arg_name: " ".join((param.description or "").split()) for param in told.params}
    parameters = inspect.signature(make).parameters.values()
    return Listing(
        kind=kind,
        spec=(told.short_description or "").removeprefix("Spec ").removesuffix("."),
        # What has no default the loader gives: the game, and where a network is found.
        options=tuple(
            Option(name=parameter.name, default=default_text(parameter), meaning=meanings.get(parameter.name, ""))
            for parameter in parameters
            if parameter.default is not inspect.Parameter.empty
        ),
    )
