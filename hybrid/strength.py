"""Strength control: the setting at which an agent plays at a given rating, read from what `hybrid spectrum` measured.

A *level* is one number from random play to a long search. Below 1 the network alone draws its move from
softmax(logits / T), with T = 1 / level - 1: uniformly random at 0, the network's best move at 1. Above 1 it searches
with 2 ** (level - 1) simulations, as AlphaZero does. `Strength` holds ratings of some levels, made increasing; between
them ratings are read off straight lines. They lie beside the checkpoints, as `strength.json` in the run folder, one for
each checkpoint that was calibrated.
"""

from __future__ import annotations

import bisect
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hybrid import checkpoint, pretrained
from hybrid.files import write_atomically

FILE = "strength.json"
FORMAT = 2
"""1 held a single calibration, which is still read."""
_HOTTEST = 1e9


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A level that was measured: its rating in the pool, that rating's 95 % interval, and what the calibration says."""

    level: float
    measured: float
    low: float
    high: float
    elo: float


@dataclass(frozen=True, kw_only=True)
class Strength:
    """A calibration of one checkpoint.

    Attributes:
        game: spec of the game.
        checkpoint: name of the checkpoint's file.
        digest: that file's SHA-256.
        anchor: the agent whose rating is `anchor_elo`: a rating means nothing without it.
        anchor_elo: see `anchor`.
        agents: how many agents were rated together.
        games: how many games they played.
        rungs: the levels, weakest first.
    """

    game: str
    checkpoint: str
    digest: str
    anchor: str
    anchor_elo: float
    agents: int
    games: int
    rungs: tuple[Rung, ...]

    def __post_init__(self) -> None:
        levels, ratings = [rung.level for rung in self.rungs], [rung.elo for rung in self.rungs]
        if len(levels) < 2 or sorted(set(levels)) != levels or sorted(ratings) != ratings or levels[0] < 0.0:
            raise ValueError(f"rungs must be two or more of increasing level and rating, got {self.rungs}")

    @property
    def range(self) -> tuple[float, float]:
        """The weakest and the strongest rating that can be had."""
        return self.rungs[0].elo, self.rungs[-1].elo

    def level(self, elo: float) -> float:
        """The level that plays at `elo`: it never falls as `elo` rises, and is the cheapest of several.

        Raises:
            ValueError: no level is that weak or that strong.
        """
        weakest, strongest = self.range
        if not weakest <= elo <= strongest:
            raise ValueError(
                f"elo must be between {math.ceil(weakest)} and {math.floor(strongest)}, which is what was calibrated "
                f"({self.anchor} is {self.anchor_elo:g}), got {elo:g}"
            )
        above = bisect.bisect_left([rung.elo for rung in self.rungs], elo)
        upper = self.rungs[above]
        if upper.elo == elo:
            return upper.level
        lower = self.rungs[above - 1]
        return lower.level + (upper.level - lower.level) * (elo - lower.elo) / (upper.elo - lower.elo)


def options_at(level: float) -> tuple[tuple[str, str], ...]:
    """The options of an agent's spec that play at `level`."""
    if level < 1.0:
        return ("simulations", "0"), ("temperature", f"{min(1.0 / max(level, 1e-12) - 1.0, _HOTTEST):.6g}")
    # Matches, which the ratings are from, reuse no trees; a game at the terminal would.
    return ("simulations", str(round(2.0 ** (level - 1.0)) if level > 1.0 else 0)), ("reuse", "false")


def level_of(*, simulations: int, temperature: float = 0.0) -> float:
    """The level of a number of simulations, or of the network alone at a temperature."""
    return 1.0 / (1.0 + temperature) if simulations == 0 else 1.0 + math.log2(simulations)


def save(path: Path, strength: Strength) -> None:
    """Add a calibration to those in a file, in place of one of the same checkpoint; all of it or nothing.

    Raises:
        ValueError: the file is damaged or something else.
    """
    kept = [other for other in (read(path) if path.is_file() else []) if other.digest != strength.digest]
    content = {"format": FORMAT, "calibrations": [asdict(one) for one in [*kept, strength]]}
    write_atomically(path, f"{json.dumps(content, indent=2, allow_nan=False)}\n".encode())


def load(path: str | Path) -> Strength:
    """The calibration of the checkpoint that `path`, a run folder or a checkpoint, means.

    That of an agent that comes with the package comes with it too, and gives way to the user's own.

    Raises:
        ValueError: there is none, the file is damaged, or the checkpoint is in no run folder.
    """
    file = checkpoint.find(path)
    stored, name = checkpoint.beside(file, FILE), pretrained.spelling(path)
    if stored is None:
        raise ValueError(f"elo: {name!r} must be in a run folder's checkpoints, where its calibration is kept")
    known = [
        strength for place in (stored, pretrained.shipped(file, FILE)) if place.is_file() for strength in read(place)
    ]
    if not known:
        raise ValueError(f"elo: {name!r} is not calibrated; 'hybrid spectrum GAME {name}' does that")
    digest = checkpoint.digest_of(file)
    found = next((strength for strength in known if strength.digest == digest), None)
    if found is None:
        names = ", ".join(sorted({strength.checkpoint for strength in known}))
        raise ValueError(
            f"elo: {stored} calibrates {names}, not {file.name}: "
            f"run 'hybrid spectrum GAME {name}' again, or name a checkpoint that is calibrated"
        )
    return found


def expand(path: str, options: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The options of the spec of the run at `path`, with `elo` replaced by the setting that it stands for.

    Raises:
        ValueError: `elo` is no number, out of range, beside options that change strength, or not calibrated.
    """
    wanted = [value for key, value in options if key == "elo"]
    if not wanted:
        return options
    others = [key for key, _ in options if key not in ("elo", "device")]
    if others or len(wanted) > 1:
        raise ValueError(f"elo sets the strength by itself and cannot be given with {', '.join(others) or 'elo'}")
    try:
        elo = float(wanted[0])
    except ValueError:
        raise ValueError(f"elo must be a number, got {wanted[0]!r}") from None
    setting = options_at(load(path).level(elo))
    return (*setting, *((key, value) for key, value in options if key != "elo"))


def read(path: Path) -> list[Strength]:
    """All calibrations in a file. Raises ValueError if it is damaged or something else."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = raw.pop("format")
        if version == 1:
            return [_parse(raw)]
        if version != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        return [_parse(entry) for entry in raw["calibrations"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is no calibration of strength, or it is damaged: {error}") from error


def _parse(entry: dict[str, Any]) -> Strength:
    """One calibration out of JSON."""
    if set(entry) != {field.name for field in fields(Strength)}:
        raise ValueError(f"the fields of a calibration are {sorted(entry)}")
    return Strength(**{**entry, "rungs": tuple(Rung(**rung) for rung in entry["rungs"])})
