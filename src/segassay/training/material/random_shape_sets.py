"""Random shapes as a training set of its own, without names."""

import numpy as np

from segassay.corruption.phantoms.random_shapes import random_shapes
from segassay.images.volume import voxel_sha256
from segassay.training.material.store import StoredCase, StoredSet, coded_label, to_bytes
from segassay.training.settings import SetRecipe, ShapeRecipe


def shape_set(recipe: ShapeRecipe, *, seed: int) -> StoredSet:
    """Draw the images of a recipe, one in three of a single slice.

    Every structure that is in the image and holds not its largest label is one to be judged.
    Some share labels, a ring with the whole of ring and core: without a name both may be right.
    """
    entry = SetRecipe(name="random_shapes", weight=recipe.weight, mirror="free", named=False)
    return StoredSet.of(entry, tuple(_case(number, seed) for number in range(recipe.images)))


def _case(number: int, seed: int) -> StoredCase:
    n_slices = 1 if number % 3 == 0 else 5
    drawn = random_shapes(np.random.default_rng([seed, number]), n_slices=n_slices)
    codes = {value: value for value in range(drawn.n_labels)}
    background = int(np.bincount(drawn.labels.ravel()).argmax())
    labels = {
        f"shape_{number}": coded_label(0, drawn.labels, codes, values, (1.0, 1.0))
        for number, values in enumerate(drawn.structures)
        if background not in values and np.isin(drawn.labels, values).any()
    }
    planes = to_bytes(drawn.planes)
    return StoredCase(
        set_name="random_shapes",
        case_id=f"shapes_{number}",
        subject_id=f"shapes_{number}",
        voxels_sha256=voxel_sha256(planes),
        modality=None,
        planes=planes,
        pixel_mm=(1.0, 1.0),
        thickness_mm=1.0,
        spacing_known=False,
        maps=(drawn.labels,),
        labels=labels,
    )
