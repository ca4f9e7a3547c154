"""`segassay report`: pages of a finished run without its judge and its data."""

import shutil
from pathlib import Path

import pytest

from segassay.cli import main


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0)


def test_pages_come_back_without_data(phantom_set: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    assert run("audit", phantom_set, "-o", out, "--judge", "judge-small", "--peers", "0", "-q") == 0
    first = (out / "index.html").read_text()
    (out / "index.html").unlink()
    shutil.rmtree(phantom_set)
    assert run("report", out) == 0
    assert (out / "index.html").read_text() == first
    assert run("report", out, "--worst", "2", "-o", other) == 0
    assert (other / "index.html").read_text().count("<article") == 2 < first.count("<article")


def test_no_result_folder_is_told(tmp_path: Path) -> None:
    assert run("report", tmp_path) == 2
