"""Tables, shards and the run's record."""

import json
from datetime import UTC, datetime
from math import isnan, nan
from pathlib import Path

import polars as pl
import pytest

from segassay.judge.documents.error_types import ERROR_TYPES
from segassay.records.run import RunRecord, config_key, now, read_run
from segassay.records.scores import ScoreRow
from segassay.records.table import SCHEMA, read_table, rows_of, to_frame, with_rows, write_table
from segassay.types import Status


def row(case_id: str = "c", score: float = nan, structure: str = "liver") -> ScoreRow:
    return ScoreRow(
        case_id=case_id,
        subject_id="s",
        structure=structure,
        label_path="labels/c.nii.gz",
        score=score,
        status=Status.SCORED,
        scored_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_table_keeps_nan_and_types(tmp_path: Path) -> None:
    write_table(to_frame([row("a", 0.5), row("b")]), tmp_path)
    frame = read_table(tmp_path)
    assert frame.schema == SCHEMA
    assert frame["score"].is_nan().to_list() == [False, True]
    assert frame["score"].null_count() == 0
    csv = pl.read_csv(tmp_path / "scores.csv")
    assert csv.columns == list(ScoreRow.model_fields)


def test_empty_table_has_the_same_columns(tmp_path: Path) -> None:
    write_table(to_frame([]), tmp_path)
    assert read_table(tmp_path).schema == SCHEMA
    assert to_frame([]).height == 0


def test_a_table_of_an_older_version_is_read_without_the_columns_it_lacks(tmp_path: Path) -> None:
    write_table(to_frame([row("a", 0.5)]), tmp_path)
    path = tmp_path / "scores.parquet"
    later = ["expected_volume_error", "expected_volume_error_ml", "expected_area_error_mm2"]
    later += ["expected_nsd", "expected_path_mm"]
    pl.read_parquet(path).drop("remarks").write_parquet(path)
    pl.read_parquet(path).drop(later).write_parquet(path)
    frame = read_table(tmp_path)
    assert frame.schema == SCHEMA
    assert frame["score"].to_list() == [0.5]
    assert all(frame[name].is_nan().all() for name in later)
    assert frame["remarks"].to_list() == [""]


def test_no_cell_of_the_csv_is_a_formula(tmp_path: Path) -> None:
    rows = [row('=HYPERLINK("http://x")', 0.1, structure="@cmd"), row("-1+1", 0.2)]
    write_table(to_frame(rows), tmp_path)
    for line in (tmp_path / "scores.csv").read_text().splitlines()[1:]:
        assert line[0] not in "=+-@"
    assert "'=HYPERLINK" in (tmp_path / "scores.csv").read_text()
    assert read_table(tmp_path)["structure"][0] == "@cmd"


def test_rows_come_back_from_columns_as_they_were() -> None:
    rows = [row("a", 0.25), row("b")]
    found = list(rows_of(to_frame(rows).with_columns(further=1)))
    assert [one.model_dump_json() for one in found] == [one.model_dump_json() for one in rows]


def test_some_rows_are_changed_one_by_one_and_no_others() -> None:
    frame = to_frame([row("a", 0.25), row("b"), row("c", 0.5)])
    update = {"score": nan, "reason": "why", "status": Status.FAILED}
    found = with_rows(frame, pl.Series([0, 2]), lambda one: one.model_copy(update=update))
    assert found["reason"].to_list() == ["why", "", "why"]
    assert found["status"].to_list() == ["failed", "scored", "failed"]
    assert found["score"].is_nan().all()
    assert found.schema == SCHEMA
    nothing = pl.Series(dtype=pl.Int64)
    assert with_rows(frame, nothing, lambda one: one).equals(frame)


def test_run_record_comes_back_and_a_broken_one_is_none(tmp_path: Path) -> None:
    run = RunRecord(
        run_id="r",
        config_key=config_key([{"b": 1, "a": 2}]),
        command="audit",
        config={},
        dataset={},
        model_id="m",
        model_sha256="h",
        preprocess="p",
        versions={},
        started_at=now(),
    )
    run.write(tmp_path)
    assert read_run(tmp_path) == run
    assert run.config_key == config_key([{"a": 2, "b": 1}])
    (tmp_path / "manifest.json").write_text(json.dumps({"run_id": 3}))
    assert read_run(tmp_path) is None
    assert read_run(tmp_path / "nowhere") is None


@pytest.mark.parametrize("field", ["score", "score_lo", "volume_ml"])
def test_row_without_a_number_is_nan_not_zero(field: str) -> None:
    assert isnan(getattr(row(), field))


def test_every_column_is_described_for_the_reference() -> None:
    described = {name: field.description for name, field in ScoreRow.model_fields.items()}
    assert [name for name, text in described.items() if not text] == []
    assert set(ERROR_TYPES) <= set(
        str(described["error_type"]).replace("`", " ").replace(",", " ").split()
    )
