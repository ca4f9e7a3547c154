"""What a judge gets of the context, cut as its crop of a slice is cut."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.resample import Box, BoxResampler
from segassay.judge.context.closeups import CLOSE_GRID, CloseContext
from segassay.judge.context.context_memory import Context
from segassay.judge.context.looks import GRID, Looks, grid_box, shares_of
from segassay.judge.context.votes import N_NUMBERS, Floats, trust_of
from segassay.judge.inputs.preprocess import JudgePreprocess

MAPS = 6
"""In the crop: expected share, spread of the votes, and how much of the context looks alike; then
the same of close-ups."""

FIELDS = 1
"""Over the whole slice: expected share."""

NUMBERS = 2 * (N_NUMBERS + 3)
"""Those of `votes.N_NUMBERS`, whether there is a context, how far the mask agrees with it, and
log2 of expected over marked area / 4; then the same of close-ups."""

LOOKS_PX = 24
"""Pixels along a side of the features in the crop."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Areas of which a Dice is made: twice what two masks share, and both together."""

    shared: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ContextInput:
    """What the context adds to the input of one slice; all 0 but `looks` where there is none.

    `maps` `(MAPS, n, n)`, `field` `(FIELDS, f, f)`, `numbers` `(NUMBERS,)`, `looks`
    `(d, LOOKS_PX, LOOKS_PX)`, all float32. `agreement` is how mask and context agree, `closely`
    the same of close-ups.
    """

    maps: Floats
    field: Floats
    numbers: Floats
    looks: Floats
    agreement: Agreement = Agreement()
    closely: Agreement = Agreement()


def context_input(
    looks: Looks,
    context: Context | None,
    close: CloseContext | None,
    mask: NDArray[np.bool_],
    pixel_mm: tuple[float, float],
    box: Box,
    *,
    preprocess: JudgePreprocess,
    n_looks: int,
) -> ContextInput:
    """Cut what the context says about a slice as its crop is cut.

    Args:
        looks: Features of the slice.
        context: What the context says of the structure there, if anything.
        close: What close-ups say of the mask, if anything.
        mask: The mask that is judged, `(rows, columns)`.
        pixel_mm: Size of a pixel (row, column).
        box: The crop, in pixels of the slice.
        preprocess: Says how many pixels crop and whole slice have.
        n_looks: The first so many features of every patch are shown.
    """
    shape = (mask.shape[0], mask.shape[1])
    part = grid_box(box, shape, pixel_mm)
    features = looks.patches[:, :n_looks].astype(np.float32).T.reshape(-1, GRID, GRID)
    small = BoxResampler.to_square((GRID, GRID), part, LOOKS_PX)(features)
    crop_px, field_px = preprocess.crop_px, preprocess.field_px
    maps = np.zeros((MAPS, crop_px, crop_px), dtype=np.float32)
    field = np.zeros((FIELDS, field_px, field_px), dtype=np.float32)
    numbers = np.zeros(NUMBERS, dtype=np.float32)
    closely = Agreement()
    if close is not None:
        _write_close(maps[3:], numbers[NUMBERS // 2 :], close, box)
        # In pixels of the slice: close-ups of several slices are of several sizes.
        cell = (close.box.bottom - close.box.top) * (close.box.right - close.box.left)
        closely = _agreement(close.expected, close.shares, cell / len(close.shares))
    if context is None:
        return ContextInput(maps, field, numbers, small, closely=closely)
    expected = context.expected.reshape(GRID, GRID)
    said = _shown(context.expected, context.spread, context.mass, GRID)
    maps[:3] = BoxResampler.to_square((GRID, GRID), part, crop_px)(said)
    whole = Box(0, GRID, 0, GRID)
    field[:] = BoxResampler.to_square((GRID, GRID), whole, field_px)(expected[None])
    own = shares_of(mask, pixel_mm)
    _write_numbers(numbers[: NUMBERS // 2], context.numbers, context.expected, own)
    return ContextInput(maps, field, numbers, small, _agreement(context.expected, own), closely)


def _agreement(expected: Floats, own: Floats, cell: float = 1.0) -> Agreement:
    shared, total = 2 * float((expected * own).sum()), float(expected.sum() + own.sum())
    return Agreement(cell * shared, cell * total)


def _write_close(maps: Floats, numbers: Floats, close: CloseContext, box: Box) -> None:
    """Write what close-ups say: their box is laid into the crop, beyond it all is 0."""
    high, wide = close.box.bottom - close.box.top, close.box.right - close.box.left
    part = Box(
        (box.top - close.box.top) * CLOSE_GRID / high,
        (box.bottom - close.box.top) * CLOSE_GRID / high,
        (box.left - close.box.left) * CLOSE_GRID / wide,
        (box.right - close.box.left) * CLOSE_GRID / wide,
    )
    said = _shown(close.expected, close.spread, close.mass, CLOSE_GRID)
    maps[:] = BoxResampler.to_square((CLOSE_GRID, CLOSE_GRID), part, maps.shape[-1])(said)
    _write_numbers(numbers, close.numbers, close.expected, close.shares)


def _shown(expected: Floats, spread: Floats, mass: Floats, side: int) -> Floats:
    said = np.stack([expected, np.minimum(2 * spread, 1.0), trust_of(mass)])
    return said.reshape(-1, side, side)


def _write_numbers(numbers: Floats, said: Floats, expected: Floats, own: Floats) -> None:
    agreed = _agreement(expected, own)
    dice = agreed.shared / max(agreed.total, 1e-3)
    ratio = np.log2((float(expected.sum()) + 0.5) / (float(own.sum()) + 0.5)) / 4
    numbers[:N_NUMBERS] = said
    numbers[N_NUMBERS:] = (1.0, dice, float(np.clip(ratio, -1, 1)))
