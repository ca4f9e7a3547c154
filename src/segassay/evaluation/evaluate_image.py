"""All pairs of one image: true agreement, the judge's scores, and its scores without the image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path

import numpy as np

from segassay.datasets.open_pair import LabelFiles, OpenPair, UnusablePair, open_pair
from segassay.datasets.pair_table import REQUIRED, Pair
from segassay.datasets.read_case import file_sha256
from segassay.errors import CaseError, InternalError
from segassay.images.io import read_image
from segassay.images.volume import Volume, voxel_sha256
from segassay.judge.engines.onnxruntime_session import usable_cores
from segassay.judge.scoring import Judge, Score, load_judge
from segassay.metrics.overlap import NSD_MM, dice, volume_surface_dice
from segassay.records.judged_pairs import JudgedPair
from segassay.records.remarks import comment, remarks_of, text_of
from segassay.records.shards import CaseRecord
from segassay.runs.domain.acquaintance import Acquaintance
from segassay.runs.isolated import isolated
from segassay.types import Remark, Status

_KEPT = frozenset({*REQUIRED, "set", "case"})
"""Columns of the table that a row has of its own; the others are carried along."""

_VOXELS_AT_ONCE = 2**28
_MASKS_AT_ONCE = 16
"""How many masks are judged together: that many are kept in memory."""


@dataclass(frozen=True, slots=True)
class EvaluateContext:
    """What is the same for all images of an evaluation (`runs.context`); a case is its pairs.

    `judges` are the judge `judge_name` in the state that the `acquaintance` asks for, and as it is
    loaded: that one is asked for the baseline of masks alone. They are not sent to other processes.
    """

    judge_name: str
    acquaintance: Acquaintance
    judges: tuple[Judge, Judge] | None = None

    def id_of(self, pairs: Sequence[Pair]) -> str:
        """Return what the pairs of one image are called in a run: case and first row."""
        return record_id(pairs)

    def read(self, pairs: Sequence[Pair]) -> Sequence[Pair]:
        """Return the pairs; their files are read one by one when they are judged."""
        return pairs

    def work(self, pairs: Sequence[Pair]) -> CaseRecord:
        """Judge all pairs of one image."""
        if self.judges is None:
            raise RuntimeError(f"{record_id(pairs)}: no judge; the context was not unpacked")
        judge, blind = self.judges
        return evaluate_image(pairs, judge, blind=blind)

    def failed(self, pairs: Sequence[Pair], error: CaseError) -> CaseRecord:
        """Record all pairs of one image as failed."""
        return _record(pairs, _unusable(pairs, error), str(error))

    def packed(self) -> "EvaluateContext":
        """Return the context without its judges."""
        return replace(self, judges=None)

    def unpacked(self, jobs: int) -> "EvaluateContext":
        """Load the judges for one of `jobs` processes."""
        blind = load_judge(self.judge_name, threads=max(1, usable_cores() // jobs))
        return replace(self, judges=(self.acquaintance.asked(blind), blind))


def record_id(pairs: Sequence[Pair]) -> str:
    """Return what the pairs of one image are called in a run: case and first row."""
    return f"{pairs[0].case_id} (row {pairs[0].number})"


def evaluate_image(pairs: Sequence[Pair], judge: Judge, *, blind: Judge) -> CaseRecord:
    """Judge all pairs of one image; whatever is wrong with a row ends up in that row.

    `blind` is asked for the baseline of masks alone, on a black image.
    """
    rows = isolated(record_id(pairs), lambda: list(_rows(pairs, judge, blind)))
    error = ""
    if isinstance(rows, CaseError):
        error = str(rows)
        rows = _unusable(pairs, rows)
    return _record(pairs, rows, error)


def _record(pairs: Sequence[Pair], rows: Sequence[JudgedPair], error: str) -> CaseRecord:
    ordered = sorted(rows, key=lambda row: row.row)
    return CaseRecord(record_id(pairs), (), (), tuple(row.to_json() for row in ordered), error)


def _rows(pairs: Sequence[Pair], judge: Judge, blind: Judge) -> Iterator[JudgedPair]:
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
    waiting: list[OpenPair] = []
    files = LabelFiles(image)
    for pair in sound:
        opened = open_pair(pair, image, files)
        if isinstance(opened, UnusablePair):
            yield _row(pair, opened.status, opened.reason)
            continue
        # Only masks of which the same voxels are known can be judged together.
        if len(waiting) == most or (waiting and waiting[0].known is not opened.known):
            yield from _judged(waiting, image, judge, _Blind(blind, black), trained_on=seen)
            waiting = []
        waiting.append(opened)
    yield from _judged(waiting, image, judge, _Blind(blind, black), trained_on=seen)


def _judged(
    pairs: Sequence[OpenPair], image: Volume, judge: Judge, blind: "_Blind", *, trained_on: bool
) -> Iterator[JudgedPair]:
    if not pairs:
        return
    image, black = image.knowing(pairs[0].known), blind.image.knowing(pairs[0].known)
    labels = [(opened.pair.structure, opened.mask) for opened in pairs]
    first = pairs[0].pair
    # As `as_cases` calls the subject: nobody's mask vouches for itself.
    subject = f"{first.set_name}/{first.subject_id}"
    scores = judge.score_labels(image, labels, modality=first.modality, subject=subject)
    unseen = blind.judge.score_labels(black, labels, modality=first.modality)
    for opened, score, alone in zip(pairs, scores, unseen, strict=True):
        row = _judged_row(opened, score, image)
        yield replace(row, mask_only=alone.value, trained_on=trained_on)


@dataclass(frozen=True, slots=True, eq=False)
class _Blind:
    """A judge that gets to see a black image only."""

    judge: Judge
    image: Volume


def _judged_row(opened: OpenPair, score: Score, image: Volume) -> JudgedPair:
    spacing = image.grid.spacing_mm
    mask, gold = opened.mask.beside(opened.gold)
    n_voxels = opened.mask.n_voxels
    known = image.spacing_known
    true = dice(mask, gold)
    nsd = nan
    if known:
        nsd = volume_surface_dice(mask, gold, spacing, tolerance_mm=NSD_MM)
    comments = (*opened.comments, *((comment(Remark.BOTH_EMPTY),) if isnan(true) else ()))
    reason = "; ".join(text for text in (text_of(comments), score.reason) if text)
    return replace(
        _row(opened.pair, score.status, reason),
        remarks=remarks_of(comments) | score.remarks,
        true_dice=true,
        true_nsd=nsd,
        score=score.value,
        score_lo=score.low,
        score_hi=score.high,
        error_type=score.error_type,
        presence=score.presence,
        n_voxels=n_voxels,
        n_gold_voxels=opened.gold.n_voxels,
        volume_ml=n_voxels * image.grid.voxel_ml if known else nan,
        expected_volume_error=score.expected_volume_error,
        expected_nsd=score.expected_nsd,
        evidence=score.evidence,
        model_id=score.model_id,
        preprocess=score.preprocess,
    )


def _unusable(pairs: Sequence[Pair], error: CaseError) -> list[JudgedPair]:
    remarks = frozenset({Remark.INTERNAL_ERROR} if isinstance(error, InternalError) else ())
    return [
        _row(pair, Status.INVALID, pair.problem)
        if pair.problem
        else replace(_row(pair, Status.FAILED, str(error)), remarks=remarks)
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
