"""Finding, parsing and running a command; exit codes 0 done, 1 done with a bad result, 2 an error of the user's."""

from __future__ import annotations

import ast
import difflib
import importlib
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from hybrid.cli import commands
from hybrid.cli.output import check_apart, check_writable, desert, one_line, parsing_error, write_json
from hybrid.termination import closing_when_terminated, interruptible

INTERRUPTED, TERMINATED = 130, 143


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `hybrid` with `arguments`, by default the process's own; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with closing_when_terminated(TERMINATED), interruptible():
            code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        desert()  # else the interpreter would complain of what it still flushes at exit
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("hybrid: interrupted\n")
        return INTERRUPTED
    except (ValueError, OSError, SyntaxError, MemoryError, OverflowError) as error:
        if "--traceback" in arguments:
            traceback.print_exc()
        sys.stderr.write(f"hybrid: error: {one_line(error)}\n")
        return 2


def command_names() -> list[str]:
    """Every command there is, in alphabetical order."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))


def summary(name: str) -> str:
    """The first line of a command's docstring, read without importing it."""
    source = Path(commands.__path__[0], f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def _dispatch(arguments: list[str]) -> int:
    """Run the command that `arguments` begin with."""
    if not arguments or arguments[0] in ("-h", "--help"):
        (sys.stdout if arguments else sys.stderr).write(_overview())
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    if name == "--version":
        sys.stdout.write(f"hybrid {version('hybrid-agents')}\n")
        return 0
    if name not in command_names():
        close = difflib.get_close_matches(name, command_names(), 1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(command_names())}"
        raise ValueError(f"unknown command {name!r}: {hint}")
    return _run(importlib.import_module(f"{commands.__name__}.{name.replace('-', '_')}"), name, rest)


def _overview() -> str:
    """What `hybrid --help` shows."""
    width = max(map(len, command_names()))
    lines = [f"  {name:{width}}  {summary(name)}" for name in command_names()]
    return "\n".join(
        [
            "usage: hybrid COMMAND ... [--seed SEED] [--json FILE] [--help]",
            "",
            "Train agents on board games, tune how much they search, and let them meet.",
            "",
            "commands:",
            *lines,
            "",
            "A GAME is a name with options (connect_four, connect_four:rows=5) or the path of a game's file.",
            "An AGENT is a run folder or checkpoint (runs/connect_four, 'runs/connect_four?dial=0.3&simulations=64')",
            "or one of random, pretrained, 'mcts?simulations=1000' and others.",
            "'hybrid games' and 'hybrid agents' list them with their options; 'hybrid COMMAND --help' tells the rest.",
            "",
        ]
    )


def _run(module: ModuleType, name: str, arguments: list[str]) -> int:
    """Parse `arguments` for a command's module, run it and write its JSON."""
    from jsonargparse import ArgumentError

    from hybrid.cli.parser import files_first, make, plain

    parser, arguments = make(module, name), files_first(arguments)
    try:
        if hasattr(module, "defaults"):
            parser.set_defaults(module.defaults(parser, arguments))
        parsed = parser.parse_args(arguments)
    except ArgumentError as error:
        complaint = parsing_error(error)
        raise ValueError(f"{complaint} ({parser.hint(complaint)})") from error
    except SystemExit as stop:  # help or a configuration was shown
        return int(stop.code or 0)
    options: dict[str, Any] = {key: plain(value) for key, value in vars(parsed).items()}
    target = options.pop("json")
    options.pop("traceback")
    if target is not None:
        check_writable(target)
        for key, value in options.items():
            if isinstance(value, Path):
                check_apart({f"--{key}": value, "--json": target})
    outcome = module.run(**options)
    if target is not None:
        check_writable(target)  # the command may have made a store of games there
        write_json(target, outcome.data)
    return int(outcome.code)
