"""How unusual a label is beside other labels of its structure.

A network that never saw such images knows little about them. But a spleen of the size of a liver,
or in another corner, or without a border, is unusual among spleens in any kind of image. Centre and
spread of the traits of some labels tell; no image is kept for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.judge.comparison.traits import TRAITS, BoolArray, Floats, Traits
from segassay.judge.documents.corrections import TypicalFile, TypicalKind

N_UNUSUAL = 1 + len(TRAITS)
"""Numbers that say how unusual a label is: altogether, then in every trait."""

FEWEST = 3
"""With fewer labels of a structure there is nothing usual."""

_NOBODY_KNOWS = (float("nan"),) * N_UNUSUAL

_FARTHEST = 4.0
_ROUNDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A label as it was measured: canonical name, `Traits.in_mm`, traits, and how far believed."""

    structure: str
    in_mm: bool
    traits: Floats
    belief: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Typical:
    """Centre and spread of the traits of one structure's labels, each `(t,)`."""

    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, traits: Floats, belief: Floats) -> "Typical":
        """Find what is typical of labels with traits `(n, t)`, each believed so much `(n,)`.

        Labels far from the others count little: around the median first, then around the mean
        weighted by how near each label is, as long as there is something to be near to.
        """
        least = np.array(list(TRAITS.values()))
        centre = _median(traits, belief)
        spread = 1.4826 * _median(np.abs(traits - centre), belief) + least
        for _ in range(_ROUNDS):
            far = _altogether((traits - centre) / spread)
            weight = belief * np.exp(-0.5 * (far / max(float(np.median(far)), 1e-6)) ** 2)
            centre = np.average(traits, axis=0, weights=weight)
            spread = np.sqrt(np.average((traits - centre) ** 2, axis=0, weights=weight)) + least
        return cls(centre, spread)

    def unusual(self, traits: Floats) -> tuple[float, ...]:
        """Return how far traits `(t,)` lie from the centre, in spreads: altogether, then each."""
        far = np.abs((traits - self.centre) / self.spread).clip(0, _FARTHEST)
        return (float(_altogether(far)), *far.tolist())


class TypicalLabels:
    """What is typical of every structure of some labels, in millimetres and where none are known.

    Made from a mapping of structure and `Traits.in_mm` to what is typical.
    """

    def __init__(self, by_kind: Mapping[tuple[str, bool], Typical]) -> None:
        self._by_kind = by_kind

    @classmethod
    def of(cls, labels: Iterable[Seen], *, fewest: int = FEWEST) -> "TypicalLabels":
        """Find what is typical of labels, where there are at least `fewest` of a kind."""
        found: dict[tuple[str, bool], list[Seen]] = {}
        for label in labels:
            if np.isfinite(label.traits).all():
                found.setdefault((label.structure, label.in_mm), []).append(label)
        return cls(
            {
                kind: Typical.of(
                    np.array([one.traits for one in own]), np.array([one.belief for one in own])
                )
                for kind, own in found.items()
                if len(own) >= fewest
            }
        )

    def unusual(
        self, image: Volume, labels: Sequence[tuple[str | None, Mask | BoolArray]]
    ) -> list[tuple[float, ...]]:
        """Return how unusual labels of one image are, each given as canonical name and mask.

        Returns:
            `N_UNUSUAL` numbers for every label; NaN for a structure without anything typical, one
            without a name and an empty mask.
        """
        known = [bool(name) and (name, image.spacing_known) in self._by_kind for name, _ in labels]
        measure = Traits(image) if any(known) else None
        return [
            self.how_unusual(Seen(name, image.spacing_known, measure(mask)))
            if measure is not None and name is not None and is_known
            else _NOBODY_KNOWS
            for (name, mask), is_known in zip(labels, known, strict=True)
        ]

    def how_unusual(self, label: Seen) -> tuple[float, ...]:
        """Return how unusual a measured label is; NaN where nobody knows."""
        typical = self._by_kind.get((label.structure, label.in_mm))
        return _NOBODY_KNOWS if typical is None else typical.unusual(label.traits)

    def to_document(self) -> TypicalFile:
        """Return the numbers as they are written."""
        kinds = (
            TypicalKind(
                structure=structure,
                in_mm=in_mm,
                centre=tuple(np.round(typical.centre, 5).tolist()),
                spread=tuple(np.round(typical.spread, 5).tolist()),
            )
            for (structure, in_mm), typical in self._by_kind.items()
        )
        return TypicalFile(traits=tuple(TRAITS), typical=tuple(kinds))

    @classmethod
    def from_document(cls, file: TypicalFile) -> "TypicalLabels":
        """Rebuild from `to_document`; `ValueError` for other traits than those of today."""
        if file.traits != tuple(TRAITS):
            raise ValueError(f"traits {', '.join(file.traits)}, expected {', '.join(TRAITS)}")
        return cls(
            {
                (kind.structure, kind.in_mm): Typical(
                    np.asarray(kind.centre, float), np.asarray(kind.spread, float)
                )
                for kind in file.typical
            }
        )


def _altogether(far: Floats) -> Floats:
    """Return the root mean square over traits, each cut."""
    return np.asarray(np.sqrt((np.clip(far, -_FARTHEST, _FARTHEST) ** 2).mean(axis=-1)))


def _median(values: Floats, weights: Floats) -> Floats:
    """Return the weighted median of every column `(n, t)`."""
    middle = np.quantile(values, 0.5, axis=0, weights=weights, method="inverted_cdf")
    return np.asarray(middle, dtype=np.float64)
