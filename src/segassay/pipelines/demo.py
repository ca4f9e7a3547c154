"""The demo: phantoms with planted faults, the normal audit, and an honest comparison."""

import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path

from segassay.data.planting import Planted, plant_dataset
from segassay.errors import OutputError
from segassay.pipelines.audit import audit
from segassay.pipelines.conclude import AuditResult
from segassay.pipelines.configs import AuditConfig, SourceConfig
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.types import Severity, Status

_SHOWN_WORST = 20


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Planted faults by who found them, and what was reported on clean labels.

    A rule finds a fault with a finding above `info` on the same case and structure. The judge finds
    it where the label is among the 20 worst scores or a suspected miss.
    """

    planted: tuple[Planted, ...]
    by_rules: tuple[Planted, ...]
    by_judge: tuple[Planted, ...]
    missed: tuple[Planted, ...]
    false_by_rules: tuple[str, ...]
    false_by_judge: tuple[str, ...]
    n_clean: int
    report: Path

    def to_json(self) -> dict[str, object]:
        """Return plain data, as printed with `--json`."""
        return {**asdict(self), "report": self.report.name}


def run_demo(out: Path, *, judge: str) -> DemoResult:
    """Write the phantom data set below `out`, audit it, and compare with what was planted.

    Raises:
        OutputError: `out` holds something else, or cannot be written.
        ModelError: The judge cannot be loaded.
    """
    root = out / "dataset"
    if out.exists() and any(out.iterdir()) and not (root / "planted.json").exists():
        raise OutputError(f"{out}: holds files that are not a demo's; choose an empty folder")
    shutil.rmtree(root, ignore_errors=True)
    try:
        planted = plant_dataset(root)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror or error})") from error
    config = AuditConfig(
        source=SourceConfig(path=root), out=out / "audit", judge=judge, overwrite=True
    )
    return _compare(planted, audit(config, command="demo"))


def _compare(planted: list[Planted], result: AuditResult) -> DemoResult:
    loud = [f for f in result.findings if f.severity is not Severity.INFO]
    suspects = _suspects(result.rows)
    by_rules = tuple(p for p in planted if any(_hit(p, f.case_id, f.structure) for f in loud))
    by_judge = tuple(p for p in planted if any(_hit(p, r.case_id, r.structure) for r in suspects))
    struck = {p.case_id for p in planted}
    clean = [row for row in result.rows if row.case_id not in struck]
    clean_ids = {row.case_id for row in clean}
    return DemoResult(
        planted=tuple(planted),
        by_rules=by_rules,
        by_judge=by_judge,
        missed=tuple(p for p in planted if p not in by_rules and p not in by_judge),
        false_by_rules=tuple(_finding_text(f) for f in loud if f.case_id in clean_ids),
        false_by_judge=tuple(_row_text(r) for r in suspects if r.case_id in clean_ids),
        n_clean=len(clean),
        report=result.report or result.out,
    )


def _suspects(rows: Iterable[ScoreRow]) -> list[ScoreRow]:
    every = list(rows)
    scored = sorted((r for r in every if not isnan(r.score)), key=lambda r: r.score)
    missed = [r for r in every if r.status is Status.ABSENT_SUSPECT]
    return [*scored[:_SHOWN_WORST], *missed]


def _hit(planted: Planted, case_id: str, structure: str | None) -> bool:
    same = planted.structure is None or structure in (None, planted.structure)
    return planted.case_id == case_id and same


def _finding_text(finding: Finding) -> str:
    return f"{finding.case_id} {finding.structure or ''}: {finding.check}, {finding.message}"


def _row_text(row: ScoreRow) -> str:
    score = "empty" if isnan(row.score) else f"score {row.score:.2f}"
    return f"{row.case_id} {row.structure}: {score}"


def demo_text(result: DemoResult) -> str:
    """Say what was found, by whom, what was missed, and the false alarms."""
    n = len(result.planted)
    lines = [f"{n} faults planted, one per phantom; {result.n_clean} labels in untouched phantoms."]
    for title, found in (
        (f"found by rules ({len(result.by_rules)} of {n})", result.by_rules),
        (f"found by the judge ({len(result.by_judge)} of {n})", result.by_judge),
        (f"found by neither ({len(result.missed)})", result.missed),
    ):
        lines += ["", title, *(f"  {p.case_id} {p.structure or 'file'}: {p.kind}" for p in found)]
    for title, alarms in (
        ("false alarms of the rules", result.false_by_rules),
        (f"untouched labels among the judge's {_SHOWN_WORST} worst", result.false_by_judge),
    ):
        lines += ["", f"{title} ({len(alarms)})", *(f"  {alarm}" for alarm in alarms)]
    return "\n".join([*lines, "", f"report: {result.report}"])
