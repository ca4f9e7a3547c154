"""The demo: phantoms with planted faults, the normal audit, and an honest comparison."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from segassay.data.planting import Planted, plant_dataset
from segassay.errors import OutputError
from segassay.pipelines.audit import audit
from segassay.pipelines.configs import AuditConfig, SourceConfig
from segassay.pipelines.keep_records import Progress
from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.report.model import protocol_differences
from segassay.types import Severity, Status

N_WORST = 20
"""Length of the list a person is given to look at; the judge finds what stands on it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one planted fault.

    Rules find it with a warning or an error about its file or a label that it struck. The judge
    finds it where a label that it struck is among the worst scores, or is a suspected miss.

    Attributes:
        planted: The fault.
        checks: Rules that found it, by name.
        suspected: Structures that it emptied and that the judge calls missed.
        rank: Place of its worst-scored label among all scores, from 1; `None` without a score.
        score: That label's score.
    """

    planted: Planted
    checks: tuple[str, ...]
    suspected: tuple[str, ...]
    rank: int | None
    score: float | None

    @property
    def by_judge(self) -> bool:
        """Whether a person who works through the judge's list meets this fault."""
        return bool(self.suspected) or (self.rank is not None and self.rank <= N_WORST)

    def to_json(self) -> dict[str, object]:
        """Return plain data for `--json`."""
        return {
            "case_id": self.planted.case_id,
            "structure": self.planted.structure,
            "kind": self.planted.kind,
            "true_dice": self.planted.true_dice,
            "found_by_rules": list(self.checks),
            "found_by_judge": self.by_judge,
            "suspected_misses": list(self.suspected),
            "judge_rank": self.rank,
            "judge_score": self.score,
        }


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Faults with who found them, and what was reported about clean labels.

    A label is clean unless a fault brought it below a true Dice of .95, so untouched labels of a
    phantom with a fault elsewhere are clean, too. `differences` are the structures that the report
    calls a protocol or domain difference; their false alarms count all the same.
    """

    outcomes: tuple[Outcome, ...]
    false_by_rules: tuple[str, ...]
    false_by_judge: tuple[str, ...]
    differences: tuple[str, ...]
    n_clean: int
    n_scored: int
    n_struck_scored: int
    report: Path

    @property
    def missed(self) -> tuple[Outcome, ...]:
        """Faults that neither rules nor judge found."""
        return tuple(o for o in self.outcomes if not o.checks and not o.by_judge)

    def to_json(self) -> dict[str, object]:
        """Return plain data, as printed with `--json`."""
        return {
            "planted": [o.to_json() for o in self.outcomes],
            "found_by_rules": sum(bool(o.checks) for o in self.outcomes),
            "found_by_judge": sum(o.by_judge for o in self.outcomes),
            "found_by_neither": [o.planted.kind for o in self.missed],
            "false_alarms_of_rules": list(self.false_by_rules),
            "false_alarms_of_judge": list(self.false_by_judge),
            "called_protocol_or_domain_difference": list(self.differences),
            "clean_labels": self.n_clean,
            "scored_labels": self.n_scored,
            "struck_labels_scored": self.n_struck_scored,
            "worst_labels_looked_at": N_WORST,
            "report": f"{self.report.parent.name}/{self.report.name}",
        }


def run_demo(out: Path, *, judge: str, progress: Progress | None = None) -> DemoResult:
    """Write the phantom data set below `out`, audit it, and compare with what was planted.

    Raises:
        OutputError: `out` holds something else, or cannot be written.
        ModelError: The judge cannot be loaded.
    """
    root = out / "dataset"
    try:
        if out.exists() and any(out.iterdir()) and not (root / "planted.json").exists():
            raise OutputError(f"{out}: holds files that are not a demo's; choose an empty folder")
        shutil.rmtree(root, ignore_errors=True)
        planted = plant_dataset(root)
    except OSError as error:
        raise OutputError.of(out, error) from error
    config = AuditConfig(
        source=SourceConfig(path=root), out=out / "audit", judge=judge, overwrite=True
    )
    result = audit(config, command="demo", progress=progress)
    report = result.report or result.out
    return compare(planted, result.rows, result.findings, report=report)


def compare(
    planted: Sequence[Planted],
    rows: Sequence[ScoreRow],
    findings: Sequence[Finding],
    *,
    report: Path,
) -> DemoResult:
    """Set an audit's rows and findings against the faults that were planted."""
    loud = [f for f in findings if f.severity is not Severity.INFO]
    scored = sorted((r for r in rows if not isnan(r.score)), key=lambda r: r.score)
    missed = [r for r in rows if r.status is Status.ABSENT_SUSPECT]
    suspects = [*scored[:N_WORST], *missed]
    struck = {(p.case_id, name) for p in planted for name in p.struck}
    cases = {p.case_id for p in planted}
    return DemoResult(
        outcomes=tuple(_outcome(p, loud, scored, missed) for p in planted),
        false_by_rules=tuple(_finding_text(f) for f in loud if not _deserved(f, struck, cases)),
        false_by_judge=tuple(_row_text(r) for r in suspects if _label(r) not in struck),
        differences=tuple(protocol_differences(tuple(rows))),
        n_clean=sum(_label(r) not in struck for r in rows),
        n_scored=len(scored),
        n_struck_scored=sum(_label(r) in struck for r in scored),
        report=report,
    )


def _outcome(
    planted: Planted, loud: Iterable[Finding], scored: list[ScoreRow], missed: list[ScoreRow]
) -> Outcome:
    checks = [
        f.check
        for f in loud
        if f.case_id == planted.case_id and (f.structure is None or f.structure in planted.struck)
    ]
    own = {(planted.case_id, name) for name in planted.struck}
    place = next((n for n, row in enumerate(scored, start=1) if _label(row) in own), None)
    return Outcome(
        planted,
        tuple(dict.fromkeys(checks)),
        tuple(row.structure for row in missed if _label(row) in own),
        place,
        None if place is None else round(scored[place - 1].score, 4),
    )


def _deserved(finding: Finding, struck: set[tuple[str, str]], cases: set[str]) -> bool:
    if finding.structure is None:
        return finding.case_id in cases
    return (finding.case_id, finding.structure) in struck


def _label(row: ScoreRow) -> tuple[str, str]:
    return row.case_id, row.structure


def _finding_text(finding: Finding) -> str:
    return f"{finding.case_id} {finding.structure or 'file'}: {finding.check}, {finding.message}"


def _row_text(row: ScoreRow) -> str:
    score = "empty, called a miss" if isnan(row.score) else f"score {row.score:.2f}"
    return f"{row.case_id} {row.structure}: {score}"


def demo_text(result: DemoResult) -> str:
    """Say what was found, by whom, what was missed, and the false alarms, apart."""
    n = len(result.outcomes)
    rules = [o for o in result.outcomes if o.checks]
    judge = [o for o in result.outcomes if o.by_judge]
    lines = [f"{n} faults planted, one per phantom; {result.n_clean} labels are clean."]
    lines += _block(
        f"Found by rules: {len(rules)} of {n}",
        [f"{_fault(o)} ({', '.join(o.checks)})" for o in rules],
    )
    lines += _block(
        f"Found by the judge, among the {N_WORST} worst of {result.n_scored} scores "
        f"or as a suspected miss: {len(judge)} of {n}",
        [f"{_fault(o)} ({_standing(o)})" for o in judge],
    )
    lines += _block(
        f"Found by neither: {len(result.missed)}",
        [f"{_fault(o)} ({_standing(o)})" for o in result.missed],
    )
    lines += _block(
        f"False alarms of the rules: {len(result.false_by_rules)}", result.false_by_rules
    )
    lines += _block(
        f"False alarms of the judge, clean labels on its list: {len(result.false_by_judge)}",
        result.false_by_judge,
    )
    lines += _circumstances(result)
    return "\n".join([*lines, "", f"Report: {result.report}"])


def _circumstances(result: DemoResult) -> list[str]:
    """Say what the judge's false alarms are to be measured by."""
    lines = []
    spare = min(N_WORST, result.n_scored) - result.n_struck_scored
    if spare > 0:
        lines.append(
            f"  {spare} are unavoidable: only {result.n_struck_scored} struck labels scored"
        )
    if result.differences:
        names = ", ".join(result.differences)
        lines.append(f"  the report calls this a protocol or domain difference: {names}")
    return lines


def _block(title: str, entries: Sequence[str]) -> list[str]:
    return ["", title, *(f"  {entry}" for entry in entries)]


def _fault(outcome: Outcome) -> str:
    planted = outcome.planted
    return f"{planted.case_id} {planted.structure or 'file'}: {planted.kind.replace('_', ' ')}"


def _standing(outcome: Outcome) -> str:
    if outcome.suspected:
        return f"{', '.join(outcome.suspected)} empty, called a miss"
    if outcome.rank is None:
        return "no score"
    return f"score {outcome.score:.2f}, rank {outcome.rank}"
