"""Which cases of a data set vote on the labels of all others, and what of them is kept."""

from collections.abc import Iterator, Sequence

import numpy as np

from segassay.context.looks import picture, shares_of
from segassay.context.memory import ContextMemory, ContextSlice
from segassay.data.case import Case
from segassay.data.labelled_case import read_labelled_case
from segassay.data.preprocess import PlaneStack, plane_stack
from segassay.data.slicing import as_planes
from segassay.errors import CaseError
from segassay.pipelines.familiarity import by_lot
from segassay.scoring.context_judge import ContextJudge
from segassay.scoring.inputs import BoolArray
from segassay.types import Progress, ignore_progress
from segassay.vocabulary.names import canonical_name

FEWEST_SUBJECTS = 3
"""With fewer subjects beside the one that is judged, one wrong label decides."""

MOST_CASES = 60
"""Cases that vote: more add little and cost memory."""

_SLICES_PER_CASE = 12
_MOST_SLICES = 600
"""Kept in memory: 120 MB of features."""

_MARGIN = 0.1
"""Slices beyond the first and the last that holds a label, in parts of their number."""


def gather_context(
    cases: Sequence[Case],
    judge: ContextJudge,
    n_cases: int,
    structures: Sequence[str] = (),
    progress: Progress = ignore_progress,
) -> ContextMemory | None:
    """Read cases whose labels are to vote: one of a subject, drawn by lot, at most `n_cases`.

    The same cases in every part of a run and whenever it is continued. 2D images are not mixed with
    volumes: the kind that more of the cases are of counts. With `structures` (canonical names) only
    these.

    Returns:
        `None` with fewer than three subjects.
    """
    drawn = by_lot(cases)[:n_cases]
    kinds: dict[bool, list[list[ContextSlice]]] = {}
    progress("context cases", 0, len(drawn), "")
    for number, case in enumerate(drawn, start=1):
        try:
            is_3d, found = _slices(case, judge, structures)
        except CaseError:
            continue
        if found:
            kinds.setdefault(is_3d, []).append(found)
        progress("context cases", number, len(drawn), case.case_id)
    chosen = max(kinds.values(), key=len, default=[])
    if len(chosen) < FEWEST_SUBJECTS:
        return None
    most = max(1, _MOST_SLICES // len(chosen))
    return ContextMemory([one for some in chosen for one in _evenly(some, most)], judge.voting)


def _slices(
    case: Case, judge: ContextJudge, structures: Sequence[str]
) -> tuple[bool, list[ContextSlice]]:
    """Return whether a case is a volume, and its slices that vote."""
    read = read_labelled_case(case)
    stack = plane_stack(read.image, modality=case.modality, window_hu=judge.window_hu)
    masks: dict[str, BoolArray] = {}
    unknown: dict[str, BoolArray] = {}
    for ref, mask in read.masks():
        name = canonical_name(ref.structure)
        if name in masks or (structures and name not in structures):
            continue
        masks[name] = as_planes(mask, stack.axis)
        known = read.labels[ref].volume.known
        if known is not None:
            unknown[name] = np.asarray(~as_planes(known, stack.axis).all(axis=(1, 2)))
    chosen = _chosen(stack, list(masks.values()))
    shown = [
        picture(
            stack.planes[i] if read.image.colours is None else read.image.colours, stack.pixel_mm
        )
        for i in chosen
    ]
    last = max(len(stack.planes) - 1, 1)
    return stack.is_3d, [
        ContextSlice(
            case.subject_id,
            index / last,
            looks,
            {
                name: np.rint(255 * shares_of(planes[index], stack.pixel_mm)).astype(np.uint8)
                for name, planes in masks.items()
                if name not in unknown or not unknown[name][index]
            },
        )
        for index, looks in zip(chosen, judge.encoder(shown), strict=True)
    ]


def _chosen(stack: PlaneStack, masks: Sequence[BoolArray]) -> list[int]:
    """Choose slices evenly from a little before the first label to a little behind the last."""
    if not stack.is_3d:
        return [0] if masks else []
    filled = sorted({int(i) for m in masks for i in np.flatnonzero(m.any(axis=(1, 2)))})
    if not filled:
        return []
    margin = max(1, round(_MARGIN * (filled[-1] - filled[0] + 1)))
    low = max(0, filled[0] - margin)
    high = min(len(stack.planes) - 1, filled[-1] + margin)
    count = min(_SLICES_PER_CASE, high - low + 1)
    return sorted({int(i) for i in np.rint(np.linspace(low, high, count))})


def _evenly(slices: Sequence[ContextSlice], most: int) -> Iterator[ContextSlice]:
    step = max(1, -(-len(slices) // most))
    yield from slices[step // 2 :: step]
