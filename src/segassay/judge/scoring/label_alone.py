"""A label as it is, where a judge has no suggestion to show beside it."""

import numpy as np

from segassay.images.display import shown
from segassay.images.mask import Mask
from segassay.judge.inputs.preprocess import PlaneStack
from segassay.judge.scoring.result import Suggestion


def label_alone(stack: PlaneStack, planes: Mask, index: int) -> Suggestion:
    """Return slice `index` of a mask in planes `(slice, row, column)`: nothing beside it is marked.

    `suggested` is the label itself and `error` is 0 everywhere.
    """
    mask = planes.plane(index)
    return Suggestion(
        index=index,
        image=shown(stack.plane(index)),
        mask=mask,
        suggested=mask,
        error=np.zeros(mask.shape, dtype=np.float32),
        pixel_mm=stack.pixel_mm if stack.spacing_known else (1.0, 1.0),
    )
