"""A real run in two processes, killed ten times at random moments, and in two parts at once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from conftest import write_phantoms
from segassay.records.shards import finished_ids
from segassay.records.table import read_table

KILLS = 10
CASES = 8
MOST_STARTS = 40
OF_THE_RUN = ["scored_at", "run_id"]


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("set")
    return write_phantoms(root, range(1, CASES + 1))


@dataclass(frozen=True)
class Pace:
    """Seconds from the start of a process to its first finished case, and for each one after."""

    first: float
    case: float


def start(root: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    words = ["audit", root, "-o", out, "-q", "--worst", "0", "--structures", "liver,spleen"]
    words += ["--jobs", "2", *more]
    source = str(Path(__file__).parents[2] / "src")
    return subprocess.Popen(
        [sys.executable, "-m", "segassay", *map(str, words)],
        env={**os.environ, "PYTHONPATH": source},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def finished(out: Path) -> int:
    return len(finished_ids(out))


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> float:
    """Wait for a moment or for the end of the process; return the seconds it took."""
    begun = time.monotonic()
    while process.poll() is None and not ready():
        time.sleep(0.005)
    return time.monotonic() - begun


def run_whole(root: Path, out: Path) -> Pace:
    process = start(root, out)
    first = wait_until(lambda: finished(out) > 0, process)
    others = wait_until(lambda: finished(out) == CASES, process)
    assert process.wait() == 0
    return Pace(first, others / (CASES - 1))


def kill_somewhere(root: Path, out: Path, pace: Pace, draw: Random, *, hurry: float) -> int | None:
    """Kill a run at a random moment; return how many cases were done, `None` if it ended itself.

    The moment goes by progress, so that it is random on a machine of any speed: so many newly
    finished cases, then a part of what the next one takes. With `hurry` below 1 it comes sooner:
    a machine that was busy when the pace was taken may be idle now.
    """
    before = finished(out)
    more = draw.choice((0, 0, 1, 1, 2))
    process = start(root, out)
    if more == 0 or before == CASES:  # while it starts, reads, or writes its tables
        rest = draw.uniform(0, 1.2 * pace.first * hurry)
    else:
        wait_until(lambda: finished(out) >= min(CASES, before + more), process)
        rest = draw.uniform(0, pace.case)
    end = time.monotonic() + rest
    wait_until(lambda: time.monotonic() >= end, process)
    process.send_signal(signal.SIGKILL)
    return finished(out) if process.wait() == -signal.SIGKILL else None


def test_ten_kills_at_random_moments_change_nothing(phantoms: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    pace = run_whole(phantoms, whole)
    draw = Random(6)
    moments: list[int] = []
    hurry = 1.0
    for _ in range(MOST_STARTS):
        done = kill_somewhere(phantoms, killed, pace, draw, hurry=hurry)
        moments += [] if done is None else [done]
        hurry = 0.7 * hurry if done is None else 1.0
        if len(moments) == KILLS:
            break
    assert len(moments) == KILLS
    assert moments == sorted(moments)
    assert any(0 < done < CASES for done in moments)
    assert start(phantoms, killed).wait() == 0

    expected, found = (read_table(out).drop(OF_THE_RUN) for out in (whole, killed))
    assert found.write_csv().encode() == expected.write_csv().encode()
    assert (killed / "findings.jsonl").read_bytes() == (whole / "findings.jsonl").read_bytes()
    assert finished(killed) == CASES
    names = sorted(p.name for p in killed.iterdir() if not p.name.startswith("."))
    assert names == sorted(p.name for p in whole.iterdir())


def test_two_parts_beside_one_another_end_with_the_same(phantoms: Path, tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert start(phantoms, whole).wait() == 0
    parts = [start(phantoms, parted, "--num-parts", "2", "--part-id", n) for n in "12"]
    assert [process.wait() for process in parts] == [0, 0]
    expected, found = (read_table(out).drop(OF_THE_RUN) for out in (whole, parted))
    assert found.write_csv().encode() == expected.write_csv().encode()
    assert (parted / "findings.jsonl").read_bytes() == (whole / "findings.jsonl").read_bytes()
