"""Pairs of one image: mask and gold on its grid, or why they are of no use."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Case
from segassay.datasets.pair_table import Pair
from segassay.datasets.read_case import FileKey, LabelFile, file_key, label_files, read_case
from segassay.errors import CaseError
from segassay.images.io import LabelMap
from segassay.images.label_ref import LabelRef
from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.records.remarks import Comment, comment
from segassay.types import Remark, Status


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

    pair: Pair
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


def read_image_of(pairs: Sequence[Pair]) -> tuple[Volume, str]:
    """Read the image of some pairs, which is one; return it with the checksum of its file.

    Raises:
        CaseError: It cannot be read.
    """
    (case,) = as_cases([pairs])
    files = read_case(case, ())
    if isinstance(files.image, CaseError):
        raise files.image
    return files.image, files.image_sha256


def open_pairs(pairs: Sequence[Pair], image: Volume) -> Iterator[OpenPair | UnusablePair]:
    """Read masks and golds of pairs of one image, or say why they are of no use; order kept.

    Every file is read once, however many rows share it, and is kept until the last of them.
    """
    refs = [ref for pair in pairs for ref in (pair.gold, pair.mask)]
    coming = label_files(refs, image)
    rows = Counter(map(file_key, refs))
    kept: dict[FileKey, LabelFile] = {}
    for pair in pairs:
        files = []
        for ref in (pair.gold, pair.mask):
            key = file_key(ref)
            if key not in kept:
                kept[key] = next(coming)
            files.append(kept[key])
            rows[key] -= 1
            if not rows[key]:
                del kept[key]
        yield _open(pair, image, *files)


def _open(pair: Pair, image: Volume, *files: LabelFile) -> OpenPair | UnusablePair:
    comments: list[Comment] = []
    for ref, file in zip((pair.gold, pair.mask), files, strict=True):
        if file.problem is not None:
            failed = isinstance(file.content, CaseError)
            return UnusablePair(
                pair, Status.FAILED if failed else Status.INVALID, str(file.problem)
            )
        image = image.knowing(file.usable.known)
        comments += _all_values(file.usable, ref)
    gold, mask = (
        file.usable.mask(ref).known(image.known)
        for ref, file in zip((pair.gold, pair.mask), files, strict=True)
    )
    return OpenPair(pair, mask, gold, image.known, tuple(comments))


def _all_values(labels: LabelMap, ref: LabelRef) -> tuple[Comment, ...]:
    n_values = len(set(labels.counts) - {0, *ref.ignore})
    if ref.values is not None or n_values < 2:
        return ()
    column = "gold_value" if ref.source == "gold" else "value"
    return (comment(Remark.ALL_VALUES, file=ref.path.name, n_values=n_values, column=column),)
