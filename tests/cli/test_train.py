"""`hybrid train`: configurations, run folders, stopping and going on."""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

import games
from hybrid import checkpoint, pretrained
from hybrid.checkpoint import path_of
from hybrid.cli.commands.train import free_folder
from tests.cli.conftest import TINY, Hybrid, read


def contents(folder: Path) -> dict[str, str]:
    """A hash of every file in a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_run_leaves_its_configuration_agents_events_and_results(trained: Path) -> None:
    assert {path.name for path in trained.glob("checkpoints/*")} == {f"{n:06d}.safetensors" for n in range(5)}
    assert read(trained / "config.json")["config"]["network"] == {
        **read(trained / "config.json")["config"]["network"],
        "blocks": 1,
        "channels": 16,
    }
    assert list(trained.rglob("events.out.tfevents*"))
    result = read(trained.with_name("train.json"))
    assert (result["run"], result["generation"]) == (str(trained), 4)
    assert Path(result["agent"]) == trained / "checkpoints" / "000004.safetensors"
    assert [match["generation"] for match in result["matches"]] == [2, 4]
    for evaluated in result["matches"]:
        assert evaluated["opponent"] == "random"
        assert evaluated["wins"] + evaluated["draws"] + evaluated["losses"] == 8


def test_an_existing_folder_is_never_written_to(hybrid: Hybrid, trained: Path, tmp_path: Path) -> None:
    before = contents(trained)
    assert "exists" in hybrid("train", "tic_tac_toe", "--config", TINY, "--run", trained).error
    assert contents(trained) == before
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert "exists" in hybrid("train", "tic_tac_toe", "--config", TINY, "--run", tmp_path).error
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_read_only_place_is_one_line(hybrid: Hybrid) -> None:
    assert "/proc/run" in hybrid("train", "tic_tac_toe", "--config", TINY, "--run", "/proc/run").error


def test_without_a_name_the_next_free_folder_is_taken(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("connect_four", "connect_four-2", "connect_four-3"):
        assert free_folder("connect_four", runs) == runs / name
        assert (runs / name).is_dir()  # so that a run that begins at the same time takes another
    assert free_folder("some/where/my_game.py:size=5,depth=3", runs) == runs / "my_game-size=5-depth=3"


def test_a_run_that_does_not_begin_leaves_no_folder(
    hybrid: Hybrid, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "nobody" in hybrid("train", "tic_tac_toe", "--config", TINY, "--evaluation.anchors", "[nobody]").error
    assert not list((tmp_path / "runs").iterdir())


def test_hints_are_written_for_a_shell(hybrid: Hybrid, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = tmp_path / "my run"

    def interrupted(*arguments: object, **options: object) -> Path:
        run.mkdir()
        (run / "config.json").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("training.loop.train", lambda *arguments, **options: run / "agent")
    assert f"hybrid play tic_tac_toe '{run}'" in hybrid("train", "tic_tac_toe", "--config", TINY, "--run", run).out
    monkeypatch.setattr("training.loop.train", interrupted)
    assert f"hybrid train --resume '{run}'" in hybrid("train", "tic_tac_toe", "--config", TINY, "--run", run).out


def test_a_complete_run_has_nothing_to_go_on_with(hybrid: Hybrid, trained: Path) -> None:
    before = contents(trained / "checkpoints")
    ran = hybrid("train", "--resume", trained)
    assert ran.code == 0
    assert "complete" in ran.out
    assert contents(trained / "checkpoints") == before


@pytest.mark.parametrize(
    "extra", [["--generations", "9"], ["--learner.batch", "128"], ["--run", "elsewhere"], ["--seed", "5"]]
)
def test_a_resumed_run_keeps_its_configuration(hybrid: Hybrid, trained: Path, extra: list[str]) -> None:
    assert "--resume" in hybrid("train", "--resume", trained, *extra).error


def test_a_new_run_builds_on_a_complete_one(hybrid: Hybrid, trained: Path, tmp_path: Path) -> None:
    """With its options but for those that are given, the seed, and what is measured anew."""
    before, run = contents(trained / "checkpoints"), tmp_path / "next"
    ran = hybrid("train", "--start", trained, "--run", run, "--generations", "1", "--network.blocks", "2")
    assert (ran.code, ran.err) == (0, "")
    assert re.search(r"Elo [+-]\S+ \([+-]\S+ to [+-]\S+\) against random \(\d+%\)", ran.out)
    old, new = (read(folder / "config.json")["config"] for folder in (trained, run))
    assert (new["seed"], new["generations"], new["network"]["blocks"]) == (old["seed"] + 1, 1, 2)
    for settings in (old, new):
        settings["self_play"] |= {"backend": "fastest", "slots": 0}
        settings["learner"]["precision"] = "fastest"
        settings["network"]["blocks"] = settings["seed"] = settings["generations"] = 0
    # The change that its recipe has for later comes after as many generations in all.
    assert new["later"].pop("after") == old["later"].pop("after") - 4 > 0
    assert new == old
    assert contents(trained / "checkpoints") == before
    assert "is of 'tic_tac_toe', not of 'hex'" in hybrid("train", "hex", "--start", trained).error
    assert "is of 'tic_tac_toe', not of 'hex'" in hybrid("train", "hex", "--resume", trained).error
    assert "or have more blocks" in hybrid("train", "--start", run, "--network.blocks", "1").error
    assert "--resume goes on" in hybrid("train", "--resume", trained, "--start", run).error
    assert "is no run folder" in hybrid("train", "--start", tmp_path).error
    assert "no run folder or checkpoint at 'nothing'" in hybrid("train", "--start", "nothing").error
    assert "--recipe is for runs" in hybrid("train", "--start", trained, "--recipe", "quick").error


def test_a_new_run_builds_on_a_checkpoint(hybrid: Hybrid, trained: Path, tmp_path: Path) -> None:
    """Of a game that is named, for no file says by itself what is read."""
    file, run = tmp_path / "agent.safetensors", tmp_path / "next"
    shutil.copy(path_of(trained, 3), file)
    ran = hybrid("train", "tic_tac_toe", "--start", file, "--run", run, "--generations", "1", "--workers", "0")
    assert (ran.code, ran.err) == (0, "")
    old, new = (read(folder / "config.json")["config"] for folder in (trained, run))
    assert new["seed"] == old["seed"] + 1
    assert new["later"]["after"] == old["later"]["after"] - 3
    assert new["self_play"]["dial"] == old["self_play"]["dial"]
    first, last = (checkpoint.load(path).weights for path in (path_of(run, 0), file))
    assert {name: weight.tobytes() for name, weight in first.items()} == {n: w.tobytes() for n, w in last.items()}
    assert "needs its game, as in" in hybrid("train", "--start", file).error
    assert "is an agent for game" in hybrid("train", "connect_four", "--start", file, "--run", tmp_path / "x").error


def test_a_new_run_builds_on_the_agent_that_comes_with_hybrid(hybrid: Hybrid, tmp_path: Path) -> None:
    printed = hybrid("train", "connect_four", "--start", "pretrained", "--print_config")
    assert printed.code == 0
    config, agent = yaml.safe_load(printed.out), checkpoint.load(pretrained.find(games.load("connect_four")))
    assert config["network"] == vars(agent.config)
    assert config["seed"] == agent.extra["training"]["seed"] + 1
    assert "needs its game, as in" in hybrid("train", "--start", "pretrained").error
    assert "an agent comes for connect_four" in hybrid("train", "hex", "--start", "pretrained").error
    wrong = hybrid("train", "connect_four:rows=5", "--start", "pretrained", "--run", tmp_path / "run")
    assert "is an agent for game 'connect_four', not for 'connect_four:rows=5'" in wrong.error
    with_folder = tmp_path / "pretrained"
    assert "no run folder or checkpoint" in hybrid("train", "--start", with_folder).error


def test_a_printed_configuration_means_the_same_when_read(hybrid: Hybrid, tmp_path: Path) -> None:
    changed = ["--recipe", "quick", "--learner.batch", "77", "--self_play.dial.simulations", "33", "--seed", "8"]
    printed = hybrid("train", "tic_tac_toe", *changed, "--print_config")
    assert printed.code == 0
    config = yaml.safe_load(printed.out)
    assert (config["learner"]["batch"], config["self_play"]["dial"]["simulations"], config["seed"]) == (77, 33, 8)
    assert {"game", "recipe", "run", "resume", "start", "json"}.isdisjoint(config)
    (tmp_path / "mine.yaml").write_text(printed.out, encoding="utf-8")
    again = hybrid("train", "tic_tac_toe", "--config", tmp_path / "mine.yaml", "--print_config")
    assert again.out == printed.out
    later = hybrid("train", "tic_tac_toe", "--config", tmp_path / "mine.yaml", "--learner.batch", "5", "--print_config")
    assert yaml.safe_load(later.out)["learner"]["batch"] == 5


def test_options_override_a_file_and_a_file_its_recipe_wherever_they_stand(hybrid: Hybrid, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("recipe: quick\ngenerations: 3\nseed: 4\n", encoding="utf-8")
    quick = yaml.safe_load(hybrid("train", "tic_tac_toe", "--recipe", "quick", "--print_config").out)
    for given in (["--config", file], [f"--config={file}"]):
        for options in (["--seed", "7", *given], [*given, "--seed", "7"]):
            config = yaml.safe_load(hybrid("train", "tic_tac_toe", *options, "--print_config").out)
            assert config == quick | {"generations": 3, "seed": 7}
    before = yaml.safe_load(
        hybrid("train", "tic_tac_toe", "--recipe", "standard", "--config", file, "--print_config").out
    )
    assert before["network"] != quick["network"]
    assert (before["generations"], before["seed"]) == (3, 4)


def test_the_help_shows_what_recipes_set(hybrid: Hybrid) -> None:
    def generations(*arguments: str) -> str:
        text = " ".join(hybrid("train", *arguments, "--help").out.split())
        return text.partition("--generations")[2].partition("default: ")[2].partition(")")[0]

    assert generations() == generations("connect_four", "--recipe", "standard") == "250"
    assert generations("--recipe", "strong") == "550"


def test_recipes_differ_and_fit_the_game(hybrid: Hybrid) -> None:
    def printed(game: str, recipe: str) -> Any:
        return yaml.safe_load(hybrid("train", game, "--recipe", recipe, "--print_config").out)

    quick, strong = printed("connect_four", "quick"), printed("connect_four", "strong")
    assert quick["generations"] < strong["generations"]
    assert quick["self_play"] != printed("tic_tac_toe", "quick")["self_play"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "is no text"),
        (b" \n", "is empty"),
        (b"seed: 1\nself_play:\n  dial: [1,\n", "is not, line 4: expected the node content"),
        (b"seed: \x00", "is not: "),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(
    hybrid: Hybrid, tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    for option in (["--config", file], [f"--config={file}"]):
        assert f"{str(file)!r} {said}" in hybrid("train", "tic_tac_toe", *option).error


@pytest.mark.parametrize("text", ["generation: 3", "self_play:\n  game: 3", "learner: 3", "- 3"])
def test_a_configuration_file_with_unknown_keys_is_refused(hybrid: Hybrid, tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    assert hybrid("train", "tic_tac_toe", "--config", tmp_path / "mine.yaml", "--run", tmp_path / "run").error
    assert not (tmp_path / "run").exists()


def test_an_interrupted_run_says_how_to_go_on_and_does(hybrid: Hybrid, tmp_path: Path) -> None:
    run, result = tmp_path / "run", tmp_path / "train.json"
    options = ["--config", TINY, "--run", run, "--generations", "10", "--evaluation.every", "0", "--json", result]
    command = [sys.executable, "-u", "-m", "hybrid", "train", "tic_tac_toe", *map(str, options)]
    # A shell that starts the tests in the background has SIGINT ignored, and children inherit that.
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listening
    ) as process:
        assert process.stdout is not None
        shown = ""
        while not re.search(r"^ *1/10", shown, re.MULTILINE):
            line = process.stdout.readline()
            assert line, shown
            shown += line
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert f"hybrid train --resume {run}" in rest
    assert read(result)["generation"] in range(1, 10)
    ran = hybrid("train", "--resume", run, "--json", result)
    assert (ran.code, read(result)["generation"]) == (0, 10)
    assert f"hybrid play tic_tac_toe {run}" in ran.out
