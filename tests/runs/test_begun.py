"""Notes of what was begun: whole, from many threads, in whatever characters."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from full_disk import files_end_at
from segassay.errors import OutputError
from segassay.records.shards import CaseRecord, Shard, finished_ids
from segassay.runs.begun import Begun


def test_attempts_alone_are_counted_in_a_row(tmp_path: Path) -> None:
    begun = Begun.of(tmp_path, 1, 2)
    assert begun.attempts() == {}
    for case_id, alone in [("a", False), ("b", False), ("a", True), ("a", True), ("b", True)]:
        begun.note(case_id, alone=alone)
    assert begun.attempts() == {"a": 2, "b": 1}
    begun.note("b")
    begun.note("a", alone=True)
    assert begun.attempts() == {"a": 3, "b": 0}
    assert Begun.of(tmp_path, 2, 2).attempts() == {}


def test_names_of_all_kinds_from_many_threads(tmp_path: Path) -> None:
    begun = Begun.of(tmp_path, 1, 1)
    names = [f'{n}: "ä",\u2028\t{{}}\\n' for n in range(200)] + ["\udc80", ""]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begun.note, names))
    assert set(begun.attempts()) == set(names)
    assert begun.path.read_bytes().count(b"\n") == len(names)


def test_notes_are_no_records(tmp_path: Path) -> None:
    shard = Shard(tmp_path)
    shard.append(CaseRecord("a", (), ()))
    shard.close()
    Begun.of(tmp_path, 1, 1).note("b")
    assert finished_ids(tmp_path) == {"a"}


def test_a_full_disk_is_one_line_and_spoils_no_other_note(tmp_path: Path) -> None:
    begun = Begun.of(tmp_path, 1, 1)
    begun.note("a")
    with files_end_at(begun.path.stat().st_size), pytest.raises(OutputError, match="cannot be"):
        begun.note("b")
    with files_end_at(begun.path.stat().st_size + 9), pytest.raises(OutputError, match="cannot be"):
        begun.note("b")
    begun.note("c")
    assert begun.attempts() == {"a": 0, "c": 0}
