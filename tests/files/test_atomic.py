"""Files that are whole or absent."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from segassay.files.atomic import create_whole, is_unfinished, write_whole


def test_write_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"table\.csv"):
        write_whole(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("hard_links", [True, False])
def test_one_of_many_creators_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(self))

    if not hard_links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "manifest.json"
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda n: create_whole(path, b"%d" % n), range(8)))
    assert sum(won) == 1
    assert path.read_bytes() == b"%d" % won.index(True)
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_crash_leaves_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", crash)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # a crash tidies nothing up
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "scores.csv", b"x")
    (left,) = tmp_path.iterdir()
    assert is_unfinished(left)
    assert not is_unfinished(tmp_path / "scores.csv")
