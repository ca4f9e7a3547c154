"""New judges come to their place as a whole; what a killed process left behind goes away."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, cast

import pytest

from segassay.errors import ModelError, OutputError
from segassay.judge.documents.judge_folder import find_judge, known_judges
from segassay.judge.documents.new_folder import put_in_place, require_writable

UNFINISHED = """
import sys, time
from pathlib import Path
from segassay.judge.documents.new_folder import put_in_place
def fill(fresh):
    (fresh / "meta.json").write_text("{}")
    print("filling", flush=True)
    time.sleep(60)
put_in_place(Path(sys.argv[1]), fill)
"""


def copy(fresh: Path) -> None:
    shutil.copytree(find_judge("judge-v0"), fresh, dirs_exist_ok=True)


def begin(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", UNFINISHED, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with cast(IO[str], process.stdout) as said:
        assert said.readline() == "filling\n"
    return process


def hidden(home: Path) -> list[str]:
    return sorted(p.name for p in home.iterdir() if p.name.startswith("."))


@pytest.mark.skipif(os.name == "nt", reason="processes are not killed like this there")
def test_what_a_killed_process_left_is_removed_and_never_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGASSAY_HOME", str(tmp_path))
    process = begin(tmp_path / "one")
    process.kill()
    process.wait()
    assert len(hidden(tmp_path)) == 1
    assert not [name for name in known_judges() if name.startswith(".") or name == "one"]
    put_in_place(tmp_path / "two", copy)
    assert hidden(tmp_path) == []
    assert "two" in known_judges()


@pytest.mark.skipif(os.name == "nt", reason="processes are not killed like this there")
def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    process = begin(tmp_path / "one")
    try:
        before = hidden(tmp_path)
        assert len(before) == 1
        put_in_place(tmp_path / "two", copy)
        assert hidden(tmp_path) == before
        assert (tmp_path / before[0] / "one" / "meta.json").exists()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    theirs = tmp_path / ".two-original"  # eight letters, as ours have
    (theirs / "two").mkdir(parents=True)
    (theirs / "notes.txt").write_text("mine")
    young = tmp_path / ".one-abcdefgh"  # made just now, not locked yet
    young.mkdir()
    put_in_place(tmp_path / "two", copy)
    assert hidden(tmp_path) == [".one-abcdefgh", ".two-original"]
    old = time.time() - 3600
    os.utime(young, (old, old))
    require_writable(tmp_path / "three")
    assert hidden(tmp_path) == [".two-original"]


def test_a_judge_that_is_not_whole_is_not_put_in_place(tmp_path: Path) -> None:
    def part(fresh: Path) -> None:
        copy(fresh)
        (fresh / "judge.onnx").unlink()

    with pytest.raises(ModelError):
        put_in_place(tmp_path / "two", part)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "two").mkdir()
    with pytest.raises(OutputError):
        put_in_place(tmp_path / "two", copy)


def test_hidden_folders_are_no_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGASSAY_HOME", str(tmp_path))
    copy(tmp_path / ".two-abcdefgh")
    assert ".two-abcdefgh" not in known_judges()
