"""Many cases: in several processes, past an internal error, past a killed worker."""

import logging
import multiprocessing
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from segassay.auditing import assay_cases, worker
from segassay.auditing.assay_case import AssayContext
from segassay.auditing.audit import audit
from segassay.datasets.case import Case
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import CaseFiles
from segassay.errors import ModelError, SegassayError
from segassay.files.visible_names import log_visibly
from segassay.records.table import read_table
from segassay.runs.begun import Begun
from segassay.runs.configs import AuditConfig, SourceConfig
from segassay.types import Remark

TIMES = ["scored_at", "run_id"]


def config(root: Path, out: Path, *, judge: str | None = None, jobs: int = 1) -> AuditConfig:
    return AuditConfig(
        source=SourceConfig(path=root),
        out=out,
        judge=judge,
        structures=("liver,spleen",),
        jobs=jobs,
        n_worst=0,
    )


@pytest.mark.slow
def test_two_processes_make_the_table_of_one(phantom_set: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    audit(config(phantom_set, one, judge="judge-v0"))
    done: list[tuple[str, int, int]] = []
    result = audit(
        config(phantom_set, two, judge="judge-v0", jobs=2),
        progress=lambda phase, n, total, name: done.append((phase, n, total)),
    )
    assert done == [*(("cases", n, 4) for n in range(5)), ("labels drawn", 0, 0)]
    assert (result.n_labels, result.n_failed) == (8, 0)
    assert read_table(one).drop(TIMES).equals(read_table(two).drop(TIMES))


@pytest.mark.slow
def test_killed_worker_ends_the_run_and_the_next_one_continues(
    phantom_set: Path, tmp_path: Path
) -> None:
    def kill(phase: str, n: int, total: int, name: str) -> None:
        for child in multiprocessing.active_children():
            child.kill()
            child.join()

    with pytest.raises(SegassayError, match="fewer --jobs"):
        audit(config(phantom_set, tmp_path / "out", jobs=2), progress=kill)
    result = audit(config(phantom_set, tmp_path / "out"))
    assert (result.n_cases, result.n_labels, result.n_missing) == (4, 8, 0)


@pytest.mark.parametrize(("module", "where"), [(assay_cases, "read_case"), (worker, "assay_case")])
def test_internal_error_costs_one_case_and_is_told_in_full(
    phantom_set: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    module: ModuleType,
    where: str,
) -> None:
    real = getattr(module, where)
    struck: list[Case] = []

    def strike(first: Case | CaseFiles, *more: AssayContext) -> object:
        case = first if isinstance(first, Case) else first.case
        if case.case_id == "p2" and not struck:
            struck.append(case)
            raise ZeroDivisionError("planted\nsegassay: \x1b[2Jall is fine")
        return real(first, *more)

    monkeypatch.setattr(module, where, strike)
    log_visibly()
    with caplog.at_level(logging.ERROR):
        result = audit(config(phantom_set, tmp_path / "out"))
    assert (result.n_cases, result.n_failed, int(result.exit_code)) == (4, 1, 3)
    bad = read_table(tmp_path / "out").filter(pl.col("case_id") == "p2")
    assert set(bad["status"]) == {"failed"}
    assert set(bad["remarks"]) == {Remark.INTERNAL_ERROR}
    assert "ZeroDivisionError" in bad["reason"][0]
    assert all(bad["label_sha256"].str.len_chars() == 64)
    (told,) = caplog.records
    assert told.exc_info is not None
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if not line.startswith("  ")] == lines[:1]
    assert not any("\x1b" in line for line in lines)


INTERRUPTED = """
import pathlib, random, signal, sys, time, types
from segassay.auditing import assay_cases
from segassay.runs.begun import Begun

armed = False

def interrupt(*_):
    # The kernel may hand the signal to the reading thread, so that it comes here after its time.
    if armed:
        raise KeyboardInterrupt

assay_cases.read_case = lambda case: case
assay_cases.assay_one = lambda case, read, context: read().case_id
cases = [types.SimpleNamespace(case_id=n) for n in range(400)]
folder = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGALRM, interrupt)
rng, interrupted, end = random.Random(0), 0, time.monotonic() + 4
while time.monotonic() < end:
    begun = Begun(folder / f"{interrupted}.jsonl")
    begun.path.unlink(missing_ok=True)
    records = assay_cases.assay_cases(cases, None, jobs=1, judge=None, begun=begun)
    assert next(records) == 0
    try:
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 8e-3))
            assert list(records) == list(range(1, 400))
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
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


@pytest.mark.parametrize("begun_before", [False, True])
def test_a_worker_that_cannot_start_says_why(
    phantom_set: Path, tmp_path: Path, begun_before: bool
) -> None:
    """It once read as if the process had been killed for its memory."""
    cases = open_dataset(phantom_set).cases
    begun = Begun.of(tmp_path / "out", 1, 1)
    if begun_before:
        cases = cases[:1]
        begun.note(cases[0].case_id)
    context = AssayContext(phantom_set, frozenset(), None, "run")
    gone = str(tmp_path / "gone")
    with pytest.raises(ModelError):
        list(assay_cases.assay_cases(cases, context, jobs=2, judge=gone, begun=begun))
    assert begun.attempts().get(cases[0].case_id, 0) == 0
