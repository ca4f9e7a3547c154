"""How labels of other slices vote on what the label of a slice should be.

Every patch of a slice looks for patches like it in slices of other subjects and asks what the label
covers there. Nobody vouches for those labels: one that agrees with what all others say of its own
image counts more than one that does not.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segassay.judge.context.looks import GRID

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

PATCHES = GRID * GRID

N_NUMBERS = 5
"""log2 of the number of context slices / 5; the tenth, middle and ninetieth percentile of how
labels of the structure agree with their context; the mean belief in the labels that were asked."""

_SAME_SLICE = 0.9995
"""Cosine of two summaries from which on slices are one slice under two names."""

_LEVEL_COST = 2.0
"""What a squared distance along the volume, of which all is 1, costs in likeness of slices."""


@dataclass(frozen=True, slots=True)
class Voting:
    """How patches are compared.

    A patch weighs `exp((cosine - 1 - place * d²) / temperature)`, `d` its distance in widths of the
    image. Asked are the `candidates` slices most alike, at most `per_subject` of one subject. The
    least believed label still counts `least_belief`.
    """

    temperature: float = 0.02
    place: float = 1.0
    least_belief: float = 0.05
    candidates: int = 12
    per_subject: int = 3


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """What the context says of `s` structures in one slice.

    `expected` `(s, PATCHES)`: the share of each patch that the label should cover. `spread`
    `(s, PATCHES)`: the standard deviation of that over context slices. `mass` `(PATCHES,)`: sum of
    the weights, how much the context holds that looks like the patch.
    """

    expected: Floats
    spread: Floats
    mass: Floats


def with_places(patches: NDArray[np.floating], voting: Voting) -> tuple[Floats, Floats]:
    """Return patches `(..., PATCHES, d)` as queries and keys `(..., PATCHES, d + 4)`.

    The product of a query and a key is their cosine less the cost of the distance of their places.
    """
    at = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID
    y, x = (axis.ravel() for axis in np.meshgrid(at, at, indexing="ij"))
    place = np.stack([y, x], axis=1) * np.float32(np.sqrt(2 * voting.place))
    norm = (-voting.place * (y**2 + x**2))[:, None].astype(np.float32)
    lead = patches.shape[:-1]
    one = np.ones((*lead, 1), dtype=np.float32)
    spot, far = np.broadcast_to(place, (*lead, 2)), np.broadcast_to(norm, (*lead, 1))
    own = patches.astype(np.float32, copy=False)
    return np.concatenate([own, spot, far, one], -1), np.concatenate([own, spot, one, far], -1)


def cast_votes(query: Floats, key: Floats, shares: Floats, voting: Voting) -> tuple[Floats, Floats]:
    """Let the labels of one slice vote on another.

    Args:
        query: `(PATCHES, d + 4)` of the slice that is voted on, see `with_places`.
        key: `(PATCHES, d + 4)` of the slice that votes.
        shares: `(c, PATCHES)`: what each of its labels covers.
        voting: Temperature and cost of places.

    Returns:
        Sums of weighted shares `(PATCHES, c)` and of weights `(PATCHES,)`.
    """
    weights: Floats = query @ key.T
    weights -= np.float32(1)
    weights *= np.float32(1 / voting.temperature)
    np.exp(weights, out=weights)
    return np.asarray(weights @ shares.T, dtype=np.float32), weights.sum(axis=1)


def combine_votes(sums: Floats, masses: Floats, belief: Floats) -> Votes:
    """Join the votes of `k` slices.

    Args:
        sums: `(k, PATCHES, s)`; masses: `(k, PATCHES)`: see `cast_votes`.
        masses: See `sums`.
        belief: `(k, s)`: how much each label counts; 0 where a slice has none of the structure.
    """
    total = np.maximum(np.einsum("kp,ks->sp", masses, belief), 1e-6)
    expected = np.einsum("kps,ks->sp", sums, belief) / total
    each = sums / np.maximum(masses, 1e-6)[..., None]
    square = np.einsum("kps,kps,ks->sp", each, sums, belief) / total
    spread = np.sqrt(np.maximum(square - expected**2, 0.0))
    return Votes(
        np.clip(expected, 0, 1).astype(np.float32), spread.astype(np.float32), masses.sum(axis=0)
    )


def soft_dice(expected: Floats, shares: Floats) -> Floats:
    """Dice of votes and shares over the last axis; NaN where the shares are all 0."""
    total = expected.sum(-1) + shares.sum(-1)
    dice = 2 * (expected * shares).sum(-1) / np.maximum(total, 1e-6)
    return np.asarray(np.where(shares.sum(-1) > 0, dice, np.nan), dtype=np.float32)


def beliefs(agreement: Floats, least: float) -> Floats:
    """Return how much each label counts, from how it agrees with its own context.

    Args:
        agreement: `(n, s)`, NaN for an empty label or none.
        least: What the least believed still counts.

    Returns:
        `(n, s)`: the square of the agreement over the structure's median, at most 1.44; 0.7 where
        there is no agreement.
    """
    filled = np.isfinite(agreement)
    middle = np.ones(agreement.shape[1], dtype=np.float32)
    for s in range(agreement.shape[1]):
        if filled[:, s].any():
            middle[s] = max(float(np.median(agreement[filled[:, s], s])), 0.05)
    ratio = np.minimum(np.where(filled, agreement, 0.0) / middle, 1.2) ** 2
    return np.maximum(np.where(filled, ratio, 0.7), least).astype(np.float32)


def most_alike(
    summary: Floats,
    level: float,
    own: Collection[str],
    summaries: Floats,
    levels: Floats,
    subjects: Sequence[str],
    voting: Voting,
) -> Indices:
    """Return the slices of other subjects that are most like a slice, best first.

    Args:
        summary: `(c,)` of the slice, of length 1.
        level: Its place along its volume, 0 to 1; 0 for a picture.
        own: Subjects that are not asked, as the slice's own: nobody vouches for himself.
        summaries: `(n, c)` of the slices to choose from.
        levels: `(n,)` their places.
        subjects: Whose they are.
        voting: How many are taken.
    """
    likeness = summaries @ summary
    order = np.argsort(-(likeness - _LEVEL_COST * (levels - level) ** 2), kind="stable")
    taken: dict[str, int] = {}
    chosen: list[int] = []
    for other in order.tolist():
        whose = subjects[other]
        if whose in own or taken.get(whose, 0) >= voting.per_subject:
            continue
        if likeness[other] > _SAME_SLICE:
            continue
        taken[whose] = taken.get(whose, 0) + 1
        chosen.append(other)
        if len(chosen) == voting.candidates:
            break
    return np.asarray(chosen, dtype=np.intp)


def trust_of(mass: Floats) -> Floats:
    """Return the mass of votes on a logarithmic scale, 0 for next to none to 1 for very much."""
    return np.asarray(np.clip((np.log2(np.maximum(mass, 1e-6)) + 18) / 26, 0, 1), dtype=np.float32)


def mass_of(trust: Floats) -> Floats:
    """Return the mass that `trust_of` gives this trust."""
    return np.asarray(2 ** (26 * trust - 18), dtype=np.float32)


def agreement_percentiles(agreement: Floats) -> Floats:
    """Return the tenth, middle and ninetieth percentile of each structure's agreements, `(s, 3)`.

    `agreement` `(n, s)` is NaN where there is none; of a structure without any all three are 0.
    """
    found = np.zeros((agreement.shape[1], 3), dtype=np.float32)
    for s in range(agreement.shape[1]):
        some = agreement[np.isfinite(agreement[:, s]), s]
        if some.size:
            found[s] = np.quantile(some, (0.1, 0.5, 0.9))
    return found
