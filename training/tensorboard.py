"""What goes to TensorBoard, one point a generation.

Shapes: T positions of a game, A actions, images `[3, H, W]`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lightning.fabric.loggers.tensorboard import TensorBoardLogger
from PIL import Image, ImageDraw, ImageFont

from games import Game
from games.picture import picture
from training.progress import Report
from training.replay import Samples

_BOARDS = 6
_MARGIN = 12
_WIDTH = 100
"""Letters of a line that are shown at most: images take a thousand times as many bytes."""


@contextmanager
def events(run: Path, generation: int) -> Iterator[TensorBoardLogger]:
    """The event files of a run that goes on after `generation`; what was logged later than that is purged."""
    purge = generation + 1 if any(run.glob("events/*")) else None
    logger = TensorBoardLogger(run, name="events", version="", purge_step=purge)
    try:
        yield logger
    finally:
        logger.finalize("")


def scalars(report: Report) -> dict[str, float]:
    """The numbers of one generation by tag; those that were not measured are left out."""
    play = report.self_play
    values = {
        f"loss/{name}": value for name, value in asdict(report.losses).items() if name in ("total", "policy", "value")
    }
    values |= {
        "policy/entropy": report.losses.entropy,
        "policy/target_entropy": report.losses.target_entropy,
        "policy/amortisation_gap": play.gap,
        "games/length": play.length,
        "games/first_player_wins": play.first_wins,
        "games/draws": play.draws,
        "games/distinct_positions": play.distinct,
        "games/distinct_share": play.distinct / play.positions,
        "games/opening_diversity": play.opening_diversity,
        "games/proven_positions": play.proven,
        "games/resigned": play.resigned,
        "games/false_resignations": play.false_resignations,
        "speed/simulations_per_second": play.simulations_per_second,
        "speed/evaluations_per_second": play.evaluations_per_second,
        "speed/samples_per_second": play.positions / play.seconds,
        "speed/self_play_seconds": play.seconds,
        "speed/learning_seconds": report.learning_seconds,
        "speed/generation_seconds": report.seconds,
        "speed/idle_share": report.idle,
        "speed/resident_megabytes": report.memory / 2**20,
        "learner/learning_rate": report.learning_rate,
        "learner/gradient_norm": report.losses.gradient,
        "replay/age": play.age,
    }
    for match in report.matches:
        name = "".join(letter if letter.isalnum() else "_" for letter in match.opponent)
        values |= {f"elo/{name}": match.elo, f"score/{name}": match.score}
    for judged in report.judged:
        values |= {f"solver_{judged.agent}/{kind}": rate for kind, rate in judged.blunders.items()}
        values |= {
            f"solver_{judged.agent}/value_error": judged.value_error,
            f"solver_{judged.agent}/value_calibration": judged.calibration,
        }
    return {tag: value for tag, value in values.items() if math.isfinite(value)}


def write(log: TensorBoardLogger, game: Game, report: Report, samples: Samples) -> None:
    """Log a generation: its numbers, and `samples` `[T]`, one of its games, as images."""
    log.log_metrics(scalars(report), report.generation)
    log.experiment.add_image("self_play", boards(game, samples), report.generation)
    log.save()


def boards(game: Game, samples: Samples) -> npt.NDArray[np.uint8]:
    """A game's course as one image: some of its positions, each with the search's favourite moves and its value."""
    chosen = np.unique(np.linspace(0, len(samples) - 1, _BOARDS).round().astype(int))
    drawings = [_drawing(_caption(game, samples[index])) for index in chosen]
    height, width = max(d.height for d in drawings), sum(d.width for d in drawings)
    image = Image.new("RGB", (width, height), "white")
    left = 0
    for drawing in drawings:
        image.paste(drawing, (left, 0))
        left += drawing.width
    return np.asarray(image).transpose(2, 0, 1)


def _caption(game: Game, sample: np.void) -> str:
    """A sample in words: the board, who moves, the value for the mover and the three likeliest moves."""
    position, policy = sample["position"], sample["policy"]
    mover = int(position["to_play"])
    best = [action for action in np.argsort(-policy, kind="stable")[:3] if policy[action] > 0]
    moves = [f"{game.action_name(int(action))}: {policy[action]:.0%}" for action in best]
    head, shown = f"ply {position['ply']}, player {mover + 1} moves", picture(game, position)
    board = "\n".join(line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..." for line in shown.splitlines())
    return "\n".join([head, f"value {sample['value'][mover]:+.2f}", "", board, "", *moves])


def _drawing(text: str) -> Image.Image:
    """Text as an image, in Pillow's own fixed-width font: it holds Latin letters and is small, hence doubled."""
    text = text.encode("latin-1", "replace").decode("latin-1")
    font = ImageFont.load_default_imagefont()
    _, _, right, bottom = ImageDraw.Draw(Image.new("RGB", (1, 1))).multiline_textbbox((0, 0), text, font=font)
    image = Image.new("RGB", (math.ceil(right) + _MARGIN, math.ceil(bottom) + _MARGIN), "white")
    ImageDraw.Draw(image).multiline_text((_MARGIN / 2, _MARGIN / 2), text, fill="black", font=font)
    return image.resize((2 * image.width, 2 * image.height), Image.Resampling.NEAREST)
