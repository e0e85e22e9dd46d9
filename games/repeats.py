"""Those of the properties that `games.check` tests in which a thing done in two ways comes to the same.

Each function returns what it tested, or raises.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
from numba.core import config

from games.load import is_file
from games.replay import ReplayedGame, moves_of
from games.rules import Game, LiftedGame
from games.sampling import Sample, ViolationError, digest, play, require, same


def text(sample: Sample) -> str:
    """What `render` writes `parse` reads, and nothing else; names of actions differ."""
    game = sample.game
    names = [game.action_name(action) for action in range(game.num_actions)]
    require(len(set(names)) == len(names) and all(names), "names of actions are empty or not unique")
    positions = np.concatenate((sample.before[sample.pick(100)], sample.last[:50]))
    for position in positions:
        board = game.render(position)
        require(same(game.parse(board), position[None]), f"parse does not return what render wrote:\n{board}")
    for garbage in ("", "?", board[: len(board) // 2]):
        try:
            game.parse(garbage)
        except ValueError:
            continue
        raise ViolationError(f"parse accepts {garbage!r}")
    return f"{len(positions)} positions, {len(names)} names"


def seeds(sample: Sample) -> str:
    """Rollouts and moves come out as their seeds say."""
    game, rows = sample.game, sample.pick(sample.few)
    seeds = rows.astype(np.uint64)
    first, again = (game.rollout(sample.before[rows], seeds) for _ in range(2))
    require(same(first[0], again[0]) and same(first[1], again[1]), "rollouts with equal seeds differ")
    starts = max(16, min(64, sample.few))
    ends = np.column_stack(game.rollout(game.initial(starts), np.arange(starts, dtype=np.uint64)))
    forced = bool(np.all(game.legal_actions(sample.before).sum(axis=1) == 1)) or len(np.unique(sample.last)) == 1
    require(forced or len(np.unique(ends, axis=0)) > 1, "rollouts ignore their seeds")
    played = play(game, sample.seed, len(sample.last), int(sample.last["ply"].max()))
    require(same(played.last, sample.last), "the same moves lead to different positions")
    return f"{len(rows)} rollouts"


def reload(sample: Sample) -> str:
    """The game can be sent to another process."""
    game = sample.game
    if not game.spec:
        return "does not apply: the game was not loaded by name or path"
    twin = pickle.loads(pickle.dumps(game))
    equal = twin.spec == game.spec and twin.dtype == game.dtype and same(twin.initial(), game.initial())
    require(equal, f"{game.spec!r} pickled is another game, {twin.spec!r}")
    return f"{game.spec}"


def replay(sample: Sample) -> str:
    """Positions reached by shortcuts are those that a replay of their moves from the start reaches."""
    game = sample.game
    if not isinstance(game, ReplayedGame):
        return "does not apply: positions are not lists of moves"
    rows = np.random.default_rng(sample.seed).permutation(len(sample.before))[:20]
    for position in np.concatenate((sample.before[rows], sample.last[:5])):
        facts, one = game.oracle.replayed(moves_of(position)), position[None]
        over = facts.terminal or len(moves_of(position)) == game.max_plies
        header = (facts.to_play, over, tuple(np.array(facts.returns, np.float32).tolist()))
        kept = (int(position["to_play"]), bool(position["terminal"]), tuple(position["returns"].tolist()))
        require(header == kept, f"a replay says {header}, the position says {kept}:\n{game.render(position)}")
        legal = np.zeros_like(facts.legal) if over else facts.legal
        require(np.array_equal(legal, game.legal_actions(one)[0]), "a replay leads to other legal actions")
        require(np.array_equal(facts.observation, game.observe(one)[0]), "a replay leads to another observation")
    return f"{len(rows) + len(sample.last[:5])} positions replayed from the start"


def jit(sample: Sample) -> str:
    """Compiled and interpreted rules compute the same."""
    game = sample.game
    if not isinstance(game, LiftedGame) or not game.spec:
        return "does not apply: rules that are not lifted, or not loaded by name or path"
    code = "import sys; from games.sampling import digest; sys.stdout.write(digest(sys.argv[1], int(sys.argv[2])))"
    there, here = _elsewhere(code, game.spec, sample.seed), digest(game.spec, sample.seed)
    require(there == here, "the rules compute different things with and without NUMBA_DISABLE_JIT=1")
    return f"digest {here[:12]}"


def interpreted(game: Game, seed: int) -> None:
    """Play a few games by the rules of somebody's own file without compiling them; raises where they leave an array.

    Compiled, they would write past its end unnoticed, and this process might not live to tell. What else is wrong with
    them is found, and told better, by what follows.
    """
    if isinstance(game, LiftedGame) and is_file(game.spec) and not config.DISABLE_JIT:  # type: ignore[attr-defined]
        code = "import sys; from games.sampling import load, walk; walk(load(sys.argv[1]), int(sys.argv[2]))"
        try:
            _elsewhere(code, game.spec, seed)
        except ViolationError as error:
            if "IndexError" in str(error):
                raise


def _elsewhere(code: str, spec: str, seed: int) -> str:
    """What a process prints that runs `code` with the other setting of JIT. Raises ViolationError where it fails."""
    opposite = str(int(not config.DISABLE_JIT))  # type: ignore[attr-defined]
    environment = os.environ | {"NUMBA_DISABLE_JIT": opposite, "PYTHONWARNINGS": "ignore::RuntimeWarning"}
    command = [sys.executable, "-c", code, spec, str(seed)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    require(run.returncode == 0, f"with NUMBA_DISABLE_JIT={opposite}: {run.stderr.strip().splitlines()[-1:]}")
    return run.stdout
