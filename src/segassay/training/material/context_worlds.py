"""Contexts to learn from: data sets in which some labels are wrong, and how the others vote there.

A judge that reads what the context says must have met contexts of all kinds: few cases and many,
labels of experts, of networks, and labels that are simply wrong. A *world* is one data set in which
every label is in one of several states, right or wrong. What the labels of other subjects say about
each slice in each world is computed once, before training: it does not depend on the mask that is
judged, and a pair only looks it up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.families import draw_fault
from segassay.judge.context.closeups import CloseContext, CloseMemory, CloseUp, CloseUps, close_up
from segassay.judge.context.context_memory import Context
from segassay.judge.context.looks import GRID, Looks, shares_of
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
    mass_of,
    most_alike,
    soft_dice,
    trust_of,
    with_places,
)
from segassay.judge.context.voting_slices import chosen_slices
from segassay.training.material.places import Place, network_mask, scene_of
from segassay.training.material.store import StoredCase, StoredSet

_CANDIDATES = 24
"""Slices that a world's few are drawn from."""

N_STATES = 4
"""States of a label: as drawn by the expert, wrong, wrong in another way, a network's."""


@dataclass(frozen=True, slots=True)
class WorldKind:
    """Shares of labels in the states 1, 2 and 3; the rest are as the expert drew them.

    The number of context slices of each query is drawn from the range `context`.
    """

    shares: tuple[float, float, float]
    context: tuple[int, int] = (2, 24)


WORLDS = (
    WorldKind((0.0, 0.0, 0.0)),
    WorldKind((0.12, 0.13, 0.0)),
    WorldKind((0.25, 0.25, 0.0)),
    WorldKind((0.35, 0.35, 0.1)),
    WorldKind((0.0, 0.0, 1.0)),
    WorldKind((0.15, 0.15, 0.7), (6, 24)),
)


@dataclass(frozen=True, slots=True, eq=False)
class SetWorlds:
    """What the context says about the slices of one set, `n` slices, `s` structures, `w` worlds.

    `rows` maps (case id, slice) to the slice's number; `votes` and `spread` `(n, s, w, PATCHES)`
    bytes, `trust` `(n, w, PATCHES)` bytes, `numbers` `(n, s, w, N_NUMBERS)`, `looks`
    `(n, d, GRID, GRID)` half precision. `fine` `(n, d, 2 * GRID, 2 * GRID)`, see
    `looks.fine_patches`, and `close`, a memory of close-ups for each world, all of the same
    close-ups.
    """

    rows: dict[tuple[str, int], int]
    structures: tuple[str, ...]
    votes: NDArray[np.uint8]
    spread: NDArray[np.uint8]
    trust: NDArray[np.uint8]
    numbers: NDArray[np.float32]
    looks: NDArray[np.float16]
    fine: NDArray[np.int8]
    close: tuple[CloseMemory, ...]

    @property
    def n_worlds(self) -> int:
        """How many worlds there are."""
        return int(self.votes.shape[2])

    def looks_of(self, row: int, *, mirrored: bool) -> Looks:
        """Return the features of a slice, or of its mirror image."""
        grid = self.looks[row][..., ::-1] if mirrored else self.looks[row]
        patches = grid.reshape(len(grid), -1).T.astype(np.float32)
        return Looks(patches, np.zeros(0, dtype=np.float32))

    def context(self, row: int, structure: str, world: int, *, mirrored: bool) -> Context | None:
        """Return what one world says of a structure in a slice; `None` if it says nothing."""
        s = self.structures.index(structure)
        numbers = self.numbers[row, s, world]
        if not numbers[4]:  # nobody asked had such a label
            return None
        votes, spread, trust = (
            _as_shares(part, mirrored=mirrored)
            for part in (
                self.votes[row, s, world],
                self.spread[row, s, world],
                self.trust[row, world],
            )
        )
        n_slices = round(2 ** (5 * float(numbers[0])))
        halved = np.asarray(spread / np.float32(2))
        return Context(votes, halved, mass_of(trust), numbers, n_slices, n_slices)

    def close_context(
        self,
        row: int,
        structure: str,
        world: int,
        mask: NDArray[np.bool_],
        pixel_mm: tuple[float, float],
        rng: np.random.Generator,
        *,
        mirrored: bool,
    ) -> CloseContext | None:
        """Return what close-ups of a few other subjects say of a mask in a slice, in one world.

        How many subjects there are is drawn from 2 to 60, fewer more often. The mask is the mirror
        image's, and the answer for it, where `mirrored`.
        """
        memory = self.close[world]
        column = self.structures.index(structure)
        query = close_up(self.fine[row], mask[:, ::-1] if mirrored else mask, pixel_mm)
        if query is None:
            return None
        own = memory.subjects[row]
        held = memory.rows[:, column] >= 0
        others = sorted({memory.subjects[n] for n in np.flatnonzero(held)} - {own})
        most = round(float(np.exp(rng.uniform(np.log(2), np.log(60)))))
        left_out = rng.permutation(len(others))[most:]
        found = memory.ask(query, column, {own, *(others[n] for n in left_out)})
        return found.mirrored(mask.shape[1]) if mirrored and found is not None else found

    def save(self, path: Path) -> None:
        """Write to one file, whole or not at all."""
        fresh = path.with_name(f"{path.name}.new")
        with fresh.open("wb") as file:
            np.savez(
                file,
                cases=np.array([case for case, _ in self.rows]),
                slices=np.array([index for _, index in self.rows]),
                structures=np.array(self.structures),
                votes=self.votes,
                spread=self.spread,
                trust=self.trust,
                numbers=self.numbers,
                looks=self.looks,
                fine=self.fine,
                subjects=np.array(self.close[0].subjects),
                close_patches=self.close[0].close_ups.patches,
                close_shares=self.close[0].close_ups.shares,
                close_rows=np.stack([one.rows for one in self.close]),
                close_belief=np.stack([one.belief for one in self.close]),
                close_typical=np.stack([one.typical for one in self.close]),
            )
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> "SetWorlds":
        """Read what `save` wrote."""
        with np.load(path) as kept:
            keys = zip(kept["cases"].tolist(), kept["slices"].tolist(), strict=True)
            close_ups = CloseUps(kept["close_patches"], kept["close_shares"])
            subjects = tuple(kept["subjects"].tolist())
            weighed = zip(
                kept["close_rows"], kept["close_belief"], kept["close_typical"], strict=True
            )
            return cls(
                rows={(case, int(index)): row for row, (case, index) in enumerate(keys)},
                structures=tuple(kept["structures"].tolist()),
                votes=kept["votes"],
                spread=kept["spread"],
                trust=kept["trust"],
                numbers=kept["numbers"],
                looks=kept["looks"],
                fine=kept["fine"],
                close=tuple(
                    CloseMemory(
                        close_ups=close_ups,
                        rows=rows,
                        subjects=subjects,
                        belief=belief,
                        typical=typical,
                    )
                    for rows, belief, typical in weighed
                ),
            )


def _as_shares(grid: NDArray[np.uint8], *, mirrored: bool) -> Floats:
    shown = grid.reshape(GRID, GRID)
    seen = shown[:, ::-1] if mirrored else shown
    return np.asarray(seen.ravel() / np.float32(255), dtype=np.float32)


def slices_of(case: StoredCase, most: int) -> NDArray[np.intp]:
    """Choose at most `most` slices of a case, `(n,)`, as those that vote are chosen."""
    filled = [label.filled for label in case.labels.values()]
    every = np.concatenate(filled) if filled else np.zeros(0, dtype=np.intp)
    return chosen_slices(every, len(case.planes), most)


def restricted(case: StoredCase, slices: NDArray[np.intp]) -> StoredCase:
    """Return the case with nothing to learn in slices other than these."""
    kept = np.zeros(len(case.planes), dtype=bool)
    kept[slices] = True
    labels = {
        name: replace(label, areas=np.where(kept, label.areas, -1))
        for name, label in case.labels.items()
    }
    return replace(case, labels=labels)


@dataclass(frozen=True, slots=True, eq=False)
class LabelStates:
    """Labels of `n` slices, `s` structures, in every state.

    `shares` `(n, s, N_STATES, PATCHES)`; `labelled` `(n, s)`: where there is a label at all;
    `close_ups` of those that are not empty, and which of them shows which, `(n, s, N_STATES)`, -1
    for none.
    """

    shares: NDArray[np.float32]
    labelled: NDArray[np.bool_]
    close_ups: CloseUps
    close_rows: NDArray[np.int32]


def label_states(
    store: StoredSet,
    slices: Sequence[tuple[int, int]],
    structures: Sequence[str],
    fine: NDArray[np.int8],
    seed: int,
) -> LabelStates:
    """Put every label of the slices into every state; `fine` features are those of the slices."""
    rng = np.random.default_rng(seed)
    rows = np.full((len(slices), len(structures), N_STATES), -1, dtype=np.int32)
    found: list[CloseUp] = []
    shares = np.zeros((len(slices), len(structures), N_STATES, PATCHES), dtype=np.float32)
    labelled = np.zeros((len(slices), len(structures)), dtype=bool)
    for n, (number, index) in enumerate(slices):
        case = store.cases[number]
        for s, name in enumerate(structures):
            label = case.labels.get(name)
            if label is None or label.areas[index] < 0:
                continue
            labelled[n, s] = True
            if label.areas[index] == 0:
                continue
            place = Place(store, case, name, index)
            masks = [place.gold, *(_wrong(place, rng, networks=k) for k in (0.0, 0.5, 1.0))]
            for state, mask in enumerate(masks):
                shares[n, s, state] = shares_of(mask, case.pixel_mm)
                seen = close_up(fine[n], mask, case.pixel_mm)
                if seen is not None:
                    rows[n, s, state] = len(found)
                    found.append(seen)
    return LabelStates(shares, labelled, CloseUps.of(found, fine.shape[1]), rows)


def _wrong(place: Place, rng: np.random.Generator, *, networks: float) -> NDArray[np.bool_]:
    """Return a wrong mask of the place, a network's with probability `networks` if there is any."""
    if rng.random() < networks:
        mask = network_mask(place, place.index, rng) if networks < 1 else _typical(place, rng)
        if mask is not None:
            return mask
        if networks == 1 and rng.random() < 0.6:
            return place.gold
    if rng.random() < 0.08:
        return np.zeros_like(place.gold)
    return draw_fault(scene_of(place, rng), rng).mask


def _typical(place: Place, rng: np.random.Generator) -> NDArray[np.bool_] | None:
    """Return a network's mask as it is, good or bad as networks are."""
    masks, case = place.case.networks, place.case
    rows = [] if masks is None else masks.candidates(place.structure, place.index)
    if masks is None or not rows:
        return None
    shape = (case.planes.shape[1], case.planes.shape[2])
    return masks.mask(rows[int(rng.integers(len(rows)))], shape, case.pixel_mm, 0.5)


def make_worlds(
    store: StoredSet,
    slices: Sequence[tuple[int, int]],
    features: tuple[Floats, Floats, NDArray[np.int8]],
    *,
    kinds: Sequence[WorldKind],
    n_looks: int,
    seed: int,
    voting: Voting | None = None,
) -> SetWorlds:
    """Compute what the context says in worlds of these kinds.

    Args:
        store: The set.
        slices: Number of the case and of the slice, of those to learn from.
        features: Their patches `(n, PATCHES, d)` of length 1, their summaries, and their features
            at twice the resolution, see `looks.fine_patches`.
        kinds: Of the worlds.
        n_looks: The first so many of the features are kept as `looks`.
        seed: Of the errors and of who is asked.
        voting: The comparison of patches, by default as in use but with more slices to draw from.
    """
    how = voting or Voting(candidates=_CANDIDATES)
    structures = tuple(store.holders)
    chosen = [
        np.array([i for m, i in slices if m == n], dtype=int) for n in range(len(store.cases))
    ]
    cases = tuple(restricted(c, s) for c, s in zip(store.cases, chosen, strict=True))
    fresh = StoredSet.of(store.recipe, cases)
    patches, summaries, fine = features
    states = label_states(fresh, slices, structures, fine, seed)
    shares, labelled = states.shares, states.labelled
    subjects = [cases[n].subject_id for n, _ in slices]
    levels = np.array([i / max(len(cases[n].planes) - 1, 1) for n, i in slices], dtype=np.float32)
    order = [
        most_alike(summaries[n], float(levels[n]), {subjects[n]}, summaries, levels, subjects, how)
        for n in range(len(slices))
    ]
    ballots = [_ballots(patches, n, others, shares, how) for n, others in enumerate(order)]
    n, s = len(slices), len(structures)
    worlds = SetWorlds(
        rows={(cases[a].case_id, i): k for k, (a, i) in enumerate(slices)},
        structures=structures,
        votes=np.zeros((n, s, len(kinds), PATCHES), dtype=np.uint8),
        spread=np.zeros((n, s, len(kinds), PATCHES), dtype=np.uint8),
        trust=np.zeros((n, len(kinds), PATCHES), dtype=np.uint8),
        numbers=np.zeros((n, s, len(kinds), N_NUMBERS), np.float32),
        looks=patches[..., :n_looks]
        .transpose(0, 2, 1)
        .reshape(n, -1, GRID, GRID)
        .astype(np.float16),
        fine=fine,
        close=(),
    )
    close = []
    rng = np.random.default_rng((seed, 1))
    for w, kind in enumerate(kinds):
        state = _states(rng, (n, s), kind.shares)
        own = shares[np.arange(n)[:, None], np.arange(s)[None], state]
        low, high = kind.context
        used = [rng.permutation(len(o))[: int(rng.integers(low, high + 1))] for o in order]
        first = _all_votes(ballots, order, used, state, labelled.astype(np.float32))
        doubted = _agreement(first, own)
        belief = beliefs(doubted, how.least_belief) * labelled
        found = _all_votes(ballots, order, used, state, belief)
        _write(worlds, w, found, _agreement(found, own))
        for q, some in enumerate(used):
            if len(some):
                n_labels = labelled[order[q][some]].sum(axis=0)
                worlds.numbers[q, :, w, 0] = np.log2(np.maximum(n_labels, 1)) / 5
                worlds.numbers[q, :, w, 4] = belief[order[q][some]].mean(axis=0)
        rows = np.take_along_axis(states.close_rows, state[..., None], axis=2)[..., 0]
        close.append(CloseMemory.of(states.close_ups, rows, tuple(subjects)))
    return replace(worlds, close=tuple(close))


def _all_votes(
    ballots: Sequence[tuple[NDArray[np.float16], Floats]],
    order: Sequence[Indices],
    used: Sequence[NDArray[np.int64]],
    state: NDArray[np.int64],
    belief: Floats,
) -> list[Votes | None]:
    """Let the slices that are used vote on every slice; `None` where there are none."""
    return [
        _combined(b, o, u, state, belief) if len(u) else None
        for b, o, u in zip(ballots, order, used, strict=True)
    ]


def _agreement(votes: Sequence[Votes | None], own: Floats) -> Floats:
    """Return how far votes agree with the labels of their slices, `(n, s)`."""
    nothing = np.full(own.shape[1], np.nan, dtype=np.float32)
    return np.stack(
        [
            nothing if v is None else soft_dice(v.expected, o)
            for v, o in zip(votes, own, strict=True)
        ]
    )


def _write(worlds: SetWorlds, w: int, votes: Sequence[Votes | None], agreement: Floats) -> None:
    for q, found in enumerate(votes):
        if found is not None:
            worlds.votes[q, :, w] = np.rint(255 * found.expected)
            worlds.spread[q, :, w] = np.rint(255 * np.minimum(2 * found.spread, 1))
            worlds.trust[q, w] = np.rint(255 * trust_of(found.mass))
    worlds.numbers[:, :, w, 1:4] = agreement_percentiles(agreement)


def _ballots(
    patches: Floats, n: int, others: Indices, shares: Floats, how: Voting
) -> tuple[NDArray[np.float16], Floats]:
    """Return what labels of other slices in every state say: `(k, PATCHES, s, N_STATES)`, mass."""
    query, _ = with_places(patches[n], how)
    columns = shares[others].reshape(len(others), shares.shape[1] * N_STATES, PATCHES)
    said = np.zeros((len(others), PATCHES, columns.shape[1]), dtype=np.float16)
    masses = np.zeros((len(others), PATCHES), dtype=np.float32)
    for k, other in enumerate(others.tolist()):
        sums, masses[k] = cast_votes(query, with_places(patches[other], how)[1], columns[k], how)
        said[k] = sums / np.maximum(masses[k], 1e-12)[:, None]
    return said.reshape(len(others), PATCHES, shares.shape[1], N_STATES), masses


def _combined(
    ballots: tuple[NDArray[np.float16], Floats],
    order: Indices,
    used: NDArray[np.int64],
    state: NDArray[np.int64],
    belief: Floats,
) -> Votes:
    """Join the votes of the slices that are used, their labels in the states of one world."""
    said, masses = ballots
    others = order[used]
    ours = np.take_along_axis(said[used], state[others][:, None, :, None], axis=3)[..., 0]
    mass = masses[used]
    return combine_votes(ours.astype(np.float32) * mass[..., None], mass, belief[others])


def _states(
    rng: np.random.Generator, shape: tuple[int, int], shares: tuple[float, float, float]
) -> NDArray[np.int64]:
    edges = np.cumsum(shares)
    roll = rng.random(shape)
    state = np.searchsorted(edges, roll, side="right") + 1
    return np.asarray(np.where(roll >= edges[-1], 0, state), dtype=np.int64)
