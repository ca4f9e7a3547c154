"""What is finished: whole lines and whole files count, each case once, whatever went wrong."""

import json
import shutil
from datetime import UTC, datetime
from math import isnan, nan
from pathlib import Path

import pytest

from full_disk import files_end_at
from segassay.errors import OutputError
from segassay.records import shards
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.records.shards import (
    CASES,
    CaseRecord,
    Shard,
    finished_ids,
    read_facts,
    read_finished,
)
from segassay.records.slices import SliceRow
from segassay.records.table import rows_of
from segassay.runs.begun import Begun
from segassay.types import Severity, Status


def record(case_id: str) -> CaseRecord:
    return CaseRecord(case_id, (), ())


def full_record(case_id: str) -> CaseRecord:
    rows = tuple(
        ScoreRow(
            case_id=case_id,
            subject_id="s",
            structure=structure,
            label_path="a.nii.gz",
            score=score,
            status=Status.SCORED if structure == "liver" else Status.FAILED,
            scored_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        )
        for structure, score in (("liver", 0.25), ("ä, \u2028b", nan))
    )
    found = Finding("holes", Severity.WARNING, case_id, "liver", "m", "s", "label", {"share": 0.1})
    slices = (SliceRow("liver", "label", 3, 0.5, 9),)
    return CaseRecord(case_id, rows, (found,), ({"n": 1.5, "of": None},), "why, \u2028", slices)


def ids(folder: Path) -> list[str]:
    """The finished cases, which both ways of asking have to agree on."""
    listed = [name for some in read_finished(folder, ["case_id"]) for name in some["case_id"]]
    assert len(listed) == len(set(listed))
    assert set(listed) == finished_ids(folder)
    return sorted(listed)


def journal(folder: Path) -> Path:
    (path,) = (folder / "shards").glob("*.jsonl")
    return path


def test_full_disk_is_one_line_and_costs_one_case(tmp_path: Path) -> None:
    shard = Shard(tmp_path)
    shard.append(record("a"))
    path = journal(tmp_path)
    with (
        files_end_at(path.stat().st_size + 10),
        pytest.raises(OutputError, match=r"cannot be written"),
    ):
        shard.append(record("b"))
    assert path.read_bytes().count(b"\n") == 1
    assert not path.read_bytes().endswith(b"\n")
    with files_end_at(0):
        shard.close()
    assert ids(tmp_path) == ["a"]
    again = Shard(tmp_path)
    again.append(record("b"))
    again.close()
    assert ids(tmp_path) == ["a", "b"]


def test_shard_below_a_file_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "shards").write_text("not a folder")
    with pytest.raises(OutputError, match="cannot be written"):
        Shard(tmp_path)


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
    path = tmp_path / "shards" / "part-0001-of-0001.jsonl"
    path.parent.mkdir()
    whole = [record(name).to_json().encode() for name in "ac"]
    path.write_bytes(b"\n".join([whole[0], line, whole[1]]) + b"\n")
    assert ids(tmp_path) == ["a", "c"]
    shard = Shard(tmp_path)
    shard.append(record("b"))
    shard.close()
    assert ids(tmp_path) == ["a", "b", "c"]


def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "shards" / "part-0001-of-0001.jsonl"
    path.parent.mkdir()
    whole = b"".join(record(name).to_json().encode() + b"\n" for name in "ab")
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        assert ids(tmp_path) == ["a"] * (whole[:n].count(b"\n") > 0)


@pytest.mark.parametrize("packed", [False, True])
def test_a_record_comes_back_as_it_was(tmp_path: Path, packed: bool) -> None:
    shard, full = Shard(tmp_path), full_record("ä")
    shard.append(full)
    shard.append(record("b"))
    if packed:
        shard.close()
        shard = Shard(tmp_path / "other")
        assert not list((tmp_path / "shards").glob("*.jsonl"))
    (found,) = read_finished(tmp_path, list(CASES))
    assert found.schema == CASES
    one, other = found.iter_rows(named=True)
    assert (one["case_id"], one["error"], one["n_rows"], one["n_unusable"]) == (
        *("ä", full.error),
        *(2, 1),
    )
    rows = list(rows_of(found.head(1).select("rows").explode("rows").unnest("rows")))
    assert [r.model_dump_json() for r in rows] == [r.model_dump_json() for r in full.rows]
    assert isnan(rows[1].score)
    assert tuple(map(Finding.from_json, json.loads(one["findings"]))) == full.findings
    assert [tuple(s.values()) for s in one["slices"]] == [tuple(s) for s in full.slices]
    assert list(read_facts(tmp_path)) == [("ä", full.error, list(full.facts)), ("b", "", [])]
    assert (other["rows"], other["slices"], other["n_rows"]) == ([], [], 0)
    shard.close()


def test_a_long_journal_is_packed_and_no_case_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "_MOST_BYTES", 4 * len(full_record("c00").to_json()))
    names = [f"c{n:02d}" for n in range(11)]
    shard = Shard(tmp_path)
    for n, name in enumerate(names):
        shard.append(full_record(name))
        assert ids(tmp_path) == names[: n + 1]
    assert len(list((tmp_path / "shards").glob("*.parquet"))) == 2
    assert len(journal(tmp_path).read_bytes().splitlines()) == 3
    shard.close()


def test_a_case_that_stands_twice_counts_once(tmp_path: Path) -> None:
    """As where a process was killed between a columnar file and the end of its journal."""
    shard = Shard(tmp_path)
    for name in "ab":
        shard.append(record(name))
    kept = shutil.copy(journal(tmp_path), tmp_path / "kept")
    shard.close()
    shutil.copy(kept, tmp_path / "shards" / "part-0001-of-0001-0.jsonl")
    assert ids(tmp_path) == ["a", "b"]


def test_parts_write_side_by_side_and_a_case_counts_once(tmp_path: Path) -> None:
    both = [Shard(tmp_path, part, 2) for part in (1, 2)] + [Shard(tmp_path, 2, 2)]
    for n, shard in enumerate(both):
        shard.append(record("a"))
        shard.append(record(f"only{n}"))
    assert ids(tmp_path) == ["a", "only0", "only1", "only2"]
    for shard in both:
        shard.close()
    assert ids(tmp_path) == ["a", "only0", "only1", "only2"]


@pytest.mark.parametrize("at", [0, 100, -100, -4])
def test_a_damaged_file_is_set_aside_and_its_cases_are_done_again(tmp_path: Path, at: int) -> None:
    for name in "ab":
        shard = Shard(tmp_path)
        shard.append(full_record(name))
        shard.close()
    path = sorted((tmp_path / "shards").glob("*.parquet"))[0]
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(OutputError, match="set aside"):
        list(read_finished(tmp_path, list(CASES)))
    assert len(ids(tmp_path)) == 1


@pytest.mark.parametrize("line", [b"[]", b"null", b"5", b"{}", b"\xff", b'{"case_id": []}'])
def test_damaged_notes_of_begun_cases_are_dropped(tmp_path: Path, line: bytes) -> None:
    begun = Begun.of(tmp_path, 1, 1)
    begun.note("a", alone=True)
    with begun.path.open("ab") as file:
        file.write(b"\n" + line)
    begun.note("a", alone=True)
    assert begun.attempts()["a"] == 2
