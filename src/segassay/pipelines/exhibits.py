"""The worst labels of a run as pictures: read again, with the judge's suggestion."""

from collections import defaultdict
from collections.abc import Sequence
from math import isnan

from segassay.data.case import Case
from segassay.data.io import label_mask
from segassay.errors import CaseError
from segassay.pipelines.read_case import CaseFiles, read_case
from segassay.records.scores import ScoreRow
from segassay.report.model import Exhibit
from segassay.scoring import Judge
from segassay.types import Status


def make_exhibits(
    rows: Sequence[ScoreRow], cases: Sequence[Case], judge: Judge, *, n: int
) -> tuple[Exhibit, ...]:
    """Return the `n` worst labels, worst first; suspected misses come after the scored ones."""
    chosen = sorted((row for row in rows if not isnan(row.score)), key=lambda row: row.score)[:n]
    missed = [row for row in rows if row.status is Status.ABSENT_SUSPECT]
    missed.sort(key=lambda row: -row.presence)
    chosen += missed[: max(n // 4, n - len(chosen))]
    by_case: dict[str, list[ScoreRow]] = defaultdict(list)
    for row in chosen:
        by_case[row.case_id].append(row)
    made = {}
    for case in cases:
        if case.case_id in by_case:
            files = read_case(case)
            for row in by_case[case.case_id]:
                made[id(row)] = _exhibit(files, row, judge)
    found = [made.get(id(row)) for row in chosen]
    return tuple(exhibit for exhibit in found if exhibit is not None)


def _exhibit(files: CaseFiles, row: ScoreRow, judge: Judge) -> Exhibit | None:
    ref = next(
        r for r in files.case.labels if r.structure == row.structure and r.source == row.source
    )
    image, labels = files.image, files.labels[ref.path]
    if isinstance(image, CaseError) or isinstance(labels, CaseError):
        return None  # the file was whole when it was scored; its row tells the rest
    suggestion = judge.suggest_volume(
        image,
        label_mask(labels, ref),
        structure=ref.structure,
        modality=files.case.modality,
        index=row.worst_slice if row.worst_slice >= 0 else None,
    )
    return Exhibit(
        row=row,
        index=suggestion.index,
        image=suggestion.image,
        mask=suggestion.mask,
        suggested=suggestion.suggested,
        error=suggestion.error,
        pixel_mm=suggestion.pixel_mm,
    )
