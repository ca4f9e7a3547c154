"""The words of a report's summary: what came of the labels, what to do, what to trust."""

from dataclasses import dataclass
from math import isnan

from segassay.report.model import (
    FAIL_BELOW,
    ReportData,
    follows_difference,
    protocol_differences,
)
from segassay.types import REVIEW_BELOW, Remark, Severity, Status

STATUS_WORDS = {
    Status.SCORED: "scored",
    Status.ABSTAINED: "scored, but the judge does not trust itself",
    Status.ABSENT_OK: "empty, and the structure is not in the image",
    Status.ABSENT_SUSPECT: "empty, but the structure seems to be there",
    Status.INVALID: "cannot be judged as they are stored",
    Status.FAILED: "could not be read",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and the section of the page to do it with."""

    text: str
    section: str


def next_steps(data: ReportData) -> tuple[Step, ...]:
    """Return what to do with this data set, in order; never empty."""
    differences = protocol_differences(data.rows)
    low = [r for r in data.scored if r.score < FAIL_BELOW]
    own = [r for r in low if not follows_difference(r, differences)]
    n_between = sum(FAIL_BELOW <= r.score < REVIEW_BELOW for r in data.scored)
    broken = {r.label_path for r in data.rows if r.status in (Status.FAILED, Status.INVALID)}
    told = {r.reason for r in data.rows if r.status is Status.INVALID}
    errors = [f for f in data.findings if f.severity is Severity.ERROR and f.message not in told]
    warnings = data.severities[Severity.WARNING.value]
    missed = [r for r in data.rows if r.status is Status.ABSENT_SUSPECT]
    steps = [
        (len(broken), "Mend {} that cannot be read or judged as stored", "file", "labels"),
        (len(errors), "Settle {} that rules found", "error", "findings"),
        (len(own), f"Look at {{}} scored below {FAIL_BELOW}, worst first", "label", "worst"),
        (n_between, f"Look at {{}} scored {FAIL_BELOW} to {REVIEW_BELOW}", "label", "worst"),
        (len(missed), "Look at {} whose structure seems to be there", "empty mask", "worst"),
        (warnings, "Check {} of the rules", "warning", "findings"),
        (len(differences), "Decide about {}: see the note below", "structure", "differences"),
    ]
    found = [Step(text.format(_counted(n, noun)) + ".", to) for n, text, noun, to in steps if n]
    if not found:
        return (Step("Nothing stands out. Look at a few of the lowest scores all the same.", ""),)
    return (*found, Step("Then audit again, into a new folder.", ""))


def trust(data: ReportData) -> tuple[str, ...]:
    """Return what limits the scores of this run, in sentences; empty without scores."""
    if not data.scored:
        return ()
    n = len(data.scored)
    sentences = []
    widths = [r.score_hi - r.score_lo for r in data.scored if not isnan(r.score_hi - r.score_lo)]
    if widths:
        mean = sum(widths) / len(widths)
        sentences.append(f"The 90 % intervals are {mean:.2f} wide on average.")
    doubted = sum(row.status is Status.ABSTAINED for row in data.scored)
    if doubted:
        sentences.append(f"Of {n} scores, the judge does not trust {doubted} itself.")
    untested = sorted({row.structure for row in data.scored if Remark.NEVER_TESTED in row.remarks})
    if untested:
        shown = ", ".join(untested[:8]) + (", …" if len(untested) > 8 else "")
        sentences.append(f"It was never tested on: {shown}.")
    return tuple(sentences)


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
