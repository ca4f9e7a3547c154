"""Hand-made runs for the tests of the report."""

from datetime import UTC, datetime
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from segassay.records.findings import Finding
from segassay.records.p_faulty import with_p_faulty
from segassay.records.scores import ScoreRow
from segassay.records.table import rows_of, to_frame
from segassay.report.html import render_report
from segassay.report.model import Exhibit, ReportData, SliceView
from segassay.types import Severity, Status

HOSTILE = "<script>document.title='owned'</script>"


def row(case_id: str, score: float, **options: Any) -> ScoreRow:
    fields: dict[str, Any] = {
        "case_id": case_id,
        "subject_id": case_id,
        "structure": "liver",
        "label_path": f"labels/{case_id}.nii.gz",
        "score": score,
        "score_lo": max(score - 0.1, 0),
        "score_hi": min(score + 0.1, 1),
        "reference_score": 0.9,
        "status": Status.SCORED,
        "error_type": "too_small",
        "worst_slice": 3,
        "scored_at": datetime(2026, 1, 1, tzinfo=UTC),
        **options,
    }
    return ScoreRow.model_validate(fields)


def finding(case_id: str, structure: str | None, severity: Severity, message: str) -> Finding:
    return Finding("holes", severity, case_id, structure, message, "fill them")


def view(**options: Any) -> SliceView:
    rng = np.random.default_rng(0)
    mask = np.zeros((60, 80), dtype=np.bool_)
    mask[20:35, 30:50] = True
    error = np.zeros((60, 80), dtype=np.float32)
    error[20:25, 30:50] = 0.9
    fields: dict[str, Any] = {
        "plane": "axial",
        "index": 3,
        "image": rng.random((60, 80)).astype(np.float32),
        "mask": mask,
        "pixel_mm": (2.0, 1.0),
        "suggested": np.roll(mask, 5, axis=1),
        "error": error,
        "score": 0.41,
        **options,
    }
    return SliceView(**fields)


def side(plane: str) -> SliceView:
    return view(plane=plane, suggested=None, error=None, score=nan, crossing=(True, 12))


def exhibit(of: ScoreRow, **options: Any) -> Exhibit:
    """One label at one slice, with cuts through the other two planes."""
    return Exhibit(of, (view(**options),), (side("sagittal"), side("coronal")))


def report(**options: Any) -> ReportData:
    """Five labels: two low, one good, one unreadable, one with a hostile name."""
    rows = (
        row("a", 0.31),
        row("b", 0.92),
        row("c", 0.95, error_type="good"),
        row("d", nan, status=Status.FAILED, reason="d.nii.gz: no such file"),
        row(HOSTILE, 0.5, structure="spleen"),
    )
    findings = (
        finding("a", "liver", Severity.WARNING, "12 voxels"),
        finding("c", None, Severity.ERROR, HOSTILE),
        finding("b", "liver", Severity.INFO, "3 voxels"),
    )
    fields: dict[str, Any] = {
        "title": f"set {HOSTILE}",
        "about": {"format": "nnunet", "cases": "5"},
        "rows": rows,
        "findings": findings,
        **options,
    }
    fields["frame"] = with_p_faulty(to_frame(fields.pop("rows")), fields["findings"])
    return ReportData(**fields)


def render(out: Path, exhibits: tuple[Exhibit, ...] | None = None, **options: Any) -> Path:
    """Write the report of `report(**options)`; pictured are its first and its fifth label."""
    data = report(**options)
    if exhibits is None:
        exhibits = tuple(map(exhibit, rows_of(data.frame[::4])))
    return render_report(data, exhibits, out)
