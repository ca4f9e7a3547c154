"""What a label counts in training, from an audit's rows or a table."""

from datetime import UTC, datetime
from math import nan
from pathlib import Path
from typing import Any

import pytest

from segassay.errors import UsageError
from segassay.records.scores import ScoreRow
from segassay.segment.label_weights import read_label_weights, weight_of
from segassay.types import Remark, Status


def row(**options: Any) -> ScoreRow:
    fields: dict[str, Any] = {
        "case_id": "a",
        "subject_id": "a",
        "structure": "liver",
        "label_path": "a.nii.gz",
        "score": 0.9,
        "status": Status.SCORED,
        "p_faulty": 0.2,
        "n_voxels": 9,
        "scored_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return ScoreRow(**{**fields, **options})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 0.8),
        ({"p_faulty": 1.0}, 0.0),
        ({"p_faulty": nan}, 0.5),
        ({"status": Status.ABSTAINED}, 0.5),
        ({"status": Status.ABSENT_OK, "p_faulty": 0.3}, 1.0),
        ({"status": Status.ABSENT_SUSPECT, "p_faulty": 0.9}, 0.1),
        ({"status": Status.INVALID}, 0.0),
        ({"status": Status.FAILED, "p_faulty": nan}, 0.0),
        ({"remarks": {Remark.RULE_ERROR}}, 0.0),
    ],
)
def test_a_label_counts_by_how_probably_it_is_right(
    options: dict[str, Any], expected: float
) -> None:
    assert weight_of(row(**options)) == pytest.approx(expected)


def test_tables_name_cases_and_structures(tmp_path: Path) -> None:
    path = tmp_path / "weights.csv"
    path.write_text("case_id,structure,weight\na,liver,0.25\nb,liver,1\n")
    assert read_label_weights(path) == {("a", "liver"): 0.25, ("b", "liver"): 1.0}


@pytest.mark.parametrize(
    "text",
    [
        "case,structure,weight\na,b,1\n",
        "case_id,structure,weight\na,b,2\n",
        "case_id,structure,weight\na,b,heavy\n",
        "case_id,structure,weight\na\n",
    ],
)
def test_other_tables_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "weights.csv"
    path.write_text(text)
    with pytest.raises(UsageError):
        read_label_weights(path)
    with pytest.raises(UsageError):
        read_label_weights(tmp_path / "none.csv")
