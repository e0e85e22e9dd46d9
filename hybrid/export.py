"""A trained network for programs that know nothing of this one."""

from __future__ import annotations

import json
from typing import get_args

from onnx import ModelProto

from hybrid.checkpoint import Checkpoint
from hybrid.evaluate import Precision
from hybrid.onnx_model import build


def to_onnx(checkpoint: Checkpoint, precision: Precision = "float") -> ModelProto:
    """A checkpoint's network as an ONNX model, its metadata saying what it is of.

    Its input `planes` `[B, C, H, W]`, in single precision, is what `Game.observe` makes of B positions. Its outputs are
    `logits` `[B, A]` of all actions, illegal ones too, and `values` `[B, P]` in [-1, 1], the expected returns in turn
    order from the mover on.

    Args:
        checkpoint: the agent.
        precision: `float`, or `int8` with the ranges that the checkpoint was calibrated by.

    Raises:
        ValueError: another precision, or 8 bits of a checkpoint that was not calibrated.
    """
    if precision not in get_args(Precision):
        raise ValueError(f"precision must be one of {', '.join(get_args(Precision))}, got {precision!r}")
    if precision == "int8" and checkpoint.ranges is None:
        raise ValueError("precision int8 needs a checkpoint with ranges, which training adds; this one has none")
    ranges = checkpoint.ranges if precision == "int8" else None
    model = build(checkpoint.config, checkpoint.shape, checkpoint.weights, ranges=ranges)
    about = {"game": checkpoint.game, "generation": checkpoint.generation, "precision": precision}
    for key, value in about.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value if isinstance(value, str) else json.dumps(value)
    return model
