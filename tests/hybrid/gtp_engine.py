"""A program that speaks GTP for tic-tac-toe, well or, by its first argument, badly; it knows nothing of this project.

It plays the first free square, and writes its process number and every command to the file that is its second argument.
"""

import os
import signal
import sys
import time
from pathlib import Path

SQUARES = [column + row for row in "123" for column in "abc"]


def note(log: Path, line: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def say(text: str) -> None:
    sys.stdout.write(text + "\n\n")
    sys.stdout.flush()


def main(mode: str, log: Path) -> None:
    note(log, f"pid {os.getpid()}")
    taken: list[str] = []
    sys.stderr.write("loading\n\nall is well\n")
    if mode == "dead":
        sys.exit("no licence")
    for line in sys.stdin:
        number, command, *words = line.split() if line[0].isdigit() else ["", *line.split()]
        note(log, " ".join([command, *words]))
        text = ""
        if command == "protocol_version":
            text = "1" if mode == "old" else "2"
        elif command == "list_commands":
            text = "protocol_version\nlist_commands\nboardsize\nclear_board\nplay\ngenmove\nquit\nundo"
            text += "" if mode == "poor" else "\nkomi"
            text += "\nset_random_seed" if mode == "seeded" else ""
        elif command == "clear_board":
            taken = []
        elif command == "play" and mode == "stubborn" and words[1] == "b2":
            say(f"?{number} illegal move")
            continue
        elif command == "play":
            taken.append(words[1].lower())
        elif command == "genmove":
            text = reply(mode, log, taken, number)
            taken.append(text.lower())
        say(f"={number} {text}")
        if command == "quit" and mode != "immortal":
            return
    if mode == "immortal":
        time.sleep(600)


def reply(mode: str, log: Path, taken: list[str], number: str) -> str:
    mark = log.with_suffix(".crashed")
    if mode == "crash" or (mode == "crash-once" and not mark.exists()):
        mark.touch()
        sys.exit("segmentation, alas")
    if mode == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode in ("hang", "immortal"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    if mode == "garbage":
        say("Traceback: hello")
        time.sleep(600)
    if mode == "number":
        say("=999 a1")
        time.sleep(600)
    if mode == "flood":
        sys.stdout.write(f"={number} " + "a1 " * 1_000_000)
        sys.stdout.flush()
    wrong = {"illegal": "j10", "taken": taken[0] if taken else "x", "empty": "", "resign": "resign"}
    free = [square for square in SQUARES if square not in taken]
    return wrong.get(mode, free[0].upper())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
