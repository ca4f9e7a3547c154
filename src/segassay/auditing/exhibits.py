"""The worst labels of a run as pictures: read again, with the judge's suggestion."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import nan

from segassay.datasets.case import Case
from segassay.datasets.read_case import CaseFiles, read_case
from segassay.errors import CaseError
from segassay.images.display import SideCut, plane_name, side_cuts
from segassay.images.mask import Mask
from segassay.images.slicing import slicing_axis
from segassay.images.volume import Volume
from segassay.judge.scoring import Judge, Suggestion
from segassay.records.scores import ScoreRow
from segassay.records.triage import Verdict, key_of
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
    rows: Sequence[ScoreRow], cases: Mapping[str, Case], judge: Judge
) -> Iterator[Exhibit]:
    """Yield rows as pictures, case by case, with one case in memory at a time.

    Args:
        rows: Labels to show. One whose file can no longer be read is left out: its row tells.
        cases: The cases by the id that stands in the rows.
        judge: Asked for the slices' scores and for what it expects there.
    """
    by_case: dict[str, list[ScoreRow]] = defaultdict(list)
    for row in rows:
        by_case[row.case_id].append(row)
    for case_id, own in by_case.items():
        files = read_case(cases[case_id])
        found = (_exhibit(files, row, judge) for row in own)
        yield from (exhibit for exhibit in found if exhibit is not None)


def _exhibit(files: CaseFiles, row: ScoreRow, judge: Judge) -> Exhibit | None:
    ref = next(
        r for r in files.case.labels if r.structure == row.structure and r.source == row.source
    )
    image, labels = files.image, files.labels[ref.path]
    if isinstance(image, CaseError) or isinstance(labels, CaseError):
        return None
    mask, image = labels.mask(ref), image.knowing(labels.known)
    slices = _worst_slices(image, mask, files.case, row, judge)
    place = Place.AT_LABEL if judge.suggests else Place.NOT_DRAWN
    if judge.suggests and is_elsewhere(row):
        place, slices = _with_place(image, mask, files.case, row, judge, slices)
    cuts = side_cuts(image, mask, slices[0].index)
    return Exhibit(row, slices, tuple(_side_view(cut) for cut in cuts), place)


def _worst_slices(
    image: Volume, mask: Mask, case: Case, row: ScoreRow, judge: Judge
) -> tuple[SliceView, ...]:
    """Show the row's worst slice and the next worst; for an empty mask the likeliest one."""
    score = judge.score_volume(image, mask, structure=row.structure, modality=case.modality)
    known = {s.index: s.score for s in score.slices}
    ranked = sorted(known, key=lambda index: known[index])
    first = [row.worst_slice if row.worst_slice >= 0 else None]
    views = []
    for index in [*first, *(i for i in ranked if i != row.worst_slice)][:_SLICES]:
        suggestion = judge.suggest_volume(
            image, mask, structure=row.structure, modality=case.modality, index=index
        )
        score_there = known.get(suggestion.index, nan)
        views.append(_view(suggestion, image, score_there, marked=judge.suggests))
    return tuple(views)


def _with_place(
    image: Volume,
    mask: Mask,
    case: Case,
    row: ScoreRow,
    judge: Judge,
    slices: tuple[SliceView, ...],
) -> tuple[Place, tuple[SliceView, ...]]:
    """Put in front where the structure is expected, on the label's worst slice if it is there.

    The judge is asked without the label, and through the whole field: what it draws around a label
    in the wrong place cannot reach the right one.
    """
    at = [slices[0].index, None] if mask else [None]
    asked = (
        judge.find_structure(
            image, mask, structure=row.structure, modality=case.modality, index=index
        )
        for index in at
    )
    found = next((suggestion for suggestion in asked if suggestion is not None), None)
    if found is None:
        return Place.UNKNOWN, slices
    score = next((view.score for view in slices if view.index == found.index), nan)
    others = (view for view in slices if view.index != found.index and view.mask.any())
    shown = (_view(found, image, score, marked=True), *others)
    return Place.FOUND, shown[:_SLICES]


def _view(suggestion: Suggestion, image: Volume, score: float, *, marked: bool) -> SliceView:
    """Show a slice; `marked` tells whether the judge has anything to draw beside the label."""
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
