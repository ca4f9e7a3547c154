"""Slices of a data set with their labels, and what they say of any slice: the context."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ModelError
from segassay.judge.context.closeups import (
    CLOSE_PATCHES,
    CloseContext,
    CloseMemory,
    CloseUp,
    CloseUps,
)
from segassay.judge.context.known_looks import summary
from segassay.judge.context.looks import GRID, Looks, directions, of_length_1
from segassay.judge.context.votes import (
    N_NUMBERS,
    PATCHES,
    Floats,
    Indices,
    Votes,
    Voting,
    agreement_percentiles,
    beliefs,
    cast_votes,
    combine_votes,
    most_alike,
    soft_dice,
    with_places,
)

MOST_SLICES = 600
"""Kept in memory: 59 MB where a patch has 96 features, and 0.6 MB for each structure."""

_FEW = np.arange(PATCHES).reshape(GRID, GRID)[::2, ::2].ravel()
"""Patches that tell how far a label agrees with the others: a quarter is enough for that."""

_MOST_SEEN = 60
"""Slices that tell what the images look like."""

_VERSION = 2
_MOST_BYTES = 2**31
"""Of a file, unpacked: 600 slices with 64 features and labels of 800 structures."""


@dataclass(frozen=True, slots=True, eq=False)
class ContextSlice:
    """One slice whose labels may vote.

    `level` is its place along its volume, 0 to 1, and 0 for a picture. `shares` maps the name of a
    structure to the share of every patch that its label covers, `(PATCHES,)` bytes; a structure
    that nobody labelled in this image is not in it, one that is not in this slice is all 0.
    `image` is the checksum of the image's voxels, empty where nobody summed them up. `close_ups`
    are of labels that are not empty, as many as somebody made.
    """

    subject: str
    level: float
    looks: Looks
    shares: Mapping[str, NDArray[np.uint8]]
    image: str = ""
    close_ups: Mapping[str, CloseUp] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the context says of one structure in one slice.

    `expected` and `spread` `(PATCHES,)` as in `votes.Votes`, `mass` `(PATCHES,)`, `numbers`
    `(N_NUMBERS,)`; `n_slices` that were asked and `n_subjects` that they are of.
    """

    expected: Floats
    spread: Floats
    mass: Floats
    numbers: Floats
    n_slices: int
    n_subjects: int


@dataclass(frozen=True, eq=False, kw_only=True)
class ContextMemory:
    """Slices with labels of one data set, `n` slices of `s` structures. Made by `of`, or read.

    It can be sent to other processes. Features are kept in bytes: of a vector of length 1 its
    direction is enough. Memory and file hold the same bytes, so both vote the same.

    Attributes:
        structures: Names of the structures, sorted.
        subjects: Whose each slice is, `n` names.
        images: Checksum of the voxels of each slice's image, `n`; empty where it is not known.
        levels: Place of each along its volume, `(n,)`.
        patches: Directions of the features of patches `(n, PATCHES, d)`, signed bytes.
        summaries: Features of slices `(n, c)`, of length 1.
        shares: What labels cover `(n, s, PATCHES)`, bytes.
        labelled: Where there is a label at all `(n, s)`.
        belief: How much each label counts `(n, s)`, 0 where there is none.
        typical: Percentiles of agreement of each structure `(s, 3)`, see `agreement_percentiles`.
        close: Close-ups of the same labels.
        voting: How patches are compared.
        trusted: Whether somebody vouches for the labels.
        is_nameless: Whether subjects are numbers that stand for nothing outside.
    """

    structures: tuple[str, ...]
    subjects: tuple[str, ...]
    images: tuple[str, ...]
    levels: Floats
    patches: NDArray[np.int8]
    summaries: Floats
    shares: NDArray[np.uint8]
    labelled: NDArray[np.bool_]
    belief: Floats
    typical: Floats
    close: CloseMemory
    voting: Voting
    trusted: bool
    is_nameless: bool = False

    @classmethod
    def of(
        cls, slices: Sequence[ContextSlice], voting: Voting | None = None, *, trusted: bool = False
    ) -> "ContextMemory":
        """Make a memory of slices, at least one; this weighs every label by all others.

        With `trusted` each label counts 1, however little it agrees with the others: somebody
        vouches for it, so a rare anatomy that disagrees is knowledge, and no error. How labels
        agree is counted all the same, since it tells what agreement is usual for a structure.
        """
        names = tuple(sorted({name for one in slices for name in one.shares}))
        shape = (len(slices), len(names))
        shares, labelled = np.zeros((*shape, PATCHES), np.uint8), np.zeros(shape, np.bool_)
        for n, one in enumerate(slices):
            for s, name in enumerate(names):
                if name in one.shares:
                    labelled[n, s] = True
                    shares[n, s] = one.shares[name]
        subjects = tuple(one.subject for one in slices)
        believing = cls(
            structures=names,
            subjects=subjects,
            images=tuple(one.image for one in slices),
            levels=np.array([one.level for one in slices], dtype=np.float32),
            patches=np.stack([directions(one.looks.patches) for one in slices]),
            summaries=np.stack([one.looks.summary for one in slices]).astype(np.float32),
            shares=shares,
            labelled=labelled,
            belief=labelled.astype(np.float32),
            typical=np.zeros((len(names), 3), dtype=np.float32),
            close=CloseMemory.of_slices(
                [one.close_ups for one in slices],
                names,
                subjects,
                n_features=slices[0].looks.patches.shape[1],
                trusted=trusted,
            ),
            voting=voting or Voting(),
            trusted=trusted,
        )
        ballots = [believing._ballot(n) for n in range(len(slices))]
        weighed = believing
        if not trusted:
            doubted = believing._agreements(ballots)
            least = believing.voting.least_belief
            weighed = replace(believing, belief=beliefs(doubted, least) * labelled)
        return replace(weighed, typical=agreement_percentiles(weighed._agreements(ballots)))

    @property
    def is_of_volumes(self) -> bool:
        """Whether these are slices of volumes, not pictures."""
        return bool(self.levels.any())

    @property
    def n_subjects(self) -> int:
        """Subjects whose labels vote."""
        return len(set(self.subjects))

    def n_others(self, structure: str, *, subject: str, image: str = "") -> int:
        """Count the subjects with a label of a structure, empty or not, without the asking one.

        Subject and image as in `ask`.
        """
        if structure not in self.structures:
            return 0
        own = self._owners(image, subject)
        held = np.flatnonzero(self.labelled[:, self.structures.index(structure)])
        return len({self.subjects[n] for n in held} - own)

    def __len__(self) -> int:
        return len(self.subjects)

    def ask(
        self, looks: Looks, names: Sequence[str], *, subject: str, level: float, image: str = ""
    ) -> list[Context | None]:
        """Ask what labels of these names should be in a slice.

        Args:
            looks: The slice's features.
            names: Structures, spelled as in the slices of this memory.
            subject: Whose the slice is: slices of the same subject are not asked.
            level: The slice's place along its volume, 0 to 1; 0 for a picture.
            image: Checksum of the image's voxels, which tells its subject even under another name.

        Returns:
            For each name what the context says; `None` where no other subject has such a label.
        """
        columns = [self.structures.index(n) if n in self.structures else -1 for n in names]
        known = sorted({c for c in columns if c >= 0})
        chosen = self._most_alike(looks.summary, level, self._owners(image, subject))
        if not known or not chosen.size:
            return [None] * len(names)
        votes = self._votes(looks.patches, chosen, known)
        found: dict[int, Context | None] = {}
        for place, column in enumerate(known):
            used = self.labelled[chosen, column]
            numbers = np.zeros(N_NUMBERS, dtype=np.float32)
            numbers[0] = np.log2(max(int(used.sum()), 1)) / 5
            numbers[1:4] = self.typical[column]
            numbers[4] = self.belief[chosen, column].mean()
            subjects = {
                self.subjects[n] for n, is_used in zip(chosen, used, strict=True) if is_used
            }
            found[column] = (
                Context(
                    votes.expected[place],
                    votes.spread[place],
                    votes.mass,
                    numbers,
                    int(used.sum()),
                    len(subjects),
                )
                if subjects
                else None
            )
        return [found.get(column) for column in columns]

    def ask_closely(
        self, query: CloseUp, structure: str, *, subject: str, image: str = ""
    ) -> CloseContext | None:
        """Ask what close-ups say of one label, see `CloseMemory.ask`; the rest as in `ask`."""
        if structure not in self.structures:
            return None
        column = self.structures.index(structure)
        return self.close.ask(query, column, self._owners(image, subject))

    @cached_property
    def seen(self) -> list[Floats]:
        """Summaries of some of its slices, see `known_looks.summary`."""
        step = max(1, -(-len(self) // _MOST_SEEN))
        return [summary(of_length_1(patches)) for patches in self.patches[step // 2 :: step]]

    def nameless(self) -> "ContextMemory":
        """Return the same slices with numbers for subjects, in an order that names have no part in.

        They are sorted by the checksums of their images, which who has no copy cannot know.
        """
        order = sorted(range(len(self)), key=lambda n: (self.images[n], float(self.levels[n])))
        first = dict.fromkeys(self.subjects[n] for n in order)
        numbers = {name: str(number) for number, name in enumerate(first, start=1)}
        subjects = tuple(numbers[self.subjects[n]] for n in order)
        return replace(
            self,
            subjects=subjects,
            images=tuple(self.images[n] for n in order),
            levels=self.levels[order],
            patches=self.patches[order],
            summaries=self.summaries[order],
            shares=self.shares[order],
            labelled=self.labelled[order],
            belief=self.belief[order],
            close=self.close.reordered(order, subjects),
            is_nameless=True,
        )

    def save(self, path: Path | IO[bytes]) -> None:
        """Write to one file, packed; `MOST_SLICES` bounds it."""
        about = {
            "version": _VERSION,
            "structures": self.structures,
            "subjects": self.subjects,
            "images": self.images,
            "trusted": self.trusted,
            "is_nameless": self.is_nameless,
        }
        np.savez_compressed(
            path,
            about=np.array(json.dumps(about, allow_nan=False)),
            levels=self.levels,
            patches=self.patches,
            summaries=self.summaries,
            shares=self.shares,
            labelled=self.labelled,
            belief=self.belief,
            typical=self.typical,
            close_patches=self.close.close_ups.patches,
            close_shares=self.close.close_ups.shares,
            close_rows=self.close.rows,
            close_belief=self.close.belief,
            close_typical=self.close.typical,
        )

    @classmethod
    def load(cls, path: Path, voting: Voting) -> "ContextMemory":
        """Read what `save` wrote; nothing in the file is run.

        Args:
            path: The file.
            voting: How patches are compared, as when it was made.

        Raises:
            ModelError: It is not such a file, damaged, or of another version.
        """
        try:
            with path.open("rb") as file:
                _require_small(file)
                with np.load(file, allow_pickle=False) as kept:
                    return cls._read(kept, voting)
        except (OSError, EOFError, BadZipFile, KeyError, TypeError, ValueError, MemoryError) as why:
            raise ModelError(
                f"{path.parent.name}: {path.name}: no context of this version that can be read "
                f"({' '.join(str(why).split())}); install the judge again, or update segassay"
            ) from why

    @classmethod
    def _read(cls, kept: Any, voting: Voting) -> "ContextMemory":
        about = json.loads(str(kept["about"]))
        if not isinstance(about, dict) or about.get("version") != _VERSION:
            raise ValueError(f"expected version {_VERSION}")
        structures, subjects, images = (
            _texts(about[key]) for key in ("structures", "subjects", "images")
        )
        n, s = len(subjects), len(structures)
        if not n or not s or len(images) != n or list(structures) != sorted(set(structures)):
            raise ValueError(f"{n} slices of {len(images)} images, {s} structures")
        close_patches = _numbers(
            kept["close_patches"], "close_patches", np.int8, (None, CLOSE_PATCHES, None)
        )
        m = len(close_patches)
        rows = _numbers(kept["close_rows"], "close_rows", np.int32, (n, s))
        if rows.min() < -1 or rows.max() >= m:
            raise ValueError(f"close_rows: {rows.min()} to {rows.max()} of {m}")
        close = CloseMemory(
            close_ups=CloseUps(
                close_patches,
                _numbers(kept["close_shares"], "close_shares", np.uint8, (m, CLOSE_PATCHES)),
            ),
            rows=rows,
            subjects=subjects,
            belief=_numbers(kept["close_belief"], "close_belief", np.float32, (n, s)),
            typical=_numbers(kept["close_typical"], "close_typical", np.float32, (s, 3)),
        )
        return cls(
            structures=structures,
            subjects=subjects,
            images=images,
            levels=_numbers(kept["levels"], "levels", np.float32, (n,)),
            patches=_numbers(kept["patches"], "patches", np.int8, (n, PATCHES, None)),
            summaries=_numbers(kept["summaries"], "summaries", np.float32, (n, None)),
            shares=_numbers(kept["shares"], "shares", np.uint8, (n, s, PATCHES)),
            labelled=_numbers(kept["labelled"], "labelled", np.bool_, (n, s)),
            belief=_numbers(kept["belief"], "belief", np.float32, (n, s)),
            typical=_numbers(kept["typical"], "typical", np.float32, (s, 3)),
            close=close,
            voting=voting,
            trusted=about["trusted"] is True,
            is_nameless=about["is_nameless"] is True,
        )

    def _owners(self, image: str, subject: str) -> set[str]:
        """Return whose an image is: as it is said, and by its checksum, under whatever names."""
        said = set() if self.is_nameless else {subject}
        pairs = zip(self.subjects, self.images, strict=True)
        return said | {whose for whose, other in pairs if image and other == image}

    def _most_alike(self, summary: Floats, level: float, own: set[str]) -> Indices:
        return most_alike(
            summary, level, own, self.summaries, self.levels, self.subjects, self.voting
        )

    def _votes(
        self, patches: NDArray[np.floating], chosen: Indices, columns: Sequence[int]
    ) -> Votes:
        sums, masses = self._asked(with_places(patches, self.voting)[0], chosen, columns)
        return combine_votes(sums, masses, self.belief[chosen][:, columns])

    def _asked(
        self, query: Floats, chosen: Indices, columns: Sequence[int]
    ) -> tuple[Floats, Floats]:
        """Return what some slices say of patches: sums `(k, p, s)` and weights `(k, p)`."""
        sums = np.empty((len(chosen), len(query), len(columns)), dtype=np.float32)
        masses = np.empty((len(chosen), len(query)), dtype=np.float32)
        for n, other in enumerate(chosen.tolist()):
            _, key = with_places(of_length_1(self.patches[other]), self.voting)
            shares = np.asarray(self.shares[other, columns], dtype=np.float32) / np.float32(255)
            sums[n], masses[n] = cast_votes(query, key, shares, self.voting)
        return sums, masses

    def _ballot(self, n: int) -> tuple[Indices, Floats, Floats] | None:
        """Let the others vote on a few patches of slice `n`; `None` where nothing can be said."""
        chosen = self._most_alike(self.summaries[n], float(self.levels[n]), {self.subjects[n]})
        if not chosen.size or not self.shares[n].any():
            return None
        query, _ = with_places(of_length_1(self.patches[n]), self.voting)
        return chosen, *self._asked(query[_FEW], chosen, range(len(self.structures)))

    def _agreements(self, ballots: Sequence[tuple[Indices, Floats, Floats] | None]) -> Floats:
        """Return how every label agrees with what the others say of its slice, `(n, s)`."""
        found = np.full(self.labelled.shape, np.nan, dtype=np.float32)
        for n, ballot in enumerate(ballots):
            if ballot is not None:
                chosen, sums, masses = ballot
                votes = combine_votes(sums, masses, self.belief[chosen])
                own = self.shares[n][:, _FEW].astype(np.float32) / 255
                found[n] = soft_dice(votes.expected, own)
        return found


def _require_small(file: IO[bytes]) -> None:
    """Refuse, before any memory is taken, a file that would unpack to more than any context."""
    with ZipFile(file) as parts:
        n_bytes = sum(part.file_size for part in parts.infolist())
    if n_bytes > _MOST_BYTES:
        raise ValueError(f"{n_bytes} bytes unpacked, expected at most {_MOST_BYTES}")
    file.seek(0)


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{type(values).__name__}, expected names")
    return tuple(values)


def _numbers(
    array: NDArray[Any], name: str, dtype: type[np.generic], shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Return an array of a file if it is finite and of this kind and shape, `None` for any size."""
    fits = array.ndim == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(array.shape, shape, strict=True)
    )
    if array.dtype != np.dtype(dtype) or not fits or not np.isfinite(array).all():
        raise ValueError(f"{name}: {array.dtype} {array.shape} is not what it should be")
    return array
