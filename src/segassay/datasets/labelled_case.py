"""A case with the labels that can be used: the refusals are the same whoever asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segassay.datasets.case import Case
from segassay.errors import CaseError, ContentError
from segassay.geometry.grid import require_same_grid
from segassay.images.io import LabelMap, read_image, read_label
from segassay.images.label_ref import LabelRef
from segassay.images.mask import Mask
from segassay.images.volume import Volume

FRACTION = 1e-3
"""Values farther than this from a whole number are no label values."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCase:
    """An image with its usable labels, in the order of the case; empty ones are among them.

    `image.known` are the voxels that none of the label files ignores. `problems` tell why a label
    file cannot be used, one for each.
    """

    image: Volume
    labels: dict[LabelRef, LabelMap]
    problems: tuple[CaseError, ...]

    def masks(self) -> Iterator[tuple[LabelRef, Mask]]:
        """Take out every label's mask `(i, j, k)`, one at a time; none holds an unknown voxel."""
        for ref, labels in self.labels.items():
            yield ref, labels.mask(ref).known(self.image.known)


def read_labelled_case(case: Case) -> LabelledCase:
    """Read the image of a case and its labels, each file once; a bad file costs its own labels.

    Raises:
        CaseError: The image cannot be read.
    """
    image = read_image(case.images[0])
    found: dict[LabelRef, LabelMap] = {}
    problems: list[CaseError] = []
    firsts: dict[tuple[Path, tuple[Path, ...]], LabelRef] = {}
    for ref in case.labels:
        firsts.setdefault((ref.path, ref.pieces), ref)
    for first in firsts.values():
        try:
            labels = read_label(first, image)
            require_usable(labels, first, image)
        except CaseError as error:
            problems.append(error)
            continue
        image = image.knowing(labels.known)
        own = (ref for ref in case.labels if (ref.path, ref.pieces) == (first.path, first.pieces))
        found.update(dict.fromkeys(own, labels))
    ordered = {ref: found[ref] for ref in case.labels if ref in found}
    return LabelledCase(image, ordered, tuple(problems))


def require_usable(labels: LabelMap, ref: LabelRef, image: Volume) -> None:
    """Refuse a label that an audit calls invalid.

    Raises:
        GeometryError: It does not lie on the voxels of its image.
        ContentError: Its values are fractional.
    """
    require_same_grid(labels.grid, image.grid, ref.path.name)
    if labels.max_fraction > FRACTION:
        raise ContentError(
            f"{ref.path.name}: values up to {labels.max_fraction:.2g} off a whole number; "
            "threshold soft masks first"
        )
