"""Tuned dials: the settings that `hybrid tune` found best at a cost per move, read back as `RUN?dial=tuned`.

They lie beside the checkpoints, as `tuning.json` in the run folder, one for each checkpoint, budget and kind of search:
what was tuned as `RUN?strategy=uct` is read back as `RUN?strategy=uct&dial=tuned`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self, get_args

from hybrid import checkpoint, pretrained
from hybrid.durations import parse_duration
from hybrid.files import write_atomically

FILE = "tuning.json"
FORMAT = 1
WORD = "tuned"
"""What stands for a tuned setting after `dial=`."""

Kind = Literal["simulations", "time", "evaluations"]
Options = tuple[tuple[str, str], ...]
"""Options of an agent's spec."""
_USUAL = 64
"""Simulations of an agent whose spec says nothing of its budget."""
_SHARED = ("c_puct", "c_rollout")
"""Options that a tuned setting may have beside the dial's own, and that a spec may overrule."""
_KINDS: tuple[Kind, ...] = get_args(Kind)
_NO_MATTER = ("device", "reuse")
"""Options that make no other search in matches: where the network runs, and memory, which agents have none of there."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a move may cost: so many simulations, or network evaluations, or seconds."""

    kind: Kind
    amount: float

    def __post_init__(self) -> None:
        whole = self.kind == "time" or self.amount % 1.0 == 0.0
        if not (0.0 < self.amount < math.inf and whole):
            raise ValueError(f"budget must be positive, and whole unless it is a time, got {self.amount:g} {self.kind}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """`200` simulations, `200evaluations` or `20ms`. Raises ValueError on anything else."""
        number = text.removesuffix("evaluations")
        if number.isascii() and number.isdecimal():
            return cls(kind="simulations" if number == text else "evaluations", amount=float(number))
        try:
            seconds = parse_duration(text)
        except ValueError:
            seconds = None
        if seconds is None:
            raise ValueError(f"budget must be as 200 (simulations), 200evaluations or 20ms, got {text!r}")
        return cls(kind="time", amount=seconds)

    @property
    def option(self) -> tuple[str, str]:
        """The budget as an option of an agent's spec."""
        return self.kind, f"{1000.0 * self.amount:g}ms" if self.kind == "time" else f"{self.amount:.0f}"

    def __str__(self) -> str:
        """The budget as `parse` reads it."""
        return self.option[1] + (self.kind if self.kind == "evaluations" else "")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A tuned dial.

    Attributes:
        checkpoint: name of the checkpoint's file.
        digest: that file's SHA-256.
        budget: the cost per move at which it was found, as `Budget.parse` reads it.
        own: the options of the agent that was tuned, by `own_options`.
        axes: what was tuned.
        options: the setting, as options of an agent's spec.
        games: how many games were played to find it.
        elo: what it gained over dial 0.5 in a match at the same cost, and the 95 % interval; zeros if it is dial 0.5.
        low: see `elo`.
        high: see `elo`.
    """

    checkpoint: str
    digest: str
    budget: str
    own: Options = ()
    axes: tuple[str, ...]
    options: Options
    games: int
    elo: float | None
    low: float | None
    high: float | None

    @property
    def key(self) -> tuple[str, str, Options]:
        """What there is one setting of."""
        return self.digest, self.budget, self.own


def own_options(options: Options) -> Options:
    """Those of an agent's options that make it another search: without its budget and what matches do not see."""
    return tuple(sorted((key, value) for key, value in options if key not in (*_KINDS, *_NO_MATTER)))


def save(path: Path, setting: Setting) -> None:
    """Add a setting to those in a file, in place of one with the same key; all of it or nothing.

    Raises:
        ValueError: the file is damaged or something else.
    """
    kept = [other for other in (read(path) if path.is_file() else []) if other.key != setting.key]
    content = {"format": FORMAT, "settings": [asdict(one) for one in [*kept, setting]]}
    write_atomically(path, f"{json.dumps(content, indent=2, allow_nan=False)}\n".encode())


def load(path: str | Path) -> list[Setting]:
    """The settings of the checkpoint that `path`, a run folder or a checkpoint, means, the latest last.

    Raises:
        ValueError: there are none, the file is damaged, or the checkpoint is in no run folder.
    """
    file = checkpoint.find(path)
    stored = checkpoint.beside(file, FILE)
    name = pretrained.spelling(path)
    hint = f"'hybrid tune GAME {name}' does that"
    if stored is None:
        raise ValueError(f"dial=tuned: {name!r} must be in a run folder's checkpoints, where its dial is kept")
    if not stored.is_file():
        raise ValueError(f"dial=tuned: {name!r} is not tuned; {hint}")
    settings, digest = read(stored), checkpoint.digest_of(file)
    own = [setting for setting in settings if setting.digest == digest]
    if not own:
        names = ", ".join(sorted({setting.checkpoint for setting in settings}))
        raise ValueError(f"dial=tuned: {stored} has settings of {names}, not of {file.name}; {hint}")
    return own


def nearest(settings: list[Setting], budget: Budget) -> Setting:
    """The setting found at the budget nearest to `budget`; the latest one if none is of its kind."""
    found = [(Budget.parse(setting.budget), setting) for setting in settings]
    alike = [(known, setting) for known, setting in found if known.kind == budget.kind]
    if not alike:
        return settings[-1]
    return min(alike, key=lambda pair: abs(math.log(pair[0].amount / budget.amount)))[1]


def expand(path: str, options: Options) -> Options:
    """The options of the spec of the run at `path`, with `dial=tuned` replaced by the setting for its kind and budget.

    Raises:
        ValueError: there is no such setting, or the spec sets a weight beside it.
    """
    if ("dial", WORD) not in options:
        return options
    rest = tuple((key, value) for key, value in options if (key, value) != ("dial", WORD))
    beside = [key for key, _ in rest if key in ("dial", "prior_weight", "value_weight")]
    if beside:
        raise ValueError(f"dial=tuned sets {', '.join(beside)} too: give one or the other")
    given = {key for key, _ in rest}
    setting = nearest(_alike(path, load(path), rest), _budget(rest))
    return (*((key, value) for key, value in setting.options if not (key in _SHARED and key in given)), *rest)


def _alike(path: str, settings: list[Setting], rest: Options) -> list[Setting]:
    """Those of `settings` that were tuned with a spec's options `rest`, or with those that it does not overrule."""
    own = own_options(rest)
    exact = [setting for setting in settings if setting.own == own]
    found = exact or [setting for setting in settings if setting.own == _left(own, setting)]
    if not found:
        known, asked = ", ".join(sorted({_spec(path, setting.own) for setting in settings})), _spec(path, own)
        raise ValueError(f"dial=tuned: tuned is {known}, not {asked}; 'hybrid tune GAME {asked}' does that")
    return found


def _left(own: Options, setting: Setting) -> Options:
    """What is left of an agent's own options without those that overrule a part of `setting`."""
    overruled = {key for key, _ in setting.options}.intersection(_SHARED)
    return tuple((key, value) for key, value in own if key not in overruled)


def _spec(path: str, options: Options) -> str:
    """An agent's spec."""
    return "?".join(filter(None, (pretrained.spelling(path), "&".join(f"{key}={value}" for key, value in options))))


def _budget(options: Iterable[tuple[str, str]]) -> Budget:
    """The budget that an agent's options say."""
    given = dict(options)
    for kind, suffix in (("time", ""), ("evaluations", "evaluations"), ("simulations", "")):
        if given.get(kind):
            return Budget.parse(given[kind] + suffix)
    return Budget(kind="simulations", amount=_USUAL)


def read(path: Path) -> list[Setting]:
    """All settings in a file. Raises ValueError if it is damaged or something else."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        return [_setting(dict(entry)) for entry in raw["settings"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} holds no tuned settings, or it is damaged: {error}") from error


def _setting(entry: dict[str, Any]) -> Setting:
    """One setting out of JSON; where nothing is said of the agent's own options it has none."""
    entry.setdefault("own", [])
    if set(entry) != {field.name for field in fields(Setting)}:
        raise ValueError(f"the fields of a setting are {sorted(entry)}")
    own, options = (tuple((str(key), str(value)) for key, value in entry.pop(name)) for name in ("own", "options"))
    Budget.parse(entry["budget"])
    return Setting(**{**entry, "axes": tuple(entry["axes"])}, own=own, options=options)
