"""Checks across labels: the same content twice, sizes unlike all others, structures never seen."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from segassay.checks.base import LabelFacts, found
from segassay.records.findings import Finding
from segassay.types import Severity

_LEAST_LABELS = 8
_FAR = 3.5
"""The usual cut for a robust z score."""

_LEAST_SPREAD = 0.05
"""Spread of log size assumed at least: sizes within 15 % of each other are never outliers."""


def duplicates(labels: Sequence[LabelFacts]) -> list[Finding]:
    """Find images and masks whose content appears twice."""
    findings = []
    for same in _groups([f for f in labels if f.image_sha256], lambda f: f.image_sha256):
        cases = {f.case_id: f for f in reversed(same)}
        first, *others = (cases[case_id] for case_id in sorted(cases))
        findings += [_same_image(other, first) for other in others]
    filled = [f for f in labels if f.n_voxels]
    for same in _groups(filled, lambda f: f.mask_sha256):
        for twin in _distinct_twins(same):
            message = f"same mask as {same[0].structure} of case {same[0].case_id}"
            step = "one of the two was copied: draw the other anew"
            evidence = {"twin_case": same[0].case_id, "twin_structure": same[0].structure}
            findings.append(found("duplicates", twin, Severity.ERROR, message, step, **evidence))
    return findings


def volume_outlier(labels: Sequence[LabelFacts]) -> list[Finding]:
    """Find sizes far from the cohort's, by median and median absolute deviation of log size.

    Sizes are compared within a structure, a source and a unit. At most a warning: rare anatomy is
    no fault. Info where a small mask runs into the border of the image, which explains its size.
    Masks in or beside which voxels were ignored are left out: they may be larger.
    """
    findings = []
    sized = [f for f in labels if f.size > 0 and not f.may_go_on]
    for same in _groups(sized, _kind, least=_LEAST_LABELS):
        sizes = np.log([f.size for f in same])
        middle = float(np.median(sizes))
        spread = max(1.4826 * float(np.median(np.abs(sizes - middle))), _LEAST_SPREAD)
        for facts, z in zip(same, ((sizes - middle) / spread).tolist(), strict=True):
            if abs(z) >= _FAR:
                findings.append(_odd_size(facts, float(np.exp(middle)), z, n=len(same)))
    return findings


def unused_structure(labels: Sequence[LabelFacts]) -> list[Finding]:
    """Find structures that are declared but have no voxel in any case; told at their first label.

    With one case this says no more than `empty_mask` does, and stays silent.
    """
    findings = []
    for same in _groups([f for f in labels if f.structure], lambda f: f"{f.structure}/{f.source}"):
        if any(f.n_voxels or f.may_go_on for f in same) or len({f.case_id for f in same}) < 2:
            continue
        message = f"{same[0].structure} has no voxel in any of {len(same)} labels"
        step = "look whether its value or its name is right; else leave it out of the description"
        findings.append(
            found("unused_structure", same[0], Severity.WARNING, message, step, n=len(same))
        )
    return findings


def _odd_size(facts: LabelFacts, typical: float, z: float, *, n: int) -> Finding:
    message = (
        f"{facts.size:.3g} {facts.unit}, typical are {typical:.3g} (robust z {z:+.1f}, n = {n})"
    )
    if z < 0 and facts.cut:
        step = "the structure is cut by the border of the image: leave it out of volume statistics"
        return found("volume_outlier", facts, Severity.INFO, message, step, z=z, n=n)
    many = "parts may not belong to the structure"
    step = f"look at the label: {'parts may be missing' if z < 0 else many}"
    return found("volume_outlier", facts, Severity.WARNING, message, step, z=z, n=n)


def _same_image(copy: LabelFacts, first: LabelFacts) -> Finding:
    same = copy.subject_id == first.subject_id
    owner = "" if same else ", which is said to be another subject"
    parts = [first.split, copy.split]
    apart = first.split != copy.split
    if apart:
        owner += (
            f", and in another part of the data ({', '.join(part or 'none' for part in parts)})"
        )
    return Finding(
        check="duplicates",
        severity=Severity.ERROR,
        case_id=copy.case_id,
        structure=None,
        message=f"same image as case {first.case_id}{owner}",
        suggestion="take the copy out: results on it are too good"
        if apart
        else "keep one of the two cases; never split them between training and test",
        evidence={"twin_case": first.case_id, **({"parts": parts} if apart else {})},
    )


def _kind(facts: LabelFacts) -> str:
    return f"{facts.structure}/{facts.source}/{facts.unit}"


def _groups(
    labels: Iterable[LabelFacts], key: Callable[[LabelFacts], str], *, least: int = 2
) -> list[list[LabelFacts]]:
    listed = list(labels)
    counts = Counter(map(key, listed))  # of a million masks next to none is there twice
    groups: dict[str, list[LabelFacts]] = {k: [] for k, n in counts.items() if n >= least}
    for facts in listed:
        if counts[key(facts)] >= least:
            groups[key(facts)].append(facts)
    return list(groups.values())


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
