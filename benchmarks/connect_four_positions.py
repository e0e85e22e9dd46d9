"""Make the labelled Connect Four positions that `eval.labels.load` offers; needs the `solver` extra, takes minutes.

    python benchmarks/connect_four_positions.py

`connect_four` is what agents are usually measured on: up to 500 positions of each class, from all kinds of play.
`connect_four_12_30` is for the convergence study: 1,000 positions, evenly over 12 to 30 plies. `connect_four_random` is
for comparison with figures on Pascal Pons' test sets, which random moves lead to: 1,000 positions of each class, as
many of one length as of any other until they are classed. No position is in two of them, nor the mirror image of one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

import games
from eval.labels import Labelled, label
from games import Game, Positions
from hybrid import agents
from hybrid.agent import Agent
from hybrid.solve import solver

SOURCES = ("random", "mixed", "strong")
BLUNDERING = ((1.0, 1.0), (0.2, 0.6), (0.0, 0.15))
"""For each source, the range in which a player's share of random moves is drawn."""
CELLS = 42
CLASSES = 6
"""What a position can be: it is not far from the end late, nor ever in the middle game when 28 plies remain."""


def play(game: Game, source: int, experts: list[Agent], rng: np.random.Generator) -> list[Positions]:
    """One game's positions `[1]`, terminal ones left out; each side follows an expert but for its random moves."""
    path, position = [], game.initial()
    share = rng.uniform(*BLUNDERING[source], size=2)
    sides = rng.integers(len(experts), size=2)
    opening = rng.integers(7)
    while not position["terminal"][0]:
        path.append(position)
        mover = int(position["to_play"][0])
        if len(path) <= opening or rng.random() < share[mover]:
            action = int(rng.choice(np.flatnonzero(game.legal_actions(position)[0])))
        else:
            seed = rng.integers(2**63, size=1).astype(np.uint64)
            action = int(experts[sides[mover]].decide(position, seed).actions[0])
        position = game.step(position, [action])
    return path


def images(game: Game, positions: Positions) -> set[bytes]:
    """The bytes of positions `[B]` and of their mirror images."""
    return {row.tobytes() for symmetry in (0, 1) for row in game.transform(positions, symmetry)}


def sample(
    game: Game, count: int, seen: set[bytes], rng: np.random.Generator
) -> tuple[Positions, npt.NDArray[np.uint8]]:
    """`count` new positions, five from each game at random, the sources in turn; their images join `seen`."""
    experts = [agents.load(spec, game) for spec in ("perfect", "perfect?fastest=true", "minimax?depth=6")]
    found: list[Positions] = []
    sources: list[int] = []
    number = 0
    while len(found) < count:
        source = number % len(SOURCES)
        number += 1
        path = play(game, source, experts, rng)
        for index in rng.permutation(len(path))[:5]:
            pair = images(game, path[index])
            if not pair & seen:
                seen |= pair
                found.append(path[index])
                sources.append(source)
    return np.concatenate(found[:count]), np.array(sources[:count], np.uint8)


def even(groups: npt.NDArray[np.generic], most: int) -> npt.NDArray[np.int64]:
    """The rows of the first `most` of each group, in their order."""
    rows = [np.flatnonzero(groups == group)[:most] for group in np.unique(groups)]
    return np.sort(np.concatenate(rows))


def middle(positions: Positions) -> npt.NDArray[np.int64]:
    """The rows with 12 to 30 plies."""
    return np.flatnonzero((positions["ply"] >= 12) & (positions["ply"] <= 30))


def collect(game: Game, pool: int, seed: int) -> tuple[Labelled, Labelled]:
    """The two sets, from a pool of that many positions; the second is topped up to 1,000 if plies ran short."""
    positions, sources = sample(game, pool, set(), np.random.default_rng(seed))
    everything = label(game, positions, solver(game), source=sources, draws_end=CELLS)
    rows = middle(positions)
    chosen = rows[even(positions["ply"][rows], -(-1000 // 19))][:1000]
    rest = everything.select(np.setdiff1d(np.arange(pool), chosen))
    usual = rest.select(even(rest.classes, 500))
    return usual, topped_up(game, everything.select(chosen), usual, seed)


def topped_up(game: Game, study: Labelled, usual: Labelled, seed: int) -> Labelled:
    """`study` with new positions up to 1,000, none of them in either set."""
    rng = np.random.default_rng([seed, 1])
    both = np.concatenate([study.positions, usual.positions])
    seen = images(game, both)
    positions, sources = [study.positions], [study.source]
    while (missing := 1000 - sum(map(len, sources))) > 0:
        more, kinds = sample(game, 20, seen, rng)
        rows = middle(more)[:missing]
        positions.append(more[rows])
        sources.append(kinds[rows])
    return label(game, np.concatenate(positions), solver(game), source=np.concatenate(sources), draws_end=CELLS)


def random_play(game: Game, others: Sequence[Labelled], seed: int, most: int = 1000, batch: int = 2000) -> Labelled:
    """`most` positions of each class after so many uniformly random moves, drawn uniformly; none is in `others`."""
    rng = np.random.default_rng([seed, 2])
    seen = images(game, np.concatenate([other.positions for other in others]))
    found: list[Labelled] = []
    while True:
        new = []
        for plies in rng.integers(CELLS, size=batch):
            position = game.initial()
            for _ in range(plies):
                if not position["terminal"][0]:
                    position = game.step(position, [rng.choice(np.flatnonzero(game.legal_actions(position)[0]))])
            pair = images(game, position)
            if not position["terminal"][0] and not pair & seen:
                seen |= pair
                new.append(position)
        found.append(label(game, np.concatenate(new), solver(game), draws_end=CELLS))
        together = concatenated(found)
        rows = even(together.classes, most)
        if len(rows) == most * CLASSES:
            return together.select(rows)


def concatenated(parts: Sequence[Labelled]) -> Labelled:
    """Labelled positions of one game, one after another."""
    columns = ("positions", "values", "plies", "remaining", "source")
    return replace(parts[0], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns})


def main() -> None:
    """Write the sets and say what is in them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=int, default=6000, help="positions to choose from")
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--out", type=Path, default=Path("eval/data"))
    arguments = parser.parse_args()
    game = games.load("connect_four")
    sets = collect(game, arguments.pool, arguments.seed)
    sets += (random_play(game, sets, arguments.seed),)
    for name, labelled in zip(("connect_four", "connect_four_12_30", "connect_four_random"), sets, strict=True):
        path = arguments.out / f"{name}.npz"
        labelled.save(path)
        kinds, counts = np.unique(labelled.classes, return_counts=True)
        print(f"{path}: {len(labelled)} positions, {path.stat().st_size:,} bytes, {labelled.critical.sum()} critical")
        print("  ", dict(zip(kinds.tolist(), counts.tolist(), strict=True)), np.bincount(labelled.source).tolist())


if __name__ == "__main__":
    main()
