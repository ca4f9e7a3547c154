"""Whether an image looks like those that a judge was tested on.

What a judge learned of a structure holds in images like those it learned it from; the same organ
from another scanner, or exported with another window, is as new to it as another organ. Features of
the pretrained encoder tell such sources apart: 95 % of the slices of a data set lie within `reach`
of one of another subject of theirs, and hardly any of another data set does (decision 27).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ModelError
from segassay.judge.context.looks import Floats

_FEWEST_SUBJECTS = 3
_MOST_SLICES = 120
_COVERED = 0.95

_OF_A_SET, _OF_AN_IMAGE = 1.1, 1.5
"""How far most slices may lie away, in units of `reach`: of a data set, and of one image of a set
that is near enough as a whole. An image without a data set has to be as near as a set."""

_VERSION = 1


def summary(patches: Floats) -> Floats:
    """Return mean and standard deviation of the features of patches `(p, d)`, `(2 d,)`."""
    return np.concatenate([patches.mean(axis=0), patches.std(axis=0)]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class KnownSet:
    """Images of one data set, and the structures that a judge was tested on in them.

    Attributes:
        structures: Canonical names.
        slices: Summaries of slices `(n, 2 d)` in units of the spread within data sets.
        reach: How far from the nearest of them another slice of such images lies.
    """

    structures: frozenset[str]
    slices: Floats
    reach: float

    @classmethod
    def of(
        cls, structures: Iterable[str], slices: Floats, subjects: NDArray[np.str_]
    ) -> "KnownSet":
        """Measure how far slices `(n, 2 d)` of one subject lie from those of the others.

        With fewer than three subjects nothing can be measured: every image counts as like these.
        """
        step = max(1, -(-len(slices) // _MOST_SLICES))
        kept, whose = slices[step // 2 :: step], subjects[step // 2 :: step]
        if len(set(whose.tolist())) < _FEWEST_SUBJECTS:
            return cls(frozenset(structures), kept, float("inf"))
        far = _distances(kept, kept)
        far[whose[:, None] == whose[None]] = np.inf
        return cls(frozenset(structures), kept, float(np.quantile(far.min(axis=1), _COVERED)))

    def distance(self, slices: Floats) -> float:
        """Return how far most slices `(m, 2 d)` lie away, in units of `reach`."""
        nearest = _distances(slices, self.slices).min(axis=1)
        return float(np.median(nearest)) / self.reach


@dataclass(frozen=True, slots=True, eq=False)
class KnownLooks:
    """All data sets that a judge was tested on; `mean` and `scale` `(2 d,)` of summaries."""

    mean: Floats
    scale: Floats
    sets: tuple[KnownSet, ...]

    @classmethod
    def of(
        cls,
        looks: Mapping[str, tuple[Floats, NDArray[np.str_]]],
        structures: Mapping[str, Iterable[str]],
    ) -> "KnownLooks":
        """Gather what images looked like.

        Args:
            looks: Of every data set at hand the summaries `(n, 2 d)` of some slices, and whose they
                are `(n,)`.
            structures: Of those that the judge was tested on, the names of what was tested.
        """
        mean = np.mean([found.mean(axis=0) for found, _ in looks.values()], axis=0)
        scale = np.mean([found.std(axis=0) for found, _ in looks.values()], axis=0) + 1e-4
        sets = tuple(
            KnownSet.of(names, (looks[one][0] - mean) / scale, looks[one][1])
            for one, names in sorted(structures.items())
        )
        return cls(mean.astype(np.float32), scale.astype(np.float32), sets)

    @classmethod
    def none(cls) -> "KnownLooks":
        """Return the looks of no data set: nothing is known anywhere."""
        nothing = np.zeros(0, dtype=np.float32)
        return cls(nothing, nothing, ())

    def known_in(
        self, summaries: Sequence[Floats], others: Sequence[Floats] = ()
    ) -> frozenset[str]:
        """Return the structures tested in images like this one.

        Args:
            summaries: Of some of its slices, at least one, each `(2 d,)` or of more features.
            others: Of slices of other images of the same data set, if there is one: all its images
                are to be judged alike.
        """
        image, rest = self._scaled(summaries), self._scaled(others or summaries)
        most = _OF_AN_IMAGE if others else _OF_A_SET
        return frozenset().union(
            *(
                one.structures
                for one in self.sets
                if one.distance(image) <= most and one.distance(rest) <= _OF_A_SET
            )
        )

    def _scaled(self, summaries: Sequence[Floats]) -> Floats:
        """Return summaries, of which the first features were kept, as sets hold them."""
        found = np.stack(summaries).reshape(len(summaries), 2, -1)[..., : len(self.mean) // 2]
        scaled = (found.reshape(len(summaries), -1) - self.mean) / self.scale
        return np.asarray(scaled, dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write to one file."""
        about = {
            "version": _VERSION,
            "structures": [sorted(one.structures) for one in self.sets],
            "reach": [one.reach if np.isfinite(one.reach) else None for one in self.sets],
        }
        slices = {f"set_{n}": one.slices.astype(np.float16) for n, one in enumerate(self.sets)}
        np.savez_compressed(
            path,
            about=np.array(json.dumps(about, allow_nan=False)),
            mean=self.mean,
            scale=self.scale,
            **slices,  # type: ignore[arg-type]
        )

    @classmethod
    def load(cls, path: Path) -> "KnownLooks":
        """Read what `save` wrote.

        Raises:
            ModelError: It is not such a file, damaged, or of another version.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return cls._read(kept)
        except (OSError, EOFError, BadZipFile, KeyError, TypeError, ValueError, MemoryError) as why:
            raise ModelError(
                f"{path.parent.name}: {path.name} cannot be read ({' '.join(str(why).split())}); "
                "install the judge again, or update segassay"
            ) from why

    @classmethod
    def _read(cls, kept: Any) -> "KnownLooks":
        about = json.loads(str(kept["about"]))
        if about["version"] != _VERSION:
            raise ValueError(f"expected version {_VERSION}")
        mean, scale = (np.asarray(kept[key], dtype=np.float32) for key in ("mean", "scale"))
        sets = []
        for n, names in enumerate(about["structures"]):
            slices = np.asarray(kept[f"set_{n}"], dtype=np.float32)
            if slices.ndim != 2 or slices.shape[1:] != mean.shape or not len(slices):
                raise ValueError(f"set_{n}: {slices.shape}, expected (n, {len(mean)})")
            reach = about["reach"][n]
            kind = KnownSet(frozenset(names), slices, float("inf") if reach is None else reach)
            sets.append(kind)
        if mean.shape != scale.shape or mean.ndim != 1 or not (scale > 0).all():
            raise ValueError(f"mean {mean.shape} and scale {scale.shape} do not fit")
        return cls(mean, scale, tuple(sets))


def _distances(one: Floats, other: Floats) -> Floats:
    """Return root mean squared differences of rows `(n, f)` and `(m, f)`, `(n, m)`."""
    squared = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squared, 0) / one.shape[1]), dtype=np.float32)
