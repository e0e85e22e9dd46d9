"""Agents by spec: `random`, `mcts?simulations=1000`, `runs/c4?dial=0.3&simulations=64`, ...

Each module here is one kind of agent and has a function `make(game, **options) -> Agent`; a spec that names none of
them is the path of a run folder or checkpoint, or `pretrained`, the checkpoint that comes with Hybrid. A new kind of
agent is one new file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from games import Game
from games.options import parse
from hybrid import pretrained, strength, tuned
from hybrid.agent import Agent
from hybrid.evaluate import Evaluators

RUN = "run"
"""The kind of agent that is read from a run folder or checkpoint."""
DIAL_OPTIONS = ("dial", "simulations", "prior_weight", "value_weight", "time", "evaluations", "temperature", "elo")
"""Options of a run that say where on the dial it stands and what its moves may cost."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A parsed agent spec: the kind (a module here), the path where it is a run, and the options as texts."""

    kind: str
    path: str
    options: tuple[tuple[str, str], ...]


def kinds() -> list[str]:
    """The kinds of agents that are named, not read from a run, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != RUN)


def parse_spec(spec: str, game: Game) -> Spec:
    """Split `name?key=value&key=value`; `%26` stands for an ampersand in a value.

    Raises:
        ValueError: it is neither a known kind nor an existing path, an option has no value, or no agent comes with
            Hybrid for this `game`.
    """
    name, _, query = spec.partition("?")
    items = [item.partition("=") for item in query.split("&") if item]
    for key, equals, _ in items:
        if not equals:
            raise ValueError(f"agent {spec!r}: option {key!r} needs a value, as in {key}=...")
    options = tuple((key, unquote(value)) for key, _, value in items)
    if name in kinds():
        return Spec(kind=name, path="", options=options)
    if name == pretrained.WORD:
        return Spec(kind=RUN, path=str(pretrained.find(game)), options=options)
    if not name or not Path(name).exists():
        known = ", ".join(sorted([*kinds(), pretrained.WORD]))
        swapped = ", and options as in mcts?simulations=100" if name.partition(":")[0] in kinds() else ""
        raise ValueError(f"unknown agent {name!r}: known are {known}, or the path of a run or checkpoint{swapped}")
    return Spec(kind=RUN, path=name, options=options)


def load(spec: str, game: Game) -> Agent:
    """The agent of `game` that `spec` describes.

    Raises:
        ValueError: an unknown agent or option, a value out of range, or a checkpoint of another game.
    """
    return load_all([spec], game)[0]


def load_all(specs: Iterable[str], game: Game) -> list[Agent]:
    """The agents that `specs` describe; those of one checkpoint share its evaluator (see `hybrid.together`).

    Raises:
        ValueError: as `load`.
    """
    evaluators = Evaluators(game)
    return [_load(spec, game, evaluators) for spec in specs]


def _load(spec: str, game: Game, evaluators: Evaluators) -> Agent:
    """The agent that `spec` describes, its evaluator one of `evaluators`."""
    parsed = parse_spec(spec, game)
    make = importlib.import_module(f"{__name__}.{parsed.kind}").make
    first = (game, parsed.path, evaluators) if parsed.kind == RUN else (game,)
    options = parse(make, f"agent {spec.partition('?')[0]!r}", expand(parsed), skip=len(first))
    agent: Agent = make(*first, **options)
    agent.name = spec
    return agent


def expand(spec: Spec) -> tuple[tuple[str, str], ...]:
    """The options of a spec, those that stand for others (`elo=1200`, `dial=tuned`) replaced by what they mean now.

    Raises:
        ValueError: the run has not been calibrated or tuned, or options contradict each other.
    """
    if spec.kind != RUN:
        return spec.options
    return tuned.expand(spec.path, strength.expand(spec.path, spec.options))
