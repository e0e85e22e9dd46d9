"""An agent on disk: one safetensors file with the network's weights and, as JSON in its header, everything else.

Nothing here unpickles: a hostile file can at worst be refused. A run folder holds `checkpoints/NNNNNN.safetensors`,
numbered by generation.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from games import Game
from games.load import same
from hybrid import pretrained
from hybrid.files import write_atomically
from hybrid.network_config import NetworkConfig, NetworkShape, Ranges, Weights, check_ranges, check_weights

FORMAT = 1
"""The version of the header; raised when an older reader would misunderstand a newer file."""

_KEY = "hybrid"
_FILE = re.compile(r"\d{6,}\.safetensors")
_Data = TypeVar("_Data")


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A trained agent.

    Attributes:
        weights: the network's weights by name.
        config: the network's size.
        shape: the shape of the game that the network was made for.
        game: the game's spec, as `games.load` reads it.
        generation: how many generations of self-play lie behind it.
        ranges: what `hybrid.runtime.calibrate` returns, for inference in 8 bits; None = not calibrated.
        extra: anything else that JSON can hold (training configuration, measurements).
    """

    weights: Weights
    config: NetworkConfig
    shape: NetworkShape
    game: str
    generation: int = 0
    ranges: Ranges | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if type(self.generation) is not int or self.generation < 0:
            raise ValueError(f"generation must be an integer of at least 0, got {self.generation!r}")
        check_weights(self.weights, self.config, self.shape)
        if self.ranges is not None:
            check_ranges(self.ranges, self.config)


def save(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Write `checkpoint` to `path`, whole or not at all: a crash or a full disk leaves what was there before."""
    header = {
        "format": FORMAT,
        "game": checkpoint.game,
        "generation": checkpoint.generation,
        "config": asdict(checkpoint.config),
        "shape": asdict(checkpoint.shape),
        "ranges": None if checkpoint.ranges is None else dict(checkpoint.ranges),
        "extra": dict(checkpoint.extra),
    }
    write_atomically(path, serialise(dict(checkpoint.weights), metadata={_KEY: json.dumps(header, allow_nan=False)}))


def load(path: str | os.PathLike[str], game: Game | None = None) -> Checkpoint:
    """Read the checkpoint at `path`: a file, or a run folder's newest.

    Raises:
        ValueError: there is none, it is damaged or something else, or it was not made for `game`.
    """
    path = find(path)
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})[_KEY])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"{path} is no checkpoint of this program, or it is damaged: {error}") from error
    checkpoint = _parse(path, header, weights)
    if game is not None:
        _check_game(path, checkpoint, game)
    return checkpoint


def find(path: str | os.PathLike[str]) -> Path:
    """The checkpoint that `path` means: itself if a file, else the newest of the run folder. Raises ValueError."""
    path = Path(path)
    if path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"no checkpoint or run folder at {str(path)!r}")
    found = [file for file in path.glob("checkpoints/*.safetensors") if _FILE.fullmatch(file.name)]
    if not found:
        raise ValueError(f"run folder {str(path)!r} holds no checkpoint (checkpoints/NNNNNN.safetensors)")
    return max(found, key=lambda file: int(file.stem))


def path_of(run: str | os.PathLike[str], generation: int) -> Path:
    """Where the run folder `run` keeps the checkpoint of `generation`."""
    return Path(run, "checkpoints", f"{generation:06d}.safetensors")


def beside(file: Path, name: str) -> Path | None:
    """Where what is found out about the checkpoint `file` is kept as `name`: in its run folder.

    Outside of a run folder that is nowhere, None, but for agents that come with the package (see `pretrained`).
    """
    if pretrained.owns(file):
        return pretrained.folder_of(file) / name
    return file.parent.parent / name if file.parent.name == "checkpoints" else None


def digest_of(file: Path, more: str = "") -> str:
    """The SHA-256 of a file's content with `more` behind it."""
    return hashlib.sha256(file.read_bytes() + more.encode()).hexdigest()


def _parse(path: Path, header: Any, weights: Weights) -> Checkpoint:
    """The checkpoint that a file's header and tensors describe, everything checked."""
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"{path} has a header of another format than {FORMAT}")
    try:
        shape = dict(header["shape"])
        shape["observation"] = tuple(shape["observation"])
        return Checkpoint(
            weights=weights,
            config=_dataclass(NetworkConfig, {"mixed": 0} | dict(header["config"])),  # older ones had no such channels
            shape=_dataclass(NetworkShape, shape),
            game=str(header["game"]),
            generation=header["generation"],
            ranges=_ranges(header["ranges"]),
            extra=dict(header["extra"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged or of another version: {error}") from error


def _dataclass(kind: type[_Data], values: dict[str, Any]) -> _Data:
    """`kind(**values)`; unlike that, a missing key is an error even where there is a default."""
    expected = {entry.name for entry in fields(cast("Any", kind))}
    if values.keys() != expected:
        raise ValueError(f"{kind.__name__} has keys {sorted(expected)}, got {sorted(values)}")
    return kind(**values)


def _ranges(values: Any) -> Ranges | None:
    """Calibrated ranges out of JSON."""
    if values is None:
        return None
    return {str(name): (float(low), float(high)) for name, (low, high) in dict(values).items()}


def _check_game(path: Path, checkpoint: Checkpoint, game: Game) -> None:
    """Raises ValueError unless the agent was made for `game` as it is."""
    try:
        alike = same(checkpoint.game, game.spec)
    except ValueError as error:
        raise ValueError(f"{path} is an agent for game {checkpoint.game!r}, which is not as it was: {error}") from error
    if not alike:
        raise ValueError(f"{path} is an agent for game {checkpoint.game!r}, not for {game.spec!r}")
    if (shape := NetworkShape.of(game)) != checkpoint.shape:
        raise ValueError(f"{path} is an agent for another version of {game.spec!r}: {checkpoint.shape}, not {shape}")
