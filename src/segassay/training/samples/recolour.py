"""Single structures made brighter, darker, flatter or rougher than the image has them.

A judge that learned only what organs usually look like calls a liver full of iron wrong. Disease,
contrast agents and other sequences change one organ's brightness and leave its border where it is.
"""

from collections.abc import Iterable

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

_SHIFT = 50.0
"""Spread of the change of a structure's mean, of 255 grey levels."""

_CONTRAST = 0.3
"""Spread of the logarithm of the factor on the structure's own contrast."""

_SOFTNESS = (0.4, 1.4)
"""Width of the new border in pixels: borders in images are never sharp."""

_MARGIN = 5
"""Pixels round a structure that its soft border may reach."""


def recolour(
    planes: NDArray[np.uint8], masks: Iterable[NDArray[np.bool_]], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return a copy of `planes` `(slice, row, column)` with every mask's inside changed.

    Masks have the planes' shape; empty ones change nothing. Levels end at 0 and 255.
    """
    changed = planes.copy()
    for mask in masks:
        _change(changed, mask, rng)
    return changed


def _change(planes: NDArray[np.uint8], mask: NDArray[np.bool_], rng: np.random.Generator) -> None:
    rows, columns = (np.flatnonzero(mask.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    if not rows.size:
        return
    near = (slice(None), _around(rows), _around(columns))
    cut, inside = planes[near].astype(np.float32), mask[near]
    mean = float(cut[inside].mean())
    sigma = rng.uniform(*_SOFTNESS)
    weight = ndi.gaussian_filter(inside.astype(np.float32), (0, sigma, sigma))
    contrast = np.exp(rng.normal(0, _CONTRAST))
    new = mean + rng.normal(0, _SHIFT) + contrast * (cut - mean)
    planes[near] = np.clip(np.rint(cut + weight * (new - cut)), 0, 255)


def _around(filled: NDArray[np.intp]) -> slice:
    return slice(max(int(filled[0]) - _MARGIN, 0), int(filled[-1]) + _MARGIN + 1)
