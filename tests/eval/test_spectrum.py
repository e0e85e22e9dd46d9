"""The map of the spectrum: its pool, what is measured, what its words and its calibration make of known truths."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import games
from eval import labels
from eval.records import Cost, Record
from eval.spectrum import export, findings
from eval.spectrum.design import ANCHOR_ELO, Design, plan
from eval.spectrum.measure import measure
from eval.spectrum.positions import labelled, sample
from eval.spectrum.survey import Estimate, Spectrum, calibrate
from hybrid import agents
from hybrid.solve import solver
from tests.eval.maps import DIRECT, DOUBLING, NETWORK, mapped, run_folder, truth


@pytest.fixture(scope="module")
def spectrum(tmp_path_factory: pytest.TempPathFactory) -> Spectrum:
    """A map of known truth."""
    return mapped(tmp_path_factory.mktemp("map"))


def covers(estimate: Any, value: float) -> bool:
    return bool(estimate.low <= value <= estimate.high)


def test_places_that_are_one_agent_share_it(spectrum: Spectrum) -> None:
    pool = spectrum.pool
    assert len(pool.cells) == 3 * 5 * 3
    # A checkpoint: the network alone, 4, 8, 16, 64, 256 simulations and three at 0.75; beside them search alone, two
    # opponents, random play and three temperatures.
    assert len(pool.agents) == 3 * 9 + 3 + 2 + 4
    place = {(cell.generation, cell.position, cell.simulations): cell.agent for cell in pool.cells}
    assert len({place[8, 0.0, budget] for budget in (16, 64, 256)}) == 1
    assert place[8, 0.25, 256] == place[8, 0.5, 16]  # √256
    assert {place[generation, 1.0, 64] for generation in NETWORK} == {"mcts?simulations=64"}
    assert place[25, 0.75, 64].endswith("000025.safetensors?simulations=64&prior_weight=0.5&value_weight=0.5")


def test_everyone_meets_the_opponents_and_neighbours(spectrum: Spectrum) -> None:
    pool = spectrum.pool
    met = {frozenset((pool.agents[one], pool.agents[other])) for one, other in pool.pairings}
    assert len(met) == len(pool.pairings)
    for cell in pool.cells:
        for opponent in set(spectrum.design.opponents) - {cell.agent}:
            assert {cell.agent, opponent} in met
    place = {(cell.generation, cell.position, cell.simulations): cell.agent for cell in pool.cells}
    for one, other in (((8, 0.5, 16), (8, 0.5, 64)), ((8, 0.5, 16), (17, 0.5, 16)), ((25, 0.5, 64), (25, 0.75, 64))):
        assert {place[one], place[other]} in met
    assert {place[8, 0.75, 16], place[8, 0.75, 256]} not in met
    # The rungs of the ladder are rated by others, not by each other: softer moves of one network tell little of that.
    weak = [agent for level, agent in pool.rungs if level < 1.0]
    direct = {cell.agent for cell in pool.cells if cell.position == 1.0}
    assert all({one, other} in met for one in weak for other in direct.union(spectrum.design.opponents))
    assert [pair for pair in itertools.combinations(weak, 2) if set(pair) in met] == [(weak[0], weak[1])]


@pytest.mark.parametrize(("count", "expected"), [(1, [10]), (2, [5, 10]), (3, [3, 7, 10]), (20, list(range(1, 11)))])
def test_checkpoints_are_evenly_spaced_up_to_the_last(tmp_path: Path, count: int, expected: list[int]) -> None:
    folder = run_folder(tmp_path, tuple(range(11)))
    pool = plan(Design(game="tic_tac_toe", agent=str(folder), checkpoints=count, simulations=(2,)))
    assert sorted(pool.networks) == expected


def test_one_checkpoint_and_options_of_the_search(tmp_path: Path) -> None:
    file = run_folder(tmp_path) / "checkpoints" / "000017.safetensors"
    pool = plan(Design(game="tic_tac_toe", agent=f"{file}?c_puct=2.0", simulations=(4,), opponents=("random",)))
    assert list(pool.networks) == [17]
    assert all(cell.agent.startswith(str(file)) and cell.agent.endswith("c_puct=2.0") for cell in pool.cells)
    # Strength is calibrated for the agent as it is by itself.
    assert pool.rungs == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"game": "mnk:m=3,n=3,k=3,players=3"}, "game must be for 2 players"),
        ({"game": "connect_four"}, "is an agent for game 'tic_tac_toe'"),
        ({"agent": "random"}, "agent must be a run folder or a checkpoint, got 'random'"),
        ({"agent": "no/run"}, "unknown agent 'no/run'"),
        ({"agent": "{run}?dial=0.5&time=5ms"}, "agent must leave dial, time to the map"),
        ({"agent": "{run}?colour=1"}, "no option 'colour'"),
        ({"opponents": ("mcts", "nobody")}, "unknown agent 'nobody'"),
        ({"opponents": ("mcts", "mcts")}, "opponents must be at least one and differ"),
        ({"opponents": ()}, "opponents must be at least one and differ, got none"),
        ({"positions": (0.5, 0.0)}, "positions must be increasing"),
        ({"positions": (0.5, 1.5)}, "dial must be between 0 and 1, got 1.5"),
        ({"simulations": (0, 4)}, "simulations must be at least 1"),
        ({"simulations": ()}, "simulations must be increasing, at least one"),
        ({"checkpoints": 0}, "checkpoints must be at least 1, got 0"),
    ],
)
def test_refused_before_anything_is_played(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    run = str(run_folder(tmp_path, (1,)))
    arguments = {"game": "tic_tac_toe", "agent": run} | change
    arguments["agent"] = arguments["agent"].replace("{run}", run)
    with pytest.raises(ValueError, match=said):
        plan(Design(**arguments))


def test_estimates_cover_the_truth(spectrum: Spectrum) -> None:
    inside = [covers(spectrum.elo(spec), truth(spec)) for spec in spectrum.pool.agents]
    assert np.mean(inside) > 0.8
    assert spectrum.elo(spectrum.design.opponents[0]).value == ANCHOR_ELO
    assert spectrum.evaluations[spectrum.cell(25, 0.5, 64).agent] == 64.0
    assert spectrum.evaluations[spectrum.cell(25, 0.0, 64).agent] == 1.0
    assert spectrum.evaluations[spectrum.cell(25, 1.0, 64).agent] == 0.0


def test_words_tell_the_truth(spectrum: Spectrum) -> None:
    slope = findings.per_doubling(spectrum, 25, 0.5)
    direct = findings.per_doubling(spectrum, 25, 1.0)
    assert slope is not None
    assert direct is not None
    assert covers(slope, DOUBLING)
    assert covers(direct, DIRECT)
    assert findings.best(spectrum, 25, 256) == 0.5
    answers = {finding.question: finding for finding in findings.findings(spectrum)}
    assert len(answers) == 5
    assert "From 16 simulations on" in answers["When does search pay?"].answer
    assert "At every budget measured" in answers["When does the network pay?"].answer
    assert "does not certainly change" in answers["How does that move as training proceeds?"].answer
    # 1150 is what search alone has at 100 · 2^(150 / 90) simulations.
    worth = re.fullmatch(
        r"about [\d,]+ \((\d+) to (?:over )?(1,000)\)", findings.equivalent(spectrum, spectrum.pool.networks[25]) or ""
    )
    assert worth is not None
    assert int(worth[1]) < 100 * 2 ** (150 / 90)
    assert findings.equivalent(spectrum, "random") == "at most 16"


def told(
    spectrum: Spectrum, patch: pytest.MonkeyPatch, ratings: dict[str, float], certain: Callable[[str, str], float]
) -> Spectrum:
    """The map with these ratings, each known to 20 Elo, and differences that are known to `certain` of the two."""
    patch.setattr(Spectrum, "elo", lambda _, spec: Estimate(ratings[spec], ratings[spec] - 20, ratings[spec] + 20))

    def gain(_: Spectrum, spec: str, over: str) -> Estimate:
        value, half = ratings[spec] - ratings[over], certain(spec, over)
        return Estimate(value, value - half, value + half)

    patch.setattr(Spectrum, "gain", gain)
    return spectrum


LADDER = [f"mcts?simulations={budget}" for budget in (16, 64, 100, 256, 1000)]


@pytest.mark.parametrize(
    ("ratings", "half", "words"),
    [
        # Halfway between 100 and 256 on a logarithmic scale; the ladder is known no better than the agent.
        ((700, 900, 1000, 1200, 1400), 30, "about 160 (100 to 256)"),
        ((700, 900, 1000, 1200, 1400), 150, "about 160 (64 to 1,000)"),
        ((700, 900, 1000, 1200, 1400), 450, "about 160 (under 16 to over 1,000)"),
        # By chance 64 looks better than 256: the ladder has the mean of the three, 1090, up to 256.
        ((700, 1270, 1000, 1000, 1500), 150, "about 260 (16 to 1,000)"),
        # A row of sure budgets ends with the first that is not sure.
        ((700, 1150, 900, 1300, 1400), 60, "about 130 (16 to 256)"),
        ((1110, 1120, 1200, 1300, 1400), 30, "about 16 (under 16 to 100)"),
        ((500, 600, 700, 900, 1090), 30, "about 1,000 (256 to over 1,000)"),
        ((1200, 1250, 1300, 1350, 1400), 30, "at most 16"),
        ((500, 600, 700, 800, 900), 30, "at least 1,000"),
    ],
)
def test_simulations_are_as_uncertain_as_the_ladder_they_are_read_from(
    spectrum: Spectrum, monkeypatch: pytest.MonkeyPatch, ratings: tuple[float, ...], half: float, words: str
) -> None:
    agent = spectrum.pool.networks[25]
    known = dict(zip(LADDER, ratings, strict=True)) | {agent: 1100.0}
    assert findings.equivalent(told(spectrum, monkeypatch, known, lambda *_: half), agent) == words


@pytest.mark.parametrize(
    ("unsure", "said"),
    [
        ((), "From 16 simulations on; with 256 the newest network gains +100 Elo (50 to 150) over its own move."),
        ((16,), "From 64 simulations on; with 256 the newest network gains +100 Elo (50 to 150) over its own move."),
        ((64,), "At 16, 256 simulations; elsewhere the gain is not certain."),
        ((256,), "At 16, 64 simulations; elsewhere the gain is not certain."),
        (
            (16, 64, 256),
            "Not certainly at any budget measured: no interval of a gain over the network alone is above zero.",
        ),
    ],
)
def test_search_pays_from_a_budget_on_only_where_it_does_at_all_larger_ones(
    spectrum: Spectrum, monkeypatch: pytest.MonkeyPatch, unsure: tuple[int, ...], said: str
) -> None:
    known = dict.fromkeys(spectrum.pool.agents, 1000.0) | {spectrum.pool.networks[25]: 900.0}
    doubtful = {spectrum.cell(25, 0.5, budget).agent for budget in unsure}
    certain = told(spectrum, monkeypatch, known, lambda spec, _: 200.0 if spec in doubtful else 50.0)
    answers = {finding.question: finding.answer for finding in findings.findings(certain)}
    assert answers["When does search pay?"] == said


def test_an_agent_in_two_places_is_not_ahead_of_itself(tmp_path: Path) -> None:
    """At dial 0.25 and 0.5 a single simulation is the same agent."""
    spectrum = mapped(tmp_path, positions=(0.25, 0.5), simulations=(1, 16))
    newest = spectrum.generations[-1]
    spec = spectrum.cell(newest, 0.25, 1).agent
    assert spec == spectrum.cell(newest, 0.5, 1).agent
    gain = spectrum.gain(spec, spec)
    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)
    answers = {finding.question: finding for finding in findings.findings(spectrum)}
    assert [line.partition(":")[0] for line in answers["Where on the dial is the best place?"].details] == [
        "16 simulations"
    ]


def test_the_pareto_front_is_what_nothing_faster_beats(spectrum: Spectrum) -> None:
    specs = {cell.agent for cell in spectrum.pool.cells if cell.generation == 25}
    beaten = {
        one
        for one, other in itertools.permutations(specs, 2)
        if spectrum.milliseconds(other) <= spectrum.milliseconds(one)
        and spectrum.elo(other).value >= spectrum.elo(one).value
    }
    assert set(findings.front(spectrum, 25)) == specs - beaten
    assert {row.agent for row in export.rows(spectrum) if row.pareto and row.generation == 25} == specs - beaten


@pytest.mark.parametrize(("seed", "strongest"), [(0, 4.0), (1, 9.0), (2, 7.0)])
def test_calibrations_rise_and_stay_near_what_was_measured(tmp_path: Path, seed: int, strongest: float) -> None:
    # Few games: so that chance turns some of the ratings round.
    strength = calibrate(mapped(tmp_path, openings=2, seed=seed, checkpoints=1))
    assert strength is not None
    levels = [rung.level for rung in strength.rungs]
    assert levels[:5] == [0.0, 1 / 3, 0.5, 1 / 1.5, 1.0]
    assert levels[5:] == [1 + math.log2(budget) for budget in (4, 8, 16, 64, 256)]
    # Least squares: in each level stretch the calibration is the mean of what was measured, weighted by 1 / variance.
    for elo, stretch in itertools.groupby(strength.rungs, key=lambda rung: rung.elo):
        members = list(stretch)
        weights = [(rung.high - rung.low) ** -2 for rung in members]
        assert np.average([rung.measured for rung in members], weights=weights) == pytest.approx(elo)
    low, high = strength.range
    assert low < ANCHOR_ELO < high
    found = [strength.level(elo) for elo in np.linspace(low, high, 200)]
    assert found == sorted(found)
    # The cheapest of those that are equally strong: by chance 8 and 64 simulations look no worse than 256 to two seeds.
    assert strongest == next(rung.level for rung in strength.rungs if rung.elo == high)
    assert (found[0], found[-1]) == (0.0, strongest)


def test_measurements_agree_with_the_agents_own(tmp_path: Path) -> None:
    game = games.load("tic_tac_toe")
    design = Design(
        game="tic_tac_toe", agent=str(run_folder(tmp_path, (1, 2))), positions=(0.0, 0.5, 1.0), simulations=(8,),
        checkpoints=2, opponents=("random",),
    )  # fmt: skip
    pool = plan(design)
    positions = game.step(game.initial(9), np.arange(9))
    known = labels.label(game, positions, solver(game))
    found = measure(pool, positions, known, tmp_path / "measured.json")
    assert set(found) == set(pool.agents)
    place = {(cell.generation, cell.position): cell.agent for cell in pool.cells}
    assert found[place[1, 0.0]].gaps == {}
    assert set(found[place[1, 0.5]].gaps) == {1}
    assert set(found["mcts?simulations=8"].gaps) == {1, 2}
    agent = agents.load(place[1, 0.5], game)
    seeds = np.random.default_rng(0).integers(2**63, size=9).astype(np.uint64)
    gap = agent.decide(positions, seeds).gap
    assert gap is not None
    assert found[place[1, 0.5]].gaps[1][0] == pytest.approx(gap.mean(), rel=1e-4)
    assert all(one.milliseconds > 0 and one.truth is not None and one.truth.positions == 9 for one in found.values())
    # Every first move of tic-tac-toe draws, and so do some replies to it, but not all.
    assert known.critical.all()


def test_what_was_measured_is_kept_and_a_damaged_file_is_not_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    game = games.load("tic_tac_toe")
    design = Design(
        game="tic_tac_toe", agent=str(run_folder(tmp_path, (1,))), positions=(0.5,), simulations=(4,), checkpoints=1,
        opponents=("random",),
    )  # fmt: skip
    pool, path = plan(design), tmp_path / "measured.json"
    path.write_text("{", encoding="utf-8")
    first = measure(pool, game.initial(2), None, path)
    with monkeypatch.context() as patch:
        patch.setattr("hybrid.agents.load", lambda *_: pytest.fail("an agent was measured again"))
        assert measure(pool, game.initial(2), None, path) == first
        patch.setattr("eval.spectrum.measure.PLAY_VERSION", 1_000)
        with pytest.raises(pytest.fail.Exception, match="measured again"):
            measure(pool, game.initial(2), None, path)
    told: list[tuple[int, int]] = []
    measure(pool, game.initial(1), None, path, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(pool.agents), len(pool.agents))


def record(moves: tuple[int, ...], number: int = 0) -> Record:
    """A game of tic-tac-toe whose first two moves were given."""
    return Record(
        game="tic_tac_toe", agents=("a", "b"), seats=(0, 1), round=number, seed=sum(moves), opening=2, moves=moves,
        returns=(1.0, -1.0), costs=(Cost(), Cost()),
    )  # fmt: skip


def test_positions_come_from_the_first_games_after_their_openings() -> None:
    game = games.load("tic_tac_toe")
    records = [record((0, 3, 1, 4, 2)), record((0, 3, 1, 4, 8, 5))]
    positions = sample(game, records, seed=0)
    # After 2, 3 and 4 plies, and after 5 of the second game, which goes on.
    assert sorted(positions["ply"].tolist()) == [2, 3, 4, 5]
    assert sample(game, [*records, record((8, 7, 6), 1)], seed=0).tobytes() == positions.tobytes()
    assert len(sample(game, records, seed=0, count=3)) == 3


def test_the_truth_is_known_of_critical_positions_only() -> None:
    game = games.load("tic_tac_toe")
    positions = sample(game, [record((0, 3, 1, 4, 2)), record((0, 3, 1, 4, 8, 5))], seed=0)
    known = labelled(game, positions, seed=0)
    assert known is not None
    assert known.critical.all()
    assert set(known.positions["ply"].tolist()) <= {2, 3, 4, 5}
    four = games.load("connect_four")
    bundled = labelled(four, four.initial(), seed=0, count=50)
    assert bundled is not None
    assert len(bundled) == 50
    assert bundled.critical.all()
    go = games.load("go:size=5")
    assert labelled(go, go.initial(), seed=0) is None


def test_networks_by_themselves_are_in_every_pool(tmp_path: Path) -> None:
    narrow = mapped(tmp_path, positions=(0.5,), simulations=(64,), checkpoints=2, openings=4)
    assert narrow.generations == [17, 25]  # of 8, 17 and 25: nearest to 12.5, and the last
    for network in narrow.pool.networks.values():
        assert narrow.elo(network).low <= truth(network) + 100
    questions = [finding.question for finding in findings.findings(narrow)]
    assert questions == ["When does search pay?", "How does that move as training proceeds?"]


def test_a_busy_machine_is_told_of(spectrum: Spectrum) -> None:
    assert spectrum.cautions == []
    disturbed = {spec: replace(one, processor=one.processor / 2) for spec, one in spectrum.measured.items()}
    (caution,) = replace(spectrum, measured=disturbed).cautions
    assert "a processor 50% of the time" in caution


@pytest.mark.parametrize(
    "narrow",
    [
        lambda one: replace(one, design=replace(one.design, positions=(0.0, 1.0))),
        lambda one: replace(one, design=replace(one.design, positions=(0.5,), simulations=(64,))),
    ],
)
def test_questions_without_their_places_are_left_out(
    spectrum: Spectrum, narrow: Callable[[Spectrum], Spectrum]
) -> None:
    assert len(findings.findings(narrow(spectrum))) < 5
