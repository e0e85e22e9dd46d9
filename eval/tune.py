"""Tuning the dial: which setting plays best when every move costs the same, and what it gains. `hybrid tune` in Python.

The search (`eval.tuning.loop`) proposes; a match on fresh openings against dial 0.5 then decides, and more matches
measure the gain over dials 0 and 1. Everything played is in the run folder, and a second call goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.match import Match
from eval.records import Record
from eval.tuning.loop import Duel, Found, Step, optimise
from eval.tuning.matches import Matches, Setup
from eval.tuning.plan import Place, Plan, place_of
from eval.tuning.space import Floats, Space
from games import load as load_game
from games.rules import Game
from hybrid import agents, checkpoint, tuned
from hybrid.search_config import SearchConfig
from hybrid.tuned import Options, Setting

__all__ = ["DIALS", "Gain", "Place", "Plan", "Tuning", "options_of", "place_of", "run"]

_RATIO = SearchConfig.c_rollout / SearchConfig.c_puct
DIALS = (0.0, 0.5, 1.0)
"""The dials that the tuned one is compared with."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How the recommended dial did against dial `dial`, at the same cost per move unless that is 0.

    Attributes:
        dial: the opponent's.
        match: the games, from the recommended dial's view; None where both are the same agent.
    """

    dial: float
    match: Match | None

    @property
    def elo(self) -> tuple[float, float, float]:
        """The gain and the ends of its 95 % interval."""
        return (0.0, 0.0, 0.0) if self.match is None else (self.match.elo, *self.match.elo_ci95)


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What came out.

    Attributes:
        plan: what was asked.
        file: the checkpoint.
        found: the search; its proposal is `found.point`.
        proposed: the proposal as options of an agent's spec.
        trial: the match of the proposal against dial 0.5; None where it is dial 0.5.
        options: the recommendation as options: the proposal, or dial 0.5 where the proposal lost the trial.
        gains: the recommendation against dials 0, 0.5 and 1.
    """

    plan: Plan
    file: Path
    found: Found
    proposed: Options
    trial: Match | None
    options: Options
    gains: tuple[Gain, ...]

    @property
    def spec(self) -> str:
        """The recommended agent, budget included."""
        path, _, query = self.plan.agent.partition("?")
        key, value = self.plan.budget.option
        chosen = "&".join(f"{name}={setting}" for name, setting in self.options)
        return f"{path}?{f'{query}&' if query else ''}{key}={value}&{chosen}"

    @property
    def verdict(self) -> str:
        """Whether the tuned dial beats dial 0.5, in a sentence."""
        if self.trial is None:
            return "Dial 0.5 is itself the best that was found."
        low, high = self.trial.elo_ci95
        measured = f"{self.trial.elo:+.0f} Elo ({low:+.0f} to {high:+.0f}) over {len(self.trial.games)} games"
        if self.options != self.proposed:
            return f"The best that was found did not beat dial 0.5 ({measured}): dial 0.5 stays."
        if low > 0.0:
            return f"It beats dial 0.5 at the same cost: {measured}."
        return f"It is not shown to beat dial 0.5 at the same cost: {measured}."

    def setting(self) -> Setting:
        """What the agent's spec with `dial=tuned` is to read."""
        elo = self.gains[DIALS.index(0.5)].elo
        bounded: list[float | None] = [value if abs(value) < float("inf") else None for value in elo]
        return Setting(
            checkpoint=self.file.name,
            digest=checkpoint.digest_of(self.file),
            budget=str(self.plan.budget),
            own=self.plan.own,
            axes=self.plan.axes,
            options=self.options,
            games=self.found.steps[-1].games,
            elo=bounded[0],
            low=bounded[1],
            high=bounded[2],
        )


def run(
    plan: Plan,
    *,
    progress: Callable[[Step], None] | None = None,
    game_over: Callable[[Record], None] | None = None,
) -> Tuning:
    """Search, confirm and save; what an earlier call with the same plan has played is not played again.

    Args:
        plan: what to tune.
        progress: called after each batch of the search.
        game_over: called after each game.

    Raises:
        ValueError: an argument does not fit, or the games' file cannot be used.
    """
    game, place, space = load_game(plan.game), place_of(plan), Space.of(plan.axes)
    _check(plan, game, place)
    place.folder.mkdir(parents=True, exist_ok=True)
    setup = Setup(
        game=game,
        file=place.file,
        common=(*agents.parse_spec(plan.agent, game).options, plan.budget.option),
        store=place.store,
        seed=plan.seed,
        opening_plies=plan.opening_plies,
        concurrent=plan.concurrent,
    )
    with Matches(setup, game_over) as matches:
        tuning = _tune(plan, place, space, matches, progress)
    tuned.save(place.settings, tuning.setting())
    return tuning


def _check(plan: Plan, game: Game, place: Place) -> None:
    """Find mistakes before the first game."""
    if game.players != 2:
        raise ValueError(f"game must be for two players to tune by matches, {plan.game} is for {game.players}")
    if place.settings.is_file():
        tuned.read(place.settings)
    given = agents.parse_spec(plan.agent, game).options
    key, value = plan.budget.option
    options = "&".join(f"{name}={setting}" for name, setting in (*given, (key, value)))
    agents.load(f"{place.file}?{options}", game)


def _tune(plan: Plan, place: Place, space: Space, matches: Matches, progress: Callable[[Step], None] | None) -> Tuning:
    """Search, try the proposal against dial 0.5, and measure the gains of what is recommended."""

    def objective(duels: Sequence[Duel]) -> list[Floats]:
        return matches.scores(lambda number: options_of(space, space.candidates[number]), duels)

    found = optimise(
        space,
        objective,
        seed=plan.seed,
        games=plan.games,
        precision=plan.precision,
        jump=True,
        progress=progress,
    )
    usual = options_of(space, space.candidates[0])
    proposed = options_of(space, found.point)
    trial = None if proposed == usual else matches.match(proposed, usual, plan.confirm)
    options = usual if trial is not None and trial.score < 0.5 else proposed
    gains = (
        Gain(dial=0.0, match=matches.match(options, (("dial", "0"),), plan.confirm)),
        Gain(dial=0.5, match=None if options == usual else trial),
        Gain(
            dial=1.0,
            match=None if _is_direct(options) else matches.match(options, (("dial", "1"),), plan.confirm),
        ),
    )
    return Tuning(
        plan=plan,
        file=place.file,
        found=found,
        proposed=proposed,
        trial=trial,
        options=options,
        gains=gains,
    )


def options_of(space: Space, point: Floats) -> Options:
    """The dial at `point` `[d]` of `space` as options of an agent's spec.

    c_rollout keeps its ratio to c_puct, so that this axis sets how much is explored wherever the other axes stand.
    """
    values = space.values(point)
    if "c_puct" in values:
        values["c_rollout"] = _RATIO * values["c_puct"]
    return tuple((name, f"{value:.4g}") for name, value in values.items())


def _is_direct(options: Options) -> bool:
    """Whether these options make the same agent as dial 1."""
    given = {name: float(value) for name, value in options}
    weights = (
        (given["dial"] == 1.0) if "dial" in given else given.get("prior_weight") == given.get("value_weight") == 0.0
    )
    return weights and given.get("c_rollout", SearchConfig.c_rollout) == SearchConfig.c_rollout
