"""The judge's correction of one slice, led back to the slice's own pixels."""

import numpy as np

from segassay.data.display import shown
from segassay.data.preprocess import PlaneStack
from segassay.engines.onnx_engine import Floats
from segassay.scoring.plan import LabelPlan
from segassay.scoring.result import Suggestion


def make_suggestion(stack: PlaneStack, plan: LabelPlan, probability: Floats) -> Suggestion:
    """Combine the one slice of a plan with its probability map `(n, n)`."""
    (sample,), (seen,) = plan.samples, plan.inputs
    mask = np.ascontiguousarray(plan.planes[sample.index])
    shape = (mask.shape[0], mask.shape[1])
    inside = seen.cut.paste(np.ones_like(probability), shape) > 0.5
    if plan.known is not None:
        inside &= plan.known[sample.index]
    expected = np.clip(seen.cut.paste(probability, shape), 0.0, 1.0)
    return Suggestion(
        index=sample.index,
        image=shown(stack.planes[sample.index]),
        mask=mask,
        suggested=np.where(inside, expected > 0.5, mask),
        error=np.where(inside, np.abs(expected - mask), 0.0).astype(np.float32),
        pixel_mm=stack.pixel_mm if stack.spacing_known else (1.0, 1.0),
    )
