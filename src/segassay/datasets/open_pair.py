"""A pair's mask and gold, read and laid on the grid of their image, or why they are of no use."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Case
from segassay.datasets.labelled_case import require_usable
from segassay.datasets.pair_table import Pair
from segassay.errors import CaseError, ContentError, GeometryError
from segassay.images.io import LabelMap, read_label
from segassay.images.label_ref import LabelRef
from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.records.remarks import Comment, comment
from segassay.types import Remark, Status

_FILES_AT_ONCE = 3
"""Label files of one image that are kept in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenPair:
    """A pair with its voxels on the grid of the image.

    `known` are the voxels that neither file ignores, `None` for all; the masks hold no others.
    """

    pair: Pair
    mask: Mask
    gold: Mask
    known: NDArray[np.bool_] | None
    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class UnusablePair:
    """Why a pair cannot be used: a file `failed`, or its content is `invalid`."""

    status: Status
    reason: str


def images_of(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Put the pairs of one image together, so that it is read once; order as in the table."""
    groups: dict[tuple[Path, str | None], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.image, pair.modality), []).append(pair)
    return list(groups.values())


def as_cases(groups: Sequence[Sequence[Pair]]) -> list[Case]:
    """Return images with their masks as cases of a data set, golds left out.

    Of several masks of one structure, as of several networks, one is drawn by lot: the first rows
    of all images may be one network's.
    """
    cases = []
    for number, group in enumerate(groups):
        rng = np.random.default_rng(number)
        masks: dict[str, LabelRef] = {}
        for place in rng.permutation(len(group)):
            pair = group[place]
            if not pair.problem:
                masks.setdefault(pair.structure, pair.mask)
        first = group[0]
        cases.append(
            Case(
                case_id=f"{first.set_name}/{first.case_id}",
                subject_id=f"{first.set_name}/{first.subject_id}",
                images=(first.image,),
                labels=tuple(masks.values()),
                modality=first.modality,
            )
        )
    return cases


class LabelFiles:
    """The label files of one image that were read last: rows often share their gold."""

    def __init__(self, image: Volume) -> None:
        self._image = image
        self._kept: dict[tuple[Path, tuple[int, ...]], LabelMap] = {}

    def __call__(self, ref: LabelRef) -> LabelMap:
        """Read a label's file, or give it again."""
        labels = self._kept.pop((ref.path, ref.ignore), None)
        if labels is None:
            labels = read_label(ref, self._image)
        self._kept[ref.path, ref.ignore] = labels
        while len(self._kept) > _FILES_AT_ONCE:
            del self._kept[next(iter(self._kept))]
        return labels


def open_pair(pair: Pair, image: Volume, files: LabelFiles) -> OpenPair | UnusablePair:
    """Read mask and gold of a pair, or say why they are of no use."""
    masks: list[Mask] = []
    comments: list[Comment] = []
    for ref in (pair.gold, pair.mask):
        try:
            labels = files(ref)
        except CaseError as error:
            return UnusablePair(Status.FAILED, str(error))
        try:
            require_usable(labels, ref, image)
        except (ContentError, GeometryError) as error:
            return UnusablePair(Status.INVALID, str(error))
        image = image.knowing(labels.known)
        masks.append(labels.mask(ref))
        comments += _all_values(labels, ref)
    gold, mask = (one.known(image.known) for one in masks)
    return OpenPair(pair, mask, gold, image.known, tuple(comments))


def _all_values(labels: LabelMap, ref: LabelRef) -> tuple[Comment, ...]:
    n_values = len(set(labels.counts) - {0, *ref.ignore})
    if ref.values is not None or n_values < 2:
        return ()
    column = "gold_value" if ref.source == "gold" else "value"
    return (comment(Remark.ALL_VALUES, file=ref.path.name, n_values=n_values, column=column),)
