"""Results of evaluations for TensorBoard: tunings, tournaments and maps of the spectrum."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from eval.chart import chart
from eval.results import Results
from eval.spectrum.export import rows
from eval.spectrum.findings import findings
from eval.spectrum.survey import Spectrum
from eval.tune import Tuning

_MEASURES = ("elo", "evaluations", "milliseconds", "optimal", "regret", "gap")
"""What TensorBoard shows of a place on the map, where it is known."""


def write_tuning(folder: Path, tuning: Tuning, picture: bytes) -> None:
    """Write a tuning: what was believed by games played, the curve (a PNG's content), and the outcome as hparams.

    Events that an earlier call has left in `folder` are replaced.
    """
    found = tuning.found
    with _writer(folder) as log:
        for step in found.steps:
            log.add_scalar("tune/expected_regret", step.regret, step.games)
            log.add_scalar("tune/gain_over_dial_0.5", step.gain, step.games)
            log.add_scalar("tune/gain_deviation", step.deviation, step.games)
            for name, value in found.space.values(found.space.candidates[step.best]).items():
                log.add_scalar(f"tune/best_{name}", value, step.games)
        log.add_image("tune/landscape", _pixels(picture), found.steps[-1].games)
        log.add_text("tune/verdict", f"`{tuning.spec}`: {tuning.verdict}", found.steps[-1].games)
        settings: dict[str, float | str] = {name: float(value) for name, value in tuning.options}
        settings |= {"budget": str(tuning.plan.budget), "checkpoint": tuning.file.name}
        measured = {"hparam/games": float(found.steps[-1].games), "hparam/expected_regret": found.steps[-1].regret}
        for gain in tuning.gains:
            measured[f"hparam/elo_over_dial_{gain.dial:g}"] = gain.elo[0]
        finite = {name: value for name, value in measured.items() if math.isfinite(value)}
        log.add_hparams(settings, finite, run_name=".")


def write_tournament(folder: Path, results: Results) -> None:
    """Write a tournament's standings: ratings as scalars by number of games, a table, a picture, agents as hparams.

    A tournament that goes on adds a point to each curve.
    """
    games = len(results.records)
    rows = ["| agent | Elo | 95 % | games | score |", "|---|---|---|---|---|"]
    with SummaryWriter(str(folder)) as log:
        for line in results.standings:
            name = _tag(line.agent)
            rated = "-" if line.elo is None else f"{line.elo:+.0f}"
            ends = "-" if line.ci95 is None else f"{line.ci95[0]:+.0f} to {line.ci95[1]:+.0f}"
            score = "-" if line.score is None else f"{line.score:.1%}"
            rows.append(f"| {line.agent} | {rated} | {ends} | {line.games} | {score} |")
            if line.elo is not None and line.score is not None:
                log.add_scalar(f"elo/{name}", line.elo, games)
                log.add_scalar(f"score/{name}", line.score, games)
                rating = {"hparam/elo": line.elo, "hparam/score": line.score, "hparam/games": float(line.games)}
                log.add_hparams({"agent": line.agent}, rating, run_name=name, global_step=games)
        picture = io.BytesIO()
        chart(results).savefig(picture, format="png")
        log.add_image("standings", _pixels(picture.getvalue()), games)
        log.add_text("standings", "\n".join(rows), games)
        log.add_scalar("tournament/distinct_games", results.distinct_games, games)


def write_spectrum(folder: Path, spectrum: Spectrum, pictures: Mapping[str, bytes]) -> None:
    """Write a map: every place's rating and costs by generation, `pictures` (the contents of PNGs), answers, hparams.

    Events that an earlier call has left in `folder` are replaced.
    """
    newest = spectrum.generations[-1]
    with _writer(folder) as log:
        for row in rows(spectrum):
            known = {name: getattr(row, name) for name in _MEASURES if getattr(row, name) is not None}
            if row.generation is None:
                log.add_scalar(f"elo/{_tag(row.agent.rpartition('/')[2])}", row.elo, newest)
                continue
            place = f"dial_{row.position:g}_simulations_{row.simulations}"
            for name, value in known.items():
                log.add_scalar(f"{name}/{place}", value, row.generation)
            setting = {"dial": row.position, "simulations": row.simulations, "generation": row.generation}
            outcome = {f"hparam/{name}": value for name, value in known.items()}
            log.add_hparams(setting, outcome, run_name=f"generation_{row.generation}_{place}", global_step=0)
        for name, picture in pictures.items():
            log.add_image(f"spectrum/{name}", _pixels(picture), newest)
        answers = [f"**{one.question}** {one.answer}" for one in findings(spectrum)]
        log.add_text("spectrum/answers", "\n\n".join(answers), newest)


def _writer(folder: Path) -> SummaryWriter:
    """Event files in `folder`, which has no others, nor have its folders."""
    for old in folder.rglob("events.out.tfevents.*"):
        old.unlink()
    return SummaryWriter(str(folder))


def _tag(text: str) -> str:
    """A text as TensorBoard takes it for a name."""
    return "".join(letter if letter.isalnum() else "_" for letter in text)


def _pixels(picture: bytes) -> npt.NDArray[np.uint8]:
    """`[3, H, W]` of a PNG's content."""
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).transpose(2, 0, 1)
