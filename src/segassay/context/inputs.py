"""What a judge gets of the context, cut as its crop of a slice is cut."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.context.looks import GRID, Looks, grid_box, shares_of
from segassay.context.memory import Context
from segassay.context.votes import N_NUMBERS, Floats, trust_of
from segassay.geometry.resample import Box, BoxResampler

MAPS = 3
"""In the crop: expected share, spread of the votes, and how much of the context looks alike."""

FIELDS = 1
"""Over the whole slice: expected share."""

NUMBERS = N_NUMBERS + 3
"""Those of `votes.N_NUMBERS`, whether there is a context, how far the mask agrees with it, and
log2 of expected over marked area / 4."""

LOOKS_PX = 24
"""Pixels along a side of the features in the crop."""


@dataclass(frozen=True, slots=True, eq=False)
class ContextInput:
    """What the context adds to the input of one slice; all 0 but `looks` where there is none.

    `maps` `(MAPS, n, n)`, `field` `(FIELDS, f, f)`, `numbers` `(NUMBERS,)`, `looks`
    `(d, LOOKS_PX, LOOKS_PX)`, all float32. `shared` is twice the area, in patches, on which mask
    and context agree, `total` the area of both together.
    """

    maps: Floats
    field: Floats
    numbers: Floats
    looks: Floats
    shared: float = 0.0
    total: float = 0.0


def context_input(
    looks: Looks,
    context: Context | None,
    mask: NDArray[np.bool_],
    pixel_mm: tuple[float, float],
    box: Box,
    *,
    crop_px: int,
    field_px: int,
    n_looks: int,
) -> ContextInput:
    """Cut what the context says about a slice as its crop is cut.

    Args:
        looks: Features of the slice.
        context: What the context says of the structure there, if anything.
        mask: The mask that is judged, `(rows, columns)`.
        pixel_mm: Size of a pixel (row, column).
        box: The crop, in pixels of the slice.
        crop_px: Pixels along a side of the crop.
        field_px: The same of the whole slice.
        n_looks: The first so many features of every patch are shown.
    """
    shape = (mask.shape[0], mask.shape[1])
    part = grid_box(box, shape, pixel_mm)
    features = looks.patches[:, :n_looks].astype(np.float32).T.reshape(-1, GRID, GRID)
    small = BoxResampler.to_square((GRID, GRID), part, LOOKS_PX)(features)
    maps = np.zeros((MAPS, crop_px, crop_px), dtype=np.float32)
    field = np.zeros((FIELDS, field_px, field_px), dtype=np.float32)
    numbers = np.zeros(NUMBERS, dtype=np.float32)
    if context is None:
        return ContextInput(maps, field, numbers, small)
    expected = context.expected.reshape(GRID, GRID)
    spread = np.minimum(2 * context.spread, 1.0).reshape(GRID, GRID)
    said = np.stack([expected, spread, trust_of(context.mass).reshape(GRID, GRID)])
    maps[:] = BoxResampler.to_square((GRID, GRID), part, crop_px)(said)
    whole = Box(0, GRID, 0, GRID)
    field[:] = BoxResampler.to_square((GRID, GRID), whole, field_px)(expected[None])
    own = shares_of(mask, pixel_mm).reshape(GRID, GRID)
    both, total = float((expected * own).sum()), float(expected.sum() + own.sum())
    ratio = np.log2((float(expected.sum()) + 0.5) / (float(own.sum()) + 0.5)) / 4
    numbers[:N_NUMBERS] = context.numbers
    numbers[N_NUMBERS:] = (1.0, 2 * both / max(total, 1e-3), float(np.clip(ratio, -1, 1)))
    return ContextInput(maps, field, numbers, small, 2 * both, total)
