"""What lets a run go on where it stopped: `RUN/state/NNNNNN/`, written whole or not at all; the newest two are kept.

Generators are not among it: everything random is seeded by the run's seed, its purpose and the generation, and a
state is only written between generations, and before the first of a run that builds on another. The files are
safetensors, JSON and npy without pickle: reading them runs nothing.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import Tensor

import games
from games import Game
from games.load import is_file, same
from hybrid.files import check_replaceable, discard_unfinished, flush, write_atomically
from training.config import Config, from_json, to_json
from training.learner import Learner
from training.replay import Replay

FORMAT = 1
"""The version of a run folder; raised when an older reader would misunderstand a newer one."""

_KEPT = 2
_LOCK = ".lock"
_MOMENTS = "optimizer."
"""What the names of the optimizer's tensors begin with, before their parameter's."""
_STATE = re.compile(r"\d{6,}")
_UNFINISHED = re.compile(r"\.\d{6,}")


def check_new(run: Path, game: Game) -> None:
    """Find out whether a run of `game` can be made in the folder `run`, and leave nothing there.

    Raises:
        ValueError: there is something in the folder, or the game cannot be loaded again by its spec.
        OSError: nothing can be written there.
    """
    if not game.spec:
        raise ValueError(f"game must be loaded by name or path to be trained, got {game!r} without a spec")
    if run.exists() and (not run.is_dir() or any(map(_foreign, run.iterdir()))):
        hint = "resume it" if (run / "config.json").is_file() else "it holds something else"
        raise ValueError(f"run folder {str(run)!r} exists already: {hint}, or choose another")
    missing = [folder for folder in (run, *run.parents) if not folder.exists()]
    try:
        run.mkdir(parents=True, exist_ok=True)
        check_replaceable(run / "config.json")
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def _foreign(entry: Path) -> bool:
    """Whether something in a folder that is no run yet is not what a run leaves that was killed before it was one."""
    if entry.name == "state" and entry.is_dir():
        return {*entry.iterdir()} != {*_folders(entry.parent, _STATE), *_folders(entry.parent, _UNFINISHED)}
    return not entry.name.startswith(".")


def create(run: Path, game: Game, config: Config, inherited: tuple[Learner, Replay] | None = None) -> None:
    """Make a run folder; with `inherited`, of a run that begins with that learner and that replay.

    Raises:
        ValueError: there is something there already, or another process is making a run there.
        OSError: the disk is full or cannot be written.
    """
    check_new(run, game)
    content = {"format": FORMAT, "game": game.spec, "config": to_json(config)}
    run.mkdir(parents=True, exist_ok=True)
    with locked(run):
        check_new(run, game)  # another process may have made one meanwhile
        _clear(run)
        try:
            if inherited is not None:
                # Before the file that makes the folder a run: without its state it would begin from nothing.
                learner, replay = inherited
                check_space(run, replay, learner)
                save(run, 0, learner, learner.configure_optimizers(), replay)
            write_atomically(run / "config.json", (json.dumps(content, indent=2) + "\n").encode())
        except BaseException:
            if not (run / "config.json").exists():
                _clear(run)
                (run / _LOCK).unlink()
            raise


def describe(run: Path, game: Game | None = None) -> tuple[Game, Config]:
    """What the run in a folder trains, and how; with `game`, whose file may have moved, that has to be it.

    Raises:
        ValueError: there is no run, or it is another game's.
    """
    path = run / "config.json"
    if not path.is_file():
        raise ValueError(f"{str(run)!r} is no run folder: it has no config.json")
    content = _read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("game"), str):
        raise ValueError(f"{path} is damaged or of another format than {FORMAT}")
    known = _game_of(run, content["game"]) if game is None else game
    if not same(content["game"], known.spec):
        raise ValueError(f"the run in {str(run)!r} is of {content['game']!r}, not of {known.spec!r}")
    return known, from_json(content.get("config"))


def _game_of(run: Path, spec: str) -> Game:
    """The game that a run says it is of. Raises ValueError where it cannot be loaded."""
    try:
        return games.load(spec)
    except ValueError as error:
        if not is_file(spec):
            raise
        raise ValueError(f"{error}: if its file has moved, name the game beside the run, {str(run)!r}") from error


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Keep other processes from training in the same folder. Raises ValueError if one does."""
    with (run / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"run folder {str(run)!r} is in use by another process") from error
        yield


def save(run: Path, generation: int, learner: Learner, optimizer: torch.optim.Optimizer, replay: Replay) -> None:
    """Write the state after `generation`, then drop all but the newest two."""
    folder = run / "state"
    folder.mkdir(exist_ok=True)
    for leftover in _folders(run, _UNFINISHED):
        shutil.rmtree(leftover)
    temporary, final = folder / f".{generation:06d}", folder / f"{generation:06d}"
    temporary.mkdir()
    try:
        replay.save(temporary / "replay.npy")
        (temporary / "learner.safetensors").write_bytes(serialise(_tensors(learner, optimizer)))
        content = {"format": FORMAT, "generation": generation, "steps": learner.steps, "samples": len(replay)}
        (temporary / "state.json").write_text(json.dumps(content), encoding="utf-8")
        for path in (*temporary.iterdir(), temporary):
            flush(path)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise OSError(error.errno, error.strerror, error.filename or str(temporary)) from error
    if final.exists():
        shutil.rmtree(final)
    temporary.rename(final)
    flush(folder)
    for old in _states(run)[:-_KEPT]:
        shutil.rmtree(old)


def is_saved(run: Path) -> bool:
    """Whether a run has a state to go on from, of a generation or of what it began with."""
    return bool(_states(run))


def sweep(run: Path) -> None:
    """Remove the unfinished files that a training left in its run folder when it was killed."""
    for name in ("config.json", "matches.jsonl"):
        discard_unfinished(run, name)
    discard_unfinished(run / "checkpoints", "*")


def newest(run: Path) -> int:
    """The generation of the newest state of a run, 0 where it has played none yet."""
    states = _states(run)
    return int(states[-1].name) if states else 0


def restore(run: Path, learner: Learner, optimizer: torch.optim.Optimizer | None, replay: Replay) -> int:
    """Read the newest state of a run; returns its generation, 0 where it has played none yet.

    Without an `optimizer`, whatever the state holds of one is passed over.

    Raises:
        ValueError: the state is damaged or another run's.
    """
    if not (states := _states(run)):
        return 0
    *older, last = states
    try:
        learner.steps = _read(last, learner, optimizer, replay)
    except ValueError as error:
        if not older:
            raise
        raise ValueError(f"{error}; without {last} the run goes on from generation {int(older[-1].name)}") from error
    return int(last.name)


def _read(folder: Path, learner: Learner, optimizer: torch.optim.Optimizer | None, replay: Replay) -> int:
    """Read a state; returns the learner's steps. Raises ValueError where it is damaged or another run's."""
    content = _read_json(folder / "state.json")
    known = isinstance(content, dict) and content.get("format") == FORMAT
    if not known or content.get("generation") != int(folder.name):
        raise ValueError(f"{folder} is damaged or of another format than {FORMAT}")
    replay.load(folder / "replay.npy")
    steps = content.get("steps")
    if content.get("samples") != len(replay) or not isinstance(steps, int):
        raise ValueError(f"{folder} is damaged: its files do not belong together")
    _set_tensors(folder / "learner.safetensors", learner, optimizer)
    return steps


def check_space(run: Path, replay: Replay, learner: Learner) -> None:
    """Raises OSError, before anything is written, where the disk has no room for what a generation writes."""
    weights = sum(parameter.nbytes for parameter in learner.parameters())
    needed = replay.nbytes + 4 * weights + 4_000_000
    free = shutil.disk_usage(run).free
    if free < needed:
        raise OSError(f"disk of {str(run)!r} is full: {needed / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB are free")


def _states(run: Path) -> list[Path]:
    """The folders of the states of a run, oldest first."""
    return sorted(_folders(run, _STATE), key=lambda path: int(path.name))


def _folders(run: Path, names: re.Pattern[str]) -> list[Path]:
    """The folders among a run's states whose names match; whatever else somebody keeps there is not ours."""
    return [path for path in run.glob("state/*") if names.fullmatch(path.name) and path.is_dir()]


def _clear(run: Path) -> None:
    """Remove all states, and where they were unless there is anything else."""
    for folder in (*_folders(run, _STATE), *_folders(run, _UNFINISHED)):
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        (run / "state").rmdir()


def _tensors(learner: Learner, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Weights, their average and the optimizer's moments by name."""
    tensors = {name: tensor.contiguous() for name, tensor in learner.state_dict().items()}
    names = _names(learner, optimizer)
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"{_MOMENTS}{names[index]}.{name}": value.contiguous() for name, value in state.items()}
    return tensors


def _set_tensors(path: Path, learner: Learner, optimizer: torch.optim.Optimizer | None) -> None:
    """Read what `_tensors` names. Raises ValueError where the file holds anything else."""
    try:
        tensors = load_file(path)
        weights = {name: tensors.pop(name) for name in learner.state_dict()}
        learner.load_state_dict(weights)
        if optimizer is None:
            return
        names, parameters = _names(learner, optimizer), dict(learner.named_parameters())
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            parameter, _, moment = name[len(_MOMENTS) :].rpartition(".")
            if parameter.isdigit():  # as parameters once were called, in another order
                raise ValueError(f"{name} is of an older version, on which a new run can build (--start)")
            # Laid out in memory as its parameter is: other layouts take other paths in torch, which round differently.
            layout = torch.empty_like(parameters[parameter]) if tensor.ndim else torch.empty(())
            if layout.shape != tensor.shape:
                raise ValueError(f"{name} must have shape {tuple(layout.shape)}, got {tuple(tensor.shape)}")
            moments.setdefault(names.index(parameter), {})[moment] = layout.copy_(tensor)
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    except (SafetensorError, OSError, KeyError, IndexError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged or another run's: {' '.join(str(error).split())}") from error


def _names(learner: Learner, optimizer: torch.optim.Optimizer) -> list[str]:
    """The names of an optimizer's parameters, in its own order."""
    names = {id(parameter): name for name, parameter in learner.named_parameters()}
    return [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
