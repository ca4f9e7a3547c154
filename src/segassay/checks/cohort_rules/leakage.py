"""Checks for what connects cases that are thought to be apart: subjects and nearly equal images."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from segassay.checks.base import LabelFacts
from segassay.checks.cohort_rules.fingerprints import peculiar, standardised
from segassay.datasets.case import Dataset
from segassay.records.findings import Finding
from segassay.types import Severity

_MANY = 8
_NEAR, _NEAR_OF_FEW = 0.96, 0.995
"""Correlation of prints after the mean print of at least eight images is taken away, and as they
are for fewer. Of training subjects in the shared sets, different people reach .936 and .991, two
phases of one heart .987 (median) and .992: docs/checks.md."""

_BLOCK = 1024


def split_leakage(dataset: Dataset) -> list[Finding]:
    """Find subjects who are in more than one part of the data set, unlabelled cases included."""
    parts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for case in dataset.cases:
        if case.split:
            parts[case.subject_id][case.split].append(case.case_id)
    findings = []
    for subject, of_subject in parts.items():
        if len(of_subject) < 2:
            continue
        (first, kept), *others = of_subject.items()
        for name, ids in others:
            message = (
                f"subject {subject} is in {first} (case {kept[0]}) and in {name} ({len(ids)} "
                f"case{'s' if len(ids) > 1 else ''})"
            )
            step = "keep all cases of a subject in one part; results on the other are too good"
            evidence: dict[str, Any] = {
                "subject": subject,
                "parts": {k: v[:20] for k, v in of_subject.items()},
            }
            findings.append(
                _finding("split_leakage", Severity.ERROR, ids[0], message, step, evidence)
            )
    return findings


def near_duplicates(labels: Sequence[LabelFacts]) -> list[Finding]:
    """Find images of different subjects that are nearly the same, by correlation of their prints.

    With eight images or more, of what is left of a print without the mean of all prints.
    Of each image only the most similar earlier one is told. Exact copies are `duplicates`.
    """
    cases = {f.case_id: f for f in reversed(labels) if f.image_print}
    known = [cases[case_id] for case_id in sorted(cases)]
    if not known:
        return []
    rows = standardised([f.image_print for f in known])
    least = _NEAR_OF_FEW
    if len(known) >= _MANY:
        rows, least = peculiar(rows), _NEAR
    findings = []
    for start, end in _blocks(len(known)):
        alike = rows[start:end] @ rows[:end].T
        for number, own in enumerate(known[start:end], start=start):
            twin = _most_alike(known, alike[number - start, :number], own, least)
            if twin is not None:
                findings.append(_near(own, *twin))
    return findings


def _most_alike(
    known: Sequence[LabelFacts],
    alike: "np.ndarray[tuple[int], np.dtype[np.float32]]",
    own: LabelFacts,
    least: float,
) -> tuple[LabelFacts, float] | None:
    near = np.flatnonzero(alike >= least)
    for index in near[np.argsort(-alike[near], kind="stable")].tolist():
        other = known[index]
        same = other.image_sha256 == own.image_sha256 != ""
        if other.subject_id != own.subject_id and not same:
            return other, float(alike[index])
    return None


def _near(own: LabelFacts, twin: LabelFacts, alike: float) -> Finding:
    parts = ""
    if own.split != twin.split:
        parts = f" and in another part of the data ({twin.split or 'none'}, {own.split or 'none'})"
    message = (
        f"nearly the same image as case {twin.case_id} (correlation {alike:.4f}), which is said to "
        f"be another subject{parts}"
    )
    step = "look at both: one person twice? then give them one subject and one part of the data"
    evidence = {"twin_case": twin.case_id, "correlation": alike}
    return _finding("near_duplicates", Severity.WARNING, own.case_id, message, step, evidence)


def _blocks(n: int) -> list[tuple[int, int]]:
    return [(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK)]


def _finding(
    check: str,
    severity: Severity,
    case_id: str,
    message: str,
    step: str,
    evidence: dict[str, object],
) -> Finding:
    return Finding(check, severity, case_id, None, message, step, evidence=evidence)
