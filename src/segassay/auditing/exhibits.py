"""The worst labels of a run as pictures: read again, with the judge's suggestion."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import nan

from segassay.datasets.case import Case
from segassay.datasets.read_case import read_case
from segassay.errors import CaseError
from segassay.images.display import SideCut, plane_name, side_cuts
from segassay.images.io import LabelMap
from segassay.images.label_ref import LabelRef
from segassay.images.slicing import slicing_axis
from segassay.judge.scoring import Judge, Suggestion
from segassay.judge.scoring.query import AskedLabel
from segassay.records.scores import ScoreRow
from segassay.records.triage import LabelKey, Verdict, key_of
from segassay.report.model import (
    Exhibit,
    Place,
    ReportData,
    SliceView,
    is_elsewhere,
    worst_labels,
)

_SLICES = 3
"""Slices of a label that are shown, worst first."""

_ON_CASE_PAGES = 3
"""Times as many labels are shown on the cases' own pages as on the first."""


def pictured(data: ReportData) -> tuple[ScoreRow, ...]:
    """Choose the labels to show: the worst, and for the cases' pages more, if not plausible."""
    first = worst_labels(data, data.n_worst)
    more = worst_labels(data, _ON_CASE_PAGES * data.n_worst)
    told = {key_of(row) for row in first}
    rest = (row for row in more if key_of(row) not in told)
    return (*first, *(row for row in rest if data.verdict(row) is not Verdict.PLAUSIBLE))


def make_exhibits(
    rows: Sequence[ScoreRow],
    cases: Mapping[str, Case],
    judge: Judge,
    slices: Mapping[LabelKey, Mapping[int, float]],
) -> Iterator[Exhibit]:
    """Yield rows as pictures, case by case, with one case in memory at a time.

    Args:
        rows: Labels to show. One whose file can no longer be read is left out: its row tells.
        cases: The cases by the id that stands in the rows.
        judge: Asked for what it expects in the slices that are shown.
        slices: The scores that it gave the slices of each label.
    """
    by_case: dict[str, list[ScoreRow]] = defaultdict(list)
    for row in rows:
        by_case[row.case_id].append(row)
    for case_id, own in by_case.items():
        for row, label in zip(own, _labels(cases[case_id], own, judge), strict=True):
            if label is not None:
                yield _exhibit(row, label, judge, slices.get(key_of(row), {}))


def _labels(case: Case, rows: Sequence[ScoreRow], judge: Judge) -> list[AskedLabel | None]:
    """Return the labels of a case that rows are about; `None` for one that cannot be read."""
    found = dict[int, AskedLabel]()
    every = {(ref.structure, ref.source): ref for ref in case.labels}
    refs = {(row.structure, row.source): every[row.structure, row.source] for row in rows}
    files = read_case(case, refs.values(), channels=False)
    image = files.image
    if isinstance(image, CaseError):
        return [None for _ in rows]
    usable = {ref: f.usable for f in files.labels if f.problem is None for ref in f.refs}
    together: dict[int, list[tuple[int, LabelMap, LabelRef]]] = defaultdict(list)
    for n, row in enumerate(rows):
        ref = refs[row.structure, row.source]
        labels = usable.get(ref)
        if labels is not None:
            together[id(labels.known)].append((n, labels, ref))
    for some in together.values():  # labels of which the same voxels are known share all else
        asked = judge.asked(
            image.knowing(some[0][1].known),
            [(ref.structure, labels.mask(ref)) for _, labels, ref in some],
            modality=case.modality,
            subject=case.subject_id,
        )
        found |= {n: label for (n, _, _), label in zip(some, asked, strict=True)}
    return [found.get(n) for n in range(len(rows))]


def _exhibit(
    row: ScoreRow, label: AskedLabel, judge: Judge, scores: Mapping[int, float]
) -> Exhibit:
    slices = _worst_slices(row, label, judge, scores)
    place = Place.AT_LABEL if judge.suggests else Place.NOT_DRAWN
    if judge.suggests and is_elsewhere(row):
        place, slices = _with_place(label, judge, slices)
    stack = label.image.stack
    cuts = side_cuts(label.image.volume, label.mask, slices[0].index, stack.limits)
    return Exhibit(row, slices, tuple(_side_view(cut) for cut in cuts), place)


def _worst_slices(
    row: ScoreRow, label: AskedLabel, judge: Judge, scores: Mapping[int, float]
) -> tuple[SliceView, ...]:
    """Show the row's worst slice and the next worst; for an empty mask the likeliest one."""
    ranked = sorted(scores, key=lambda index: scores[index])
    first = row.worst_slice if row.worst_slice >= 0 else judge.worst(label)
    chosen = [first, *(index for index in ranked if index != row.worst_slice)][:_SLICES]
    return tuple(
        _view(judge.shown(label, index), label, scores.get(index, nan), marked=judge.suggests)
        for index in chosen
    )


def _with_place(
    label: AskedLabel, judge: Judge, slices: tuple[SliceView, ...]
) -> tuple[Place, tuple[SliceView, ...]]:
    """Put in front where the structure is expected, on the label's worst slice if it is there.

    The judge is asked without the label, and through the whole field: what it draws around a label
    in the wrong place cannot reach the right one.
    """
    at = [slices[0].index, None] if label.mask else [None]
    asked = (judge.expected_place(label, index) for index in at)
    found = next((suggestion for suggestion in asked if suggestion is not None), None)
    if found is None:
        return Place.UNKNOWN, slices
    score = next((view.score for view in slices if view.index == found.index), nan)
    others = (view for view in slices if view.index != found.index and view.mask.any())
    shown = (_view(found, label, score, marked=True), *others)
    return Place.FOUND, shown[:_SLICES]


def _view(suggestion: Suggestion, label: AskedLabel, score: float, *, marked: bool) -> SliceView:
    """Show a slice; `marked` tells whether the judge has anything to draw beside the label."""
    image = label.image.volume
    return SliceView(
        plane=plane_name(image, slicing_axis(image.grid)),
        index=suggestion.index,
        image=suggestion.image,
        mask=suggestion.mask,
        pixel_mm=suggestion.pixel_mm,
        suggested=suggestion.suggested if marked else None,
        error=suggestion.error if marked else None,
        score=score,
    )


def _side_view(cut: SideCut) -> SliceView:
    return SliceView(
        plane=cut.plane,
        index=cut.index,
        image=cut.image,
        mask=cut.mask,
        pixel_mm=cut.pixel_mm,
        crossing=cut.crossing,
    )
