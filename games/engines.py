"""Foreign rules: an `Engine` plays them forwards, and an `Oracle` says what it says of any list of moves.

Foreign engines seldom have a sound copy, so positions are reached by replay from the start. Three shortcuts are taken,
and `games.check` compares what they come to with replays: what an engine said of recent positions is kept, engines are
left standing there, and the nearest of them on the way to a position goes on from where it stands, or where it can be
copied, a copy of it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Moves = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Facts:
    """What an engine says of the position it stands on; `returns` are zero before the end."""

    to_play: int
    terminal: bool
    returns: tuple[float, ...]
    legal: npt.NDArray[np.bool_]
    observation: npt.NDArray[np.float32]
    picture: str


class Engine(Protocol):
    """Rules that are played forwards from the start."""

    def restart(self) -> None:
        """Go to the starting position, always the same."""

    def play(self, action: int) -> None:
        """Play a legal action."""

    def facts(self) -> Facts:
        """Describe where the engine stands."""

    def legal(self) -> list[int]:
        """The legal actions where the engine stands, in ascending order; none once the game is over."""

    def returns(self) -> tuple[float, ...]:
        """The players' returns where the engine stands: zeros before the end."""

    def action_name(self, action: int) -> str:
        """An action in the engine's notation, different for each."""

    def copy(self) -> Engine | None:
        """An engine on the same place that shares nothing that changes; None where there is no sound way to one."""


def agree(left: Facts, right: Facts) -> bool:
    """Whether two engines stand on what looks the same."""
    same = (left.to_play, left.terminal, left.returns) == (right.to_play, right.terminal, right.returns)
    return same and np.array_equal(left.legal, right.legal) and np.array_equal(left.observation, right.observation)


class Oracle:
    """Answers what `engine` says after any moves; threads may share it.

    Args:
        engine: is the oracle's from here on.
        remembered: positions whose facts are kept; 0 = every question is answered by a replay from the start.
        standing: engines left standing, where they can be copied.
    """

    def __init__(self, engine: Engine, remembered: int, standing: int = 1000) -> None:
        self._engine = engine
        self._remembered, self._most = remembered, standing
        self._known: OrderedDict[bytes, Facts] = OrderedDict()
        self._standing: OrderedDict[bytes, Engine] = OrderedDict()
        self._lock = threading.Lock()

    def facts(self, moves: Moves) -> Facts:
        """What the engine says after `moves`; remembered, gone on to, or replayed."""
        if not self._remembered:
            return self.replayed(moves)
        key = moves.tobytes()
        with self._lock:
            if key not in self._known:
                self._known[key] = self._reach(key, moves)
                if len(self._known) > self._remembered:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            return self._known[key]

    def engine_at(self, moves: Moves) -> Engine | None:
        """An engine of the caller's own that has played `moves`; None where none can be copied, or none is kept."""
        if not self._remembered:
            return None
        key = moves.tobytes()
        with self._lock:
            if key not in self._standing:
                self._reach(key, moves)
            return self._standing[key].copy()

    def replayed(self, moves: Moves) -> Facts:
        """What the engine says after a replay of `moves` from the start, whatever is remembered."""
        with self._lock:
            if any(engine is self._engine for engine in self._standing.values()):
                self._standing.clear()
            self._engine.restart()
            for move in moves:
                self._engine.play(int(move))
            return self._engine.facts()

    def _reach(self, key: bytes, moves: Moves) -> Facts:
        engine, done = self._nearest(key)
        for move in moves[done:]:
            engine.play(int(move))
        self._standing[key] = engine
        if len(self._standing) > self._most:
            self._standing.popitem(last=False)
        return engine.facts()

    def _nearest(self, key: bytes) -> tuple[Engine, int]:
        """An engine on the way to `key`, free to be moved, and the plies it has played: two bytes each."""
        for end in range(len(key), -1, -2):
            if key[:end] in self._standing:
                engine = self._standing[key[:end]].copy()
                if engine is not None:
                    self._standing.move_to_end(key[:end])
                    return engine, end // 2
                return self._standing.pop(key[:end]), end // 2
        engine = self._engine.copy()
        if engine is None:
            self._standing.clear()
            engine = self._engine
        engine.restart()
        return engine, 0
