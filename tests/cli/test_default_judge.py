"""The judge that is asked where no other is named; other tests name theirs (`conftest`)."""

import csv
import os
import subprocess
import sys
from pathlib import Path

from segassay.types import Remark
from tiny_context import write_set


def test_an_audit_and_a_loaded_judge_read_the_context(tmp_path: Path) -> None:
    plain = {name: value for name, value in os.environ.items() if name != "SEGASSAY_JUDGE"}
    data, out = write_set(tmp_path / "set", 5), tmp_path / "out"
    sources = ["--images", str(data / "images"), "--labels", str(data / "masks")]
    audit = ["-m", "segassay", "audit", *sources, "-o", str(out), "--quiet"]
    subprocess.run([sys.executable, *audit], check=True, env=plain)
    with (out / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert all(row["model_id"].startswith("judge-context") for row in rows)
    assert all(Remark.IN_CONTEXT in row["remarks"].split() for row in rows)
    code = "from segassay import load_judge; print(load_judge().model_id)"
    for given, expected in ((plain, "judge-context"), (os.environ, "judge-small")):
        command = [sys.executable, "-c", code]
        told = subprocess.run(command, check=True, capture_output=True, text=True, env=given)
        assert told.stdout.startswith(expected)
