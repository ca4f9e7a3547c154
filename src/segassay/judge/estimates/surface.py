"""How much of a label's outline agrees with the one that the judge expects, slice by slice."""

import numpy as np

from segassay.judge.engines.onnx_engine import Floats
from segassay.metrics.overlap import NSD_MM, surface_areas


def outline_lengths(mask: Floats, probability: Floats, cell_mm: float) -> tuple[float, float]:
    """Compare a mask and a probability map of the true one, both `(n, n)`, cut at one half.

    As in normalised surface Dice (Nikolov 2018) at 2 mm, in the plane of the slice, where outlines
    weigh by their length, and at the resolution of the judge's crop, whose cells have a side of
    `cell_mm` (pixels where no millimetres are known; the tolerance then is 2 pixels).

    Returns:
        (agreeing, total) length of both outlines in mm; (0, 0) where there is none.
    """
    return surface_areas(
        np.asarray(mask > 0.5),
        np.asarray(probability > 0.5),
        (cell_mm, cell_mm),
        tolerance_mm=NSD_MM,
    )
