"""What is kept of a finished game: enough to replay it, to score it and to say what it cost. P players."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

import games
from games import Positions
from games.rules import Game
from hybrid.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one side spent in one game.

    Attributes:
        evaluations: network evaluations.
        plies: rollout plies.
        seconds: wall time; positions decided together share it equally.
        moves: how many moves it decided.
    """

    evaluations: int = 0
    plies: int = 0
    seconds: float = 0.0
    moves: int = 0


@dataclass(frozen=True, kw_only=True)
class Record:
    """One finished game.

    Attributes:
        game: spec of the game.
        agents: `[P]` the agents' names, by seat.
        seats: `[P]` the agents' numbers in the list that was given to the match, by seat.
        round: the round it belongs to: one opening, played once in every seating.
        seed: what the decisions' seeds were derived from.
        opening: how many of the moves were given, not decided.
        moves: all actions from the starting position on.
        returns: `[P]` the outcome, by seat.
        costs: `[P]` what each side spent, by seat.
    """

    game: str
    agents: tuple[str, ...]
    seats: tuple[int, ...]
    round: int
    seed: int
    opening: int
    moves: tuple[int, ...]
    returns: tuple[float, ...]
    costs: tuple[Cost, ...]

    def score(self, agent: int) -> float:
        """Points of agent number `agent`: the share of its opponents that it beat, ties half."""
        own = self.returns[self.seats.index(agent)]
        others = [returned for seat, returned in zip(self.seats, self.returns, strict=True) if seat != agent]
        return sum((own > other) + 0.5 * (own == other) for other in others) / len(others)


def derive(*parts: int | str | tuple[Any, ...]) -> int:
    """A well mixed 64-bit seed from integers, texts and tuples of them, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "little")


def replay(record: Record, game: Game | None = None) -> Positions:
    """Play a record's moves again and return all its positions, `[len(moves) + 1]`.

    Raises:
        ValueError: a move is illegal, the game does not end with the last one, or the outcome is another.
    """
    game = game or games.load(record.game)
    path = [game.initial()]
    for ply, move in enumerate(record.moves):
        if path[-1]["terminal"][0]:
            raise ValueError(f"moves of a record of {record.game} go on after the game ended at ply {ply}")
        path.append(game.step(path[-1], [move]))
    last = path[-1][0]
    if not last["terminal"]:
        raise ValueError(f"moves of a record of {record.game} do not end the game: {list(record.moves)}")
    if not np.array_equal(last["returns"], np.array(record.returns, np.float32)):
        raise ValueError(
            f"returns of a record of {record.game} are {record.returns}, replayed {last['returns'].tolist()}"
        )
    return np.concatenate(path)


def dumps(record: Record) -> str:
    """A record as one line of JSON."""
    return json.dumps(asdict(record), separators=(",", ":"))


def loads(line: str) -> Record:
    """The record that `dumps` wrote.

    Raises:
        ValueError: the line is not such a record.
    """
    try:
        raw = json.loads(line)
        if set(raw) != {field.name for field in fields(Record)}:
            raise ValueError(f"its fields are {sorted(raw)}")
        costs = tuple(Cost(**cost) for cost in raw.pop("costs"))
        lists: dict[str, Any] = {name: tuple(raw.pop(name)) for name in ("agents", "seats", "moves", "returns")}
        return Record(**raw, **lists, costs=costs)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"not the record of a game: {error}, in {line[:80]!r}") from None


def save(records: Iterable[Record], path: Path | str) -> None:
    """Write records as JSON lines, replacing `path` in one step."""
    write_atomically(path, "".join(f"{dumps(record)}\n" for record in records).encode())


def load(path: Path | str) -> list[Record]:
    """Read records written by `save`.

    Raises:
        ValueError: the file does not hold records.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path} does not hold game records: it is not text") from None
    return [loads(line) for line in lines]
