"""Slices as Quality Sentinel sees them: its window, its crop, its ten slices (arXiv 2406.00327).

A faithful baseline, faults included: only slices with mask are looked at, the very first always
and the very last never, and the mean of slice Dice is called the volume's.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segassay.images.intensity import SOFT_TISSUE_HU

WINDOW = (-200.0, 200.0)
"""Hounsfield units of black and white."""

_MARGIN = 20
SIZE = 256
"""Side of the network's square input in pixels."""

_MOST_SLICES = 10


def preprocess_json(*, window: bool = True) -> dict[str, object]:
    """Return the settings as they are saved with a judge and fingerprinted in its scores.

    `window` tells whether images are cut to the published window in Hounsfield units; if not, they
    are stretched between their own ends (`images.intensity`), as images of any kind can be.
    """
    return {
        "window_hu": WINDOW if window else None,
        "soft_window_hu": SOFT_TISSUE_HU,
        "margin_px": _MARGIN,
        "size_px": SIZE,
        "most_slices": _MOST_SLICES,
        "hu_rule": 1,
        "axis_rule": 1,
        "version": 1,
    }


def sentinel_slices(areas: NDArray[np.int64]) -> list[int]:
    """Choose at most ten slices of a mask among those that hold some of it, by their areas."""
    filled = np.flatnonzero(areas)
    if len(filled) <= _MOST_SLICES:
        return [int(k) for k in filled]
    return [int(filled[int(len(filled) / _MOST_SLICES * n)]) for n in range(_MOST_SLICES)]


def sentinel_input(
    image: NDArray[np.generic],
    mask: NDArray[np.bool_],
    ends: tuple[float, float] = WINDOW,
) -> NDArray[np.float32]:
    """Prepare one slice.

    Args:
        image: `(row, column)`, by default in Hounsfield units.
        mask: The same shape, not empty.
        ends: Values of the image that become black and white.

    Returns:
        `(2, 256, 256)`: CT in -2..2, mask in -1..1.
    """
    window = crop_window(mask)
    return framed_input(grey(image[window], ends), mask[window])


def grey(plane: NDArray[np.generic], ends: tuple[float, float]) -> NDArray[np.uint8]:
    """Return 8-bit grey, rounded down as released; a plane whose ends are equal becomes 0."""
    low, high = ends
    clipped = np.clip(np.asarray(plane, dtype=np.float32), low, high)
    return np.asarray((clipped - low) / max(high - low, 1e-6) * 255, dtype=np.uint8)


def framed_input(crop: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return `(2, 256, 256)` of a crop's grey values and its mask, see `sentinel_input`."""
    outline = np.where(mask, np.uint8(255), np.uint8(0))
    return np.stack([(_resized(crop) - 0.5) / 0.25, (_resized(outline) - 0.5) / 0.5])


def crop_window(
    mask: NDArray[np.bool_], margins: tuple[int, int] = (_MARGIN, _MARGIN)
) -> tuple[slice, slice]:
    """Return box plus margin, the shorter side widened; the image's border may cut it.

    `mask` `(row, column)` is not empty; `margins` are pixels above and below, left and right.
    """
    filled = (np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0)))
    box = [(int(i[0]) - m, int(i[-1]) + m) for i, m in zip(filled, margins, strict=True)]
    side = max(end - start for start, end in box)
    window = []
    for (start, end), size in zip(box, mask.shape, strict=True):
        middle = (start + end) // 2
        window.append(slice(max(middle - side // 2, 0), min(middle + side // 2, size)))
    return window[0], window[1]


def _resized(plane: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Resize in 8 bits, as the released numbers need it, then bring to 0..1."""
    resized = Image.fromarray(plane).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32) / np.float32(255)
