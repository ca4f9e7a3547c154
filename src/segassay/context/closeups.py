"""Votes at the scale of a structure: what labels of it cover, each seen through a box of its own.

On a grid laid over whole slices a small structure is a patch or two, and places mean little where
lesions lie anywhere. A *close-up* is a box round a label, so many times as wide as the label is
long, with features of its own grid: labels of one structure lie at the same place in their
close-ups, at the same size, wherever they lie in their images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.context.looks import GRID, Floats, grid_box
from segassay.context.votes import Votes, combine_votes
from segassay.data.preprocess import square
from segassay.geometry.resample import Box, BoxResampler

CLOSE_GRID = 24
"""Patches along a side of a close-up."""

CLOSE_PATCHES = CLOSE_GRID * CLOSE_GRID


@dataclass(frozen=True, slots=True)
class CloseVoting:
    """How close-ups are compared.

    The box is `extents` times as wide as the label is long, and at least `least` of the image's
    longer side. A patch weighs `exp((cosine - 1 - place * d²) / temperature)`, `d` its distance in
    widths of the box. Asked are the `candidates` close-ups most alike, one of a subject.
    """

    extents: float = 2.0
    least: float = 0.125
    temperature: float = 0.05
    place: float = 3.0
    candidates: int = 12


@dataclass(frozen=True, slots=True, eq=False)
class CloseUp:
    """A label seen through its box.

    `patches` `(CLOSE_PATCHES, d)`: features, each of length 1 (0 outside the image). `summary`
    `(d,)`: their mean, of length 1. `shares` `(CLOSE_PATCHES,)`: what the label covers of each.
    """

    patches: Floats
    summary: Floats
    shares: Floats


def close_box(
    mask: NDArray[np.bool_], pixel_mm: tuple[float, float], voting: CloseVoting
) -> Box | None:
    """Return the box of a mask `(rows, columns)`, in its pixels; `None` for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    height = (rows[-1] - rows[0] + 1) * pixel_mm[0]
    width = (columns[-1] - columns[0] + 1) * pixel_mm[1]
    longer = max(mask.shape[0] * pixel_mm[0], mask.shape[1] * pixel_mm[1])
    side = max(voting.extents * max(height, width), voting.least * longer)
    centre = ((rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2)
    return square(centre, side, pixel_mm)


def close_up(
    fine: Floats, mask: NDArray[np.bool_], pixel_mm: tuple[float, float], box: Box
) -> CloseUp:
    """Look at a mask through a box.

    Args:
        fine: Features of its slice `(d, n, n)`, see `looks.fine_patches`.
        mask: `(rows, columns)`.
        pixel_mm: Size of a pixel (row, column).
        box: In pixels of the slice, see `close_box`.
    """
    shape = (mask.shape[0], mask.shape[1])
    finer = fine.shape[1] / GRID
    on_grid = Box(*(finer * end for end in _ends(grid_box(box, shape, pixel_mm))))
    cut = BoxResampler.to_square((fine.shape[1], fine.shape[2]), on_grid, CLOSE_GRID)
    patches = _of_length_1(cut(fine).reshape(len(fine), -1).T)
    covered = BoxResampler.to_square(shape, box, CLOSE_GRID)(mask[None].astype(np.float32))
    return CloseUp(patches, _of_length_1(patches.mean(axis=0)), covered[0].ravel())


def vote_closely(
    query: CloseUp, others: Sequence[CloseUp], belief: NDArray[np.floating], voting: CloseVoting
) -> Votes:
    """Let labels vote on what a label of their structure should cover of its close-up.

    Args:
        query: The close-up that is voted on; what it covers plays no part.
        others: Close-ups of other subjects, at least one.
        belief: How much each of them counts `(k,)`.
        voting: How they are compared.

    Returns:
        Votes of one structure, `(1, CLOSE_PATCHES)`.
    """
    near = np.exp(-voting.place * _DISTANCES / voting.temperature)
    sums = np.empty((len(others), CLOSE_PATCHES, 1), dtype=np.float32)
    masses = np.empty((len(others), CLOSE_PATCHES), dtype=np.float32)
    for n, other in enumerate(others):
        weights = np.exp((query.patches @ other.patches.T - 1) / voting.temperature) * near
        sums[n, :, 0], masses[n] = weights @ other.shares, weights.sum(axis=1)
    return combine_votes(sums, masses, np.asarray(belief, dtype=np.float32)[:, None])


def most_alike_closely(
    query: CloseUp, summaries: Floats, subjects: Sequence[str], subject: str, voting: CloseVoting
) -> list[int]:
    """Return the close-ups of other subjects that are most like one, best first, one of each.

    Args:
        query: The close-up.
        summaries: `(n, d)` of those to choose from.
        subjects: Whose they are.
        subject: Whose the query is: nobody vouches for himself.
        voting: How many are taken.
    """
    taken = {subject}
    chosen: list[int] = []
    for other in np.argsort(-(summaries @ query.summary), kind="stable").tolist():
        if subjects[other] not in taken:
            taken.add(subjects[other])
            chosen.append(other)
        if len(chosen) == voting.candidates:
            break
    return chosen


def _ends(box: Box) -> tuple[float, float, float, float]:
    return box.top, box.bottom, box.left, box.right


def _of_length_1(vectors: NDArray[np.floating]) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-6), dtype=np.float32)


def _distances() -> Floats:
    """Return squared distances of all patches of a close-up, in widths of it."""
    at = (np.arange(CLOSE_GRID, dtype=np.float32) + 0.5) / CLOSE_GRID
    y, x = (axis.ravel() for axis in np.meshgrid(at, at, indexing="ij"))
    return np.asarray((y[:, None] - y) ** 2 + (x[:, None] - x) ** 2, dtype=np.float32)


_DISTANCES = _distances()
