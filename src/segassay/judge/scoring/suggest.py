"""The judge's correction of one slice, led back to the slice's own pixels."""

import numpy as np

from segassay.images.display import shown
from segassay.judge.engines.onnx_engine import Floats
from segassay.judge.inputs.arrays_and_files import BoolArray
from segassay.judge.inputs.preprocess import PlaneStack
from segassay.judge.scoring.plan import LabelPlan
from segassay.judge.scoring.result import Suggestion


def make_suggestion(stack: PlaneStack, plan: LabelPlan, probability: Floats) -> Suggestion:
    """Combine the one slice of a plan with its probability map `(n, n)`.

    Outside of the crop that the map was drawn in the label is kept.
    """
    (sample,), (seen,) = plan.samples, plan.inputs
    mask = plan.planes.plane(sample.index)
    shape = (mask.shape[0], mask.shape[1])
    inside = seen.cut.paste(np.ones_like(probability), shape) > 0.5
    if plan.known is not None:
        inside &= plan.known[sample.index]
    expected = np.where(inside, seen.cut.paste(probability, shape), mask)
    return suggest_everywhere(stack, mask, sample.index, expected)


def suggest_everywhere(
    stack: PlaneStack, mask: BoolArray, index: int, expected: Floats
) -> Suggestion:
    """Hold slice `index` of a mask against the probability `(rows, columns)` expected there."""
    expected = np.clip(expected, 0.0, 1.0)
    return Suggestion(
        index=index,
        image=shown(stack.plane(index)),
        mask=np.ascontiguousarray(mask),
        suggested=np.asarray(expected > 0.5),
        error=np.abs(expected - mask).astype(np.float32),
        pixel_mm=stack.pixel_mm if stack.spacing_known else (1.0, 1.0),
    )
