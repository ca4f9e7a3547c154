"""Trusted cases of somebody's own that a fitted judge lays images over, to compare labels with.

Reverse classification accuracy (`judge.comparison.reverse_accuracy`) needs no training and knows
the data set that the trusted cases come from; the judge's network knows images, but may know
nothing like these. The correction of a fitted judge weighs the two. The cases are kept in the
judge's folder, reduced: who passes the folder on passes images on.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ModelError
from segassay.geometry.grid import Grid
from segassay.geometry.resample import resized
from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.judge.comparison.atlas import Registration
from segassay.judge.comparison.reverse_accuracy import Reference, ReverseAccuracy
from segassay.judge.comparison.traits import Traits
from segassay.judge.documents.corrections import ReferenceCase, ReferenceCases
from segassay.judge.documents.strict_reading import parse_document

BoolArray = NDArray[np.bool_]
Floats = NDArray[np.float64]

N_COMPARED = 2
"""Numbers that say how a label compares: its best and its mean Dice over the trusted cases."""

_LONGEST_2D, _LONGEST_3D = 256, 128
_PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True, slots=True, eq=False)
class GoldCase:
    """One trusted case, reduced; `subject` and `traits` are only known while one is made, not kept.

    `traits` are those of each mask at full size (`judge.comparison.traits`).
    """

    reference: Reference
    subject: str = ""
    traits: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def of(
        cls, image: Volume, masks: Iterable[tuple[str, Mask | BoolArray]], subject: str
    ) -> "GoldCase":
        """Reduce an image and its masks (name, `(i, j, k)`) to what registration makes use of.

        Masks are taken one by one, so that they need not lie in memory together.
        """
        shape = _reduced_shape(image.grid.shape)
        pixels = resized(np.asarray(image.array, dtype=np.float32), shape)
        measure, small, traits = Traits(image), {}, {}
        for name, mask in masks:
            small[name] = resized(np.asarray(mask, dtype=np.float32), shape) > 0.5
            traits[name] = measure(mask)
        step = np.array(image.grid.spacing_mm) * image.grid.shape / shape
        volume = _volume(_to_bytes(pixels), step, known=image.spacing_known)
        if image.known is not None:
            volume = volume.knowing(resized(image.known.astype(np.float32), shape) > 0.5)
        kept = {name: mask for name, mask in small.items() if mask.any()}
        return cls(Reference("", volume, kept), subject, traits)


class GoldCases:
    """Some trusted cases, ready to be compared with. Every image is laid over each of them once.

    `in_volumes` is how that is done in 3D; pictures are always laid over as closely as can be.
    """

    def __init__(self, cases: Sequence[GoldCase], in_volumes: Registration | None = None) -> None:
        self.cases = tuple(case for case in cases if case.reference.masks)
        by_axes: dict[int, list[Reference]] = defaultdict(list)
        for number, case in enumerate(self.cases):
            image, masks = case.reference.image, case.reference.masks
            by_axes[image.n_axes].append(Reference(str(number), image, masks))
        # A slice among volumes is compared with slices alone, and costs the others nothing.
        self._reverse = {
            n: ReverseAccuracy(references, in_volumes if n == 3 else None)
            for n, references in by_axes.items()
        }

    def agreements(
        self,
        image: Volume,
        labels: Sequence[tuple[str | None, Mask | BoolArray]],
        *,
        subject: str | None = None,
    ) -> list[dict[int, float]]:
        """Return the Dice of labels of one image with every case, by the case's number.

        Args:
            image: The image of the labels.
            labels: Canonical name and mask `(i, j, k)` of each.
            subject: Whose they are: a case of the same subject vouches for nothing.

        Returns:
            Nothing for an empty mask, for one without a name, or of a structure that no other case
            holds. Cases that are 3D say nothing about an image that is 2D, nor the other way round.
        """
        own = {str(n) for n, case in enumerate(self.cases) if subject and case.subject == subject}
        cut = [(name, Mask.of(mask)) for name, mask in labels]
        asked = [(name, mask) for name, mask in cut if name is not None and mask]
        alike = self._reverse.get(image.n_axes)
        if alike is None:
            return [{} for _ in labels]
        scores = iter(alike.score_labels(image, asked))
        found = []
        for name, mask in cut:
            by_case = next(scores).by_reference if name is not None and mask else {}
            found.append({int(case): dice for case, dice in by_case.items() if case not in own})
        return found

    def registered_points(
        self, image: Volume, *, subject: str | None = None
    ) -> dict[int, tuple[NDArray[np.int32], Mapping[str, NDArray[np.int32]]]]:
        """Lay cases of other subjects over an image, by their numbers; see `ReverseAccuracy`."""
        alike = self._reverse.get(image.n_axes)
        if alike is None:
            return {}
        others = {str(n) for n, c in enumerate(self.cases) if not subject or c.subject != subject}
        return {int(name): found for name, found in alike.registered_points(image, others).items()}

    def compare(
        self,
        image: Volume,
        labels: Sequence[tuple[str | None, Mask | BoolArray]],
        *,
        subject: str | None = None,
    ) -> list[tuple[float, ...]]:
        """Return best and mean Dice of labels over the cases; NaN for one without `agreements`."""
        none = (float("nan"),) * N_COMPARED
        found = [list(a.values()) for a in self.agreements(image, labels, subject=subject)]
        return [(max(dices), float(np.mean(dices))) if dices else none for dices in found]

    def without_masks(self) -> "GoldCases":
        """Return cases that can be compared with, and neither saved nor looked at."""
        light = copy(self)
        light.cases = tuple(
            GoldCase(Reference("", case.reference.image, {}), case.subject) for case in self.cases
        )
        return light

    def save(self, path: Path) -> None:
        """Write images, spacings, masks and which voxels they leave unknown, nothing else."""
        arrays: dict[str, NDArray[Any]] = {}
        about = []
        for number, case in enumerate(self.cases):
            image, masks = case.reference.image, case.reference.masks
            arrays[f"image_{number}"] = image.array
            arrays[f"masks_{number}"] = np.packbits(np.stack(list(masks.values())))
            if image.known is not None:
                arrays[f"known_{number}"] = np.packbits(image.known)
            about.append(
                {
                    "structures": list(masks),
                    "spacing_mm": list(image.grid.spacing_mm),
                    "spacing_known": image.spacing_known,
                }
            )
        arrays["about"] = np.array(json.dumps(about, allow_nan=False))
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "GoldCases":
        """Read what `save` wrote.

        Raises:
            ModelError: It is not such a file.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                said = str(kept["about"]).encode()
                about = parse_document(said, ReferenceCases, path.parent.name, path.name)
                return cls([_read(kept, number, case) for number, case in enumerate(about.cases)])
        except (OSError, EOFError, BadZipFile, KeyError, ValueError, MemoryError) as error:
            raise ModelError(f"{path.name}: not a file of trusted cases ({error})") from error


def _read(kept: Any, number: int, about: ReferenceCase) -> GoldCase:
    pixels, names = kept[f"image_{number}"], about.structures
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise ValueError(f"image {number}: {pixels.dtype} {pixels.shape}, expected bytes (i, j, k)")
    bits = np.unpackbits(kept[f"masks_{number}"], count=len(names) * pixels.size)
    masks = bits.astype(np.bool_).reshape(len(names), *pixels.shape)
    volume = _volume(pixels, np.array(about.spacing_mm), known=about.spacing_known)
    if f"known_{number}" in kept:
        seen = np.unpackbits(kept[f"known_{number}"], count=pixels.size)
        volume = volume.knowing(seen.astype(np.bool_).reshape(pixels.shape))
    return GoldCase(Reference("", volume, dict(zip(names, masks, strict=True))))


def _reduced_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return a shape whose axes have at most so many voxels; thin axes stay as they are."""
    most = _LONGEST_2D if 1 in shape else _LONGEST_3D
    i, j, k = (min(n, most) for n in shape)
    return i, j, k


def _volume(pixels: NDArray[Any], step_mm: Floats, *, known: bool) -> Volume:
    i, j, k = pixels.shape
    grid = Grid((i, j, k), np.diag([*step_mm.tolist(), 1.0]))
    return Volume(pixels, grid, anatomical=False, spacing_known=known)


def _to_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(pixels, _PERCENTILES)
    scaled = (pixels - low) / max(float(high - low), 1e-6)
    return np.asarray(np.rint(255 * np.clip(scaled, 0, 1)), dtype=np.uint8)
