"""A print of an image: a small picture of it as text, by which nearly equal images are found."""

import base64

import numpy as np
from numpy.typing import NDArray

_SIDE_2D, _SIDE_3D, _SLICES = 16, 8, 4
_LEAST = 1e-6


def image_print(planes: NDArray[np.float32]) -> str:
    """Reduce `(slice, row, column)` to 256 grey values, as text.

    A picture becomes 16 x 16 means, a volume 8 x 8 in each of four slices. Brightness and contrast
    drop out: the darkest mean is 0, the brightest 255. Empty for an image of one value, or one too
    small to be reduced.
    """
    flat = len(planes) < _SLICES
    side = _SIDE_2D if flat else _SIDE_3D
    if min(planes.shape[1:]) < side:
        return ""
    numbers = [len(planes) // 2] if flat else _spread(len(planes))
    small = np.stack([_means(planes[n], side) for n in numbers])
    least, most = float(small.min()), float(small.max())
    if not least < most:
        return ""
    grey = np.rint((small - least) / (most - least) * 255).astype(np.uint8)
    return base64.b64encode(grey.tobytes()).decode()


def standardised(prints: list[str]) -> NDArray[np.float32]:
    """Turn prints into rows of length 1 and mean 0: their products are correlations."""
    raw = [np.frombuffer(base64.b64decode(text), dtype=np.uint8) for text in prints]
    return _of_length_1(np.stack(raw).astype(np.float32))


def peculiar(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Leave of each row what is its own: the mean row, which all share, is taken away.

    Two chests look alike because they are chests; what is left tells people apart.
    """
    return _of_length_1(rows - rows.mean(axis=0, keepdims=True))


def _of_length_1(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(lengths, _LEAST), dtype=np.float32)


def _spread(n: int) -> list[int]:
    return [int((k + 0.5) * n / _SLICES) for k in range(_SLICES)]


def _means(plane: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    """Average a plane over `side` x `side` blocks, as equal as whole pixels allow."""
    edges = [np.linspace(0, n, side + 1).astype(np.intp) for n in plane.shape]
    sums = np.add.reduceat(plane.astype(np.float64), edges[0][:-1], axis=0)
    sums = np.add.reduceat(sums, edges[1][:-1], axis=1)
    return np.asarray(sums / np.outer(np.diff(edges[0]), np.diff(edges[1])))
