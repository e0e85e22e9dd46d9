"""Times as people write them: `20ms`, `0.5s`, `2m`, `1h`."""

from __future__ import annotations

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str, option: str = "time") -> float | None:
    """Seconds from `20ms`, `0.5s`, `2m` or `1h`; None from the empty text.

    Raises:
        ValueError: there is no unit, or no positive number before it; `option` is how the message names it.
    """
    if not text:
        return None
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text[len(number) :]
    try:
        seconds = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        raise ValueError(f"{option} must be a number with a unit out of {', '.join(_UNITS)}, got {text!r}") from None
    if not 0.0 < seconds < float("inf"):
        raise ValueError(f"{option} must be positive, got {text!r}")
    return seconds
