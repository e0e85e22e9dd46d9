from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from eval.records import Record
from eval.results import Results
from eval.transitivity import examine
from tests.eval.simulate import World


def _results(chances: dict[tuple[str, str], float], games: int = 60, seed: int = 0) -> Results:
    """Games in which the first of each pair wins with the given chance, each from an opening of its own."""
    rng = np.random.default_rng(seed)
    names = tuple(dict.fromkeys(itertools.chain(*chances)))
    records: list[Record] = []
    for (one, other), chance in chances.items():
        for number in range(games):
            for pair in ((one, other), (other, one)):
                won = 1.0 if (rng.random() < chance) == (pair[0] == one) else -1.0
                seats = tuple(names.index(name) for name in pair)
                records.append(
                    Record(
                        game="", agents=pair, seats=seats, round=number, seed=len(records), opening=1,
                        moves=(number, int(won > 0)), returns=(won, -won), costs=(),
                    )
                )  # fmt: skip
    return Results(game="", agents=names, records=tuple(records))


def test_rock_paper_scissors_is_a_cycle() -> None:
    found = examine(_results({("rock", "scissors"): 0.9, ("scissors", "paper"): 0.9, ("paper", "rock"): 0.9}))
    assert len(found.cycles) == 1
    cycle = found.cycles[0]
    start = cycle.index("rock")
    assert cycle[start:] + cycle[:start] == ("rock", "scissors", "paper")
    assert found.misfit is not None
    assert found.misfit < 1e-9
    assert found.caution is not None
    assert "1 cycles" in found.caution
    row, column = found.agents.index("rock"), found.agents.index("scissors")
    assert found.scores[row, column] == pytest.approx(0.9, abs=0.08)
    assert found.scores[row, column] + found.scores[column, row] == 1
    assert found.surprises[row, column] > 5


def test_alpha_rank_is_uniform_on_the_cycle_and_leaves_out_the_beaten() -> None:
    pytest.importorskip("open_spiel")
    chances = {("rock", "scissors"): 0.9, ("scissors", "paper"): 0.9, ("paper", "rock"): 0.9}
    chances |= {(name, "well"): 0.95 for name in ("rock", "scissors", "paper")}
    found = examine(_results(chances))
    assert found.alpha_rank is not None
    shares = dict(zip(found.agents, found.alpha_rank, strict=True))
    assert shares.pop("well") < 0.01
    assert list(shares.values()) == pytest.approx([1 / 3] * 3, abs=0.02)


def test_a_pool_that_ratings_describe_raises_no_alarm() -> None:
    alarms, misfits = 0, []
    for seed in range(40):
        elo = {"a": 300.0, "b": 200.0, "c": 50.0, "d": 0.0}
        chances = {
            (one, other): 1 / (1 + 10 ** ((elo[other] - elo[one]) / 400))
            for one, other in itertools.combinations(elo, 2)
        }
        found = examine(_results(chances, seed=seed))
        misfits.append(found.misfit or 0.0)
        alarms += found.caution is not None
    assert found.agents[0] in {"a", "b"}
    assert alarms <= 3
    assert 0.25 < np.median(misfits) < 0.8


def test_without_a_cycle_a_bad_fit_is_told() -> None:
    found = examine(_results({("a", "b"): 0.6, ("b", "c"): 0.6, ("a", "c"): 0.99}, games=400))
    assert found.cycles == []
    assert found.misfit is not None
    assert found.misfit < 0.01
    assert found.caution is not None
    assert "standard errors" in found.caution


def test_pairings_that_have_not_met_are_left_out() -> None:
    found = examine(_results({("a", "b"): 0.6, ("b", "c"): 0.6}))
    row, column = found.agents.index("a"), found.agents.index("c")
    assert np.isnan(found.scores[row, column])
    assert found.misfit is None
    assert found.alpha_rank is None
    three = replace(_results({("a", "b"): 0.6}), agents=("a", "b"))
    record = replace(three.records[0], agents=("a", "b", "c"), seats=(0, 1, 2), returns=(1.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="2 players only"):
        examine(replace(three, records=(record,)))


def test_expected_points_follow_the_model() -> None:
    # In a simulated world the share of points between two agents is what the ratings predict.
    from eval.rating import rate

    world = World(elo=(0, 150), advantage=60, draws=0.4)
    rng = np.random.default_rng(0)
    ratings = rate(world.play([(0, 1)], [20_000], rng))
    first = np.repeat([1, 0], 50_000)
    points = world.points(first, 1 - first, np.zeros(100_000), rng)
    share = np.mean(np.where(first == 1, points, 1 - points))
    assert ratings.expected("a1", "a0") == pytest.approx(share, abs=0.006)
    assert ratings.expected("a1", "a0") + ratings.expected("a0", "a1") == pytest.approx(1)
