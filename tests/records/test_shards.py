"""Shards on a disk that fills up."""

from pathlib import Path

import pytest

from full_disk import files_end_at
from segassay.errors import OutputError
from segassay.records.shards import CaseRecord, Shard, read_records, shard_path
from segassay.runs.begun import Begun


def record(case_id: str) -> CaseRecord:
    return CaseRecord(case_id, (), ())


def test_full_disk_is_one_line_and_costs_one_case(tmp_path: Path) -> None:
    path = shard_path(tmp_path, 1, 1)
    shard = Shard(path)
    shard.append(record("a"))
    with (
        files_end_at(path.stat().st_size + 10),
        pytest.raises(OutputError, match=r"part-0001-of-0001\.jsonl: cannot be written"),
    ):
        shard.append(record("b"))
    shard.close()
    assert path.read_bytes().count(b"\n") == 1
    assert not path.read_bytes().endswith(b"\n")
    again = Shard(path)
    again.append(record("b"))
    again.close()
    assert [r.case_id for r in read_records(tmp_path)] == ["a", "b"]
    assert path.read_bytes().count(b"\n") == 2


def test_shard_below_a_file_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "shards").write_text("not a folder")
    with pytest.raises(OutputError, match="cannot be written"):
        Shard(shard_path(tmp_path, 1, 1))


DAMAGED = [
    b"[]",
    b"null",
    b"5",
    b'"text"',
    b"{}",
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"case_id": 5, "rows": [], "findings": [], "facts": [], "error": ""}',
    b'{"case_id": "b", "rows": null, "findings": [], "facts": [], "error": ""}',
    b'{"case_id": "b", "rows": [5], "findings": [], "facts": [], "error": ""}',
    b'{"case_id": "b", "rows": [], "findings": [[]], "facts": [], "error": ""}',
    b'{"case_id": "b", "rows": [], "findings": [], "facts": [5], "error": ""}',
    b'{"case_id": ' + b"9" * 5000 + b', "rows": [], "findings": [], "facts": [], "error": ""}',
    record("b").to_json().replace('"error": ""', '"error": "x"').encode(),
    record("b").to_json().replace('"rows": []', '"rows": null').encode(),
    record("b").to_json()[:-3].encode(),
]


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_line_is_dropped_and_the_others_count(tmp_path: Path, line: bytes) -> None:
    path = shard_path(tmp_path, 1, 1)
    path.parent.mkdir()
    whole = [record(name).to_json().encode() for name in "ac"]
    path.write_bytes(b"\n".join([whole[0], line, whole[1]]) + b"\n")
    assert [r.case_id for r in read_records(tmp_path)] == ["a", "c"]
    shard = Shard(path)
    shard.append(record("b"))
    shard.close()
    assert [r.case_id for r in read_records(tmp_path)] == ["a", "c", "b"]


def test_a_record_comes_back_as_it_was() -> None:
    full = CaseRecord("ä, b", (), (), ({"n": 1.5, "of": None},), "why, \u2028")
    assert CaseRecord.from_json(full.to_json()) == full
    assert CaseRecord.from_json(full.to_json() + "\n") == full


@pytest.mark.parametrize("line", [b"[]", b"null", b"5", b"{}", b"\xff", b'{"case_id": []}'])
def test_damaged_notes_of_begun_cases_are_dropped(tmp_path: Path, line: bytes) -> None:
    begun = Begun.of(tmp_path, 1, 1)
    begun.note("a", alone=True)
    with begun.path.open("ab") as file:
        file.write(b"\n" + line)
    begun.note("a", alone=True)
    assert begun.attempts()["a"] == 2
