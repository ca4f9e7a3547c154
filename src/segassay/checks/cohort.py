"""Checks across labels: the same content twice, a size unlike all others."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from segassay.checks.base import LabelFacts, found
from segassay.records.findings import Finding
from segassay.types import Severity

_LEAST_LABELS = 8
_FAR, _VERY_FAR = 3.5, 6.0
"""Robust z scores on log size: the usual cut, and one for errors nobody can overlook."""

_FACTOR = 4.0
"""No error below this ratio to the typical size, however alike the others are."""

_LEAST_SPREAD = 0.05
"""Spread of log size assumed at least: sizes within 15 % of each other are never outliers."""


def duplicates(labels: Sequence[LabelFacts]) -> list[Finding]:
    """Find images and masks whose content appears twice."""
    findings = []
    for same in _groups(labels, lambda f: f.image_sha256):
        cases = sorted({f.case_id for f in same})
        first_of_case = {f.case_id: f for f in reversed(same)}
        for case_id in cases[1:]:
            message = f"same image as case {cases[0]}"
            step = "keep one of the two cases; never split them between training and test"
            findings.append(_finding(first_of_case[case_id], message, step))
    filled = [f for f in labels if f.n_voxels]
    for same in _groups(filled, lambda f: f.mask_sha256):
        for twin in _distinct_twins(same):
            message = f"same mask as {same[0].structure} of case {same[0].case_id}"
            step = "one of the two was copied: draw the other anew"
            findings.append(_finding(twin, message, step))
    return findings


def volume_outlier(labels: Sequence[LabelFacts]) -> list[Finding]:
    """Find sizes far from the cohort's, by median and median absolute deviation of log size."""
    findings = []
    for same in _groups([f for f in labels if f.size > 0], _kind, least=_LEAST_LABELS):
        sizes = np.log([f.size for f in same])
        middle = float(np.median(sizes))
        spread = max(1.4826 * float(np.median(np.abs(sizes - middle))), _LEAST_SPREAD)
        for facts, z in zip(same, (sizes - middle) / spread, strict=True):
            if abs(z) < _FAR:
                continue
            typical = float(np.exp(middle))
            message = (
                f"{facts.size:.3g} {facts.unit}, typical are {typical:.3g} "
                f"(robust z {z:+.1f}, n = {len(same)})"
            )
            gross = abs(z) >= _VERY_FAR and abs(np.log(facts.size / typical)) > np.log(_FACTOR)
            severity = Severity.ERROR if gross else Severity.WARNING
            step = "look at the label: parts are missing or do not belong to the structure"
            findings.append(
                found("volume_outlier", facts, severity, message, step, z=float(z), n=len(same))
            )
    return findings


def _kind(facts: LabelFacts) -> str:
    return f"{facts.structure}/{facts.source}/{facts.unit}"


def _finding(facts: LabelFacts, message: str, step: str) -> Finding:
    return found("duplicates", facts, Severity.ERROR, message, step)


def _groups(
    labels: Iterable[LabelFacts], key: Callable[[LabelFacts], str], *, least: int = 2
) -> list[list[LabelFacts]]:
    groups: dict[str, list[LabelFacts]] = defaultdict(list)
    for facts in labels:
        groups[key(facts)].append(facts)
    return [group for group in groups.values() if len(group) >= least]


def _distinct_twins(same: Sequence[LabelFacts]) -> list[LabelFacts]:
    """Return labels with the first one's mask that are not the first one itself.

    A second source of one label may agree to the voxel, and a copied case is reported as such.
    """
    first = same[0]
    return [
        f
        for f in same[1:]
        if (f.case_id, f.structure) != (first.case_id, first.structure)
        and not (f.structure == first.structure and f.image_sha256 == first.image_sha256)
    ]
