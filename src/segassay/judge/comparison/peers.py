"""Labels of a data set weighed by one another, where nobody knows which of them are good.

Trusted cases are laid over an image to see whether its label agrees with theirs
(`judge.comparison.gold_cases`). Here the cases are of the data set itself and may be as wrong as
the label they are asked about. But errors differ from image to image, while what is right is the
same everywhere: labels that agree with most others are believed most. The belief in every peer is
its entry in the leading eigenvector of their agreements (eigenvector centrality, Bonacich 1972).
What is typical of a structure's size, place and look (`judge.comparison.typical`) is what believed
labels show.

What all peers do wrong, they agree on; this cannot see it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.judge.comparison.atlas import QUICK, Registration
from segassay.judge.comparison.gold_cases import GoldCase, GoldCases
from segassay.judge.comparison.registered import (
    Patches,
    RegisteredLabel,
    by_structure,
    registered_label,
)
from segassay.judge.comparison.typical import Seen, TypicalLabels
from segassay.judge.inputs.preprocess import PlaneStack

BoolArray = NDArray[np.bool_]
Floats = NDArray[np.float64]

N_COMPARED = 3
"""Numbers that say how a label compares: best and mean belief-weighted Dice, and the peers' own."""

FEWEST = 5
"""With fewer peers of a structure none is asked: two wrong ones would outvote the rest."""

_ROUNDS = 50


class Peers:
    """Some cases of a data set whose labels weigh those of every other case.

    Making it lays every case over every other one. It can be sent to other processes.

    Attributes:
        typical: What is typical of the structures that enough cases hold.
    """

    def __init__(self, cases: Sequence[GoldCase], registration: Registration = QUICK) -> None:
        gold = GoldCases(cases, registration)
        self._cases = gold.without_masks()
        self._counts = Counter(name for case in gold.cases for name in case.reference.masks)
        self._beliefs: dict[str, Floats] = {}
        self._agreements: dict[str, Floats] = {}
        self._own: dict[str, float] = {}
        believed: list[Seen] = []
        for structure, agreements in _among(gold).items():
            if self.count(structure) < FEWEST:
                continue
            belief = centrality(agreements)
            self._beliefs[structure] = belief
            self._agreements[structure] = agreements.sum(axis=1) / (self.count(structure) - 1)
            self._own[structure] = float(belief @ agreements @ belief) / max(
                float(belief.sum() ** 2 - (belief**2).sum()), 1e-9
            )
            believed += _believed(structure, gold.cases, belief)
        self.typical = TypicalLabels.of(believed, fewest=FEWEST)

    def __len__(self) -> int:
        return len(self._cases.cases)

    def count(self, structure: str) -> int:
        """Return how many peers hold a structure."""
        return self._counts[structure]

    def compare(
        self,
        image: Volume,
        labels: Sequence[tuple[str | None, Mask | BoolArray]],
        *,
        subject: str | None = None,
    ) -> list[tuple[float, ...]]:
        """Return how labels of one image compare with the peers'.

        Args:
            image: The image of the labels.
            labels: Canonical name and mask `(i, j, k)` of each.
            subject: Whose they are: nobody vouches for himself.

        Returns:
            For every label the best and the mean Dice with the peers, each weighted by the belief
            in the peer, and the mean Dice of the peers with one another: what a label can reach at
            all, given the anatomy and the registration. NaN where `GoldCases.agreements` has none,
            and for a structure of fewer than five peers.
        """
        found = self._cases.agreements(image, labels, subject=subject)
        names = [name for name, _ in labels]
        return [self._weighed(*pair) for pair in zip(names, found, strict=True)]

    def propagated_labels(
        self, image: Volume, stack: PlaneStack, *, subject: str | None = None
    ) -> dict[str, RegisteredLabel]:
        """Draw what the peers' labels say a volume's should be, by structure.

        Args:
            image: The image.
            stack: Its slices.
            subject: Whose it is: nobody vouches for himself.

        Returns:
            Structures of at least five peers, the image's own subject left out.
        """
        patches = Patches(image, stack)
        laid = self._cases.registered_points(image, subject=subject)
        numbers = np.array(list(laid), dtype=np.intp)
        found: dict[str, RegisteredLabel] = {}
        for name, (held, shares) in by_structure(
            [patches.shares(*one) for one in laid.values()]
        ).items():
            if name in self._beliefs and len(held) >= FEWEST:
                own = numbers[held]
                found[name] = registered_label(
                    shares, self._beliefs[name][own], self._agreements[name][own]
                )
        return found

    def _weighed(self, structure: str | None, agreements: Mapping[int, float]) -> tuple[float, ...]:
        belief = self._beliefs.get(structure or "")
        if belief is None or not agreements:
            return (float("nan"),) * N_COMPARED
        weights = belief[list(agreements)]
        dices = np.array(list(agreements.values()))
        if not weights.any():
            weights = np.ones_like(weights)
        best, mean = float((weights * dices).max()), float(np.average(dices, weights=weights))
        return best, mean, self._own[structure or ""]


def centrality(agreements: Floats) -> Floats:
    """Return the belief `(n,)` in each of n labels, the highest 1, from how they agree `(n, n)`.

    The agreements are symmetric, at least 0, with zeros on the diagonal; where there are none at
    all, every label is believed alike.
    """
    belief = np.ones(len(agreements))
    # A share of the identity: alternating vectors, as of two labels, come to rest.
    steadied = agreements + np.eye(len(agreements)) * max(float(agreements.max(initial=0)), 1e-9)
    for _ in range(_ROUNDS):
        belief = steadied @ belief
        belief /= belief.max()
    return np.asarray(belief)


def _believed(structure: str, cases: Sequence[GoldCase], belief: Floats) -> Iterator[Seen]:
    for case, own in zip(cases, belief.tolist(), strict=True):
        if structure in case.reference.masks:
            in_mm = case.reference.image.spacing_known
            yield Seen(structure, in_mm, case.traits[structure], own)


def _among(cases: GoldCases) -> dict[str, Floats]:
    """Return how the cases' labels agree with one another, `(n, n)` by structure."""
    n = len(cases.cases)
    found: dict[str, Floats] = {}
    for row, case in enumerate(cases.cases):
        labels: list[tuple[str | None, Mask | BoolArray]] = list(case.reference.masks.items())
        by_label = cases.agreements(case.reference.image, labels, subject=case.subject)
        for (structure, _), agreements in zip(labels, by_label, strict=True):
            matrix = found.setdefault(structure or "", np.zeros((n, n)))
            matrix[row, list(agreements)] = list(agreements.values())
    return {name: (matrix + matrix.T) / 2 for name, matrix in found.items()}
