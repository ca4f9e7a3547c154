"""What each promptable segmenter must be shown of a slice, and the way between its pixels and ours.

The same weights draw nonsense for pixels of another recipe, and nothing tells: MedSAM in the form
of transformers comes with SAM's processor, which pads and normalises, where MedSAM learned from
squashed slices in [0, 1]. So the recipe goes by the weights, never by a `preprocessor_config.json`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray
from PIL import Image

from segassay.geometry.resample import resized
from segassay.weak.prompts import Floats, Prompt

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)

Bytes = NDArray[np.uint8]


class Recipe(StrEnum):
    """Whose pixels they are.

    `sam`, also of SAM-HQ and MobileSAM: the longer side becomes the network's, ImageNet mean and
    spread, the rest is filled with 0 (`SamPredictor`, `SamImageProcessor`). `medsam`: squashed to
    the square by cubic splines, then from its least to its largest value to [0, 1]
    (`MedSAM_Inference.py`). `sam2`, also of MedSAM2: squashed, ImageNet mean and spread
    (`SAM2Transforms`, `medsam2_infer_3D_CT.py`). `medficient`, also of LiteMedSAM: the longer side
    becomes the network's, from least to largest to [0, 1], the rest is 0 (`medficientsam`).
    """

    SAM = "sam"
    MEDSAM = "medsam"
    SAM2 = "sam2"
    MEDFICIENT = "medficient"

    @property
    def squashes(self) -> bool:
        """Whether slices lose their proportions."""
        return self in {Recipe.MEDSAM, Recipe.SAM2}


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a slice lies in a network's square.

    Attributes:
        shape: Of the slice `(rows, columns)`.
        inner: Of what it becomes, in the upper left of the square.
        size: Rows and columns of the square.
    """

    shape: tuple[int, int]
    inner: tuple[int, int]
    size: int

    @classmethod
    def of(cls, shape: tuple[int, int], size: int, *, squash: bool) -> "Frame":
        """Lay a slice into a square, filling it or keeping proportions."""
        if squash:
            return cls(shape, (size, size), size)
        scale = size / max(shape)
        rows, columns = (max(1, int(side * scale + 0.5)) for side in shape)
        return cls(shape, (rows, columns), size)

    def boxes(self, prompts: Sequence[Prompt]) -> Floats:
        """Return boxes `(prompts, 4)`: left, top, right, bottom in the square's pixels."""
        corners = np.array([one.box for one in prompts], dtype=np.float32)
        return self._xy(corners.reshape(-1, 2, 2)).reshape(-1, 4)

    def points(self, prompts: Sequence[Prompt]) -> Floats:
        """Return points `(prompts, 1 + n, 2)`, x and y in the square's pixels, the inner one first.

        All prompts must have the same number `n` of points outside.
        """
        places = [(one.inside, *one.outside) for one in prompts]
        return self._xy(np.array(places, dtype=np.float32))

    def mask_logits(self, prompts: Sequence[Prompt], size: int) -> Floats:
        """Return components as what a mask prompt is, logits `(prompts, size, size)`.

        A pixel's share of the component is its probability, kept from 0.001 to 0.999; what lies
        beyond the slice is background.
        """
        p = np.zeros((len(prompts), size, size), dtype=np.float32)
        rows, columns = (max(1, round(side * size / self.size)) for side in self.inner)
        for one, out in zip(prompts, p, strict=True):
            out[:rows, :columns] = resized(one.component.astype(np.float32), (rows, columns))
        p = p.clip(1e-3, 1 - 1e-3)
        return np.asarray(np.log(p / (1 - p)), dtype=np.float32)

    def back(self, maps: Floats) -> Floats:
        """Bring maps of the whole square `(n, side, side)` to the slice `(n, rows, columns)`.

        Bilinear where they are enlarged, averaged where they are reduced. Padding is cut off at
        the square's own size, as SAM does.
        """
        n = len(maps)
        if not n or self.inner == (self.size, self.size):
            return resized(maps, (n, *self.shape))
        rows, columns = self.inner
        return resized(
            resized(maps, (n, self.size, self.size))[:, :rows, :columns], (n, *self.shape)
        )

    def _xy(self, places: Floats) -> Floats:
        """Turn places `(..., 2)`, row and column on the slice, to x and y in the square."""
        by = np.array(self.inner) / np.array(self.shape)
        return np.ascontiguousarray((places * by)[..., ::-1], dtype=np.float32)


def show(image: Floats, recipe: Recipe, size: int) -> tuple[Floats, Frame]:
    """Prepare a slice for a network.

    Args:
        image: `(rows, columns, 3)` in [0, 1].
        recipe: Whose pixels the network learned from.
        size: Rows and columns of the square that it takes.

    Returns:
        `(3, size, size)`, and where the slice lies in it.
    """
    frame = Frame.of((image.shape[0], image.shape[1]), size, squash=recipe.squashes)
    seen = np.zeros((size, size, 3), dtype=np.float32)
    seen[: frame.inner[0], : frame.inner[1]] = _TONES[recipe](image, frame.inner)
    return np.ascontiguousarray(seen.transpose(2, 0, 1)), frame


def as_bytes(image: Floats) -> Bytes:
    """Return an image as the picture file it would be; all recipes but SAM 2's begin with one."""
    return np.asarray(np.rint(image.clip(0, 1) * 255), dtype=np.uint8)


def resized_bytes(image: Floats, shape: tuple[int, int]) -> Bytes:
    """Return an image as bytes of another shape `(rows, columns, 3)`, by Pillow as SAM does it."""
    picture = Image.fromarray(as_bytes(image))
    return np.asarray(picture.resize(shape[::-1], Image.Resampling.BILINEAR))


def _sam(image: Floats, shape: tuple[int, int]) -> Floats:
    unit = resized_bytes(image, shape).astype(np.float32) / np.float32(255)
    return (unit - IMAGENET_MEAN) / IMAGENET_STD


def _sam2(image: Floats, shape: tuple[int, int]) -> Floats:
    return (resized(image, (*shape, 3)) - IMAGENET_MEAN) / IMAGENET_STD


def _medsam(image: Floats, shape: tuple[int, int]) -> Floats:
    """Resize as `skimage.transform.resize` of order 3 with anti-aliasing, and stretch."""
    picture = as_bytes(image).astype(np.float64)
    by = [image.shape[axis] / shape[axis] for axis in (0, 1)]
    blurred = ndi.gaussian_filter(
        picture, [max(0.0, (factor - 1) / 2) for factor in by], mode="mirror", axes=(0, 1)
    )
    planes = [
        ndi.zoom(plane, [1 / f for f in by], order=3, mode="mirror", grid_mode=True)
        for plane in np.moveaxis(blurred, 2, 0)
    ]
    stretched = np.stack(planes, axis=2).clip(picture.min(), picture.max())
    return _stretched(stretched.astype(np.uint8))


def _medficient(image: Floats, shape: tuple[int, int]) -> Floats:
    return _stretched(resized_bytes(image, shape))


def _stretched(picture: Bytes) -> Floats:
    low, high = float(picture.min()), float(picture.max())
    return ((picture - low) / max(high - low, 1e-8)).astype(np.float32)


_TONES: dict[Recipe, Callable[[Floats, tuple[int, int]], Floats]] = {
    Recipe.SAM: _sam,
    Recipe.MEDSAM: _medsam,
    Recipe.SAM2: _sam2,
    Recipe.MEDFICIENT: _medficient,
}


def sigmoid(logits: Floats) -> Floats:
    """Return probabilities; logits of any size are safe."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), dtype=np.float32)


def same_count(prompts: Sequence[Prompt]) -> list[list[int]]:
    """Group prompts by how many points lie outside: padding one with others changes what is drawn.

    Returns the positions in each group.
    """
    groups: dict[int, list[int]] = {}
    for place, one in enumerate(prompts):
        groups.setdefault(len(one.outside), []).append(place)
    return list(groups.values())
