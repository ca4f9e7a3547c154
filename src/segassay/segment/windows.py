"""A network that sees patches, led over a whole image: overlapping windows, blended.

Windows overlap by half and count less towards their rims (Isensee et al., nnU-Net, Nature Methods
2021), so that no seam shows where two of them meet.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from segassay.segment.preprocess import with_neighbours

Floats = NDArray[np.float32]
Network = Callable[[Floats], Floats]
"""From patches `(b, inputs, *patch)` to probabilities `(b, maps, *patch)`."""

_OVERLAP = 0.5
_SIGMA = 1 / 8
_LEAST_WEIGHT = 1e-3


def probabilities(
    array: Floats, network: Network, patch: Sequence[int], *, neighbours: int = 0, batch: int = 8
) -> Floats:
    """Return what a network says of every voxel of an image.

    Args:
        array: The image `(channels, slices, rows, columns)` as `Preprocessing.seen` prepares it.
        network: See `Network`.
        patch: Rows and columns of a patch, or slices, rows and columns.
        neighbours: Slices on either side that are seen with one; for patches of two axes.
        batch: Patches at once.

    Returns:
        `(maps, slices, rows, columns)`, float32.
    """
    if len(patch) == 3:
        return _blended(array, network, tuple(patch), batch)
    slices = []
    for index in range(array.shape[1]):
        seen = np.asarray(with_neighbours(array, index, neighbours), dtype=np.float32)
        slices.append(_blended(seen, network, tuple(patch), batch))
    return np.stack(slices, axis=1)


def _blended(seen: Floats, network: Network, patch: tuple[int, ...], batch: int) -> Floats:
    """Answer for an array `(channels, *sizes)` of as many axes as a patch."""
    padded, inner = fitted(seen, patch)
    weight = _weight(patch)
    windows = list(_windows(padded.shape[1:], patch))
    total = np.zeros((0, *padded.shape[1:]), dtype=np.float32)
    counted = np.zeros(padded.shape[1:], dtype=np.float32)
    for start in range(0, len(windows), batch):
        some = windows[start : start + batch]
        answers = network(np.stack([padded[(slice(None), *window)] for window in some]))
        if not len(total):
            total = np.zeros((answers.shape[1], *padded.shape[1:]), dtype=np.float32)
        for window, answer in zip(some, answers, strict=True):
            total[(slice(None), *window)] += weight * answer
            counted[window] += weight
    return np.asarray((total / counted)[(slice(None), *inner)])


def fitted(seen: Floats, patch: Sequence[int]) -> tuple[Floats, tuple[slice, ...]]:
    """Pad an array `(channels, *sizes)` to at least a patch; return it and where the array lies.

    What is beyond the image repeats its rim: 0 may be a tone of the middle.
    """
    before = [max(0, p - n) // 2 for n, p in zip(seen.shape[1:], patch, strict=True)]
    after = [max(0, p - n) - b for n, p, b in zip(seen.shape[1:], patch, before, strict=True)]
    inner = tuple(slice(b, b + n) for b, n in zip(before, seen.shape[1:], strict=True))
    if not any(before) and not any(after):
        return seen, inner
    return np.pad(seen, [(0, 0), *zip(before, after, strict=True)], mode="edge"), inner


def _windows(sizes: Sequence[int], patch: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    starts = []
    for size, side in zip(sizes, patch, strict=True):
        n = 1 + int(np.ceil((size - side) / (side * (1 - _OVERLAP)))) if size > side else 1
        starts.append(np.linspace(0, size - side, n).round().astype(int).tolist())
    for corner in product(*starts):
        yield tuple(slice(at, at + side) for at, side in zip(corner, patch, strict=True))


def _weight(patch: Sequence[int]) -> Floats:
    weight = np.ones(tuple(patch), dtype=np.float32)
    for axis, side in enumerate(patch):
        far = (np.arange(side) - (side - 1) / 2) / (side * _SIGMA)
        shape = [side if n == axis else 1 for n in range(len(patch))]
        weight = weight * np.exp(-0.5 * far**2).astype(np.float32).reshape(shape)
    return np.maximum(weight, _LEAST_WEIGHT)
