"""Small agents with known play, for tests that need games but no search."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from games import Positions
from games.rules import Game
from hybrid.agent import Agent, Decisions

Actions = npt.NDArray[np.int64]
Legal = npt.NDArray[np.bool_]
Seeds = npt.NDArray[np.uint64]
Chooser = Callable[[Positions, Legal, Seeds], Actions]


@dataclass
class Player:
    """An agent that plays by a function of positions, legal actions and seeds, and keeps count of its calls."""

    game: Game
    name: str
    choose: Chooser
    calls: list[int] = field(default_factory=list)
    remembered: dict[int, list[int]] = field(default_factory=dict)

    def decide(
        self, positions: Positions, seeds: npt.NDArray[np.uint64], games: npt.NDArray[np.int64] | None = None
    ) -> Decisions:
        self.calls.append(len(positions))
        for game, ply in zip([] if games is None else games.tolist(), positions["ply"].tolist(), strict=False):
            self.remembered.setdefault(game, []).append(ply)
        legal = self.game.legal_actions(positions)
        count = len(positions)
        return Decisions(
            actions=self.choose(positions, legal, seeds),
            policy=(legal / legal.sum(axis=1, keepdims=True)).astype(np.float32),
            values=np.zeros((count, self.game.players), np.float32),
            evaluations=np.ones(count, np.int64),
            plies=np.full(count, 2, np.int64),
            seconds=np.full(count, 0.001),
        )

    def forget(self) -> None:
        self.calls.clear()


def _first(positions: Positions, legal: Legal, seeds: Seeds) -> Actions:
    return np.asarray(legal.argmax(axis=1))


def _last(positions: Positions, legal: Legal, seeds: Seeds) -> Actions:
    return np.asarray(legal.shape[1] - 1 - legal[:, ::-1].argmax(axis=1))


def _dice(positions: Positions, legal: Legal, seeds: Seeds) -> Actions:
    weights = np.array([np.random.default_rng(int(seed)).random(legal.shape[1]) for seed in seeds])
    return np.asarray(np.where(legal, weights, -1.0).argmax(axis=1))


def _slow(positions: Positions, legal: Legal, seeds: Seeds) -> Actions:
    time.sleep(0.01)
    return _dice(positions, legal, seeds)


def _zero(positions: Positions, legal: Legal, seeds: Seeds) -> Actions:
    return np.zeros(len(positions), np.int64)


CHOOSERS: dict[str, Chooser] = {"first": _first, "last": _last, "dice": _dice, "slow": _slow, "zero": _zero}


def load(spec: str, game: Game) -> Player:
    """`first` and `last` play the first and the last legal action, `dice` a random one, `zero` always action 0, `slow`
    a random one after a while.

    Anything after a question mark makes another agent of the same play.
    """
    return Player(game, spec, CHOOSERS[spec.partition("?")[0]])


def load_all(specs: Sequence[str], game: Game) -> list[Agent]:
    """Several of them, as `eval.workers.Loader` has it."""
    return [load(spec, game) for spec in specs]
