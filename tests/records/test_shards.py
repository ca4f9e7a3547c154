"""Shards on a disk that fills up."""

from pathlib import Path

import pytest

from full_disk import files_end_at
from segassay.errors import OutputError
from segassay.records.shards import CaseRecord, Shard, read_records, shard_path


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
