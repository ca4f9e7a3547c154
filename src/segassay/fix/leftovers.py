"""What is wrong with a label file that no repair mends: it is named, not left in silence."""

import numpy as np

from segassay.fix.repairs import (
    LINED_UP,
    TOLERANCE,
    Surroundings,
    distance_mm,
    grid_of,
    least_spacing,
    off_whole,
)
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.images.formats.stored_label import StoredLabel


def remaining(label: StoredLabel, around: Surroundings) -> str:
    """Tell in a line what is wrong with a label that no repair mends; empty if nothing is."""
    found = []
    if not np.isfinite(label.array).all():
        found.append("some voxels are NaN or infinite: replace them")
    elif (off := off_whole(label.array)) > TOLERANCE:
        found.append(
            f"values up to {off:.2g} from a whole number, at most {TOLERANCE} is rounded: "
            "threshold soft masks, resample labels with nearest neighbour"
        )
    elif around.declared:
        odd = sorted(set(np.unique(np.rint(label.array)).tolist()) - {0, *around.declared})
        if odd:
            values = ", ".join(f"{value:g}" for value in odd[:5]) + (", …" if len(odd) > 5 else "")
            found.append(f"holds values {values} that the data set does not name")
    return "; ".join([*found, *_misplaced(label.facts, around.image)])


def _misplaced(own: HeaderFacts | None, image: HeaderFacts | None) -> list[str]:
    if own is None or image is None:
        return []
    if grid_of(own, own.affine).shape != grid_of(image, image.affine).shape:
        return [f"shape {own.shape}, the image has {image.shape}: resample it onto the image"]
    distance, voxel = distance_mm(own, own.affine, image.affine), least_spacing(image)
    if not distance < LINED_UP * voxel and own.axes == image.axes:
        return [
            f"lies {distance:.3g} mm from the image: too far for a rounded header; see whether the "
            "voxels line up, then copy the image's header or resample"
        ]
    return []
