"""Write an agent's network as an ONNX model, for programs that know nothing of this one.

From 'planes' [B, C, H, W], what the game's 'observe' makes of B positions, the model computes 'logits' [B, A] of all
actions and 'values' [B, P], the expected returns in turn order from the mover on. Its metadata name game, generation
and precision.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from hybrid.cli.output import Outcome, check_writable, console

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from hybrid.evaluate import Precision


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `hybrid export`."""
    from hybrid.evaluate import Precision

    parser.add_argument("game", type=str, help="the game that the agent was trained on")
    parser.add_argument("agent", type=str, help="a run folder, a checkpoint or 'pretrained', without options")
    parser.add_argument("file", type=Path, help="where to write the model, such as agent.onnx")
    parser.add_argument("--precision", type=Precision, default="float", help="of weights and activations")


def run(*, game: str, agent: str, file: Path, precision: Precision, seed: int) -> Outcome:
    """Write the model; nothing is drawn at random, so `seed` is without effect."""
    from games import load
    from hybrid import agents, checkpoint
    from hybrid.export import to_onnx
    from hybrid.files import write_atomically

    check_writable(file, "FILE")
    rules = load(game)
    spec = agents.parse_spec(agent, rules)
    if spec.kind != agents.RUN or spec.options:
        raise ValueError(f"agent must be a run folder, a checkpoint or pretrained, without options, got {agent!r}")
    known = checkpoint.load(spec.path, rules)
    model = to_onnx(known, precision)
    write_atomically(file, model.SerializeToString())
    ends = [*model.graph.input, *model.graph.output]
    shapes = {end.name: [d.dim_param or d.dim_value for d in end.type.tensor_type.shape.dim] for end in ends}
    told = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
    console().print(f"{escape(str(file))}: {told}; {model.ByteSize():,} bytes", soft_wrap=True)
    return Outcome(
        {"file": str(file), "game": known.game, "generation": known.generation, "precision": precision, **shapes}
    )
