"""Masks of several networks for one case, kept as bytes and led back to the case's own grid."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.judge.inputs.letterbox import enlarged


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
        """Write to one file, whole or not at all; packing would take longer than the networks."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new.npz")
        np.savez(
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
