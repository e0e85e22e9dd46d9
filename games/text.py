"""Text forms of positions: the default that serves any record, and board diagrams for games on a grid."""

from __future__ import annotations

import json

import numpy as np


def dump(position: np.void) -> str:
    """Every field of a record, one `name=value` a line, values as JSON."""
    names = position.dtype.names or ()
    return "\n".join(f"{name}={json.dumps(np.asarray(position[name]).tolist())}" for name in names)


def load(text: str, position: np.void) -> None:
    """Fill `position` from what `dump` writes.

    Raises:
        ValueError: a field is missing, unknown or does not fit.
    """
    names = position.dtype.names or ()
    lines = dict(line.partition("=")[::2] for line in text.strip().splitlines())
    if sorted(lines) != sorted(names):
        raise ValueError(f"a position needs the fields {list(names)}, got {list(lines)}")
    for name, value in lines.items():
        try:
            position[name] = json.loads(value)
        except (ValueError, OverflowError, TypeError) as error:
            raise ValueError(f"field {name} cannot hold {value!r}: {error}") from None
