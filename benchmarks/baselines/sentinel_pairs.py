"""The pairs that Quality Sentinel learns from: slices drawn, cropped and scored as published.

Where the faulty masks come from is not its own: they are drawn as for every judge
(`training.samples.training_pairs`), so that a comparison is about the method. Its own is which of
them it looks at (a mask that misses its structure is never shown), the crop, and what it calls the
truth. The published network was conditioned on CLIP vectors of the names; here these are the
house's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segassay.corruption.solve import overlap
from segassay.errors import UsageError
from segassay.judge.inputs.preprocess import JudgePreprocess
from segassay.judge.inputs.sentinel_input import SIZE, crop_window, framed_input
from segassay.judge.networks.quality_sentinel import TEXT_DIM
from segassay.training.material.material import Material
from segassay.training.material.store import StoredSet
from segassay.training.samples.training_pairs import PairDraw
from segassay.training.settings import PairRecipe
from segassay.vocabulary.vector import NAME_DIM, name_vector

_LEAST_OVERLAP_PX = 20
_LEAST_MARGIN_PX = 10
_MOST_DRAWS = 2000

_TEXT_LENGTH = 10.0
"""Published text vectors are 8 to 13 long, not 1; the network has no layer to even that out."""


class SentinelBatch(NamedTuple):
    """`slices` `(b, 2, 256, 256)`, `text` `(b, 512)` and the true Dice `(b,)` of `b` crops."""

    slices: Tensor
    text: Tensor
    dice: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class SentinelPair:
    """One crop `(2, 256, 256)` with its structure's name and the true Dice inside the crop."""

    seen: NDArray[np.float32]
    structure: str
    dice: float


def sentinel_material(material: Material) -> Material:
    """Return the sets that the method can use: structures with names, in their usual plane."""

    def usable(store: StoredSet) -> bool:
        """Whether a set has what the method asks for."""
        return store.recipe.named and store.recipe.plane == "usual"

    train, tuning = (tuple(filter(usable, stores)) for stores in (material.train, material.tuning))
    if not train:
        raise UsageError(f"none of {len(material.train)} sets has named structures to learn from")
    splits = {s.recipe.name: material.splits[s.recipe.name] for s in train}
    return replace(material, train=train, tuning=tuning, splits=splits)


def sentinel_text(name: str) -> NDArray[np.float32]:
    """Return the vector `(512,)` of a name: the house's, then zeros, as long as CLIP's are."""
    vector = name_vector(name)
    scaled = vector * np.float32(_TEXT_LENGTH / np.linalg.norm(vector))
    return np.pad(scaled, (0, TEXT_DIM - NAME_DIM))


def text_vectors(names: Iterable[str]) -> dict[int, Tensor]:
    """Return the vectors of names by their place in the order given."""
    return {n: torch.from_numpy(sentinel_text(name)) for n, name in enumerate(names)}


class SentinelDraw:
    """Draws crops for ever; the same generator gives the same ones.

    `loose` draws the margins of the crop, as in the published training; otherwise they are those of
    use. Raises `UsageError` where 2000 draws hold no mask that meets its structure.
    """

    def __init__(self, sets: tuple[StoredSet, ...], recipe: PairRecipe, *, loose: bool) -> None:
        self._draw = PairDraw(sets, JudgePreprocess(), recipe)
        self._loose = loose

    def __call__(self, rng: np.random.Generator) -> SentinelPair:
        """Draw one crop."""
        for _ in range(_MOST_DRAWS):
            place, candidate = self._draw.candidate(rng)
            gold, mask = candidate.gold, candidate.mask
            if np.count_nonzero(gold & mask) >= _LEAST_OVERLAP_PX:
                break
        else:
            raise UsageError(
                f"{_MOST_DRAWS} masks drawn, none meets its structure in {_LEAST_OVERLAP_PX} "
                "pixels of a slice, as this method asks for; use larger images or structures"
            )
        window = crop_window(mask, _margins(mask, rng)) if self._loose else crop_window(mask)
        crop = place.case.planes[candidate.index][window]
        seen = framed_input(np.ascontiguousarray(crop), mask[window])
        return SentinelPair(seen, place.structure, overlap(mask[window], gold[window]))

    def batch(self, size: int, rng: np.random.Generator) -> SentinelBatch:
        """Draw `size` crops as tensors."""
        return collate([self(rng) for _ in range(size)])


def collate(pairs: Iterable[SentinelPair]) -> SentinelBatch:
    """Stack crops into float32 tensors."""
    pairs = list(pairs)
    return SentinelBatch(
        torch.from_numpy(np.stack([p.seen for p in pairs])),
        torch.from_numpy(np.stack([sentinel_text(p.structure) for p in pairs])),
        torch.tensor([p.dice for p in pairs], dtype=torch.float32),
    )


def _margins(mask: NDArray[np.bool_], rng: np.random.Generator) -> tuple[int, int]:
    """Draw margins of rows and columns: from 10 pixels to what makes a crop of 256."""
    margins = []
    for axis in (1, 0):
        filled = np.flatnonzero(mask.any(axis=axis))
        most = max(_LEAST_MARGIN_PX, (SIZE - int(filled[-1] - filled[0])) // 2)
        margins.append(int(rng.integers(_LEAST_MARGIN_PX, most + 1)))
    return margins[0], margins[1]
