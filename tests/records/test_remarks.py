"""Remarks are asked for by their names and read as sentences; both are complete."""

from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import polars as pl
import pytest
from pydantic import ValidationError

from segassay.records.judged_pairs import JudgedPair, write_judged_pairs
from segassay.records.remarks import SENTENCES, Comment, comment, joined, remarks_of, text_of
from segassay.records.scores import ScoreRow
from segassay.records.shards import CaseRecord, Shard, read_finished
from segassay.records.table import read_table, to_frame, write_table
from segassay.types import Remark, Status

SOME = frozenset({Remark.NEVER_LEARNED, Remark.COMPARED})


def row(**options: object) -> ScoreRow:
    fields = {"case_id": "c", "subject_id": "s", "structure": "liver", "label_path": "c.png"}
    when = datetime(2026, 1, 2, tzinfo=UTC)
    return ScoreRow.model_validate(
        {**fields, "status": Status.SCORED, "scored_at": when, **options}
    )


def test_every_remark_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Remark)


@pytest.mark.parametrize("remark", list(Remark))
def test_a_sentence_holds_what_it_is_given(remark: Remark) -> None:
    asked = [(name, spec) for _, name, spec, _ in Formatter().parse(SENTENCES[remark]) if name]
    values = {name: 0.5 if spec else "given" for name, spec in asked}
    text = comment(remark, **values).text
    assert all(("0.50" if spec else "given") in text for _, spec in asked)


def test_comments_are_one_line_and_a_set() -> None:
    comments = (comment(Remark.NOT_AXIAL), Comment(None, "tested"), comment(Remark.COMPARED))
    assert text_of(comments).count("; ") == 2
    assert remarks_of(comments) == {Remark.NOT_AXIAL, Remark.COMPARED}
    assert (text_of(()), remarks_of(())) == ("", frozenset())


@pytest.mark.parametrize("remarks", [SOME, frozenset()])
def test_remarks_come_back_from_shard_and_table(remarks: frozenset[Remark], tmp_path: Path) -> None:
    one = row(remarks=remarks)
    shard = Shard(tmp_path)
    shard.append(CaseRecord("c", (one,), ()))
    shard.close()
    (found,) = read_finished(tmp_path, ["case_id", "rows"])
    assert found["rows"][0].to_list()[0]["remarks"] == joined(remarks)
    write_table(to_frame([one]), tmp_path)
    cell = "compared never_learned" if remarks else ""
    assert read_table(tmp_path)["remarks"].to_list() == [cell]
    written = pl.read_csv(tmp_path / "scores.csv").with_columns(pl.col("remarks").fill_null(""))
    assert written["remarks"].to_list() == [cell]


def test_an_unknown_remark_is_refused() -> None:
    with pytest.raises(ValidationError):
        row(remarks="compared unheard_of")


def test_remarks_of_a_judged_pair_come_back(tmp_path: Path) -> None:
    pair = JudgedPair(1, "c", "s", "set", "liver", "i", "m", "g", Status.SCORED, remarks=SOME)
    assert JudgedPair.from_json(pair.to_json()) == pair
    write_judged_pairs([pair], tmp_path / "scores.csv")
    assert pl.read_csv(tmp_path / "scores.csv")["remarks"].to_list() == ["compared never_learned"]
