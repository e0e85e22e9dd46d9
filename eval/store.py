"""The games of a tournament in one SQLite file, each written as it finishes.

A game is named by its seed, which is derived from everything that determines it, so a second copy of a game, from a
resumed tournament or from another process, is recognised and dropped. The write-ahead log lets several processes write.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType

from eval.records import Cost, Record
from games.load import same
from hybrid.agent import PLAY_VERSION

_APPLICATION = 0x48594252
_VERSION = 1
_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS agents (
    id INTEGER PRIMARY KEY, spec TEXT NOT NULL, checkpoint TEXT NOT NULL, UNIQUE (spec, checkpoint));
CREATE TABLE IF NOT EXISTS games (
    seed TEXT PRIMARY KEY, round INTEGER NOT NULL, opening INTEGER NOT NULL, moves TEXT NOT NULL,
    finished REAL NOT NULL);
CREATE TABLE IF NOT EXISTS sides (
    game TEXT NOT NULL REFERENCES games (seed), seat INTEGER NOT NULL, agent INTEGER NOT NULL REFERENCES agents (id),
    returned REAL NOT NULL, evaluations INTEGER NOT NULL, plies INTEGER NOT NULL, seconds REAL NOT NULL,
    moves INTEGER NOT NULL, PRIMARY KEY (game, seat));
"""


class Store:
    """The games between any number of agents of one game; use it as a context manager."""

    def __init__(self, path: Path | str, game: str) -> None:
        """Open or create the store of the game with spec `game`.

        Raises:
            ValueError: `path` is something else than a store of this game, is damaged, or cannot be written. It is
                then left as it was.
        """
        self.path = path = Path(path)
        self.game = game
        self._entered: dict[str, str] = {}
        _inspect(path, game)
        with self._errors():
            self._connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            self._create()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. What was added is on disk already."""
        self._connection.close()

    def agent(self, spec: str, checkpoint: str) -> int:
        """The number of the agent with this spec and hash of its checkpoint, entered if it is new."""
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO agents (spec, checkpoint) VALUES (?, ?)", (spec, checkpoint))
            query = "SELECT id FROM agents WHERE spec = ? AND checkpoint = ?"
            return int(connection.execute(query, (spec, checkpoint)).fetchone()[0])

    def require(self, name: str, value: object) -> None:
        """Enter what all games of the store have in common, unless it has been: then it must be the same.

        Raises:
            ValueError: it is not.
        """
        stored = self._agreed(name, value)
        if stored != str(value):
            raise self._differing(name, stored, value)

    def require_version(self) -> None:
        """Enter which version of the agents plays, as `require` does.

        Raises:
            ValueError: the games were made by another one, or by one that is not known.
        """
        stored = self._agreed("play_version", PLAY_VERSION)
        if stored != str(PLAY_VERSION):
            raise ValueError(
                f"tournament store {str(self.path)!r} has games made by another version of the agents, "
                f"{stored or 'an older one'} instead of {PLAY_VERSION}: move it away to begin anew"
            )

    def _agreed(self, name: str, value: object) -> str | None:
        """What the games have in common under `name`: `value` where there are none yet, None where nobody said."""
        with self._transaction() as connection:
            if not connection.execute("SELECT EXISTS (SELECT 1 FROM games)").fetchone()[0]:
                connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, str(value)))
            self._entered[name] = str(value)
            return _meta(connection, name)

    def _differing(self, name: str, stored: str | None, value: object) -> ValueError:
        return ValueError(
            f"tournament store {str(self.path)!r} has games with {name} {stored}, not {value}: "
            "go on with that, or take another store"
        )

    def add(self, records: Iterable[Record]) -> int:
        """Write finished games, whose `seats` are numbers given by `agent`, and return how many are new.

        Raises:
            ValueError: another process has meanwhile begun with games of another kind than what `require` entered.
        """
        new = 0
        with self._transaction() as connection:
            for name, value in self._entered.items():
                if (stored := _meta(connection, name)) != value:
                    raise self._differing(name, stored, value)
            for record in records:
                name = f"{record.seed:016x}"
                row = (name, record.round, record.opening, json.dumps(record.moves), time.time())
                if connection.execute(
                    "INSERT INTO games VALUES (?, ?, ?, ?, ?) ON CONFLICT (seed) DO NOTHING", row
                ).rowcount:
                    new += 1
                    sides = [
                        (name, seat, agent, returned, cost.evaluations, cost.plies, cost.seconds, cost.moves)
                        for seat, (agent, returned, cost) in enumerate(
                            zip(record.seats, record.returns, record.costs, strict=True)
                        )
                    ]
                    connection.executemany("INSERT INTO sides VALUES (?, ?, ?, ?, ?, ?, ?, ?)", sides)
        return new

    def labels(self) -> dict[int, str]:
        """A distinct name for each agent: its spec, with the checkpoint's hash where one spec has had several."""
        with self._errors():
            rows = self._connection.execute("SELECT id, spec, checkpoint FROM agents ORDER BY id").fetchall()
        specs = [spec for _, spec, _ in rows]
        return {number: spec if specs.count(spec) == 1 else f"{spec}@{hashed[:8]}" for number, spec, hashed in rows}

    def records(self) -> list[Record]:
        """All games, in an order that does not depend on when they finished."""
        labels = self.labels()
        with self._errors():
            rows = self._connection.execute(
                "SELECT seed, round, opening, games.moves, agent, returned, evaluations, plies, seconds, sides.moves "
                "FROM games JOIN sides ON sides.game = games.seed ORDER BY round, seed, seat"
            ).fetchall()
        sides: dict[str, list[tuple[int, float, Cost]]] = {}
        games: dict[str, tuple[int, int, str]] = {}
        for seed, number, opening, moves, agent, returned, evaluations, plies, seconds, decided in rows:
            games[seed] = (number, opening, moves)
            cost = Cost(evaluations=evaluations, plies=plies, seconds=seconds, moves=decided)
            sides.setdefault(seed, []).append((agent, returned, cost))
        return [
            Record(
                game=self.game,
                agents=tuple(labels[agent] for agent, _, _ in sides[seed]),
                seats=tuple(agent for agent, _, _ in sides[seed]),
                round=number,
                seed=int(seed, 16),
                opening=opening,
                moves=tuple(json.loads(moves)),
                returns=tuple(returned for _, returned, _ in sides[seed]),
                costs=tuple(cost for _, _, cost in sides[seed]),
            )
            for seed, (number, opening, moves) in games.items()
        ]

    def _create(self) -> None:
        """Make the tables unless another process has, and check once more whose store it is."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                # Changing the journal does not wait for other processes by itself.
                self._connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        # A killed process loses nothing at this level; only a power cut may lose the last games, never the file.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self._transaction() as connection:
            for statement in filter(str.strip, _TABLES.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('game', ?)", (self.game,))
        _require_game(self._connection, self.path, self.game)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is written as a whole or not at all."""
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite may have done so itself, as where the disk is full.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ValueErrors that name the file."""
        try:
            yield
        except sqlite3.Error as error:
            raise ValueError(f"tournament store {str(self.path)!r} cannot be used: {error}") from None


def _meta(connection: sqlite3.Connection, name: str) -> str | None:
    """What is entered under `name`; None if nothing is."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _inspect(path: Path, game: str) -> None:
    """Raise ValueError unless `path` is free, or holds a sound store of `game`; it is only read."""
    if not path.parent.is_dir():
        raise ValueError(f"tournament store {str(path)!r}: there is no folder {str(path.parent)!r}")
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)) as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            if tables == 0 and application == 0:
                return
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if (application, version) != (_APPLICATION, _VERSION):
                raise ValueError(f"{str(path)!r} is a database, but not a tournament store of version {_VERSION}")
            state = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if state != "ok":
                raise ValueError(f"tournament store {str(path)!r} is damaged: {state}")
            _require_game(connection, path, game)
    except sqlite3.Error as error:
        raise ValueError(f"{str(path)!r} is not a sound tournament store: {error}") from None


def _require_game(connection: sqlite3.Connection, path: Path, game: str) -> None:
    """Raise ValueError unless the store is of `game`."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'game'").fetchone()
    stored = row[0] if row else None
    if stored is None or not same(stored, game):
        raise ValueError(f"tournament store {str(path)!r} holds games of {stored!r}, not of {game!r}")
