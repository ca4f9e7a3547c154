"""The demo: phantoms with simulated errors, the normal audit, and an honest comparison."""

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

from segassay.auditing.audit import audit
from segassay.demo.planting import Planted, plant_dataset
from segassay.errors import OutputError
from segassay.records.findings import Finding
from segassay.records.p_faulty import with_p_faulty
from segassay.records.scores import ScoreRow
from segassay.records.triage import Verdict, key_of, verdicts, worst_first
from segassay.runs.configs import AuditConfig, SourceConfig
from segassay.types import Progress, Severity, Status

_TO_CHECK = (Verdict.LIKELY_WRONG, Verdict.CHECK, Verdict.MISSING)
"""What the report tells a person to look at for the score's sake."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one simulated error.

    Rules find it with a warning or an error about its file or a label that it changed. The scores
    find it where a label that it changed is among the labels to check.

    Attributes:
        planted: The error.
        checks: Rules that found it, by name.
        row: The worst row of the labels that it changed; `None` where none has a score or is
            called a suspected miss.
        is_listed: Whether that label is among the labels to check.
    """

    planted: Planted
    checks: tuple[str, ...]
    row: ScoreRow | None
    is_listed: bool

    def to_json(self) -> dict[str, object]:
        """Return plain data for `--json`."""
        row = self.row
        return {
            "case_id": self.planted.case_id,
            "structure": self.planted.structure,
            "kind": self.planted.kind,
            "true_dice": self.planted.true_dice,
            "found_by_rules": list(self.checks),
            "found_by_scores": self.is_listed,
            "score": None if row is None or isnan(row.score) else round(row.score, 4),
            "status": None if row is None else row.status.value,
        }


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Simulated errors with what found them, and what was said of clean labels.

    A label is clean unless an error brought it below a true Dice of 0.95, so a label beside the
    changed one is clean, too.

    Attributes:
        outcomes: One for each simulated error.
        listed: The labels that the scores tell a person to check, worst first.
        listed_clean: Those of them that are clean.
        false_by_rules: Warnings and errors of rules about clean labels, in words.
        low_confidence: Structures with scores of low confidence, and how many labels that are.
        n_labels: All labels.
        n_clean: Clean ones.
        report: The report's first page.
    """

    outcomes: tuple[Outcome, ...]
    listed: tuple[ScoreRow, ...]
    listed_clean: tuple[ScoreRow, ...]
    false_by_rules: tuple[str, ...]
    low_confidence: dict[str, int]
    n_labels: int
    n_clean: int
    report: Path

    @property
    def precision(self) -> float:
        """Share of the labels to check that are wrong; NaN without any."""
        n = len(self.listed)
        return (n - len(self.listed_clean)) / n if n else nan

    @property
    def missed(self) -> tuple[Outcome, ...]:
        """Errors that neither rules nor scores found."""
        return tuple(o for o in self.outcomes if not o.checks and not o.is_listed)

    def to_json(self) -> dict[str, object]:
        """Return plain data, as printed with `--json`."""
        return {
            "simulated_errors": [o.to_json() for o in self.outcomes],
            "labels": self.n_labels,
            "clean_labels": self.n_clean,
            "labels_to_check": len(self.listed),
            "precision": None if isnan(self.precision) else round(self.precision, 4),
            "found_by_rules": sum(bool(o.checks) for o in self.outcomes),
            "found_by_scores": sum(o.is_listed for o in self.outcomes),
            "found_by_neither": [o.planted.kind for o in self.missed],
            "false_alarms_of_rules": list(self.false_by_rules),
            "false_alarms_of_scores": [_row_text(row) for row in self.listed_clean],
            "low_confidence": self.low_confidence,
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
    """Set an audit's rows and findings against the simulated errors."""
    loud = [f for f in findings if f.severity is not Severity.INFO]
    rows = with_p_faulty(rows)  # by the scores alone: what rules find is counted apart
    found = verdicts(rows)
    ranked = worst_first(rows, found)
    listed = tuple(row for row in ranked if found[key_of(row)] in _TO_CHECK)
    changed = {(p.case_id, name) for p in planted for name in p.struck}
    cases = {p.case_id for p in planted}
    doubted = (row.structure for row in rows if found[key_of(row)] is Verdict.LOW_CONFIDENCE)
    return DemoResult(
        outcomes=tuple(_outcome(p, loud, ranked, listed) for p in planted),
        listed=listed,
        listed_clean=tuple(row for row in listed if _label(row) not in changed),
        false_by_rules=tuple(_finding_text(f) for f in loud if not _deserved(f, changed, cases)),
        low_confidence=dict(Counter(doubted).most_common()),
        n_labels=len(rows),
        n_clean=sum(_label(row) not in changed for row in rows),
        report=report,
    )


def _outcome(
    planted: Planted,
    loud: Iterable[Finding],
    ranked: Iterable[ScoreRow],
    listed: Sequence[ScoreRow],
) -> Outcome:
    checks = [
        f.check
        for f in loud
        if f.case_id == planted.case_id and (f.structure is None or f.structure in planted.struck)
    ]
    changed = {(planted.case_id, name) for name in planted.struck}
    found = next((row for row in listed if _label(row) in changed), None)
    scored = (row for row in ranked if _label(row) in changed and not isnan(row.score))
    worst = found or next(scored, None)
    return Outcome(planted, tuple(dict.fromkeys(checks)), worst, found is not None)


def _deserved(finding: Finding, changed: set[tuple[str, str]], cases: set[str]) -> bool:
    if finding.structure is None:
        return finding.case_id in cases
    return (finding.case_id, finding.structure) in changed


def _label(row: ScoreRow) -> tuple[str, str]:
    return row.case_id, row.structure


def _finding_text(finding: Finding) -> str:
    return f"{finding.case_id} {finding.structure or 'file'}: {finding.check}, {finding.message}"


def _row_text(row: ScoreRow) -> str:
    return f"{row.case_id} {row.structure}: {_score_text(row)}"


def _score_text(row: ScoreRow) -> str:
    if isnan(row.score):
        return "empty, but the structure seems to be in the image"
    if row.status is Status.ABSTAINED:
        return "low confidence"
    return f"score {row.score:.2f}"


def demo_text(result: DemoResult) -> str:
    """Say what was put in, how good the list is, what was found, and what was missed."""
    n = len(result.outcomes)
    by_rules = [o for o in result.outcomes if o.checks]
    by_scores = [o for o in result.outcomes if o.is_listed]
    lines = [
        f"Put in: {n} simulated errors, one per CT phantom, in {result.n_labels} labels, of which "
        f"{result.n_clean} are correct.",
        "",
        *_of_scores(result, by_scores),
        "",
        f"Rules, which need no model, found {len(by_rules)} of {n} errors; "
        f"{len(result.false_by_rules)} false alarms.",
        *_indented([*(f"{_error(o)} ({', '.join(o.checks)})" for o in by_rules)]),
        *_indented([f"false alarm: {text}" for text in result.false_by_rules]),
        "",
        f"Missed by both: {len(result.missed)}.",
        *_indented([f"{_error(o)} ({_standing(o)})" for o in result.missed]),
    ]
    return "\n".join([*lines, "", f"Report: {result.report}"])


def _of_scores(result: DemoResult, found: Sequence[Outcome]) -> list[str]:
    n, n_wrong = len(result.listed), len(result.listed) - len(result.listed_clean)
    lines = [
        f"Scores put {n} labels on the list to check: {n_wrong} of them are wrong"
        + (f" (precision {result.precision:.2f})." if n else "."),
        f"With them {len(found)} of {len(result.outcomes)} errors are found.",
        *_indented([f"{_error(o)} ({_standing(o)})" for o in found]),
        *_indented([f"false alarm: {_row_text(row)}" for row in result.listed_clean]),
    ]
    if result.low_confidence:
        names = ", ".join(f"{name} ({count})" for name, count in result.low_confidence.items())
        lines.append(
            f"Low confidence, so not on the list: {names}. The model does not know such images."
        )
    return lines


def _indented(entries: Sequence[str]) -> list[str]:
    return [f"  {entry}" for entry in entries]


def _error(outcome: Outcome) -> str:
    planted = outcome.planted
    return f"{planted.case_id} {planted.structure or 'file'}: {planted.kind.replace('_', ' ')}"


def _standing(outcome: Outcome) -> str:
    return "no score" if outcome.row is None else _score_text(outcome.row)
