"""Progress measured by real matches against fixed opponents, and by positions whose truth a solver has told."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np

from eval.exact import measure
from eval.labels import Labelled, load
from eval.match import play, seatings
from eval.openings import draw
from eval.statistics import elo_of
from games import Game
from hybrid import agents
from hybrid.agents import run as run_agents
from hybrid.checkpoint import path_of
from hybrid.evaluate import Evaluators
from hybrid.files import write_atomically
from training.config import Config, EvaluationConfig
from training.progress import MatchReport, SolverReport
from training.seeds import Purpose, generator

_MATCHES = "matches.jsonl"
OPENING_PLIES = 4
"""Random plies before the agents of an evaluation move."""


def evaluate(run: Path, game: Game, config: Config, generation: int) -> tuple[MatchReport, ...]:
    """Play the agent of `generation` against every anchor (in all other seats); adds to `RUN/matches.jsonl`."""
    path = str(path_of(run, generation))
    agent = run_agents.make(game, path, Evaluators(game), dial=0.5, simulations=config.evaluation.simulations)
    rounds = len(seatings(game.players))
    games = -(-config.evaluation.games // rounds) * rounds
    reports = []
    for number, anchor in enumerate(config.evaluation.anchors):
        others = [agents.load(anchor, game) for _ in range(game.players - 1)]
        rng = generator(config.seed, generation, Purpose.EVALUATION, number)
        with warnings.catch_warnings():
            # Small games repeat themselves; the report says how many games were distinct.
            warnings.simplefilter("ignore")
            match = play(game, [agent, *others], games, rng, opening_plies=OPENING_PLIES)
        margin = 0.5 / games
        reports.append(
            MatchReport(
                generation=generation,
                opponent=anchor,
                score=match.score,
                ci95=match.ci95,
                elo=elo_of(min(max(match.score, margin), 1 - margin)),
                wins=match.wins,
                draws=match.draws,
                losses=match.losses,
                distinct_games=match.distinct_games,
            )
        )
    _store(run / _MATCHES, reports, generation)
    return tuple(reports)


def check_evaluation(game: Game, config: EvaluationConfig) -> None:
    """Raises ValueError where an anchor cannot be loaded, every game ends too soon, or labels do not fit.

    Of a run that is never evaluated only the labels are looked at.
    """
    if config.labelled:
        labelled_positions(game, config.labelled)
    if not config.every:
        return
    for anchor in config.anchors:
        try:
            agents.load(anchor, game)
        except ValueError as error:
            raise ValueError(f"evaluation.anchors must be agents of {game.spec}, got {anchor!r}: {error}") from error
    if not config.anchors:
        return
    if game.players < 2:
        raise ValueError(
            f"evaluation.every must be 0, or evaluation.anchors none, for {game.spec}, a game for one player, "
            f"got every={config.every}"
        )
    try:
        draw(game, 1, OPENING_PLIES, np.random.default_rng(0))
    except ValueError as error:
        raise ValueError(
            f"evaluation.every must be 0, or evaluation.anchors none, for {game.spec}, of which every game ends "
            f"within {OPENING_PLIES} plies, got every={config.every}"
        ) from error


def labelled_positions(game: Game, name: str) -> Labelled:
    """The labelled positions called `name`. Raises ValueError where there are none, or they are another game's."""
    try:
        return load(name, game)
    except ValueError as error:
        raise ValueError(f"evaluation.labelled must hold positions of {game.spec}, got {name!r}: {error}") from error


def judge(run: Path, game: Game, config: Config, generation: int) -> tuple[SolverReport, ...]:
    """Measure the agent of `generation` on the labelled positions, if the run has any."""
    if not config.evaluation.labelled:
        return ()
    labelled, path = labelled_positions(game, config.evaluation.labelled), str(path_of(run, generation))
    reports, evaluators = [], Evaluators(game)
    for name, budget in (("network", 0), ("search", config.evaluation.simulations)):
        agent = run_agents.make(game, path, evaluators, simulations=budget)
        report = measure(agent, labelled, seed=config.seed)
        rates = {kind: score.blunder_rate for kind, score in report.rows()}
        reports.append(
            SolverReport(
                generation=generation,
                agent=name,
                simulations=budget,
                blunders=rates,
                value_error=report.total.value_error,
                calibration=report.total.calibration,
            )
        )
    return tuple(reports)


def _store(path: Path, reports: list[MatchReport], generation: int) -> None:
    """Put the reports at the end of the file, in the place of what an interrupted run left of this generation."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines = [line for line in lines if _generation(line) < generation]
    lines += [json.dumps(asdict(report)) for report in reports]
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())


def _generation(line: str) -> int:
    """The generation that a line is about, -1 of what is no report: that is left where it is."""
    try:
        return int(json.loads(line)["generation"])
    except (ValueError, KeyError, TypeError):
        return -1


def history(run: Path) -> list[dict[str, object]]:
    """All matches of a run as dictionaries of `MatchReport`'s fields, oldest first."""
    path = run / _MATCHES
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if _generation(line) >= 0]
