"""Positions whose every move's true value is known: labelled by a solver, classed, kept in small files.

Shapes: B positions, A actions. Values are game-theoretic, for the mover. Positions fall into classes as in Pascal Pons'
Connect Four test sets: beginning, middle and end by the moves played (fewer than 14, fewer than 28, or more); easy,
medium and hard by the plies that the game still lasts under perfect play (up to 14, up to 28, or more).
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from games import Game, Positions
from games import load as load_game
from games.load import same
from hybrid.solve import Solver, plays_connect_four

SPLITS = (14, 28)
PHASES = ("beginning", "middle", "end")
DIFFICULTIES = ("easy", "medium", "hard")


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Positions and the truth about them.

    Attributes:
        game: the game's spec.
        positions: `[B]`, none of them terminal.
        values: `[B, A]` the value of each action in {-1, 0, 1}; NaN where illegal.
        plies: `[B, A]` plies to the end after each action, the action included, won fast and lost slowly; -1 where
            illegal or drawn.
        remaining: `[B]` plies to the end under perfect play; -1 for draws, where the rules do not fix their length.
        source: `[B]` what kind of play led there, an index of the generator's choice.
    """

    game: str
    positions: Positions
    values: npt.NDArray[np.float32]
    plies: npt.NDArray[np.int64]
    remaining: npt.NDArray[np.int64]
    source: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def best(self) -> npt.NDArray[np.float32]:
        """`[B]` the value of each position."""
        best: npt.NDArray[np.float32] = np.nanmax(self.values, axis=1)
        return best

    @property
    def critical(self) -> npt.NDArray[np.bool_]:
        """`[B]` whether some legal move gives away value."""
        worse: npt.NDArray[np.bool_] = np.nanmin(self.values, axis=1) < self.best
        return worse

    @property
    def classes(self) -> npt.NDArray[np.str_]:
        """`[B]` names such as `middle-medium`; `middle-drawn` where the length of a draw is open."""
        phase = np.array(PHASES)[np.digitize(self.positions["ply"].astype(np.int64), SPLITS)]
        difficulty = np.array(DIFFICULTIES)[np.digitize(self.remaining, SPLITS, right=True)]
        return np.array(
            [f"{p}-{d}" for p, d in zip(phase, np.where(self.remaining < 0, "drawn", difficulty), strict=True)]
        )

    def select(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Labelled:
        """The rows named by indices or by a mask `[B]`."""
        return Labelled(
            game=self.game,
            positions=self.positions[rows],
            values=self.values[rows],
            plies=self.plies[rows],
            remaining=self.remaining[rows],
            source=self.source[rows],
        )

    @property
    def digest(self) -> str:
        """A short hash of the positions, by which measurements on the same ones are known again."""
        return hashlib.sha256(self.positions.tobytes()).hexdigest()[:16]

    def save(self, path: Path | str) -> None:
        """Write a compressed npz file without pickle; the same set always makes the same bytes."""
        size = self.positions.dtype.itemsize
        np.savez_compressed(
            path,
            game=np.array(self.game),
            positions=np.frombuffer(self.positions.tobytes(), np.uint8).reshape(-1, size),
            values=np.nan_to_num(self.values, nan=-128).astype(np.int8),
            plies=self.plies.astype(np.int16),
            remaining=self.remaining.astype(np.int16),
            source=self.source,
        )


def names() -> list[str]:
    """The sets that come with this package, in alphabetical order.

    These are `connect_four` (all kinds of play), `connect_four_12_30` (12 to 30 plies) and `connect_four_random`
    (random play alone).
    """
    return sorted(entry.name.removesuffix(".npz") for entry in (resources.files("eval") / "data").iterdir())


def default(game: Game) -> str:
    """The set that comes with this package for `game`, which has the game's name.

    Raises:
        ValueError: there is none.
    """
    name = game.spec.partition(":")[0]
    if name not in names() or not _fits(load(name).game, game):
        known = ", ".join(f"{one} (of {load(one).game})" for one in names())
        raise ValueError(
            f"no labelled positions come for {game.spec!r}: known are {known}, or give a path to an .npz of that game"
        )
    return name


def load(path: Path | str, game: Game | None = None) -> Labelled:
    """Read what `Labelled.save` wrote, or one of the sets that come with this package (`names`).

    Args:
        path: of a file whose name ends in `.npz`, or a set's name.
        game: the game that the positions are to be of. Without it, it is the one that the file names; a file may name
            a game's own file, which is run then.

    Raises:
        ValueError: there is no such file or set, it is damaged, does not fit its game, or is of another than `game`.
    """
    bundled = resources.files("eval") / "data" / f"{path}.npz"
    file = Path(path) if Path(path).suffix == ".npz" else Path(str(bundled))
    if not file.is_file():
        raise ValueError(
            f"no labelled positions {str(path)!r}: known are {', '.join(names())}, or give a path to an .npz"
        )
    try:
        with file.open("rb") as raw, np.load(raw, allow_pickle=False) as stored:
            spec, packed, values = str(stored["game"]), stored["positions"], stored["values"].astype(np.float32)
            plies, remaining, source = stored["plies"], stored["remaining"], stored["source"]
    except (KeyError, ValueError, TypeError, EOFError, NotImplementedError, BadZipFile, zlib.error) as error:
        raise ValueError(f"{file} holds no labelled positions, or it is damaged: {error}") from error
    if game is None:
        game = load_game(spec)
    elif not _fits(spec, game):
        raise ValueError(f"labelled positions {str(path)!r} are of {spec!r}, not of {game.spec!r}")
    if packed.shape[1:] != (game.dtype.itemsize,):
        raise ValueError(
            f"positions in {file} have {packed.shape[1:]} bytes each, but {game.spec} has {game.dtype.itemsize}"
        )
    return Labelled(
        game=game.spec,
        positions=np.frombuffer(packed.tobytes(), game.dtype).copy(),
        values=np.where(values == -128, np.float32(np.nan), values),
        plies=plies.astype(np.int64),
        remaining=remaining.astype(np.int64),
        source=source,
    )


def _fits(stored: str, game: Game) -> bool:
    """Whether positions of the game with spec `stored` are of `game`, whatever its networks are shown of them."""
    if plays_connect_four(game) and stored.partition(":")[0] == game.spec.partition(":")[0]:
        return plays_connect_four(load_game(stored))
    return same(stored, game.spec)


def label(
    game: Game,
    positions: Positions,
    solver: Solver,
    *,
    source: npt.NDArray[np.uint8] | None = None,
    draws_end: int | None = None,
) -> Labelled:
    """Ask `solver` for the truth about `positions` `[B]`, none of them terminal.

    Args:
        game: the rules.
        positions: what to label.
        solver: see `hybrid.solve`.
        source: see `Labelled`; zeros if None.
        draws_end: the ply at which a drawn game ends, where the rules fix it (a full board).

    Raises:
        ValueError: a position is too hard for the solver, or the game is one of chance.
    """
    values, plies = solver.action_values(positions), solver.action_plies(positions)
    best = np.nanmax(values, axis=1, keepdims=True)
    fast = np.where(values == best, plies, np.iinfo(np.int64).max).min(axis=1)
    slow = np.where(values == best, plies, -1).max(axis=1)
    drawn = np.full(len(positions), -1) if draws_end is None else draws_end - positions["ply"].astype(np.int64)
    return Labelled(
        game=game.spec,
        positions=positions,
        values=values,
        plies=plies,
        remaining=np.select([best[:, 0] > 0, best[:, 0] < 0], [fast, slow], drawn),
        source=np.zeros(len(positions), np.uint8) if source is None else source,
    )
