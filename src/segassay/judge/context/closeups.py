"""Votes at the scale of a structure, in pictures: what labels cover, each seen through its own box.

On a grid laid over whole slices a small structure is a patch or two, and places mean little where
lesions lie anywhere. A *close-up* is a box round a label, so many times as wide as the label is
long, with features of its own grid: labels of one structure lie at the same place in their
close-ups, at the same size, wherever they lie in their images.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.resample import Box, BoxResampler
from segassay.judge.context.looks import GRID, Floats, directions, grid_box, of_length_1
from segassay.judge.context.votes import (
    N_NUMBERS,
    Indices,
    Votes,
    agreement_percentiles,
    beliefs,
    combine_votes,
    soft_dice,
)
from segassay.judge.inputs.preprocess import square

CLOSE_GRID = 20
"""Patches along a side of a close-up."""

CLOSE_PATCHES = CLOSE_GRID * CLOSE_GRID

MOST_CLOSE_UPS = 60
"""Close-ups of one structure that are kept: 1.5 MB where a patch has 64 features."""

_FEW = np.arange(CLOSE_PATCHES).reshape(CLOSE_GRID, CLOSE_GRID)[::2, ::2].ravel()
"""Patches that tell how far a label agrees with the others."""


@dataclass(frozen=True, slots=True)
class CloseVoting:
    """How close-ups are compared.

    The box is `extents` times as wide as the label is long, and at least `least` of the image's
    longer side. A patch weighs `exp((cosine - 1 - place * d²) / temperature)`, `d` its distance in
    widths of the box. Asked are the `candidates` close-ups most alike, one of a subject. The least
    believed label still counts `least_belief`.
    """

    extents: float = 2.0
    least: float = 0.125
    temperature: float = 0.05
    place: float = 3.0
    candidates: int = 12
    least_belief: float = 0.05


CLOSE_VOTING = CloseVoting()
"""As every judge compares them: its network has learned what such votes are worth."""


@dataclass(frozen=True, slots=True, eq=False)
class CloseUp:
    """A label seen through its box.

    `patches` `(CLOSE_PATCHES, d)`: directions of features (0 outside the image). `shares`
    `(CLOSE_PATCHES,)`: what the label covers of each, bytes. `box` in pixels of the slice.
    """

    patches: NDArray[np.int8]
    shares: NDArray[np.uint8]
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class CloseContext:
    """What close-ups of other labels say of one label.

    `expected`, `spread`, `mass` and `shares` `(CLOSE_PATCHES,)`: votes as in `votes.Votes`, and
    what the label covers itself; `box` in pixels of the slice; `numbers` `(N_NUMBERS,)`: see there.
    """

    expected: Floats
    spread: Floats
    mass: Floats
    shares: Floats
    box: Box
    numbers: Floats

    def mirrored(self, width: int) -> "CloseContext":
        """Return what is said of the mirror image of a slice `width` pixels wide."""
        flipped = {
            name: getattr(self, name).reshape(CLOSE_GRID, CLOSE_GRID)[:, ::-1].ravel()
            for name in ("expected", "spread", "mass", "shares")
        }
        box = replace(self.box, left=width - self.box.right, right=width - self.box.left)
        return replace(self, box=box, **flipped)


@dataclass(frozen=True, eq=False)
class CloseUps:
    """Close-ups of `m` labels: `patches` `(m, CLOSE_PATCHES, d)`, `shares` `(m, CLOSE_PATCHES)`."""

    patches: NDArray[np.int8]
    shares: NDArray[np.uint8]

    @classmethod
    def of(cls, found: Sequence[CloseUp], n_features: int) -> Self:
        """Put close-ups together, in order."""
        patches = np.zeros((len(found), CLOSE_PATCHES, n_features), dtype=np.int8)
        shares = np.zeros((len(found), CLOSE_PATCHES), dtype=np.uint8)
        for n, one in enumerate(found):
            patches[n], shares[n] = one.patches, one.shares
        return cls(patches, shares)

    @cached_property
    def summaries(self) -> Floats:
        """The mean of each one's features, of length 1, `(m, d)`."""
        found = np.zeros((len(self.patches), self.patches.shape[-1]), dtype=np.float32)
        for n, patches in enumerate(self.patches):
            found[n] = _summary(of_length_1(patches))
        return found


@dataclass(frozen=True, eq=False, kw_only=True)
class CloseMemory:
    """Close-ups of the labels of `n` slices, `s` structures, and how much each counts.

    Attributes:
        close_ups: Of labels in any order.
        rows: Which of them shows which label `(n, s)`; -1 where none does.
        subjects: Whose each slice is, `n` names.
        belief: How much each label counts `(n, s)`, 0 where there is no close-up.
        typical: Percentiles of agreement of each structure `(s, 3)`, see `agreement_percentiles`.
        voting: How they are compared.
    """

    close_ups: CloseUps
    rows: NDArray[np.int32]
    subjects: tuple[str, ...]
    belief: Floats
    typical: Floats
    voting: CloseVoting = CLOSE_VOTING

    @classmethod
    def of(
        cls,
        close_ups: CloseUps,
        rows: NDArray[np.int32],
        subjects: tuple[str, ...],
        *,
        trusted: bool = False,
    ) -> "CloseMemory":
        """Weigh every label by what the others say of it; with `trusted` each counts 1."""
        shown = (rows >= 0).astype(np.float32)
        plain = cls(
            close_ups=close_ups,
            rows=rows,
            subjects=subjects,
            belief=shown,
            typical=np.zeros((rows.shape[1], 3), dtype=np.float32),
        )
        ballots = {
            (int(n), int(s)): plain._ballot(int(n), int(s)) for n, s in np.argwhere(rows >= 0)
        }
        weighed = plain
        if not trusted:
            doubted = plain._agreements(ballots)
            weighed = replace(plain, belief=beliefs(doubted, plain.voting.least_belief) * shown)
        return replace(weighed, typical=agreement_percentiles(weighed._agreements(ballots)))

    @classmethod
    def of_slices(
        cls,
        slices: Sequence[Mapping[str, CloseUp]],
        structures: Sequence[str],
        subjects: tuple[str, ...],
        *,
        n_features: int,
        trusted: bool,
    ) -> "CloseMemory":
        """Keep close-ups of slices, by structure: at most `MOST_CLOSE_UPS` of each, evenly."""
        rows = np.full((len(slices), len(structures)), -1, dtype=np.int32)
        kept: list[CloseUp] = []
        for s, name in enumerate(structures):
            held = [n for n, shown in enumerate(slices) if name in shown]
            step = max(1, -(-len(held) // MOST_CLOSE_UPS))
            for n in held[step // 2 :: step]:
                rows[n, s] = len(kept)
                kept.append(slices[n][name])
        return cls.of(CloseUps.of(kept, n_features), rows, subjects, trusted=trusted)

    def reordered(self, order: Sequence[int], subjects: tuple[str, ...]) -> "CloseMemory":
        """Return the slices in another order, of other names; the close-ups follow their order."""
        old = self.rows[order]
        shown = old >= 0
        rows = np.full_like(old, -1)
        rows[shown] = np.arange(int(shown.sum()))
        chosen = old[shown]
        close_ups = CloseUps(self.close_ups.patches[chosen], self.close_ups.shares[chosen])
        return replace(
            self, close_ups=close_ups, rows=rows, subjects=subjects, belief=self.belief[order]
        )

    def ask(self, query: CloseUp, column: int, excluded: Collection[str]) -> CloseContext | None:
        """Ask what close-ups of a structure say of a label; what it covers plays no part.

        Args:
            query: The label's close-up.
            column: The structure's.
            excluded: Subjects that are not asked, as the label's own.

        Returns:
            `None` where no other subject has a close-up of the structure.
        """
        patches = of_length_1(query.patches)
        chosen = self._most_alike(_summary(patches), column, excluded)
        if not chosen.size:
            return None
        belief = self.belief[chosen, column]
        sums, masses = self._cast(patches, chosen, column, _SQUARED)
        votes = combine_votes(sums, masses, belief[:, None])
        numbers = np.zeros(N_NUMBERS, dtype=np.float32)
        numbers[0] = np.log2(chosen.size) / 5
        numbers[1:4] = self.typical[column]
        numbers[4] = belief.mean()
        own = np.asarray(query.shares / np.float32(255), dtype=np.float32)
        return CloseContext(votes.expected[0], votes.spread[0], votes.mass, own, query.box, numbers)

    def _most_alike(self, summary: Floats, column: int, excluded: Collection[str]) -> Indices:
        """Return slices of other subjects with the labels most alike, best first, one of each."""
        held = np.flatnonzero(self.rows[:, column] >= 0)
        likeness = self.close_ups.summaries[self.rows[held, column]] @ summary
        taken = set(excluded)
        chosen: list[int] = []
        for other in held[np.argsort(-likeness, kind="stable")].tolist():
            if self.subjects[other] not in taken:
                taken.add(self.subjects[other])
                chosen.append(other)
            if len(chosen) == self.voting.candidates:
                break
        return np.asarray(chosen, dtype=np.intp)

    def _cast(
        self, query: Floats, chosen: Indices, column: int, squared: Floats
    ) -> tuple[Floats, Floats]:
        """Return sums of weighted shares `(k, q, 1)` and of weights `(k, q)`.

        `squared` `(q, CLOSE_PATCHES)` are the squared distances of patches.
        """
        rows = self.rows[chosen, column]
        keys = of_length_1(self.close_ups.patches[rows])
        shares = self.close_ups.shares[rows] / np.float32(255)
        weights = query @ keys.reshape(-1, keys.shape[-1]).T
        weights -= np.float32(1)
        weights *= np.float32(1 / self.voting.temperature)
        by_label = weights.reshape(len(query), len(rows), CLOSE_PATCHES)
        by_label -= (squared * np.float32(self.voting.place / self.voting.temperature))[:, None]
        np.exp(by_label, out=by_label)
        each = by_label.transpose(1, 0, 2)
        return np.asarray(each @ shares[:, :, None], dtype=np.float32), each.sum(axis=2)

    def _ballot(self, n: int, s: int) -> tuple[Indices, Floats, Floats] | None:
        """Let the others vote on a few patches of a label; `None` where there are none."""
        row = self.rows[n, s]
        chosen = self._most_alike(self.close_ups.summaries[row], s, {self.subjects[n]})
        if not chosen.size:
            return None
        query = of_length_1(self.close_ups.patches[row][_FEW])
        return chosen, *self._cast(query, chosen, s, _SQUARED[_FEW])

    def _agreements(
        self, ballots: Mapping[tuple[int, int], tuple[Indices, Floats, Floats] | None]
    ) -> Floats:
        """Return how every label agrees with what the others say of it, `(n, s)`."""
        found = np.full(self.rows.shape, np.nan, dtype=np.float32)
        for (n, s), ballot in ballots.items():
            if ballot is not None:
                chosen, sums, masses = ballot
                votes: Votes = combine_votes(sums, masses, self.belief[chosen, s][:, None])
                own = self.close_ups.shares[self.rows[n, s]][_FEW] / np.float32(255)
                found[n, s] = soft_dice(votes.expected[0], own)
        return found


def close_box(
    mask: NDArray[np.bool_], pixel_mm: tuple[float, float], voting: CloseVoting = CLOSE_VOTING
) -> Box | None:
    """Return the box of a mask `(rows, columns)`, in its pixels; `None` for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    height = (rows[-1] - rows[0] + 1) * pixel_mm[0]
    width = (columns[-1] - columns[0] + 1) * pixel_mm[1]
    longer = max(mask.shape[0] * pixel_mm[0], mask.shape[1] * pixel_mm[1])
    side = max(voting.extents * max(height, width), voting.least * longer)
    centre = ((rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2)
    return square(centre, side, pixel_mm)


def close_up(
    fine: NDArray[np.int8], mask: NDArray[np.bool_], pixel_mm: tuple[float, float]
) -> CloseUp | None:
    """Look at a mask through its box; `None` for an empty one.

    Args:
        fine: Features of its slice `(d, n, n)`, see `looks.fine_patches`.
        mask: `(rows, columns)`.
        pixel_mm: Size of a pixel (row, column).
    """
    box = close_box(mask, pixel_mm)
    if box is None:
        return None
    shape = (mask.shape[0], mask.shape[1])
    finer = fine.shape[1] / GRID
    part = grid_box(box, shape, pixel_mm)
    on_grid = Box(*(finer * end for end in (part.top, part.bottom, part.left, part.right)))
    features = of_length_1(fine, axis=0)
    cut = BoxResampler.to_square((fine.shape[1], fine.shape[2]), on_grid, CLOSE_GRID)(features)
    covered = BoxResampler.to_square(shape, box, CLOSE_GRID)(mask[None].astype(np.float32))
    return CloseUp(
        directions(cut.reshape(len(fine), -1).T),
        np.rint(255 * np.clip(covered[0].ravel(), 0, 1)).astype(np.uint8),
        box,
    )


def _summary(patches: Floats) -> Floats:
    return of_length_1(patches.mean(axis=0))


def _distances() -> Floats:
    """Return squared distances of all patches of a close-up, in widths of it."""
    at = (np.arange(CLOSE_GRID, dtype=np.float32) + 0.5) / CLOSE_GRID
    y, x = (axis.ravel() for axis in np.meshgrid(at, at, indexing="ij"))
    return np.asarray((y[:, None] - y) ** 2 + (x[:, None] - x) ** 2, dtype=np.float32)


_SQUARED = _distances()
