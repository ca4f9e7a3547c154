"""Checks of labels against one another: who overlaps whom, who touches whom."""

import re
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from segassay.checks.base import CaseView, LabelView, found
from segassay.records.findings import Finding
from segassay.types import Severity

_SHARE_TOLD, _SHARE_MUCH = 0.01, 0.05
"""Share of the smaller mask. Masks drawn apart overlap by their rims; from the second on one of
them holds part of the other."""

_TOUCH = 0.05
"""Share of a mask's faces that lie on the other. Neighbours with a wall between touch by single
voxels, see docs/checks.md for the experts' largest."""

_LEAST_FACES = 20

_WITHIN = ("cyst", "tumor", "lesion", "vessel", "nodule", "metastasis")
"""Words of structures that lie inside another one by nature."""

_WHOLE = {"lungs": "lung", "kidneys": "kidney", "ribs": "rib", "body": "", "skin": ""}
"""Names of wholes whose parts are called otherwise; an empty part stands for every structure."""

_APART = (
    ("heart_ventricle_left", "heart_ventricle_right"),
    ("kidney_left", "kidney_right"),
    ("femur_left", "femur_right"),
    ("lung", "kidney"),
    ("lung", "urinary_bladder"),
    ("brain", "lung"),
    ("heart", "kidney"),
    ("heart", "urinary_bladder"),
    ("adrenal_gland_left", "adrenal_gland_right"),
)
"""Structures with others between them: the septum, the spine, the diaphragm."""

_LEVEL = re.compile(r"(vertebrae)_([CTL])(\d+)|(rib_left|rib_right)_(\d+)")
_OFFSET = {"C": 0, "T": 7, "L": 19}


def overlap(view: CaseView) -> list[Finding]:
    """Tell which masks of different files share voxels: the overlap matrix, largest share first.

    One finding per case. In a projection structures lie on top of each other: info there.
    """
    shared = []
    for a, b in combinations(view.labels, 2):
        n = _shared_voxels(a, b) if a.file_name != b.file_name else 0
        share = n / max(min(_size_in(a, b), _size_in(b, a)), 1)
        if share >= _SHARE_TOLD:
            shared.append((share, n, a.structure, b.structure))
    if not shared:
        return []
    shared.sort(reverse=True)
    sizes = {label.structure: label.n_voxels for label in view.labels}
    odd = [row for row in shared if row[0] >= _SHARE_MUCH and not _natural(row[2], row[3])]
    flat = view.labels[0].is_flat
    severity = Severity.WARNING if odd and not flat else Severity.INFO
    share, n, a_name, b_name = (odd or shared)[0]
    pairs = "pair" if len(shared) == 1 else "pairs"
    message = (
        f"{len(shared)} overlapping {pairs} of masks; {a_name} and {b_name} share {n} "
        f"{view.labels[0].voxels}, "
        f"{share:.0%} of the smaller one"
    )
    step = f"look at {a_name} and {b_name}: decide whose they are, unless both are meant"
    evidence = {
        "pairs": [
            {"structures": [x, y], "voxels": k, "share": round(s, 4)} for s, k, x, y in shared[:50]
        ],
        "same": [] if flat else [[x, y] for s, k, x, y in odd if sizes[x] == sizes[y] == k],
    }
    return [found("overlap", view, severity, message, step, **evidence)]


def impossible_contact(view: CaseView) -> list[Finding]:
    """Find structures that touch although others lie between them, as where one leaks out."""
    findings = []
    for a, b in combinations(view.labels, 2):
        if not _kept_apart(a.structure, b.structure):
            continue
        faces, total = _touching_faces(a, b)
        if faces < _LEAST_FACES or faces < _TOUCH * total:
            continue
        message = (
            f"{a.structure} and {b.structure} touch over {faces} "
            f"{'pixel edges' if a.is_flat else 'voxel faces'} "
            f"({faces / total:.0%} of the smaller surface); something lies between them in people"
        )
        step = "look where they meet: one of the two leaks into what lies between"
        evidence = {"pair": [a.structure, b.structure], "faces": faces, "share": faces / total}
        findings.append(
            found("impossible_contact", view, Severity.WARNING, message, step, **evidence)
        )
    return findings


def _shared_voxels(a: LabelView, b: LabelView) -> int:
    window = _common(a, b, grow=0)
    return (
        0
        if window is None
        else int(np.count_nonzero(a.planes.part(window) & b.planes.part(window)))
    )


def _size_in(a: LabelView, b: LabelView) -> int:
    """Count the voxels of a mask that are known to another one's maker."""
    if b.known is None or a.box is None:
        return a.n_voxels
    return int(np.count_nonzero(a.cropped & b.known[a.box]))


def _common(a: LabelView, b: LabelView, *, grow: int) -> tuple[slice, ...] | None:
    if a.box is None or b.box is None:
        return None
    window = tuple(
        slice(max(max(p.start, q.start) - grow, 0), min(p.stop, q.stop) + grow)
        for p, q in zip(a.box, b.box, strict=True)
    )
    return window if all(w.start < w.stop for w in window) else None


def _touching_faces(a: LabelView, b: LabelView) -> tuple[int, int]:
    """Count the faces between two masks, and all faces of the one with fewer."""
    total = min(sum(int(c.changed.sum()) for c in view.changes) for view in (a, b))
    window = _common(a, b, grow=1)
    if window is None:
        return 0, total
    p, q = a.planes.part(window), b.planes.part(window)
    return sum(_along(p, q, axis) + _along(q, p, axis) for axis in range(3)), total


def _along(p: NDArray[np.bool_], q: NDArray[np.bool_], axis: int) -> int:
    first, second = np.moveaxis(p, axis, 0)[:-1], np.moveaxis(q, axis, 0)[1:]
    return int(np.count_nonzero(first & second))


def _natural(a: str, b: str) -> bool:
    """Whether one is a part of the other, by name."""
    if any(word in name for name in (a, b) for word in _WITHIN):
        return True
    for whole, part in ((a, b), (b, a)):
        start = _WHOLE.get(whole, f"{whole}_")
        if part.startswith(start) or _without_side(part).startswith(_without_side(whole) + "_"):
            return True
    return False


def _without_side(name: str) -> str:
    return name.removesuffix("_left").removesuffix("_right")


def _kept_apart(a: str, b: str) -> bool:
    first, second = _level(a), _level(b)
    if first is not None and second is not None and first[0] == second[0]:
        return abs(first[1] - second[1]) > 1
    return any(
        (_is(a, x) and _is(b, y)) or (_is(a, y) and _is(b, x)) for x, y in _APART
    ) and not _natural(a, b)


def _is(name: str, kind: str) -> bool:
    return name == kind or name.startswith(f"{kind}_")


def _level(name: str) -> tuple[str, int] | None:
    match = _LEVEL.fullmatch(name)
    if match is None:
        return None
    if match[1] is not None:
        return match[1], _OFFSET[match[2]] + int(match[3])
    return match[4], int(match[5])
