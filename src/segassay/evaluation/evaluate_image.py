"""All pairs of one image: true agreement, the judge's scores, and its scores without the image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.open_pair import OpenPair, UnusablePair, open_pairs, read_image_of
from segassay.datasets.pair_table import REQUIRED, Pair
from segassay.errors import CaseError, InternalError
from segassay.images.mask import Mask
from segassay.images.volume import Volume, voxel_sha256
from segassay.judge.engines.onnxruntime_session import usable_cores
from segassay.judge.scoring import Judge, Score, load_judge
from segassay.judge.scoring.query import AskedImage
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
"""Of masks cut to their boxes that wait to be judged."""

_MASKS_AT_ONCE = 16
"""Masks whose slices are judged together: the network's inputs are larger than they."""


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
    image, checksum = read_image_of(sound)
    black = replace(image, array=np.broadcast_to(np.float32(0), image.array.shape))
    seen = judge.trained_on(checksum, voxel_sha256(image.array))
    asked, unseen = _Asked(judge, image), _Asked(blind, black)
    waiting: list[_Measured] = []
    for opened in open_pairs(sound, image):
        if isinstance(opened, UnusablePair):
            yield _row(opened.pair, opened.status, opened.reason)
            continue
        waiting.append(_measured(opened, image))
        if sum(one.mask.inside.size for one in waiting) > _VOXELS_AT_ONCE:
            yield from _judged(waiting, asked, unseen, trained_on=seen)
            waiting = []
    yield from _judged(waiting, asked, unseen, trained_on=seen)


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """A row with all that is known without a judge, its mask, and the voxels that are known."""

    row: JudgedPair
    pair: Pair
    mask: Mask
    known: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A judge and an image; what it finds out about the image serves all masks."""

    judge: Judge
    image: Volume
    about: dict[int, AskedImage] = field(default_factory=dict)

    def __call__(self, pairs: Sequence[_Measured], subject: str | None) -> Iterator[Score]:
        """Score masks of which the same voxels are known."""
        known = pairs[0].known
        image = self.about.get(id(known), self.image.knowing(known))
        labels = [(one.pair.structure, one.mask) for one in pairs]
        asked = self.judge.asked(image, labels, modality=pairs[0].pair.modality, subject=subject)
        self.about[id(known)] = asked[0].image
        for start in range(0, len(asked), _MASKS_AT_ONCE):
            yield from self.judge.scores(asked[start : start + _MASKS_AT_ONCE])


def _judged(
    pairs: Sequence[_Measured], asked: _Asked, unseen: _Asked, *, trained_on: bool
) -> Iterator[JudgedPair]:
    together: dict[int, list[_Measured]] = {}
    for one in pairs:  # masks of which the same voxels are known share all else
        together.setdefault(id(one.known), []).append(one)
    for some in together.values():
        first = some[0].pair
        # As `as_cases` calls the subject: nobody's mask vouches for itself.
        scores = asked(some, f"{first.set_name}/{first.subject_id}")
        for one, score, alone in zip(some, scores, unseen(some, None), strict=True):
            yield replace(_scored(one.row, score), mask_only=alone.value, trained_on=trained_on)


def _measured(opened: OpenPair, image: Volume) -> _Measured:
    spacing = image.grid.spacing_mm
    mask, gold = opened.mask.beside(opened.gold)
    n_voxels = opened.mask.n_voxels
    known = image.spacing_known
    true = dice(mask, gold)
    comments = (*opened.comments, *((comment(Remark.BOTH_EMPTY),) if isnan(true) else ()))
    row = replace(
        _row(opened.pair, Status.SCORED, text_of(comments)),
        remarks=remarks_of(comments),
        true_dice=true,
        true_nsd=volume_surface_dice(mask, gold, spacing, tolerance_mm=NSD_MM) if known else nan,
        n_voxels=n_voxels,
        n_gold_voxels=opened.gold.n_voxels,
        volume_ml=n_voxels * image.grid.voxel_ml if known else nan,
    )
    return _Measured(row, opened.pair, opened.mask, opened.known)


def _scored(row: JudgedPair, score: Score) -> JudgedPair:
    return replace(
        row,
        status=score.status,
        reason="; ".join(text for text in (row.reason, score.reason) if text),
        remarks=row.remarks | score.remarks,
        score=score.value,
        score_lo=score.low,
        score_hi=score.high,
        error_type=score.error_type,
        presence=score.presence,
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
