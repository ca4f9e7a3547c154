"""Progress: every phase has a counter and a time of its own, and a terminal one moving line."""

import io
import re
import sys

import pytest

from segassay.cli.console import PhaseProgress, tell


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("segassay.cli.console.time.monotonic", found)
    return found


def minutes(line: str) -> str:
    found = re.search(r"\d+:\d\d", line)
    assert found is not None
    return found[0]


def test_the_time_left_is_that_of_the_phase_alone(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = PhaseProgress(quiet=False)
    progress("trial cases", 0, 2, "")
    clock.now = 100
    progress("trial cases", 2, 2, "a")
    progress("cases", 4, 14, "")
    clock.now = 102
    progress("cases", 5, 14, "b")
    clock.now = 120
    progress("cases", 14, 14, "c")
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        "2/2 trial cases",
        "5/14 cases",
        "14/14 cases",
    ]
    assert [minutes(line) for line in lines] == ["0:00", "0:18", "0:00"]


def test_a_phase_without_work_and_a_quiet_one_say_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    PhaseProgress(quiet=False)("cases", 0, 0, "")
    PhaseProgress(quiet=True)("cases", 1, 1, "a")
    assert capsys.readouterr().err == ""


def test_in_a_terminal_words_take_the_place_of_the_moving_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = PhaseProgress(quiet=False)
    progress("cases", 0, 9, "")
    progress("cases", 1, 9, "a\x1b[2J")
    tell("a note")
    tell("another")
    text = terminal.getvalue()
    assert text.count("\n") == 2
    assert text.count("\x1b[2K") == 3
    assert "\x1b[2J" not in text
    assert text.endswith("\ranother\n") is False
    assert text.endswith("another\n")
