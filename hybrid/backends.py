"""Which runtime is fastest on this machine: measured once, and remembered in the user's cache.

A choice is remembered for one processor, the versions of the runtimes, a network's shape, a precision, a batch size and
a number of workers. Of several runtimes those whose rows depend on the rest of their batch are not chosen: with them no
game would be the same in other company. Where there is no other, that is how it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import numpy as np

from hybrid.checkpoint import Checkpoint
from hybrid.evaluate import Precision, load_runtime
from hybrid.files import write_atomically
from hybrid.runtime import Backend, Runtime
from hybrid.throughput import limit

_SIZES, _WHOLE = (1, 2, 3, 7, 16, 33, 64, 96, 128), 256
"""Batch sizes whose rows must have the bits of the whole batch."""


def choose(
    checkpoint: Checkpoint,
    *,
    workers: int = 1,
    precision: Precision = "float",
    batch: int = 32,
    folder: Path | None = None,
) -> Backend:
    """The backend that gets through most positions with the network of `checkpoint`, measured or remembered.

    A run that must be reproducible asks once and keeps the answer in its configuration.

    Args:
        checkpoint: whose network; for int8 it must be calibrated.
        workers: processes at work at the same time, with one thread each.
        precision: in which arithmetic.
        batch: positions of a call.
        folder: where choices are remembered; by default `hybrid/backends` in the user's cache.
    """
    candidates = installed()
    if len(candidates) == 1:
        return candidates[0]
    key = _key(checkpoint, candidates, workers, precision, batch)
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    path = (folder or cache_folder()) / f"{digest[:32]}.json"
    found = _recall(path, key)
    if found is not None:
        return found
    rates = {
        each: limit(checkpoint, workers=workers, backend=each, precision=precision, batches=(batch,))
        for each in candidates
        if rows_are_independent(load_runtime(checkpoint, backend=each, precision=precision), checkpoint)
    }
    if not rates:
        return "onnxruntime"
    best = max(rates, key=lambda each: rates[each].positions_per_second)
    content = {"key": key, "backend": best, "rates": {each: rates[each].positions_per_second for each in rates}}
    with suppress(OSError):  # what cannot be remembered is measured again
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
    return best


def installed() -> list[Backend]:
    """The backends that can be imported."""
    return [each for each in get_args(Backend) if each == "onnxruntime" or find_spec(each)]


def rows_are_independent(runtime: Runtime, checkpoint: Checkpoint) -> bool:
    """Whether the results of positions have the same bits in batches of several sizes."""
    rng = np.random.default_rng(0)
    planes = rng.integers(2, size=(_WHOLE, *checkpoint.shape.observation)).astype(np.float32)
    whole = [output.copy() for output in runtime.run(planes)]
    for size in _SIZES:
        for first in (0, _WHOLE - size):
            part = runtime.run(planes[first : first + size])
            if any(p.tobytes() != w[first : first + size].tobytes() for p, w in zip(part, whole, strict=True)):
                return False
    return True


def cache_folder() -> Path:
    """Where choices are remembered: below `$XDG_CACHE_HOME`, or `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "hybrid", "backends")


def _key(
    checkpoint: Checkpoint, candidates: list[Backend], workers: int, precision: Precision, batch: int
) -> dict[str, Any]:
    """Everything that a choice depends on, as JSON."""
    shape = asdict(checkpoint.shape)
    shape["observation"] = list(shape["observation"])
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "versions": {each: _version(each) for each in candidates},
        "network": asdict(checkpoint.config),
        "shape": shape,
        "precision": precision,
        "batch": batch,
        "workers": workers,
    }


def _recall(path: Path, key: dict[str, Any]) -> Backend | None:
    """The choice remembered at `path`, None where there is none for `key` or the file is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("key") != key:
        return None
    return next((each for each in installed() if each == content.get("backend")), None)


def _processor() -> str:
    """The processor's model and what it can do, as Linux tells it, else what Python knows."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told = sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16] + " " + platform.machine()
    return f"{platform.machine()} {platform.processor()}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
