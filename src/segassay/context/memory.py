"""Slices of a data set with their labels, and what they say of any slice: the context."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.context.looks import GRID, Looks
from segassay.context.votes import (
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

_FEW = np.arange(PATCHES).reshape(GRID, GRID)[::2, ::2].ravel()
"""Patches that tell how far a label agrees with the others: a quarter is enough for that."""


@dataclass(frozen=True, slots=True, eq=False)
class ContextSlice:
    """One slice whose labels may vote.

    `level` is its place along its volume, 0 to 1, and 0 for a picture. `shares` maps the name of a
    structure to the share of every patch that its label covers, `(PATCHES,)` bytes; a structure
    that nobody labelled in this image is not in it, one that is not in this slice is all 0.
    """

    subject: str
    level: float
    looks: Looks
    shares: Mapping[str, NDArray[np.uint8]]


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


class ContextMemory:
    """Slices with labels of one data set. Making it weighs every label by all others.

    It can be sent to other processes.
    """

    def __init__(self, slices: Sequence[ContextSlice], voting: Voting | None = None) -> None:
        self._voting = voting or Voting()
        self._subjects = [s.subject for s in slices]
        self._levels = np.array([s.level for s in slices], dtype=np.float32)
        self.structures = tuple(sorted({name for s in slices for name in s.shares}))
        self._patches = np.stack([s.looks.patches for s in slices]).astype(np.float16)
        self._summaries = np.stack([s.looks.summary for s in slices]).astype(np.float32)
        shape = (len(slices), len(self.structures))
        self._shares = np.zeros((*shape, PATCHES), dtype=np.uint8)
        self._labelled = np.zeros(shape, dtype=np.bool_)
        for n, one in enumerate(slices):
            for s, name in enumerate(self.structures):
                if name in one.shares:
                    self._labelled[n, s] = True
                    self._shares[n, s] = one.shares[name]
        ballots = [self._ballot(n) for n in range(len(slices))]
        self._belief = self._labelled.astype(np.float32)
        doubted = self._agreements(ballots)
        self._belief = beliefs(doubted, self._voting.least_belief) * self._labelled
        self._typical = agreement_percentiles(self._agreements(ballots))

    @property
    def n_subjects(self) -> int:
        """Subjects whose labels vote."""
        return len(set(self._subjects))

    @property
    def n_subjects_by_structure(self) -> dict[str, int]:
        """Subjects of which each structure is labelled in some slice, empty or not."""
        return {
            name: len({self._subjects[n] for n in np.flatnonzero(self._labelled[:, s])})
            for s, name in enumerate(self.structures)
        }

    def __len__(self) -> int:
        return len(self._subjects)

    def ask(
        self, looks: Looks, names: Sequence[str], *, subject: str, level: float
    ) -> list[Context | None]:
        """Ask what labels of these names should be in a slice.

        Args:
            looks: The slice's features.
            names: Structures, spelled as in the slices of this memory.
            subject: Whose the slice is: slices of the same subject are not asked.
            level: The slice's place along its volume, 0 to 1; 0 for a picture.

        Returns:
            For each name what the context says; `None` where no other subject has such a label.
        """
        columns = [self.structures.index(n) if n in self.structures else -1 for n in names]
        known = sorted({c for c in columns if c >= 0})
        chosen = most_alike(
            looks.summary,
            level,
            subject,
            self._summaries,
            self._levels,
            self._subjects,
            self._voting,
        )
        if not known or not chosen.size:
            return [None] * len(names)
        votes = self._votes(looks.patches, chosen, known)
        found: dict[int, Context | None] = {}
        for place, column in enumerate(known):
            used = self._labelled[chosen, column]
            numbers = np.zeros(N_NUMBERS, dtype=np.float32)
            numbers[0] = np.log2(max(int(used.sum()), 1)) / 5
            numbers[1:4] = self._typical[column]
            numbers[4] = self._belief[chosen, column].mean()
            subjects = {
                self._subjects[n] for n, is_used in zip(chosen, used, strict=True) if is_used
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

    def _votes(
        self, patches: NDArray[np.floating], chosen: Indices, columns: Sequence[int]
    ) -> Votes:
        sums, masses = self._asked(with_places(patches, self._voting)[0], chosen, columns)
        return combine_votes(sums, masses, self._belief[chosen][:, columns])

    def _asked(
        self, query: Floats, chosen: Indices, columns: Sequence[int]
    ) -> tuple[Floats, Floats]:
        """Return what some slices say of patches: sums `(k, p, s)` and weights `(k, p)`."""
        sums = np.empty((len(chosen), len(query), len(columns)), dtype=np.float32)
        masses = np.empty((len(chosen), len(query)), dtype=np.float32)
        for n, other in enumerate(chosen.tolist()):
            _, key = with_places(self._patches[other], self._voting)
            shares = np.asarray(self._shares[other, columns], dtype=np.float32) / np.float32(255)
            sums[n], masses[n] = cast_votes(query, key, shares, self._voting)
        return sums, masses

    def _ballot(self, n: int) -> tuple[Indices, Floats, Floats] | None:
        """Let the others vote on a few patches of slice `n`; `None` where nothing can be said."""
        chosen = most_alike(
            self._summaries[n],
            float(self._levels[n]),
            self._subjects[n],
            self._summaries,
            self._levels,
            self._subjects,
            self._voting,
        )
        if not chosen.size or not self._shares[n].any():
            return None
        query, _ = with_places(self._patches[n], self._voting)
        return chosen, *self._asked(query[_FEW], chosen, range(len(self.structures)))

    def _agreements(self, ballots: Sequence[tuple[Indices, Floats, Floats] | None]) -> Floats:
        """Return how every label agrees with what the others say of its slice, `(n, s)`."""
        found = np.full(self._labelled.shape, np.nan, dtype=np.float32)
        for n, ballot in enumerate(ballots):
            if ballot is not None:
                chosen, sums, masses = ballot
                votes = combine_votes(sums, masses, self._belief[chosen])
                own = self._shares[n][:, _FEW].astype(np.float32) / 255
                found[n] = soft_dice(votes.expected, own)
        return found
