"""The conformance suite accepts the games of this package and catches one deliberate fault per property."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import games
from games import LiftedGame, Positions, lift
from games.check import check
from games.properties import PROPERTIES


def verdicts(game: games.Game | str, **options: Any) -> dict[str, bool]:
    return {finding.property: finding.ok for finding in check(game, **options)}


@pytest.mark.parametrize(
    "spec",
    [
        "connect_four",
        "tic_tac_toe",
        "mnk:m=4,n=3,k=3,players=3",
        "hex:size=3,swap=True",
        "go:size=3",
        "pig:target=12,max_plies=60",
    ],
)
def test_our_games_conform(spec: str) -> None:
    findings = check(spec, games=8)
    assert [finding for finding in findings if not finding.ok] == []
    assert [finding.property for finding in findings] == ["plays", *PROPERTIES]


@pytest.mark.full
@pytest.mark.parametrize("spec", ["connect_four:rows=5,columns=6", "othello", "hex", "breakthrough", "go", "mnk"])
def test_our_larger_games_conform(spec: str) -> None:
    assert all(verdicts(spec).values())


def race(**changes: Any) -> LiftedGame:
    """A sound small game, with some of its rules replaced: in turn advance one or two squares; who reaches 5 wins."""

    def play(s: Any, a: int) -> None:
        mover = s.to_play
        s.at[mover] += a + 1
        s.ply += 1
        s.to_play = 1 - mover
        if s.at[mover] >= 5:
            s.terminal = 1
            s.returns[mover] = 1
            s.returns[1 - mover] = -1

    def legal(s: Any, mask: Any) -> None:
        mask[0] = True
        mask[1] = s.at[s.to_play] < 4

    def observe(s: Any, planes: Any) -> None:
        planes[0, 0, s.at[s.to_play]] = 1
        planes[1, 0, s.at[1 - s.to_play]] = 1

    rules: dict[str, Any] = {"play": play, "legal": legal, "observe": observe}
    rules |= {"num_actions": 2, "observation_shape": (2, 1, 6), "fields": [("at", "u1", (2,))]}
    return lift("race", **(rules | changes))


def near_the_end(s: Any, mask: Any, weights: Any) -> int:
    """The rule `forcing` of the race: from 3 on a step of two wins, and one must not let the opponent do it."""
    if s.at[s.to_play] >= 3:
        return 1
    return -1 if s.at[1 - s.to_play] >= 3 else 0


def test_the_sound_race_conforms() -> None:
    assert all(verdicts(race()).values())
    findings = {finding.property: finding.message for finding in check(race(forcing=near_the_end))}
    assert re.fullmatch(r"\d+ positions, [1-9]\d* of them settled, 0 moves taken out", findings["forced moves"])


def never_ends(s: Any, a: int) -> None:
    s.ply += 1
    s.to_play = 1 - s.to_play
    s.at[s.to_play] = a


def keeps_the_ply(s: Any, a: int) -> None:
    mover = s.to_play
    s.at[mover] += a + 1
    s.to_play = 1 - mover
    if s.at[mover] >= 5:
        s.terminal = 1
        s.returns[mover] = 1
        s.returns[1 - mover] = -1


def both_win(s: Any, a: int) -> None:
    mover = s.to_play
    s.at[mover] += a + 1
    s.ply += 1
    s.to_play = 1 - mover
    if s.at[mover] >= 5:
        s.terminal = 1
        s.returns[:] = 1


def pays_early(s: Any, a: int) -> None:
    mover = s.to_play
    s.at[mover] += a + 1
    s.ply += 1
    s.to_play = 1 - mover
    s.returns[mover] = 1
    s.returns[1 - mover] = -1
    s.terminal = s.at[mover] >= 5


def nothing_when_behind(s: Any, mask: Any) -> None:
    mask[:] = s.at[s.to_play] + 2 > s.at[1 - s.to_play]


def first_players_view(s: Any, planes: Any) -> None:
    planes[0, 0, s.at[0]] = 1
    planes[1, 0, s.at[1]] = 1


def sees_what_is_no_number(s: Any, planes: Any) -> None:
    planes[0, 0, s.at[s.to_play]] = 1
    planes[1, 0, s.at[1 - s.to_play]] = np.nan


def sees_no_win(s: Any, mask: Any, weights: Any) -> int:
    return 0


def sees_wins_too_early(s: Any, mask: Any, weights: Any) -> int:
    return 1 if s.at[s.to_play] >= 2 else near_the_end(s, mask, weights)


def drops_a_sound_move(s: Any, mask: Any, weights: Any) -> int:
    if s.at[0] + s.at[1] == 0:
        mask[0] = False
    return 1 if s.at[s.to_play] >= 3 else -1 if s.at[1 - s.to_play] >= 3 else 0


def keeps_an_illegal_move(s: Any, mask: Any, weights: Any) -> int:
    mask[:] = True
    return 1 if s.at[s.to_play] >= 3 else -1 if s.at[1 - s.to_play] >= 3 else 0


def swap_players(s: Any, k: int, t: Any) -> None:
    t.at[0] = s.at[1]
    t.at[1] = s.at[0]


@pytest.mark.parametrize(
    ("broken", "property"),
    [
        (race(play=never_ends), "terminates"),
        (race(play=keeps_the_ply), "header"),
        (race(play=both_win), "returns"),
        (race(play=pays_early), "returns"),
        (race(legal=nothing_when_behind), "plays"),
        (race(observe=first_players_view), "mover's view"),
        (race(observe=sees_what_is_no_number), "observations"),
        (race(forcing=sees_no_win), "forced moves"),
        (race(forcing=sees_wins_too_early), "forced moves"),
        (race(forcing=drops_a_sound_move), "forced moves"),
        (race(forcing=keeps_an_illegal_move), "forced moves"),
        (race(symmetries=2, transform=swap_players, transform_action=lambda a, k: a), "symmetries"),
        (
            race(symmetries=2, transform=lambda s, k, t: None, transform_action=lambda a, k: 1 - a if k else a),
            "symmetries",
        ),
        (race(action_name=lambda a: "move"), "text"),
        (race(render=lambda s: f"{s.at} {s.ply}", parse=lambda board, s: None), "text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_rule_is_found(broken: LiftedGame, property: str) -> None:
    assert verdicts(broken, max_plies=100)[property] is False


def lottery(**changes: Any) -> LiftedGame:
    """A sound game of chance, with some of its rules replaced: each player draws a number; who draws a 2 wins."""

    def play(s: Any, a: int) -> None:
        s.ply += 1
        s.turn = 1 - s.turn if a != 0 else s.turn
        s.to_play = 2 if a == 0 else s.turn
        if a == 2:
            s.to_play = 1 - s.turn
            s.terminal = 1
            s.returns[1 - s.turn] = 1
            s.returns[s.turn] = -1

    def legal(s: Any, mask: Any) -> None:
        mask[0] = s.to_play < 2
        mask[1] = mask[2] = s.to_play == 2

    def observe(s: Any, planes: Any) -> None:
        planes[0, 0, s.to_play] = 1

    def chance(s: Any, probabilities: Any) -> None:
        probabilities[1] = 0.75
        probabilities[2] = 0.25

    rules: dict[str, Any] = {"play": play, "legal": legal, "observe": observe, "chance": chance}
    rules |= {"num_actions": 3, "observation_shape": (1, 1, 2), "fields": [("turn", "u1")]}
    return lift("lottery", **(rules | changes))


def test_the_sound_lottery_conforms() -> None:
    assert [finding for finding in check(lottery()) if not finding.ok] == []


def too_little(s: Any, probabilities: Any) -> None:
    probabilities[1] = 0.75
    probabilities[2] = 0.2


def less_than_nothing(s: Any, probabilities: Any) -> None:
    probabilities[1] = 1.25
    probabilities[2] = -0.25


def never_a_two(s: Any, probabilities: Any) -> None:
    probabilities[1] = 1.0


def again(s: Any, a: int) -> None:
    s.ply += 1
    s.to_play = 2
    if a == 2:
        s.to_play = 0
        s.terminal = 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chance": too_little}, "probabilities sum to"),
        ({"chance": less_than_nothing}, "not the legal ones"),
        ({"chance": never_a_two}, "not the legal ones"),
        ({"play": again}, "leads to another chance node"),
    ],
)
def test_unsound_chance_is_found(changes: dict[str, Any], message: str) -> None:
    findings = {finding.property: finding for finding in check(lottery(**changes), max_plies=200)}
    if "chance" in findings:
        assert not findings["chance"].ok
        assert message in findings["chance"].message
    else:
        assert not findings["terminates"].ok


class Lenient(LiftedGame):
    """Plays the lowest legal action instead of an illegal one."""

    def step(self, positions: Positions, actions: Any) -> Positions:
        legal = self.legal_actions(positions)
        chosen = np.clip(actions, 0, self.num_actions - 1)
        illegal = ~legal[np.arange(len(legal)), chosen]
        return super().step(positions, np.where(illegal, np.argmax(legal, axis=1), chosen))


class Restless(LiftedGame):
    """Goes on counting plies after the end."""

    def step(self, positions: Positions, actions: Any) -> Positions:
        after = super().step(positions, actions)
        after["ply"] += positions["terminal"]
        return after


class Scribbler(LiftedGame):
    """Writes to its argument."""

    def observe(self, positions: Positions) -> Any:
        planes = super().observe(positions)
        positions["at"] = 0
        return planes


class Gossip(LiftedGame):
    """A row's observation depends on the batch."""

    def observe(self, positions: Positions) -> Any:
        return super().observe(positions) + np.float32(len(positions))


class Unseeded(LiftedGame):
    """Ignores the seeds of rollouts."""

    def rollout(self, positions: Positions, seeds: Any) -> Any:
        return super().rollout(positions, np.zeros_like(seeds))


class Impostor(LiftedGame):
    """Pickled, it becomes another game."""

    def __reduce__(self) -> Any:
        return games.load, ("tic_tac_toe",)


@pytest.mark.parametrize(
    ("kind", "property"),
    [
        (Lenient, "legal actions"),
        (Restless, "terminal positions"),
        (Scribbler, "independent rows"),
        (Gossip, "independent rows"),
        (Unseeded, "seeds"),
        (Impostor, "reload"),
    ],
)
def test_a_broken_method_is_found(kind: type[LiftedGame], property: str) -> None:
    sound = race()
    fields = {name: getattr(sound, name) for name in LiftedGame.__dataclass_fields__}
    assert verdicts(kind(**(fields | {"spec": "connect_four"})), max_plies=100)[property] is False


OVERFLOW = """
from games import lift


def make():
    def play(s, a):
        s.small += 200
        s.ply += 1
        s.terminal = (s.small + s.small) // 2 == s.small  # 200 + 200 wraps to 144 in numpy's bytes, not in numba

    def legal(s, mask):
        mask[0] = True

    def observe(s, planes):
        planes[0, 0, 0] = s.ply

    return lift("overflow", num_actions=1, observation_shape=(1, 1, 1), fields=[("small", "u1")], play=play,
                legal=legal, observe=observe, players=1)
"""


def test_a_rule_that_means_another_thing_compiled_is_found(tmp_path: Path) -> None:
    path = tmp_path / "overflow.py"
    path.write_text(OVERFLOW)
    found = verdicts(str(path))
    assert found["compiled = interpreted"] is False
    assert found["header"]


def test_rules_that_write_past_the_end_are_found_before_they_are_compiled(tmp_path: Path) -> None:
    """Compiled, they may end the process."""
    path = tmp_path / "beyond.py"
    path.write_text(OVERFLOW.replace("planes[0, 0, 0] = s.ply", "planes[0, 0, 40 + s.ply] = 1"))
    (finding,) = check(str(path))
    assert (finding.property, finding.ok) == ("plays", False)
    assert "IndexError: index 40 is out of bounds" in finding.message


def test_findings_say_what_happened() -> None:
    (finding,) = [finding for finding in check(race(play=keeps_the_ply)) if finding.property == "header"]
    assert finding.message == "ply changes by [0] in one move, not by 1"
    with pytest.raises(ValueError, match="games must be at least 1, got 0"):
        check("tic_tac_toe", games=0)


def test_impartial_games_need_not_show_whose_turn_it_is() -> None:
    """Where both players have the same moves and prospects, one observation for both is the mover's view."""

    def play(s: Any, a: int) -> None:
        s.taken += a + 1
        s.ply += 1
        if s.taken >= 5:
            s.terminal = 1
            s.returns[s.to_play] = 1
            s.returns[1 - s.to_play] = -1
        s.to_play = 1 - s.to_play

    def legal(s: Any, mask: Any) -> None:
        mask[0] = True
        mask[1] = s.taken < 4

    def observe(s: Any, planes: Any) -> None:
        planes[0, 0, s.taken] = 1

    heap = race(play=play, legal=legal, observe=observe, fields=[("taken", "u1")], observation_shape=(1, 1, 6))
    assert verdicts(heap)["mover's view"]


def test_a_sample_of_another_seed_is_other_games() -> None:
    messages = {check(replace(race(), spec=""), seed=seed)[0].message for seed in range(4)}
    assert len(messages) > 1
