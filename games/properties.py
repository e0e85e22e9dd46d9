"""The properties that `games.check` tests: each function returns what it tested, or raises.

Shapes: N sampled positions, A actions, P players, S symmetries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from games import repeats
from games.chance import awaits
from games.rules import Game, LiftedGame, Positions
from games.sampling import Actions, Sample, random_actions, require, same

Seeds = npt.NDArray[np.uint64]


def _terminates(sample: Sample) -> str:
    running = int(np.sum(sample.last["terminal"] == 0))
    require(not running, f"{running} of {len(sample.last)} games did not end")
    return f"longest game {int(sample.last['ply'].max())} plies"


def _header(sample: Sample) -> str:
    game = sample.game
    names = ("to_play", "ply", "terminal", "returns")
    formats = [game.dtype[name] for name in names if name in (game.dtype.names or ())]
    require(formats == [np.dtype(f) for f in ("u1", "u2", "u1", ("f4", (game.players,)))], f"header is {game.dtype}")
    start = game.initial()[0]
    require(start["ply"] == 0 and not start["terminal"], "the initial position is not at ply 0, or is terminal")
    positions = np.concatenate((sample.before, sample.after))
    movers = positions["to_play"][~awaits(game, positions)] if game.stochastic else positions["to_play"]
    require(movers.max() < game.players, f"to_play reaches {movers.max()}")
    require(set(np.unique(positions["terminal"])) <= {0, 1}, "terminal is neither 0 nor 1")
    steps = sample.after["ply"].astype(int) - sample.before["ply"]
    require(np.all(steps == 1), f"ply changes by {sorted(set(steps.tolist()))} in one move, not by 1")
    return f"{len(positions)} positions"


def _observations(sample: Sample) -> str:
    positions = np.concatenate((sample.before, sample.after))
    seen = sample.game.observe(positions)
    expected = (len(positions), *sample.game.observation_shape)
    require(seen.shape == expected and seen.dtype == np.float32, f"observations are {seen.dtype} {seen.shape}")
    require(np.isfinite(seen).all(), "observations are NaN or infinite")
    return f"{len(positions)} positions"


def _returns(sample: Sample) -> str:
    before, ended = sample.before["returns"], sample.after["returns"][sample.after["terminal"] == 1]
    require(not np.any(before), "returns are not zero before the end")
    require(np.all(np.abs(ended) <= 1), f"returns leave [-1, 1] or are NaN: {np.unique(ended)}")
    if sample.game.zero_sum:
        proper = np.isin(ended, (-1, 0, 1)).all() and not ended.sum(axis=1).any()
        require(sample.game.players == 2 and proper, "zero_sum, but results are not 1/-1, -1/1 or 0/0")
    return f"{len(ended)} results"


def _chance(sample: Sample) -> str:
    game = sample.game
    if not game.stochastic:
        return "does not apply: no chance"
    nature = awaits(game, sample.before)
    nodes, after = sample.before[nature], sample.after[nature]
    probabilities, legal = game.chance(sample.before), game.legal_actions(nodes)
    require(not probabilities[~nature].any(), "outcomes have probabilities where it is a player's turn")
    require(not awaits(game, after).any(), "an outcome of chance leads to another chance node")
    drawn = probabilities[nature]
    require(np.array_equal(drawn > 0, legal), "the outcomes of positive probability are not the legal ones")
    require(np.isfinite(drawn).all() and (drawn >= 0).all(), f"probabilities are no probabilities: {np.unique(drawn)}")
    totals = drawn.sum(axis=1)
    require(np.allclose(totals, 1, rtol=0, atol=1e-9), f"probabilities sum to {np.unique(totals)}, not to 1")
    for k, images in enumerate(game.action_symmetries):
        mapped = game.chance(game.transform(nodes, k))[:, images]
        require(np.array_equal(mapped, drawn), f"symmetry {k} changes the probabilities")
    return f"{len(nodes)} chance nodes"


def _legality(sample: Sample) -> str:
    game, tried = sample.game, 0
    rng = np.random.default_rng(sample.seed)
    for row in sample.pick(100):
        position = sample.before[row : row + 1]
        legal = game.legal_actions(position)[0]
        actions = rng.permutation(game.num_actions)[:50]
        for action in [*actions[legal[actions]], *actions[~legal[actions]], -1, game.num_actions]:
            accepted = _accepts(game, position, int(action))
            expected = bool(0 <= action < game.num_actions and legal[action])
            verdict = "accepts an illegal" if accepted else "refuses a legal"
            require(accepted == expected, f"step {verdict} action {action}:\n{game.render(position[0])}")
            tried += 1
    return f"{tried} actions"


def _accepts(game: Game, position: Positions, action: int) -> bool:
    try:
        game.step(position, [action])
    except ValueError:
        return False
    return True


def _terminal(sample: Sample) -> str:
    game = sample.game
    ended = sample.last[sample.last["terminal"] == 1]
    require(not game.legal_actions(ended).any(), "actions are legal after the end")
    for action in (0, game.num_actions - 1, -1):
        require(same(game.step(ended, np.full(len(ended), action)), ended), f"action {action} changes an ended game")
    returns, plies = game.rollout(ended, np.zeros(len(ended), np.uint64))
    require(np.array_equal(returns, ended["returns"]) and not plies.any(), "a rollout plays on after the end")
    return f"{len(ended)} ended games"


def _batches(sample: Sample) -> str:
    game, rows = sample.game, sample.pick(sample.few)
    positions, actions, seeds = sample.before[rows], sample.actions[rows], rows.astype(np.uint64)
    copy = positions.copy()
    whole = _everything(game, positions, actions, seeds)
    require(same(copy, positions), "the positions given as an argument were written to")
    for row in range(len(rows))[::-1]:
        one = slice(row, row + 1)
        alone = _everything(game, copy[one], actions[one], seeds[one])
        for name, array in whole.items():
            require(same(array[one], alone[name]), f"{name} of a row depends on the rows beside it")
    return f"{len(rows)} rows, together and alone"


def _everything(game: Game, positions: Positions, actions: Actions, seeds: Seeds) -> dict[str, npt.NDArray[Any]]:
    """The results, by method, of all that a game computes row by row."""
    last = len(game.action_symmetries) - 1
    returns, plies = game.rollout(positions, seeds)
    return {
        "step": game.step(positions, actions),
        "legal_actions": game.legal_actions(positions),
        "chance": game.chance(positions),
        "observe": game.observe(positions),
        "transform": game.transform(positions, last),
        "rollout": np.column_stack((returns, plies)),
    }


def _symmetries(sample: Sample) -> str:
    game, rows = sample.game, sample.pick(200)
    before, actions, after = sample.before[rows], sample.actions[rows], sample.after[rows]
    for k, images in enumerate(game.action_symmetries):
        mapped = game.transform(before, k)
        require(k or same(mapped, before), "symmetry 0 is not the identity")
        legal = game.legal_actions(mapped)[:, images]
        require(np.array_equal(legal, game.legal_actions(before)), f"symmetry {k} does not map the legal actions")
        moved = game.step(mapped, images[actions])
        require(same(moved, game.transform(after, k)), f"symmetry {k} does not commute with play")
        columns = (Counter(map(bytes, game.observe(p).reshape(len(rows), -1).T.copy())) for p in (before, mapped))
        require(next(columns) == next(columns), f"symmetry {k} does not permute the entries of the observation")
    return f"{len(game.action_symmetries)} symmetries, {len(rows)} moves"


def _forced(sample: Sample) -> str:
    """Verdicts and moves taken out agree with what two plies of play show."""
    game = sample.game
    if not isinstance(game, LiftedGame) or "forcing" not in game.rules:
        return "does not apply: no rule for forced moves"
    positions = sample.before[sample.pick(200)]
    verdicts, kept, _ = game.forced(positions)
    legal = game.legal_actions(positions)
    wins, threatened = np.zeros_like(legal), np.zeros_like(legal)
    rows, actions = legal.nonzero()
    after = game.step(positions[rows], actions)
    wins[rows, actions] = after["returns"][np.arange(len(after)), positions["to_play"][rows]] == 1
    answered, answers = game.legal_actions(after).nonzero()
    ends = game.step(after[answered], answers)
    lost = ends["returns"][np.arange(len(ends)), after["to_play"][answered]] == 1
    np.logical_or.at(threatened, (rows[answered[lost]], actions[answered[lost]]), True)
    truth = np.where(wins.any(axis=1), 1, np.where((threatened == legal).all(axis=1), -1, 0))
    for row in range(len(positions)):
        require(
            verdicts[row] == truth[row], f"verdict {verdicts[row]}, not {truth[row]}:\n{game.render(positions[row])}"
        )
    gone = (legal & ~kept)[truth == 0]
    require(not (kept & ~legal).any(), "illegal moves are kept")
    require(not (gone & ~threatened[truth == 0]).any(), "moves are taken out that do not lose at once")
    return f"{len(positions)} positions, {int(np.sum(truth != 0))} of them settled, {int(gone.sum())} moves taken out"


def _view(sample: Sample) -> str:
    """Whatever the observation hides about whose turn it is must not matter to the mover.

    Only `to_play` is changed. Where the observation stays the same, the network cannot tell the two positions apart,
    so one random game from both must give every player what the player before got.
    """
    game, rows = sample.game, sample.pick(200)
    if not isinstance(game, LiftedGame) or game.players == 1:
        return "does not apply: one player, or rules that are not lifted"
    positions = sample.before[rows][~awaits(game, sample.before[rows])]
    turned = positions.copy()
    turned["to_play"] = (turned["to_play"] + 1) % game.players
    hidden = np.all(game.observe(positions) == game.observe(turned), axis=(1, 2, 3)) & (positions["ply"] > 0)
    pair, rng = [positions[hidden], turned[hidden]], np.random.default_rng(sample.seed)
    for _ in range(10 * int(sample.last["ply"].max())):
        if pair[0]["terminal"].all():
            break
        require(
            np.array_equal(game.legal_actions(pair[0]), game.legal_actions(pair[1])),
            "the observation hides whose moves are legal",
        )
        live = pair[0]["terminal"] == 0
        actions = np.zeros(len(live), np.int64)
        actions[live] = random_actions(game, pair[0][live], rng)
        pair = [game.step(positions, actions) for positions in pair]
    rotated = np.array_equal(np.roll(pair[0]["returns"], 1, axis=1), pair[1]["returns"])
    require(rotated and pair[1]["terminal"].all(), "the observation is not from the mover's view")
    return f"{len(positions)} positions, {int(hidden.sum())} of them with interchangeable players"


PROPERTIES: dict[str, Callable[[Sample], str]] = {
    "terminates": _terminates,
    "header": _header,
    "returns": _returns,
    "observations": _observations,
    "chance": _chance,
    "legal actions": _legality,
    "terminal positions": _terminal,
    "independent rows": _batches,
    "symmetries": _symmetries,
    "forced moves": _forced,
    "mover's view": _view,
    "text": repeats.text,
    "seeds": repeats.seeds,
    "reload": repeats.reload,
    "replay": repeats.replay,
    "compiled = interpreted": repeats.jit,
}
"""The properties after "plays", by name, in the order of the report."""
