"""The words of a report's summary: what came of the labels, what to do, what to trust."""

from dataclasses import dataclass, replace

import polars as pl

from segassay.records.remarks import remarked
from segassay.records.triage import Verdict
from segassay.report.model import ReportData
from segassay.types import Remark, Severity, counted

VERDICT_SENTENCES = {
    Verdict.LIKELY_WRONG: "likely wrong",
    Verdict.CHECK: "to check",
    Verdict.MISSING: "empty, but the structure seems to be in the image",
    Verdict.INVALID: "cannot be scored as stored",
    Verdict.FAILED: "could not be read",
    Verdict.LOW_CONFIDENCE: "scored with low confidence",
    Verdict.PLAUSIBLE: "plausible",
    Verdict.NOT_SCORED: "not scored",
    Verdict.EMPTY: "empty, and the judge cannot tell whether rightly so",
    Verdict.ABSENT: "empty, and the structure does not seem to be in the image",
}
"""What labels of a verdict are, behind their number; each label is counted once."""

_UNUSABLE = (Verdict.FAILED, Verdict.INVALID)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and the list to do it with.

    `address` is a place on the first page such as `labels:verdict=check`: a section and, behind the
    colon, what its filter is set to. `n_rows` then stand in the list. Both are empty, 0, where
    there is no list to work through.
    """

    text: str
    address: str = ""
    n_rows: int = 0


def next_steps(data: ReportData) -> tuple[Step, ...]:
    """Return what to do with this data set, in order; never empty."""
    counts = {verdict: data.counts.get(verdict, 0) for verdict in Verdict}
    bad = data.ranked.filter(pl.col("verdict").is_in([kind.value for kind in _UNUSABLE]))
    files = data.frame["label_path"][bad["place"]].unique()
    invalid = bad.filter(pl.col("verdict") == Verdict.INVALID.value)
    told = set(data.frame["reason"][invalid["place"]])
    errors = [f.message for f in data.findings if f.severity is Severity.ERROR]
    warnings = data.severities[Severity.WARNING.value]
    unusable = sum(counts[verdict] for verdict in _UNUSABLE)
    steps = []
    if unusable:
        text = f"Repair {counted(len(files), 'file')} that cannot be read or scored as stored"
        steps.append(Step(f"{text} ({counted(unusable, 'label')})", unusable_address(), unusable))
    if not told.issuperset(errors):
        text = f"Resolve {counted(len(errors), 'error')} found by rules"
        steps.append(Step(text, "findings:severity=error", len(errors)))
    for verdict, before, noun, after in (
        (Verdict.LIKELY_WRONG, "Look at", "label", "likely to be wrong, worst first"),
        (Verdict.MISSING, "Look at", "empty mask", "whose structure seems to be in the image"),
        (Verdict.CHECK, "Look at", "label", "to check"),
        (Verdict.LOW_CONFIDENCE, "Sample", "label", "scored with low confidence"),
    ):
        n = counts[verdict]
        if n:
            text = f"{before} {counted(n, noun)} {after}"
            steps.append(Step(text, verdict_address(verdict), n))
    if warnings:
        text = f"Check {counted(warnings, 'warning')} by rules"
        steps.append(Step(text, "findings:severity=warning", warnings))
    if data.differences:
        text = f"Decide about {counted(len(data.differences), 'structure')}: see the note below"
        steps.append(Step(text, "differences"))
    if not steps:
        return (Step("Nothing stands out. Look at a few of the lowest scores all the same."),)
    last = Step("Audit again, into a new folder.")
    return (*(replace(step, text=f"{step.text}.") for step in steps), last)


@dataclass(frozen=True, slots=True)
class Tile:
    """A number at the head of the page, what it counts, and where that is listed."""

    n: int
    words: str
    address: str
    kind: str = ""


def tiles(data: ReportData) -> tuple[Tile, ...]:
    """Return the numbers at the head of the page; those of labels only where there are rows."""
    found = []
    if data.n_labels:
        found.append(Tile(data.n_labels, _noun(data.n_labels, "label"), "labels:all"))
        for verdict in (Verdict.LIKELY_WRONG, Verdict.CHECK, Verdict.LOW_CONFIDENCE):
            n, words = data.counts.get(verdict, 0), VERDICT_SENTENCES[verdict]
            found.append(Tile(n, words, verdict_address(verdict), verdict.name.lower()))
    for severity in (Severity.ERROR, Severity.WARNING):
        n = data.severities[severity.value]
        words = f"{_noun(n, severity.value)} by rules"
        found.append(Tile(n, words, f"findings:severity={severity}"))
    return tuple(found)


def verdict_address(*verdicts: Verdict) -> str:
    """Return where the first page lists the labels of some verdicts, and no others."""
    return "labels:verdict=" + ",".join(verdict.name.lower() for verdict in verdicts)


def unusable_address() -> str:
    """Return where the first page lists labels that could not even be looked at."""
    return verdict_address(*_UNUSABLE)


def trust(data: ReportData) -> tuple[str, ...]:
    """Return what limits the scores of this run, in sentences; empty without scores."""
    scored = data.frame.filter(pl.col("score").is_not_nan())
    n = scored.height
    if not n:
        return ()
    sentences = []
    widths = (scored["score_hi"] - scored["score_lo"]).drop_nans().to_numpy()
    if widths.size:
        sentences.append(f"The 90 % intervals are {float(widths.mean()):.2f} wide on average.")
    doubted = data.counts.get(Verdict.LOW_CONFIDENCE, 0)
    if doubted:
        sentences.append(f"Of {counted(n, 'score')}, {doubted} have low confidence.")
    untested = sorted(scored.filter(remarked(Remark.NEVER_TESTED))["structure"].unique())
    if untested:
        shown = ", ".join(untested[:8]) + (", …" if len(untested) > 8 else "")
        sentences.append(f"The judge was not tested on: {shown}.")
    return tuple(sentences)


def _noun(n: int, noun: str) -> str:
    return noun if n == 1 else f"{noun}s"
