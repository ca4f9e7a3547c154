"""Where a rule leaves no doubt, rows, report and gates go by it and not by the judge."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from check_views import BODY, body_case
from conftest import write_nifti
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig, Gate
from segassay.auditing.override import with_rules
from segassay.checks.all_checks import CERTAIN, check_case
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.records.table import read_table, rows_of, to_frame
from segassay.records.triage import Verdict, verdicts
from segassay.records.usual import usual_scores, with_low_confidence
from segassay.runs.configs import SourceConfig
from segassay.types import Remark, Severity, Status


def row(structure: str, score: float, **more: Any) -> ScoreRow:
    known = {"case_id": "c", "subject_id": "s", "label_path": "c.nii.gz", "status": Status.SCORED}
    ends = {"score": score, "score_lo": score - 0.1, "score_hi": score + 0.05}
    when = {"scored_at": datetime(2026, 1, 2, tzinfo=UTC), "structure": structure}
    return ScoreRow.model_validate({**known, **ends, **when, **more})


def overridden(rows: list[ScoreRow], findings: list[Finding]) -> list[ScoreRow]:
    """Rows through `with_rules`, which takes columns."""
    return list(rows_of(with_rules(to_frame(rows), findings)))


def exchanged() -> list[Finding]:
    swapped = {"kidney_left": BODY["kidney_right"], "kidney_right": BODY["kidney_left"]}
    return check_case(body_case(swapped))


def test_both_exchanged_kidneys_score_nothing() -> None:
    rows = [row("kidney_left", 0.92), row("kidney_right", 0.74, status=Status.ABSTAINED)]
    rows += [row("liver", 0.9), row("kidney_left", 0.9, case_id="d")]
    found = overridden(rows, exchanged())
    for before, after in zip(rows[:2], found, strict=False):
        assert (after.score, after.score_lo, after.score_hi) == (0.0, 0.0, 0.0)
        assert after.judge_score == before.score
        assert after.status is Status.SCORED
        assert Remark.RULE_OVERRIDES in after.remarks
        assert after.error_type == "wrong_place"
        assert after.flags.split() == ["left_right"]
        assert verdicts(to_frame([after])).to_list() == [Verdict.LIKELY_WRONG]
    assert to_frame(found[2:]).equals(to_frame(rows[2:]))
    assert np.isnan(found[2].judge_score)


def test_what_is_overridden_says_nothing_about_correct_labels() -> None:
    judged = [row("kidney_left", 0.92), row("kidney_right", 0.9)]
    frame = with_rules(to_frame([*judged, *judged * 4]), exchanged())
    assert all(np.isnan(usual.here) for usual in usual_scores(frame).values())
    assert set(usual_scores(frame)) == {"kidney_left", "kidney_right"}
    assert with_low_confidence(frame).equals(frame)


def test_a_row_without_a_score_stays_as_it_is() -> None:
    nothing = row("kidney_left", float("nan"), status=Status.ABSENT_OK)
    assert overridden([nothing], exchanged())[0].status is Status.ABSENT_OK


def test_one_mask_for_two_structures_is_half_right_at_best() -> None:
    at_once = dict.fromkeys(("liver", "spleen"), (30, 30, 20))
    findings = check_case(body_case(at_once, files=True))
    found = overridden([row("liver", 0.9), row("spleen", 0.2)], findings)
    assert [one.score for one in found] == [0.5, 0.2]
    assert [one.score_hi for one in found] == [0.5, pytest.approx(0.25)]
    assert [one.judge_score for one in found] == [0.9, 0.2]


def test_overlap_of_parts_and_of_masks_that_differ_overrides_nothing() -> None:
    part = dict.fromkeys(("liver", "liver_tumor"), (30, 30, 20))
    near = {"liver": (30, 30, 20), "spleen": (31, 30, 20)}
    for centres in (part, near):
        findings = check_case(body_case(centres, files=True))
        frame = to_frame([row(name, 0.9) for name in centres])
        assert "overlap" in {f.check for f in findings}
        assert with_rules(frame, findings).equals(frame)


def test_findings_of_other_cases_sources_and_rules_override_nothing() -> None:
    frame = to_frame([row("kidney_left", 0.9), row("kidney_right", 0.9)])
    changes: list[dict[str, Any]] = [{"case_id": "d"}, {"source": "r"}, {"check": "orientation"}]
    for change in changes:
        assert with_rules(frame, [replace(f, **change) for f in exchanged()]).equals(frame)


def test_every_certain_rule_is_an_error_or_names_what_is_equal() -> None:
    assert {name: certain.cap for name, certain in CERTAIN.items()} == {
        "left_right": 0.0,
        "overlap": 0.5,
    }
    assert all(f.severity is Severity.ERROR for f in exchanged() if f.check == "left_right")


def test_an_audit_of_exchanged_kidneys(tmp_path: Path) -> None:
    phantom = make_phantom(1)
    coded = phantom.labels.copy()
    left, right = LABELS["kidney_left"], LABELS["kidney_right"]
    coded[phantom.labels == left], coded[phantom.labels == right] = right, left
    write_nifti(tmp_path / "set" / "images" / "a.nii.gz", phantom.image, phantom.affine)
    write_nifti(tmp_path / "set" / "labels" / "a.nii.gz", coded, phantom.affine)
    names = {"kidney_left": left, "kidney_right": right, "liver": LABELS["liver"]}
    (tmp_path / "set" / "labels.json").write_text(json.dumps(names))
    config = AuditConfig(
        source=SourceConfig(path=tmp_path / "set"),
        out=tmp_path / "out",
        peers=0,
        fail_on=Gate.parse("score<0.01"),
    )
    result = audit(config)
    assert result.exit_code == 4
    table = {row["structure"]: row for row in read_table(tmp_path / "out").to_dicts()}
    for name in ("kidney_left", "kidney_right"):
        assert (table[name]["score"], table[name]["score_hi"]) == (0.0, 0.0)
        assert table[name]["judge_score"] > 0
        assert Remark.RULE_OVERRIDES in table[name]["remarks"].split()
    assert table["liver"]["score"] > 0
    assert np.isnan(table["liver"]["judge_score"])
