"""Checks of left and right, front and back, top and bottom: names and header against anatomy.

They speak only where the header carries a true orientation. Pairs of structures vote: one of them
has to lie on the given side of the other. A vote counts if the centres are far enough apart.
"""

from dataclasses import dataclass

from segassay.checks.base import CaseView, found
from segassay.checks.label_rules.centres import Place, places
from segassay.records.findings import Finding
from segassay.types import Severity
from segassay.vocabulary.names import mirrored

_CLEAR_MM = 10.0
"""Centres nearer than this along the axis say nothing: organs differ by that much in people."""

_RIGHT_OF = (
    ("liver", ("spleen", "stomach", "pancreas")),
    ("gallbladder", ("spleen", "stomach")),
    ("inferior_vena_cava", ("spleen",)),
    ("duodenum", ("spleen",)),
)
_BEHIND = ("kidney_left", "kidney_right", "vertebrae", "spinal_cord", "autochthon", "sacrum")
_IN_FRONT_OF = (
    ("liver", _BEHIND),
    ("stomach", _BEHIND),
    ("pancreas", ("vertebrae", "spinal_cord", "autochthon")),
    ("heart", ("vertebrae", "spinal_cord", "autochthon")),
    ("sternum", ("vertebrae", "spinal_cord")),
    ("urinary_bladder", ("sacrum",)),
)
_ABOVE = (
    ("lung", ("kidney_left", "kidney_right", "urinary_bladder", "hip")),
    ("heart", ("kidney_left", "kidney_right", "urinary_bladder", "hip")),
    ("liver", ("urinary_bladder", "hip")),
    ("spleen", ("urinary_bladder", "hip")),
    ("brain", ("heart", "lung")),
    ("aorta", ("urinary_bladder",)),
    ("hip", ("femur",)),
    ("vertebrae_C1", ("vertebrae_T1", "vertebrae_L1")),
    ("vertebrae_T12", ("vertebrae_L5", "sacrum")),
    ("vertebrae_L1", ("sacrum",)),
    ("vertebrae_T1", ("vertebrae_T12", "vertebrae_L1")),
)


@dataclass(frozen=True, slots=True)
class _Vote:
    """What two structures say about one axis: how far the first lies on its side, in mm."""

    words: str
    distance_mm: float

    @property
    def against(self) -> bool:
        """Whether the first lies on the other side."""
        return self.distance_mm < 0


def left_right(view: CaseView) -> list[Finding]:
    """Find pairs whose left one lies to the right of the right one.

    Silent where single organs say that the header is mirrored, too: see `orientation`.
    """
    if not view.image.anatomical:
        return []
    where = places(view)
    if _contradicted(_votes(where, _RIGHT_OF, axis=0)):
        return []
    findings = []
    for vote, pair in _twins(where):
        if not vote.against:
            continue
        message = (
            f"{pair[0]} lies {-vote.distance_mm:.0f} mm to the right of {pair[1]}: "
            "left and right are exchanged"
        )
        step = "exchange the two names in this case, unless the image itself is mirrored"
        evidence = {"pair": list(pair), "distance_mm": -vote.distance_mm}
        findings.append(found("left_right", view, Severity.ERROR, message, step, **evidence))
    return findings


def orientation(view: CaseView) -> list[Finding]:
    """Find headers that contradict the anatomy: votes of single organs along each axis.

    Left and right: the organs of people with situs inversus vote against a right header, so this
    is an error only if the names of pairs, which follow the true sides, vote against it as well.
    """
    if not view.image.anatomical:
        return []
    where = places(view)
    findings = []
    for axis, table, words in (
        (0, _RIGHT_OF, "left and right"),
        (1, _IN_FRONT_OF, "front and back"),
        (2, _ABOVE, "top and bottom"),
    ):
        votes = _votes(where, table, axis=axis)
        if not _contradicted(votes):
            continue
        twins = [vote for vote, _ in _twins(where)] if axis == 0 else []
        findings.append(_contradiction(view, votes, twins, words, axis=axis))
    return findings


def uneven_twins(view: CaseView) -> list[Finding]:
    """Find pairs of which one is many times as large as the other, both whole in the image."""
    by_name = {label.structure: label for label in view.labels}
    findings = []
    for name, label in by_name.items():
        twin = by_name.get(mirrored(name))
        if not name.endswith("_left") or twin is None or twin is label:
            continue
        small, large = sorted((label, twin), key=lambda v: v.n_voxels)
        cut = label.is_cut or any(v.at_sides + v.at_ends for v in (small, large))
        if cut or not small.n_voxels or large.n_voxels < _UNEVEN * small.n_voxels:
            continue
        ratio = large.n_voxels / small.n_voxels
        message = f"{large.structure} is {ratio:.1f} times as large as {small.structure}"
        step = f"look at {small.structure}: parts may be missing, or counted to {large.structure}"
        evidence = {"ratio": ratio, "smaller": small.structure}
        findings.append(found("uneven_twins", view, Severity.WARNING, message, step, **evidence))
    return findings


_UNEVEN = 4.0
"""Ratio of sizes of a pair; a shrunken kidney of an adult has a third of the other's volume."""


def _contradiction(
    view: CaseView, votes: list[_Vote], twins: list[_Vote], words: str, *, axis: int
) -> Finding:
    against = [vote for vote in votes if vote.against]
    whole = len(against) == len(votes)
    # along L/R the names of pairs have to agree, as organs alone may be mirrored in a patient
    agreed = bool(twins) and all(v.against for v in twins) if axis == 0 else len(votes) > 1
    severity = Severity.ERROR if whole and agreed else Severity.WARNING
    inverted = axis == 0 and bool(twins) and not any(vote.against for vote in twins)
    message = (
        f"the header contradicts the anatomy, {words}: {against[0].words} "
        f"({len(against)} of {len(votes)} such signs)"
    )
    step = "look at the image: if it is mirrored, mend the header of image and labels alike"
    if inverted:
        step = "pairs lie on their sides: situs inversus, or mirrored before it was labelled"
    evidence = {
        "axis": ("R", "A", "S")[axis],
        "against": [vote.words for vote in against][:10],
        "votes": len(votes),
    }
    return found("orientation", view, severity, message, step, **evidence)


def _contradicted(votes: list[_Vote]) -> bool:
    return bool(votes) and 2 * sum(vote.against for vote in votes) > len(votes)


def _votes(
    where: dict[str, Place], table: tuple[tuple[str, tuple[str, ...]], ...], *, axis: int
) -> list[_Vote]:
    side = ("left of", "behind", "below")[axis]
    votes = []
    for first, others in table:
        for a in _starting(where, first):
            for b in (b for other in others for b in _starting(where, other)):
                distance = a.centre_mm[axis] - b.centre_mm[axis]
                if abs(distance) >= _CLEAR_MM:
                    words = f"{a.structure} {abs(distance):.0f} mm {side} {b.structure}"
                    votes.append(_Vote(words, distance))
    return votes


def _twins(where: dict[str, Place]) -> list[tuple[_Vote, tuple[str, str]]]:
    """Return the votes of pairs, with (left, right); positive where the right one is right."""
    found_pairs = []
    for name, left in where.items():
        right = where.get(mirrored(name))
        if "left" not in name.split("_") or right is None or right is left:
            continue
        distance = right.centre_mm[0] - left.centre_mm[0]
        if abs(distance) >= _CLEAR_MM:
            found_pairs.append((_Vote(name, distance), (name, right.structure)))
    return found_pairs


def _starting(where: dict[str, Place], prefix: str) -> list[Place]:
    return [p for n, p in where.items() if n == prefix or n.startswith(f"{prefix}_")]
