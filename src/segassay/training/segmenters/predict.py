"""What segmenters say of a case, kept as bytes, and turned into masks on the case's own grid."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from segassay.data.preprocess import whole_image
from segassay.models.segmenters import Segmenter
from segassay.training.segmenters.fit import standardise
from segassay.training.segmenters.slices import SquareCase, with_neighbours

_LEAST = 64
"""Slices whose probability stays below 64/255 everywhere are kept as empty."""

_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class NetworkMasks:
    """Probabilities of several networks for one case, only where any is sizeable.

    Attributes:
        networks: Names of the networks, such as `unet-0-late`.
        structures: Names of the structures.
        places: `(m, 3)`: number of the network, number of the structure, slice.
        probability: `(m, n, n)` bytes over the letterboxed slice.
        dice: `(m,)` Dice of the mask at one half against the expert's, at this resolution.
    """

    networks: tuple[str, ...]
    structures: tuple[str, ...]
    places: NDArray[np.int32]
    probability: NDArray[np.uint8]
    dice: NDArray[np.float32] = field(repr=False)

    @cached_property
    def _rows(self) -> dict[tuple[int, int, int], int]:
        return {(int(a), int(b), int(c)): n for n, (a, b, c) in enumerate(self.places)}

    @cached_property
    def _by_slice(self) -> dict[tuple[int, int], list[int]]:
        found: dict[tuple[int, int], list[int]] = {}
        for number, (_, structure, index) in enumerate(self.places):
            found.setdefault((int(structure), int(index)), []).append(number)
        return found

    def candidates(self, structure: str, index: int) -> list[int]:
        """Rows that hold a mask of the structure in a slice; empty where no network sees it."""
        if structure not in self.structures:
            return []
        return self._by_slice.get((self.structures.index(structure), index), [])

    def mask(
        self, row: int, shape: tuple[int, int], pixel: tuple[float, float], threshold: float
    ) -> NDArray[np.bool_]:
        """Return the mask `(rows, columns)` of one row on the case's own grid."""
        return enlarged(self.probability[row], shape, pixel) > 255 * threshold

    def volume(
        self,
        network: int,
        structure: str,
        shape: tuple[int, int, int],
        pixel: tuple[float, float],
        threshold: float,
    ) -> NDArray[np.bool_]:
        """Return one network's mask `(slice, row, column)` of a whole case."""
        planes = np.zeros(shape, dtype=np.bool_)
        number = self.structures.index(structure)
        for index in range(shape[0]):
            row = self._rows.get((network, number, index))
            if row is not None:
                planes[index] = self.mask(row, (shape[1], shape[2]), pixel, threshold)
        return planes

    def save(self, path: Path) -> None:
        """Write to one compressed file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new.npz")
        np.savez_compressed(
            fresh,
            networks=np.array(self.networks),
            structures=np.array(self.structures),
            places=self.places,
            probability=self.probability,
            dice=self.dice,
        )
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> "NetworkMasks":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as kept:
            return cls(
                tuple(kept["networks"].tolist()),
                tuple(kept["structures"].tolist()),
                kept["places"],
                kept["probability"],
                kept["dice"],
            )


def enlarged(
    probability: NDArray[np.uint8], shape: tuple[int, int], pixel: tuple[float, float]
) -> NDArray[np.uint8]:
    """Resample a letterboxed picture `(n, n)` back to the slice that it shows."""
    whole, size = whole_image(shape, pixel), probability.shape[0]
    down, across = size / (whole.bottom - whole.top), size / (whole.right - whole.left)
    top, left = -whole.top * down, -whole.left * across
    bottom, right = top + shape[0] * down, left + shape[1] * across
    box = (max(left, 0), max(top, 0), min(right, size), min(bottom, size))
    picture = Image.fromarray(probability).resize(
        (shape[1], shape[0]), Image.Resampling.BILINEAR, box=box
    )
    return np.asarray(picture)


@torch.no_grad()
def predict_case(net: Segmenter, set_name: str, case: SquareCase) -> NDArray[np.uint8]:
    """Return probabilities `(structure, slice, n, n)` of a whole case as bytes."""
    net.eval()
    slices = range(len(case.planes))
    seen = standardise(
        np.stack([with_neighbours(case.planes, k) for k in slices]).astype(np.float32)
    )
    planes = torch.from_numpy(seen).contiguous(memory_format=torch.channels_last)
    parts = []
    for some in planes.split(_AT_ONCE):
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(some, set_name)
        parts.append((255 * logits.float().sigmoid()).round().byte().numpy())
    return np.concatenate(parts).transpose(1, 0, 2, 3)


def keep_sizeable(
    networks: tuple[str, ...],
    structures: tuple[str, ...],
    answers: list[NDArray[np.uint8]],
    gold: NDArray[np.bool_],
) -> NetworkMasks:
    """Pack the answers of several networks, each `(structure, slice, n, n)`, for one case."""
    places, kept, dices = [], [], []
    for number, probability in enumerate(answers):
        for structure, index in np.argwhere(probability.max(axis=(2, 3)) >= _LEAST):
            picture, true = probability[structure, index], gold[structure, index]
            places.append((number, structure, index))
            kept.append(picture)
            mask = picture > 127
            total = mask.sum() + true.sum()
            dices.append(2 * (mask & true).sum() / total if total else 0.0)
    size = gold.shape[-1]
    return NetworkMasks(
        networks,
        structures,
        np.array(places, dtype=np.int32).reshape(-1, 3),
        np.stack(kept) if kept else np.zeros((0, size, size), dtype=np.uint8),
        np.array(dices, dtype=np.float32),
    )
