"""The loop: it learns, says what it does, refuses what would lose data, and survives being killed."""

from __future__ import annotations

import json
import pickle
import random
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

import games
from eval.labels import label
from eval.match import play
from games import Game
from hybrid import agents, checkpoint
from hybrid.checkpoint import Checkpoint, path_of
from hybrid.dial import Dial
from hybrid.runtime import Backend
from hybrid.solve import ExhaustiveSolver
from tests.training.conftest import TINY
from tests.training.test_replay import Payload
from tests.training.test_workers import gone
from training import state
from training.config import Config, LaterConfig, to_json
from training.evaluation import history
from training.learner import Learner
from training.loop import resume, train
from training.playing import PlayedGame
from training.progress import Observer, Report
from training.replay import sample_dtype
from training.tensorboard import boards


class Recorder(Observer):
    """Keeps what it is told, and interrupts where it is asked to."""

    def __init__(self, interrupt: tuple[int, str] | None = None) -> None:
        self.start = -1
        self.games: list[tuple[int, int]] = []
        self.phases: list[tuple[int, str]] = []
        self.reports: list[Report] = []
        self._interrupt = interrupt

    def started(self, game: Game, config: Config, run: Path, generation: int) -> None:
        self.start = generation

    def game_played(self, generation: int, game: PlayedGame) -> None:
        self.games.append((generation, game.number))

    def phase(self, generation: int, name: str) -> None:
        self.phases.append((generation, name))
        if (generation, name) == self._interrupt:
            raise KeyboardInterrupt

    def generation_done(self, report: Report) -> None:
        self.reports.append(report)


def outcome(run: Path) -> dict[str, bytes]:
    """Everything of a run that must not depend on interruptions: all files but event files and the lock."""
    files = [path for path in run.rglob("*") if path.is_file() and "events" not in path.parts and path.name != ".lock"]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def scalars(run: Path, tag: str) -> list[tuple[int, float]]:
    """What TensorBoard shows, by steps: files begun within one second are not always read in their order."""
    events = EventAccumulator(str(run / "events"))
    events.Reload()
    return sorted((event.step, event.value) for event in events.Scalars(tag))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recorder]:
    """An uninterrupted tiny run, and what its observer heard."""
    from tests.training.conftest import TINY

    recorder, run = Recorder(), tmp_path_factory.mktemp("reference") / "run"
    train(games.load("tic_tac_toe"), replace(TINY, workers=0), run, recorder)
    return run, recorder


def test_a_run_folder_holds_what_it_should(reference: tuple[Path, Recorder], alone: Config) -> None:
    run, _ = reference
    assert {path.name for path in run.iterdir()} == {
        *("config.json", "checkpoints", "state", "events", "matches.jsonl", ".lock")
    }
    assert [path.name for path in sorted((run / "checkpoints").iterdir())] == [
        f"00000{n}.safetensors" for n in range(5)
    ]
    assert {path.name for path in (run / "state").iterdir()} == {"000003", "000004"}
    stored = json.loads((run / "config.json").read_text())
    assert stored["game"] == "tic_tac_toe"
    assert stored["config"] == to_json(alone) | {"evaluation": to_json(alone)["evaluation"] | {"anchors": ["random"]}}
    final = checkpoint.load(run, games.load("tic_tac_toe"))
    assert final.generation == 4
    assert final.ranges is not None
    matches = [json.loads(line) for line in (run / "matches.jsonl").read_text().splitlines()]
    assert [(one["generation"], one["opponent"]) for one in matches] == [(2, "random"), (4, "random")]


def test_the_observer_hears_everything(reference: tuple[Path, Recorder]) -> None:
    _, recorder = reference
    assert recorder.start == 0
    assert sorted(recorder.games) == [(generation, number) for generation in range(1, 5) for number in range(12)]
    # The generations between the first and the last are learned from while the next one is played.
    phases = {1: ("self-play", "learning", "evaluation"), 4: ("self-play", "learning", "evaluation")}
    expected = [(g, name) for g in range(1, 5) for name in phases.get(g, ("self-play", "evaluation"))]
    assert recorder.phases == expected
    assert [report.generation for report in recorder.reports] == [1, 2, 3, 4]
    assert recorder.reports[-1].seconds_left == 0
    for report in recorder.reports:
        play = report.self_play
        assert play.games == 12
        assert 0 < play.distinct <= play.positions <= 12 * 9
        assert 0 < play.opening_diversity <= 1
        assert 5 <= play.length <= 9
        assert 0 <= play.first_wins <= 1 - play.draws
        assert play.simulations >= play.evaluations > 0
        assert play.simulations_per_second == pytest.approx(play.simulations / play.seconds)
        assert 0 < report.losses.entropy <= np.log(9)
        assert len(report.matches) == (report.generation % 2 == 0)
    assert [report.learning_rate for report in recorder.reports][::3] == pytest.approx([2e-3, 1e-4])


def test_tensorboard_shows_every_generation(reference: tuple[Path, Recorder]) -> None:
    run, recorder = reference
    measured = [value for _, value in scalars(run, "speed/simulations_per_second")]
    assert measured == pytest.approx([r.self_play.simulations_per_second for r in recorder.reports], rel=1e-5)
    for tag in (
        "loss/policy",
        "loss/value",
        "policy/entropy",
        "policy/amortisation_gap",
        "games/length",
        "games/draws",
    ):
        assert [step for step, _ in scalars(run, tag)] == [1, 2, 3, 4]
    assert [step for step, _ in scalars(run, "replay/age")] == [1, 2, 3, 4]
    assert [step for step, _ in scalars(run, "elo/random")] == [2, 4]
    events = EventAccumulator(str(run / "events"))
    events.Reload()
    image = events.Images("self_play")[-1]
    assert image.width > image.height > 50


def test_pictures_of_long_games_stay_small() -> None:
    game = games.load("go:size=9")
    samples = np.zeros(3, sample_dtype(game))
    samples["position"]["ply"] = 100, 150, 160
    assert all(side < 3000 for side in boards(game, samples).shape)


def test_so_does_one_that_learns_in_sixteen_bits(tmp_path: Path, alone: Config) -> None:
    game = games.load("tic_tac_toe")
    config = replace(alone, generations=2, learner=replace(alone.learner, precision="bfloat16"))
    train(game, config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(game, config, tmp_path / "broken", Recorder((2, "evaluation")))
    resume(tmp_path / "broken")
    assert outcome(tmp_path / "whole") == outcome(tmp_path / "broken")


@pytest.mark.parametrize("moment", [(1, "self-play"), (2, "evaluation"), (4, "learning")])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    moment: tuple[int, str], reference: tuple[Path, Recorder], tmp_path: Path, alone: Config
) -> None:
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(games.load("tic_tac_toe"), alone, run, Recorder(moment))
    recorder = Recorder()
    resume(run, recorder)
    assert recorder.start == moment[0] - 1
    assert outcome(run) == outcome(reference[0])
    steps = [step for step, _ in scalars(run, "loss/policy")]
    assert steps == [1, 2, 3, 4]


def test_a_finished_run_stays_as_it_is(reference: tuple[Path, Recorder]) -> None:
    run, _ = reference
    before = outcome(run)
    recorder = Recorder()
    assert resume(run, recorder) == checkpoint.find(run)
    assert recorder.start == 4
    assert recorder.phases == []
    assert outcome(run) == before


def test_training_into_a_run_is_refused(reference: tuple[Path, Recorder], alone: Config) -> None:
    run, _ = reference
    before = outcome(run)
    with pytest.raises(ValueError, match="exists already: resume it, or choose another"):
        train(games.load("tic_tac_toe"), alone, run)
    assert outcome(run) == before


def test_a_hostile_agent_runs_nothing_and_is_left_alone(
    reference: tuple[Path, Recorder], tmp_path: Path, alone: Config
) -> None:
    run, proof = tmp_path / "run", tmp_path / "executed"
    with pytest.raises(KeyboardInterrupt):
        train(games.load("tic_tac_toe"), alone, run, Recorder((2, "self-play")))
    agent = checkpoint.path_of(run, 1)
    agent.write_bytes(pickle.dumps(Payload(proof)))
    before = outcome(run)
    with pytest.raises(ValueError, match="no checkpoint of this program"):
        resume(run)
    assert not proof.exists()
    assert outcome(run) == before


def test_budgets_grow_as_the_schedule_says(tmp_path: Path, alone: Config) -> None:
    recorder = Recorder()
    config = replace(alone, self_play=replace(alone.self_play, growth=4.0, full_fraction=1.0), generations=3)
    train(games.load("tic_tac_toe"), config, tmp_path / "run", recorder)
    assert [report.self_play.games for report in recorder.reports] == [12, 6, 3]
    first, last = (recorder.reports[index].self_play for index in (0, -1))
    assert last.simulations / last.positions > 2 * first.simulations / first.positions


def test_a_long_run_goes_on_with_more(tmp_path: Path, alone: Config) -> None:
    """From the change on budgets and network are larger and games fewer; an interruption around it changes nothing."""
    game = games.load("tic_tac_toe")
    later = LaterConfig(after=1, blocks=2, simulations=4, games=0.5, samples_per_position=2, rate=0.5)
    config = replace(alone, later=later, generations=3)
    whole, recorder = tmp_path / "whole", Recorder()
    train(game, config, whole, recorder)
    before, after = (recorder.reports[index].self_play for index in (0, 1))
    assert (before.games, after.games) == (12, 6)
    assert after.simulations / after.positions > 2 * before.simulations / before.positions
    blocks = [checkpoint.load(path_of(whole, generation)).config.blocks for generation in range(4)]
    assert [count - config.network.blocks for count in blocks] == [0, 0, 2, 2]
    assert recorder.reports[1].learning_rate == pytest.approx(0.5 * recorder.reports[0].learning_rate)
    for generation in (2, 3):
        broken = tmp_path / f"broken{generation}"
        with pytest.raises(KeyboardInterrupt):
            train(game, config, broken, Recorder((generation, "self-play")))
        resume(broken)
        assert outcome(broken) == outcome(whole)
    # The larger network goes on from the weights of the smaller one, as does another run from those at the end.
    trained = [checkpoint.load(path_of(whole, generation)).weights for generation in (1, 2)]
    distances = [np.abs(trained[1][name] - weight).max() for name, weight in trained[0].items()]
    assert max(distances) < 0.2
    following = tmp_path / "next"
    train(game, replace(config.afterwards(), generations=1), following, start=whole)
    first, last = (checkpoint.load(path_of(run, number)).weights for run, number in ((following, 0), (whole, 3)))
    assert {name: weight.tobytes() for name, weight in first.items()} == {n: w.tobytes() for n, w in last.items()}


def test_tic_tac_toe_is_learned(tmp_path: Path, tiny: Config) -> None:
    """The network alone, after half a minute from nothing, beats random play as it hardly could by luck."""
    config = replace(
        tiny,
        self_play=replace(
            tiny.self_play, games=60, dial=Dial(simulations=32), fast_simulations=12, slots=30, full_fraction=0.5
        ),
        network=replace(tiny.network, channels=16),
        replay=replace(tiny.replay, capacity=5000, samples_per_position=8),
        learner=replace(tiny.learner, batch=64, ema_decay=0.98, learning_rate=1e-2),
        evaluation=replace(tiny.evaluation, every=0),
        generations=8,
        workers=0,
    )
    game = games.load("tic_tac_toe")
    agent = train(game, config, tmp_path / "run")
    entrants = [agents.load(f"{agent}?dial=0", game), agents.load("random", game)]
    match = play(game, entrants, 200, np.random.default_rng(0), opening_plies=2)
    # Random against random scores 0.5 with a standard deviation below 0.04 over 200 games.
    assert match.score > 0.8


def test_playing_imports_nothing_of_training(reference: tuple[Path, Recorder]) -> None:
    program = """
import sys
import numpy as np
import games
from hybrid import agents
game = games.load("tic_tac_toe")
agents.load(sys.argv[1] + "?dial=0.5", game).decide(game.initial(), np.zeros(1, np.uint64))
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("training", "lightning", "torch")))
"""
    command = [sys.executable, "-c", program, str(reference[0])]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


TRAIN = """
import sys
import games
from tests.training.conftest import TINY
from training.loop import resume, train
if sys.argv[2] == "train":
    train(games.load("tic_tac_toe"), TINY, sys.argv[1])
else:
    resume(sys.argv[1])
"""


def start(run: Path, command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", TRAIN, str(run), command], start_new_session=True)


def go_on(run: Path) -> subprocess.Popen[bytes]:
    """Train in `run`, from wherever it is."""
    return start(run, "resume" if (run / "config.json").exists() else "train")


def workers_of(process: int) -> list[int]:
    """The children of a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == process:
                found.append(int(entry.name))
    return found


def killed_and_resumed(run: Path, kills: int, rng: random.Random) -> int:
    """Train in `run`, killed `kills` times at random moments; returns how many kills met a training that had begun.

    Moments are counted from a random generation's end, so that they lie within the training however slow the machine.
    """
    begin = time.monotonic()
    assert start(run.with_name("whole"), "train").wait() == 0
    generation = (time.monotonic() - begin) / TINY.generations
    met = 0
    for _ in range(kills):
        process = go_on(run)
        done = rng.randrange(TINY.generations)
        while process.poll() is None and not (path_of(run, done) if done else run / "config.json").exists():
            time.sleep(0.01)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=rng.uniform(0.0, 0.5) * generation)
        met += process.poll() is None
        workers = workers_of(process.pid)
        process.kill()
        process.wait()
        assert all(gone(worker) for worker in workers)
        if (run / "state" / "000004").exists():
            break
    assert go_on(run).wait() == 0
    return met


def test_kill_and_resume_changes_nothing(reference: tuple[Path, Recorder], tmp_path: Path) -> None:
    """Two workers, killed twice, against one uninterrupted process without workers: the same bits."""
    assert killed_and_resumed(tmp_path / "run", 2, random.Random(0)) > 0
    assert without_workers(outcome(tmp_path / "run")) == without_workers(outcome(reference[0]))


@pytest.mark.full
def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    met, number, rng = 0, 0, random.Random(1)
    while met < 20:
        number += 1
        run = tmp_path / f"{number}" / "run"
        run.parent.mkdir()
        met += killed_and_resumed(run, 3, rng)
        assert outcome(run) == outcome(run.with_name("whole"))


def without_workers(files: dict[str, bytes]) -> dict[str, bytes]:
    """Files of a run but for the number of workers, which configuration and agents carry."""
    return {
        name: re.sub(rb'\\?"workers\\?": \d', b"workers", content) if not name.startswith("state") else content
        for name, content in files.items()
    }


def test_labelled_positions_measure_the_agent(tmp_path: Path) -> None:
    """Searched to the end the agent errs nowhere; by itself a network of a few games does somewhere."""
    game = games.load("tic_tac_toe")
    rng = np.random.default_rng(0)
    positions = game.initial(40)
    for _ in range(3):
        actions = [rng.choice(np.flatnonzero(legal)) for legal in game.legal_actions(positions)]
        positions = game.step(positions, actions)
    label(game, positions, ExhaustiveSolver(game)).save(tmp_path / "truth.npz")
    config = replace(
        TINY,
        generations=2,
        workers=0,
        evaluation=replace(TINY.evaluation, anchors=(), simulations=3000, labelled=str(tmp_path / "truth.npz")),
    )
    recorder, run = Recorder(), tmp_path / "run"
    train(game, config, run, recorder)
    first, last = recorder.reports
    assert first.judged == ()
    network, search = last.judged
    assert (network.agent, network.simulations, search.agent, search.simulations) == ("network", 0, "search", 3000)
    assert 0 < network.blunders["all"] < 1
    assert search.blunders["all"] == 0
    ((step, logged),) = scalars(run, "solver_network/all")
    assert step == 2
    assert logged == pytest.approx(network.blunders["all"])
    assert [step for step, _ in scalars(run, "solver_search/value_error")] == [2]
    assert 0 <= scalars(run, "solver_search/value_calibration")[0][1] <= scalars(run, "solver_search/value_error")[0][1]
    assert all(seconds > 0 for _, seconds in scalars(run, "speed/generation_seconds"))


def test_labelled_positions_of_another_game_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    config = replace(TINY, evaluation=replace(TINY.evaluation, labelled="connect_four"))
    with pytest.raises(ValueError, match=r"evaluation\.labelled must hold positions of tic_tac_toe"):
        train(games.load("tic_tac_toe"), config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("game", "part", "options", "message"),
    [
        ("tic_tac_toe", "evaluation", {"anchors": ("random", "radnom")}, "anchors must be agents .* got 'radnom': .*"),
        ("mnk:m=2,n=2,k=2", "evaluation", {"every": 1}, "every must be 0, .* within 4 plies, got every=1"),
        ("pig", "self_play", {"prove_nodes": 100}, "prove_nodes must be 0 but for two-player .* got 100 for 'pig'"),
        ("pig", "self_play", {"leaf_nodes": 30}, "leaf_nodes must be 0 but for two-player .* got 30 for 'pig'"),
        (
            "mnk:m=3,n=3,k=3,players=3",
            "self_play",
            {"resign_threshold": -0.9},
            "must be -1 unless .* got -0.9 for 'mnk",
        ),
    ],
)
def test_what_does_not_fit_the_game_is_refused_before_anything_is_written(
    tmp_path: Path, alone: Config, game: str, part: str, options: dict[str, Any], message: str
) -> None:
    config = replace(alone, **{part: replace(getattr(alone, part), **options)})
    with pytest.raises(ValueError, match=message):
        train(games.load(game), config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_keeps_the_backend_that_was_fastest_when_it_was_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, alone: Config
) -> None:
    asked = []

    def choose(agent: Checkpoint, **options: Any) -> Backend:
        asked.append(options)
        return "onnxruntime"

    monkeypatch.setattr("training.backends.choose", choose)
    config = replace(alone, self_play=replace(alone.self_play, backend="fastest"), workers=2)
    with pytest.raises(KeyboardInterrupt):
        train(games.load("tic_tac_toe"), config, tmp_path / "run", Recorder((1, "self-play")))
    assert asked == [{"workers": 2, "precision": "int8", "batch": 4}]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["config"]["self_play"]["backend"] == "onnxruntime"


def test_a_run_goes_on_from_another(reference: tuple[Path, Recorder], tmp_path: Path, alone: Config) -> None:
    """It begins with the other's agent, learns from its games at once, and is resumed like any run."""
    source, _ = reference
    game, config = games.load("tic_tac_toe"), replace(alone, generations=2, seed=5)
    before = outcome(source)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    recorder = Recorder()
    train(game, config, whole, recorder, start=source)
    assert (1, "learning") not in recorder.phases  # it had something to learn from while it played
    with pytest.raises(KeyboardInterrupt):
        train(game, config, broken, Recorder((2, "self-play")), start=source)
    resume(broken)
    assert outcome(whole) == outcome(broken)
    assert outcome(source) == before
    first, last = checkpoint.load(path_of(whole, 0)), checkpoint.load(path_of(source, alone.generations))
    assert {name: weight.tobytes() for name, weight in first.weights.items()} == {
        name: weight.tobytes() for name, weight in last.weights.items()
    }
    ages = np.load(whole / "state" / "000002" / "replay.npy")["generation"]
    assert ages.min() <= 0
    assert ages.max() == 2


@pytest.mark.parametrize(("later", "rate"), [(LaterConfig(), 0.002), (LaterConfig(after=1, rate=0.5), 0.001)])
def test_a_run_whose_network_dies_stops_and_can_be_built_on(
    tmp_path: Path, alone: Config, monkeypatch: pytest.MonkeyPatch, later: LaterConfig, rate: float
) -> None:
    """What was learned before is kept, and what is dead is not; the rates are those of then."""
    game, run, recorder = games.load("tic_tac_toe"), tmp_path / "run", Recorder()
    learner = replace(alone.learner, learning_rate=0.002, kernel_learning_rate=0.04)
    config = replace(alone, learner=learner, later=later, workers=1)
    with monkeypatch.context() as patch:
        alive = property(lambda _: not recorder.reports)
        patch.setattr(Learner, "alive", alive)
        with pytest.raises(ValueError, match="in generation 2 the network died") as raised:
            train(game, config, run, recorder)
    assert str(raised.value).startswith(f"learner.learning_rate={rate} or learner.kernel_learning_rate={20 * rate}")
    assert "holds generation 1; resumed it would die again" in str(raised.value)
    assert state.newest(run) == 1
    assert not path_of(run, 2).exists()
    train(game, replace(alone, generations=1), tmp_path / "after", start=run)
    assert path_of(tmp_path / "after", 1).exists()


def test_a_run_whose_network_dies_at_once_has_nothing_to_build_on(
    tmp_path: Path, alone: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learner, "alive", False)
    with pytest.raises(ValueError, match=r"in generation 1 the network died, and no longer tells positions apart$"):
        train(games.load("tic_tac_toe"), alone, tmp_path / "run")


def test_idle_time_and_memory_are_told(reference: tuple[Path, Recorder]) -> None:
    run, recorder = reference
    for report in recorder.reports:
        assert 0 <= report.idle < 1
        assert 50e6 < report.memory < 5e9
        assert report.self_play.processor_seconds > 0
    assert [value for _, value in scalars(run, "speed/idle_share")] == pytest.approx([r.idle for r in recorder.reports])
    megabytes = [value for _, value in scalars(run, "speed/resident_megabytes")]
    assert megabytes == pytest.approx([r.memory / 2**20 for r in recorder.reports])


def test_a_device_that_does_not_exist_is_refused_before_anything_is_written(tmp_path: Path, alone: Config) -> None:
    game = games.load("tic_tac_toe")
    config = replace(alone, self_play=replace(alone.self_play, device="cuda:63"))
    with pytest.raises(ValueError, match=r"device 'cuda:63' does not exist: torch sees \d+ CUDA devices"):
        train(game, config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    state.create(tmp_path / "elsewhere", game, config)
    before = outcome(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="device 'cuda:63' does not exist"):
        resume(tmp_path / "elsewhere")
    assert outcome(tmp_path / "elsewhere") == before


def test_an_accelerator_that_does_not_exist_is_refused(
    tmp_path: Path, alone: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    config = replace(alone, learner=replace(alone.learner, accelerator="cuda"))
    with pytest.raises(ValueError, match="device 'cuda' does not exist: torch sees 0 CUDA devices"):
        train(games.load("tic_tac_toe"), config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_agent_that_is_lost_is_written_anew(reference: tuple[Path, Recorder], tmp_path: Path) -> None:
    """The learner is still there."""
    run = tmp_path / "run"
    shutil.copytree(reference[0], run)
    path_of(run, 4).unlink()
    resume(run)
    assert outcome(run) == outcome(reference[0])


def test_an_agent_that_is_damaged_is_named_before_anybody_plays(tmp_path: Path, tiny: Config) -> None:
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(games.load("tic_tac_toe"), tiny, run, Recorder(interrupt=(2, "self-play")))
    agent = path_of(run, 1)
    agent.write_bytes(agent.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"^{re.escape(str(agent))} is no checkpoint of this program"):
        resume(run)


def test_a_damaged_line_of_matches_is_left_alone(tmp_path: Path, alone: Config) -> None:
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(games.load("tic_tac_toe"), alone, run, Recorder(interrupt=(2, "self-play")))
    (run / "matches.jsonl").write_text('{"generation": 2, "opp\n')
    resume(run)
    assert (run / "matches.jsonl").read_text().startswith('{"generation": 2, "opp\n{"')
    assert [match["generation"] for match in history(run)] == [2, 4]
