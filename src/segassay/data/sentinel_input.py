"""Slices as Quality Sentinel sees them: its window, its crop, its ten slices (arXiv 2406.00327).

A faithful baseline, faults included: only slices with mask are looked at, the very first always
and the very last never, and the mean of slice Dice is called the volume's.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_WINDOW = (-200.0, 200.0)
_MARGIN = 20
SIZE = 256
"""Side of the network's square input in pixels."""

_MOST_SLICES = 10


def preprocess_json() -> dict[str, object]:
    """Return the settings as they are saved with a judge and fingerprinted in its scores."""
    return {
        "window_hu": list(_WINDOW),
        "margin_px": _MARGIN,
        "size_px": SIZE,
        "most_slices": _MOST_SLICES,
        "version": 1,
    }


def sentinel_slices(mask: NDArray[np.bool_]) -> list[int]:
    """Choose at most ten slices of a mask `(slice, row, column)` among those that are not empty."""
    filled = np.flatnonzero(mask.any(axis=(1, 2)))
    if len(filled) <= _MOST_SLICES:
        return [int(k) for k in filled]
    return [int(filled[int(len(filled) / _MOST_SLICES * n)]) for n in range(_MOST_SLICES)]


def sentinel_input(
    image: NDArray[np.generic], mask: NDArray[np.bool_], index: int
) -> NDArray[np.float32]:
    """Prepare one slice.

    Args:
        image: `(slice, row, column)` in Hounsfield units.
        mask: The same shape; slice `index` must hold mask.
        index: The slice.

    Returns:
        `(2, 256, 256)`: CT in -2..2, mask in -1..1.
    """
    low, high = _WINDOW
    ct = (np.clip(np.asarray(image[index], dtype=np.float32), low, high) - low) / (high - low)
    window = _square(mask[index])
    crop, mask_crop = ct[window], mask[index][window].astype(np.float32)
    return np.stack([(_resized(crop) - 0.5) / 0.25, (_resized(mask_crop) - 0.5) / 0.5])


def _square(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return box plus margin, the shorter side widened; the image's border may cut it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = [(int(i[0]) - _MARGIN, int(i[-1]) + _MARGIN) for i in (rows, columns)]
    side = max(end - start for start, end in box)
    window = []
    for (start, end), size in zip(box, mask.shape, strict=True):
        middle = (start + end) // 2
        window.append(slice(max(middle - side // 2, 0), min(middle + side // 2, size)))
    return window[0], window[1]


def _resized(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resize 0..1 to the network's size by way of 8-bit grey: the released numbers need that."""
    grey = Image.fromarray((plane * 255).astype(np.uint8))
    resized = grey.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32) / np.float32(255)
