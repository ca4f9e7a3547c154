"""All pairs of one image: true agreement, the judge's scores, and its scores without the image."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.data.case import LabelRef
from segassay.data.io import LabelMap, label_mask, read_image, read_label
from segassay.data.pair_table import REQUIRED, Pair
from segassay.data.volume import Volume, voxel_sha256
from segassay.errors import CaseError, ContentError, GeometryError, SegassayError
from segassay.geometry.grid import Grid, require_same_grid
from segassay.metrics.overlap import dice, volume_surface_dice
from segassay.pipelines.read_case import file_sha256
from segassay.records.judged_pairs import JudgedPair
from segassay.records.shards import CaseRecord
from segassay.scoring import Judge, Score
from segassay.types import Status

NSD_MM = 2.0
_FRACTION = 1e-3
_KEPT = frozenset({*REQUIRED, "set", "case"})
"""Columns of the table that a row has of its own; the others are carried along."""

_LOG = logging.getLogger(__name__)

_VOXELS_AT_ONCE = 2**28
_MASKS_AT_ONCE = 16
_FILES_AT_ONCE = 3
"""What is kept in memory: masks that are judged together, and label files of the same image."""


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """A pair with its voxels on the grid of the image."""

    pair: Pair
    mask: NDArray[np.bool_]
    gold: NDArray[np.bool_]
    remark: str


def record_id(pairs: Sequence[Pair]) -> str:
    """Return what the pairs of one image are called in a run: case and first row."""
    return f"{pairs[0].case_id} (row {pairs[0].number})"


def evaluate_image(pairs: Sequence[Pair], judge: Judge) -> CaseRecord:
    """Judge all pairs of one image; whatever is wrong with a row ends up in that row."""
    try:
        rows = list(_rows(pairs, judge))
        error = ""
    except CaseError as problem:
        rows, error = _unusable(pairs, Status.FAILED, str(problem)), str(problem)
    except SegassayError:
        raise
    except Exception as problem:
        _LOG.exception("%s: internal error, please report it", record_id(pairs))
        error = f"internal error ({type(problem).__name__}: {problem}); please report it"
        rows = _unusable(pairs, Status.FAILED, error)
    rows.sort(key=lambda row: row.row)
    return CaseRecord(record_id(pairs), (), (), tuple(row.to_json() for row in rows), error)


def _rows(pairs: Sequence[Pair], judge: Judge) -> Iterator[JudgedPair]:
    sound = [pair for pair in pairs if not pair.problem]
    for pair in pairs:
        if pair.problem:
            yield _row(pair, Status.INVALID, pair.problem)
    if not sound:
        return
    image = read_image(sound[0].image)
    black = replace(image, array=np.broadcast_to(np.float32(0), image.array.shape))
    seen = judge.trained_on(file_sha256(sound[0].image), voxel_sha256(image.array))
    most = max(1, min(_MASKS_AT_ONCE, _VOXELS_AT_ONCE // image.array.size))
    waiting: list[_Open] = []
    files = _LabelFiles(image.grid)
    for pair in sound:
        opened = _opened(pair, image, files)
        if isinstance(opened, JudgedPair):
            yield opened
            continue
        waiting.append(opened)
        if len(waiting) == most:
            yield from _judged(waiting, image, black, judge, trained_on=seen)
            waiting = []
    yield from _judged(waiting, image, black, judge, trained_on=seen)


class _LabelFiles:
    """The label files of one image that were read last: rows often share their gold."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._kept: dict[Path, LabelMap] = {}

    def __call__(self, ref: LabelRef) -> LabelMap:
        """Read a label's file, or give it again."""
        labels = self._kept.pop(ref.path, None)
        if labels is None:
            labels = read_label(ref, self._grid)
        self._kept[ref.path] = labels
        while len(self._kept) > _FILES_AT_ONCE:
            del self._kept[next(iter(self._kept))]
        return labels


def _opened(pair: Pair, image: Volume, files: _LabelFiles) -> _Open | JudgedPair:
    """Read mask and gold of a pair, or return the row that says why they are of no use."""
    masks, remarks = [], []
    for ref in (pair.gold, pair.mask):
        try:
            labels = files(ref)
        except CaseError as error:
            return _row(pair, Status.FAILED, str(error))
        try:
            require_same_grid(labels.volume.grid, image.grid, ref.path.name)
            require_whole(labels, ref)
        except (ContentError, GeometryError) as error:
            return _row(pair, Status.INVALID, str(error))
        masks.append(label_mask(labels, ref))
        remarks.append(_all_values(labels, ref))
    return _Open(pair, masks[1], masks[0], "; ".join(text for text in remarks if text))


def require_whole(labels: LabelMap, ref: LabelRef) -> None:
    """Refuse a file of fractional values; raises `ContentError`."""
    if labels.max_fraction > _FRACTION:
        raise ContentError(
            f"{ref.path.name}: values up to {labels.max_fraction:.2g} off a whole number; "
            "threshold soft masks first"
        )


def _all_values(labels: LabelMap, ref: LabelRef) -> str:
    n_values = sum(value != 0 for value in labels.counts)
    if ref.values is not None or n_values < 2:
        return ""
    column = "gold_value" if ref.source == "gold" else "value"
    return f"{ref.path.name} holds {n_values} values and no {column} is given: all count"


def _judged(
    pairs: Sequence[_Open], image: Volume, black: Volume, judge: Judge, *, trained_on: bool
) -> Iterator[JudgedPair]:
    if not pairs:
        return
    labels = [(opened.pair.structure, opened.mask) for opened in pairs]
    modality = pairs[0].pair.modality
    scores = judge.score_labels(image, labels, modality=modality)
    blind = judge.score_labels(black, labels, modality=modality)
    for opened, score, unseen in zip(pairs, scores, blind, strict=True):
        row = _judged_row(opened, score, image)
        yield replace(row, mask_only=unseen.value, trained_on=trained_on)


def _judged_row(opened: _Open, score: Score, image: Volume) -> JudgedPair:
    spacing = image.grid.spacing_mm
    n_voxels = int(np.count_nonzero(opened.mask))
    known = image.spacing_known
    true = dice(opened.mask, opened.gold)
    nsd = nan
    if known:
        nsd = volume_surface_dice(opened.mask, opened.gold, spacing, tolerance_mm=NSD_MM)
    remarks = (opened.remark, "mask and gold are both empty" if isnan(true) else "", score.reason)
    return replace(
        _row(opened.pair, score.status, "; ".join(text for text in remarks if text)),
        true_dice=true,
        true_nsd=nsd,
        score=score.value,
        score_lo=score.low,
        score_hi=score.high,
        error_type=score.error_type,
        presence=score.presence,
        n_voxels=n_voxels,
        n_gold_voxels=int(np.count_nonzero(opened.gold)),
        volume_ml=n_voxels * image.grid.voxel_ml if known else nan,
        evidence=score.evidence,
        model_id=score.model_id,
        preprocess=score.preprocess,
    )


def _unusable(pairs: Sequence[Pair], status: Status, reason: str) -> list[JudgedPair]:
    return [
        _row(pair, Status.INVALID, pair.problem) if pair.problem else _row(pair, status, reason)
        for pair in pairs
    ]


def _row(pair: Pair, status: Status, reason: str) -> JudgedPair:
    """Return a row that holds no more than its place in the table and what became of it."""
    return JudgedPair(
        row=pair.number,
        case_id=pair.case_id,
        subject_id=pair.subject_id,
        set_name=pair.set_name,
        structure=pair.structure,
        image=_place(pair.cells.get("image", "")),
        mask=_place(pair.cells.get("mask", "")),
        gold=_place(pair.cells.get("gold", "")),
        status=status,
        reason=reason,
        extra={name: text for name, text in pair.cells.items() if name and name not in _KEPT},
    )


def _place(cell: str) -> str:
    """Return a path as the table gives it; where a machine keeps its files is nobody's business."""
    return Path(cell).name if Path(cell).is_absolute() else cell
