"""A case that ends the process, as for its memory or in a native reader, costs itself alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from conftest import write_phantoms
from segassay.records.table import read_table
from segassay.runs.begun import Begun

SOURCE = Path(__file__).parents[2] / "src"
POISON = "p2"
MOST_STARTS = 5
# p_faulty also follows what the other labels of the structure score, and here one is missing.
OF_THE_RUN_OR_ITS_CASES = ["scored_at", "run_id", "p_faulty"]

STRICKEN = """
import os, time
from segassay.datasets import read_case as module

real = module.read_case

def read_case(case):
    if case.case_id == "p2":
        {what}
    return real(case)

module.read_case = read_case
"""
DIES, HANGS = "os._exit(137)", "time.sleep(600)"


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantoms(tmp_path_factory.mktemp("set"), range(1, 5))


def start(root: Path, out: Path, stricken: Path, *more: str) -> subprocess.Popen[str]:
    """Start an audit; every process of it first runs what lies in the folder `stricken`."""
    words = ["audit", root, "-o", out, "--worst", "0", "--structures", "liver,spleen", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "segassay", *map(str, words)],
        env={**os.environ, "PYTHONPATH": f"{stricken}{os.pathsep}{SOURCE}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def strike(folder: Path, what: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(STRICKEN.format(what=what))
    return folder


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_case_that_ends_the_process_fails_and_all_others_are_scored(
    phantoms: Path, tmp_path: Path, jobs: str
) -> None:
    clean, out = tmp_path / "clean", tmp_path / "out"
    process = start(phantoms, clean, tmp_path / "none", "--jobs", jobs)
    process.communicate()
    assert process.returncode == 0
    dies = strike(tmp_path / "stricken", DIES)
    codes: list[int] = []
    while not codes or (codes[-1] not in (0, 3) and len(codes) < MOST_STARTS):
        process = start(phantoms, out, dies, "--jobs", jobs)
        told = process.communicate()[1]
        codes.append(process.returncode)
    assert codes == ([137, 3] if jobs == "1" else [3])  # alone it takes the run along, once
    assert "p2 2 labels: failed: case p2: the process ended 2 times" in told
    assert "Traceback" not in told

    found, expected = (read_table(folder).drop(OF_THE_RUN_OR_ITS_CASES) for folder in (out, clean))
    others = pl.col("case_id") != POISON
    assert found.filter(others).equals(expected.filter(others))
    assert expected.filter(others)["score"].is_not_nan().all()
    assert set(found.filter(~others)["status"]) == {"failed"}
    assert found["case_id"].to_list() == expected["case_id"].to_list()
    assert (out / "index.html").exists()
    assert json.loads((out / "manifest.json").read_text())["exit_status"] == 3


def test_workers_end_with_their_main_process(phantoms: Path, tmp_path: Path) -> None:
    """Left behind they kept a judge in memory for ever, and the next run had less."""
    hangs = strike(tmp_path / "stricken", HANGS)
    out = tmp_path / "out"
    process = start(phantoms, out, hangs, "--jobs", "2")
    begun = Begun.of(out, 1, 1)
    while POISON not in begun.attempts():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=60)  # every process that is left holds its output open


def test_an_interruption_does_not_wait_for_what_workers_are_doing(
    phantoms: Path, tmp_path: Path
) -> None:
    hangs = strike(tmp_path / "stricken", HANGS)
    out = tmp_path / "out"
    process = start(phantoms, out, hangs, "--jobs", "2")
    begun = Begun.of(out, 1, 1)
    while POISON not in begun.attempts():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)  # it would sleep for ten minutes
    assert process.returncode == 130
    assert json.loads((out / "manifest.json").read_text())["exit_status"] == 130
