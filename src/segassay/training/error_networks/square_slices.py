"""Stored cases as square slices for segmentation: everything small enough to stay in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.judge.inputs.letterbox import letterbox
from segassay.training.material.store import StoredCase

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class SquareCase:
    """A case seen at low resolution, the whole slice letterboxed into a square.

    `planes` `(slice, n, n)` bytes; `gold` `(structure, slice, n, n)` in the order of the set's
    structures, False everywhere for those that the case does not label. `labelled` are the slices
    of which every pixel is labelled.
    """

    planes: Bytes
    gold: NDArray[np.bool_]
    labelled: NDArray[np.intp]

    @property
    def filled(self) -> NDArray[np.intp]:
        """Slices that hold any structure."""
        return np.flatnonzero(self.gold.any(axis=(0, 2, 3)))


def square_case(case: StoredCase, structures: tuple[str, ...], size: int) -> SquareCase:
    """Letterbox a case and its expert masks to `size` pixels."""
    cut = letterbox((case.planes.shape[1], case.planes.shape[2]), case.pixel_mm, size)
    gold = np.zeros((len(structures), len(case.planes), size, size), dtype=np.bool_)
    for number, name in enumerate(structures):
        if name in case.labels:
            for index in case.labels[name].filled:
                gold[number, index] = cut(case.mask(name, int(index))[None])[0] > 0.5
    unknown = np.any([one.areas < 0 for one in case.labels.values()], axis=0)
    labelled = np.flatnonzero(~unknown) if case.labels else np.arange(len(case.planes))
    return SquareCase(np.rint(cut(case.planes)).astype(np.uint8), gold, labelled)


def with_neighbours(planes: Bytes, index: int) -> Bytes:
    """Return slice `index` between its neighbours `(3, n, n)`; ends are repeated."""
    last = len(planes) - 1
    return planes[[max(index - 1, 0), index, min(index + 1, last)]]
