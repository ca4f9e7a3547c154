"""Which cases of a data set vote on the labels of all others, and what of them is kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Case
from segassay.datasets.read_case import LabelledCase, read_labelled_case
from segassay.datasets.splits import by_lot
from segassay.errors import CaseError
from segassay.images.mask import Mask
from segassay.images.slicing import as_planes
from segassay.images.volume import Volume, voxel_sha256
from segassay.judge.context.closeups import CloseUp, close_up
from segassay.judge.context.context_memory import MOST_SLICES, ContextMemory, ContextSlice
from segassay.judge.context.looks import Floats, Looks, fine_patches, picture, shares_of, tiles
from segassay.judge.context.votes import Voting
from segassay.judge.context.voting_slices import chosen_slices
from segassay.judge.inputs.preprocess import PlaneStack, plane_stack
from segassay.types import Modality, Progress, ignore_progress
from segassay.vocabulary.names import canonical_name

FEWEST_SUBJECTS = 3
"""With fewer subjects beside the one that is judged, one label decides."""

MOST_CASES = 60
"""Cases that vote: more add little and cost memory."""

_SLICES_PER_CASE = 12

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ContextReader:
    """Reads cases as a judge sees them.

    Attributes:
        encoder: From prepared pictures (`judge.context.looks.picture`) to their features.
        voting: How patches are compared.
        window_hu: What images in Hounsfield units are cut to.
    """

    encoder: Callable[[Sequence[Floats]], list[Looks]]
    voting: Voting
    window_hu: tuple[float, float]

    def gather(
        self,
        cases: Sequence[Case],
        *,
        structures: Sequence[str] = (),
        trusted: bool = False,
        progress: Progress = ignore_progress,
    ) -> ContextMemory | None:
        """Read cases whose labels are to vote: one of a subject, drawn by lot, at most 60.

        The same cases in every part of a run and whenever it is continued. 2D images are not mixed
        with volumes: the kind that more of the cases are of counts. Cases that cannot be read are
        left out.

        Args:
            cases: The cases; those without labels say nothing.
            structures: Only these (canonical names); all by default.
            trusted: Whether somebody vouches for the labels, see `ContextMemory.of`. They take the
                place of all others wherever they are asked, so structures of fewer than three
                subjects are left out.
            progress: Told of every case.

        Returns:
            `None` with fewer than three subjects.
        """
        drawn = by_lot(cases)[:MOST_CASES]
        kinds: dict[bool, list[list[ContextSlice]]] = {}
        progress("context cases", 0, len(drawn), "")
        for number, case in enumerate(drawn, start=1):
            try:
                is_3d, found = self._slices(case, structures)
            except CaseError:
                continue
            if found:
                kinds.setdefault(is_3d, []).append(found)
            progress("context cases", number, len(drawn), case.case_id)
        chosen = max(kinds.values(), key=len, default=[])
        chosen = _of_several(chosen) if trusted else chosen
        if len(chosen) < FEWEST_SUBJECTS:
            return None
        most = max(1, MOST_SLICES // len(chosen))
        slices = [one for some in chosen for one in _evenly(some, most)]
        return ContextMemory.of(slices, self.voting, trusted=trusted)

    def _slices(self, case: Case, structures: Sequence[str]) -> tuple[bool, list[ContextSlice]]:
        """Return whether a case is a volume, and its slices that vote."""
        read = read_labelled_case(case)
        stack = plane_stack(read.image, modality=case.modality, window_hu=self.window_hu)
        masks, unknown = _planes(read, stack, structures)
        return stack.is_3d, self._of_planes(read.image, stack, case.subject_id, masks, unknown)

    def slices(
        self,
        image: Volume,
        masks: Mapping[str, Mask | BoolArray],
        *,
        subject: str,
        modality: Modality | None,
    ) -> list[ContextSlice]:
        """Return the slices of an image whose masks may vote, `(i, j, k)` by canonical name."""
        stack = plane_stack(image, modality=modality, window_hu=self.window_hu)
        planes = {name: Mask.of(mask).as_planes(stack.axis) for name, mask in masks.items()}
        return self._of_planes(image, stack, subject, planes, {})

    def _of_planes(
        self,
        image: Volume,
        stack: PlaneStack,
        subject: str,
        masks: Mapping[str, Mask],
        unknown: Mapping[str, BoolArray],
    ) -> list[ContextSlice]:
        if not masks:
            return []
        filled = [np.flatnonzero(planes.areas) for planes in masks.values()]
        chosen = chosen_slices(np.concatenate(filled), len(stack.planes), _SLICES_PER_CASE).tolist()
        shown = [stack.plane(i) if image.colours is None else image.colours for i in chosen]
        looks = self.encoder([picture(one, stack.pixel_mm) for one in shown])
        last = max(len(stack.planes) - 1, 1)
        checksum = voxel_sha256(image.array)
        found = []
        for index, plane, seen in zip(chosen, shown, looks, strict=True):
            known = {
                name: planes.plane(index)
                for name, planes in masks.items()
                if name not in unknown or not unknown[name][index]
            }
            shares = {
                name: np.rint(255 * shares_of(mask, stack.pixel_mm)).astype(np.uint8)
                for name, mask in known.items()
            }
            close_ups: dict[str, CloseUp] = {}
            if not stack.is_3d:
                fine = fine_patches(self.encoder(tiles(plane, stack.pixel_mm)))
                made = {name: close_up(fine, mask, stack.pixel_mm) for name, mask in known.items()}
                close_ups = {name: one for name, one in made.items() if one is not None}
            found.append(ContextSlice(subject, index / last, seen, shares, checksum, close_ups))
        return found


def _planes(
    read: LabelledCase, stack: PlaneStack, structures: Sequence[str]
) -> tuple[Mapping[str, Mask], Mapping[str, BoolArray]]:
    """Return masks by structure `(slices, rows, columns)`, and slices of which some is unknown."""
    masks: dict[str, Mask] = {}
    unknown: dict[str, BoolArray] = {}
    for ref, mask in read.masks():
        name = canonical_name(ref.structure)
        if name in masks or (structures and name not in structures):
            continue
        masks[name] = mask.as_planes(stack.axis)
        known = read.labels[ref].known
        if known is not None:
            unknown[name] = np.asarray(~as_planes(known, stack.axis).all(axis=(1, 2)))
    return masks, unknown


def _of_several(cases: Sequence[Sequence[ContextSlice]]) -> list[list[ContextSlice]]:
    """Return slices of cases, one of a subject each, with structures of enough subjects alone."""
    held = [{name for one in slices for name in one.shares} for slices in cases]
    names = {name for some in held for name in some}
    kept = {name for name in names if sum(name in some for some in held) >= FEWEST_SUBJECTS}
    found = []
    for slices in cases:
        left = [
            replace(
                one,
                shares={name: s for name, s in one.shares.items() if name in kept},
                close_ups={name: c for name, c in one.close_ups.items() if name in kept},
            )
            for one in slices
            if kept.intersection(one.shares)
        ]
        if left:
            found.append(left)
    return found


def _evenly(slices: Sequence[ContextSlice], most: int) -> Iterator[ContextSlice]:
    step = max(1, -(-len(slices) // most))
    yield from slices[step // 2 :: step]
