"""Every case is done once, past internal errors and whatever ends the process that does it."""

import logging
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from segassay.errors import CaseError, ModelError, SegassayError
from segassay.runs.begun import Begun
from segassay.runs.executors import executor
from segassay.runs.workers import Worker

NAMES = [f"c{n}" for n in range(12)]


def die() -> None:
    """As the system does where memory has run out."""
    os.kill(os.getpid(), signal.SIGKILL)


def eat() -> None:
    """Ask for more memory than the process may have, past all that Python could catch."""
    resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        while True:
            bytearray(2**27)
            _HELD.append(bytearray(2**27))
    except MemoryError:
        os.abort()


_HELD: list[bytearray] = []


def refuse() -> None:
    raise CaseError("refused")


def stumble() -> None:
    raise ZeroDivisionError("planted")


def full() -> None:
    raise ModelError("damaged")


def chatter() -> None:
    os.write(1, b"a library prints\n")


@dataclass(frozen=True)
class Fake:
    """A context whose cases are names; to some of them something happens."""

    happens: dict[str, Callable[[], None]] = field(default_factory=dict)
    start: Callable[[], None] | None = None

    def id_of(self, case: str) -> str:
        return case

    def read(self, case: str) -> str:
        return case

    def work(self, files: str) -> tuple[str, str]:
        if files in self.happens:
            self.happens[files]()
        return files, ""

    def failed(self, case: str, error: CaseError) -> tuple[str, str]:
        return case, str(error)

    def packed(self) -> "Fake":
        return self

    def unpacked(self, jobs: int) -> "Fake":
        if self.start is not None:
            self.start()
        return self


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Begun:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return Begun.of(tmp_path)


def done(begun: Begun, fake: Fake, names: Sequence[str] = NAMES, jobs: int = 2) -> dict[str, str]:
    found = list(executor(jobs, begun).map(names, fake))
    assert len(found) == len(names)
    return dict(found)


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_case_is_done_once(begun: Begun, jobs: int) -> None:
    found = done(begun, Fake({"c3": refuse, "c5": stumble, "c7": chatter}), jobs=jobs)
    assert sorted(found) == sorted(NAMES)
    assert {name for name, error in found.items() if error} == {"c3", "c5"}
    assert "ZeroDivisionError" in found["c5"]
    assert begun.attempts() == dict.fromkeys(NAMES, 0)


def test_in_one_process_the_order_is_kept(begun: Begun) -> None:
    assert list(done(begun, Fake(), jobs=1)) == NAMES


@pytest.mark.parametrize("how", [die, eat])
def test_a_case_that_kills_its_process_costs_itself_and_the_run_goes_on(
    begun: Begun, how: Callable[[], None]
) -> None:
    found = done(begun, Fake({"c0": how, "c6": how}))
    assert {name for name, error in found.items() if error} == {"c0", "c6"}
    assert all("ended 2 times" in found[name] for name in ("c0", "c6"))
    assert sorted(list(found)[-2:]) == ["c0", "c6"]


def test_a_case_that_dies_beside_others_may_live_alone(begun: Begun, tmp_path: Path) -> None:
    found = done(begun, Fake({"c4": Once(tmp_path / "died")}))
    assert not any(found.values())
    assert begun.attempts()["c4"] == 0


@dataclass(frozen=True)
class Once:
    """Dies the first time."""

    note: Path

    def __call__(self) -> None:
        if not self.note.exists():
            self.note.touch()
            die()


@pytest.mark.parametrize("jobs", [1, 2])
def test_cases_that_an_earlier_run_began_come_last_and_count_their_deaths(
    begun: Begun, jobs: int
) -> None:
    for name in ("c1", "c2"):
        begun.note(name)
    for _ in range(4):
        begun.note("c1", alone=True)
    found = done(begun, Fake({"c1": die, "c2": die}), jobs=jobs)
    assert list(found)[-2:] == ["c1", "c2"]
    assert ("ended 5 times" in found["c1"], "ended 2 times" in found["c2"]) == (True, True)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_would_meet_every_case_ends_the_run(begun: Begun, jobs: int) -> None:
    with pytest.raises(ModelError):
        done(begun, Fake({"c2": full}), jobs=jobs)


@pytest.mark.parametrize(("start", "error"), [(full, ModelError), (stumble, SegassayError)])
@pytest.mark.parametrize("alone", [False, True])
def test_a_process_that_cannot_start_says_why_and_no_case_is_blamed(
    begun: Begun, start: Callable[[], None], error: type[SegassayError], alone: bool
) -> None:
    """It once read as if the process had been killed for its memory."""
    if alone:
        begun.note("c0")
    with pytest.raises(error, match=r"damaged|ZeroDivisionError"):
        done(begun, Fake(start=start), NAMES[:1])
    assert begun.attempts().get("c0", 0) == 0


def test_a_process_that_ends_before_it_begins_is_no_fault_of_the_case(
    begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SegassayError, match="did not start"):
        done(begun, Fake())
    monkeypatch.undo()
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    assert not any(done(begun, Fake()).values())


def test_a_case_that_is_only_stopped_never_fails(
    begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun.note("c0")

    def stopped(worker: Worker[str, object], case: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Worker, "do", stopped)
        for _ in range(7):
            with pytest.raises(KeyboardInterrupt):
                done(begun, Fake(), NAMES[:1])
    assert done(begun, Fake(), NAMES[:1]) == {"c0": ""}


def test_an_internal_error_is_logged_in_full(
    begun: Begun, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        done(begun, Fake({"c1": stumble}), jobs=1)
    (told,) = caplog.records
    assert told.exc_info is not None


def test_processes_end_with_whoever_stops_asking(begun: Begun) -> None:
    records = executor(2, begun).map(NAMES, Fake({"c5": sleep}))
    assert isinstance(records, Generator)
    next(records)
    before = time.monotonic()
    records.close()
    assert time.monotonic() - before < 20


def sleep() -> None:
    time.sleep(600)


INTERRUPTED = """
import pathlib, random, signal, sys, time
from segassay.runs.begun import Begun
from segassay.runs.executors import executor
from test_executors import Fake

armed = False

def interrupt(*_):
    # The kernel may hand the signal to the reading thread, so that it comes here after its time.
    if armed:
        raise KeyboardInterrupt

names = [str(n) for n in range(400)]
folder = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGALRM, interrupt)
rng, interrupted, end = random.Random(0), 0, time.monotonic() + 4
while time.monotonic() < end:
    begun = Begun(folder / f"{interrupted}.jsonl")
    begun.path.unlink(missing_ok=True)
    records = executor(1, begun).map(names, Fake())
    assert next(records) == ("0", "")
    try:
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 8e-3))
            assert [name for name, _ in records] == names[1:]
        finally:
            armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupted += 1
print(interrupted)
"""


def test_an_interruption_at_any_instant_stops_and_never_hangs(tmp_path: Path) -> None:
    """Locks of an executor, left taken, once made an interrupted audit wait for ever."""
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    path = os.pathsep.join((str(Path(__file__).parent), *filter(None, sys.path)))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50
