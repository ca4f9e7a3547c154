"""What trusted labels of a user's own data add to a judge: a small correction of its raw score.

The network stays as it is. Its raw score, its doubt, the label's size and the embeddings of the
examined slices give a better expected Dice on data that it never learned from, by ridge regression
(Hoerl and Kennard 1970) on labels whose truth is known. How unusual the label is beside trusted
ones (`judge.comparison.typical`) is told, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ModelError
from segassay.judge.documents.corrections import AdapterFile
from segassay.judge.estimates.aggregate import SliceSums

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STRENGTHS = tuple(10.0**power for power in (-3, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1))
"""Penalties that are tried, in units of the number of labels."""

FEWEST_SUBJECTS = 3
"""With fewer nothing can tell whether a correction helps, so none is made."""

_FOLDS = 10
_FARTHEST = 3.0
"""Features are cut to this many standard deviations: a line is not to be trusted far outside."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What the network says of one label, before correction and calibration.

    Attributes:
        raw: Expected Dice in [0, 1].
        doubt: Part of the label's size that the judge is in two minds about, 0 to 1/2.
        log_size: Logarithm to base 10 of its volume in cubic millimetres, or of its voxels where
            their size is unknown.
        compared: How it compares with trusted cases (`judge.comparison.gold_cases`), NaN where with
            none; empty for a judge that has no such cases.
        embedding: `(e,)`, the mean over the examined slices, each with the slices it stands for;
            `(0,)` from a network without one.
        unusual: How unusual it is beside others of its structure (`judge.comparison.typical`), NaN
            where nobody knows; empty for a judge that does not ask.
    """

    raw: float
    doubt: float
    log_size: float
    embedding: Floats
    compared: tuple[float, ...] = ()
    unusual: tuple[float, ...] = ()

    @property
    def features(self) -> Floats:
        """What a correction is made from: doubt, size, comparisons, unusual traits, embedding."""
        told = (self.doubt, self.log_size, *self.compared, *self.unusual)
        return np.concatenate([told, self.embedding])

    @property
    def n_free(self) -> int:
        """How many features after doubt and size speak of Dice themselves.

        Comparisons, and how unusual the label is altogether.
        """
        return len(self.compared) + len(self.unusual[:1])


def mean_embedding(slices: Sequence[SliceSums]) -> Floats:
    """Return the mean embedding of slices, weighted by the slices each stands for."""
    weights = np.array([s.weight for s in slices])
    return np.asarray(weights @ np.array([s.embedding for s in slices]) / weights.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """A correction: Dice = intercept + slope raw + Σ weights (features - mean) / scale.

    `mean`, `scale` and `weights` have the length of `Measured.features`.
    """

    intercept: float
    slope: float
    mean: Floats
    scale: Floats
    weights: Floats

    def __call__(self, label: Measured) -> float:
        """Return the corrected score of a label, in [0, 1].

        Raises:
            ModelError: It was made for another network, or for other comparisons.
        """
        if len(label.features) != len(self.weights):
            raise ModelError(
                f"a correction of {len(self.weights)} features cannot be made of the "
                f"{len(label.features)} that the network gives: install the judge again"
            )
        return float(self.of(np.array([label.raw]), label.features[None])[0])

    def of(self, raw: Floats, features: Floats) -> Floats:
        """Correct raw scores `(n,)` with features `(n, d)`; returns `(n,)` in [0, 1].

        A feature that is NaN, as a comparison with nothing, counts as the usual one.
        """
        spread = _spread(features, self.mean, self.scale)
        return np.clip(self.intercept + self.slope * raw + spread @ self.weights, 0.0, 1.0)

    def to_document(self) -> AdapterFile:
        """Return the numbers as they are written."""
        return AdapterFile(
            intercept=round(self.intercept, 7),
            slope=round(self.slope, 7),
            mean=tuple(np.round(self.mean, 7).tolist()),
            scale=tuple(np.round(self.scale, 7).tolist()),
            weights=tuple(np.round(self.weights, 7).tolist()),
        )

    @classmethod
    def from_document(cls, file: AdapterFile) -> "Adapter":
        """Rebuild from `to_document`."""
        mean, scale, weights = (np.asarray(x, float) for x in (file.mean, file.scale, file.weights))
        return cls(file.intercept, file.slope, mean, scale, weights)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels whose truth is known, as columns of one length `n`.

    `features` is `(n, d)`; `decisive` marks those that decide how strong a correction is: a user's
    own predictions where there are enough of them, else all. `n_free` of the features, after doubt
    and size, speak of Dice themselves, see `Measured.n_free`. `only_planted` is true where all
    faults are synthetic.
    """

    raw: Floats
    features: Floats
    true: Floats
    subjects: NDArray[np.str_]
    decisive: Bools
    n_free: int = 0
    only_planted: bool = False

    @property
    def doubt(self) -> Floats:
        """The judge's doubt of every label."""
        return self.features[:, 0]

    def where(self, kept: Bools) -> "Labels":
        """Return some of the labels."""
        return replace(
            self,
            raw=self.raw[kept],
            features=self.features[kept],
            true=self.true[kept],
            subjects=self.subjects[kept],
            decisive=self.decisive[kept],
        )


def folds_of(subjects: NDArray[np.str_], most: int = _FOLDS) -> list[Bools]:
    """Return masks of held-out labels, no subject in two of them; empty with one subject."""
    numbers = np.unique(subjects, return_inverse=True)[1]
    n_folds = min(most, int(numbers.max()) + 1)
    return [numbers % n_folds == fold for fold in range(n_folds)] if n_folds > 1 else []


def fit_adapter(labels: Labels) -> tuple[Adapter | None, Floats]:
    """Fit a correction, its strength chosen by cross-validation by subject.

    Returns:
        The correction, or `None` where none helps beyond noise: the gain in squared error over a
        straight line in the raw score must exceed its standard error over subjects. And the scores
        `(n,)` of all labels, each by a correction that its subject had no part in.
    """
    subjects = np.unique(labels.subjects[labels.decisive])
    if len(subjects) < FEWEST_SUBJECTS:
        return None, labels.raw
    lines, tried = _across_folds(labels)
    errors = (tried - labels.true[:, None]) ** 2
    strength = int(errors[labels.decisive].mean(axis=0).argmin())
    gained = (lines - labels.true) ** 2 - errors[:, strength]
    if not beyond_noise(gained[labels.decisive], labels.subjects[labels.decisive]):
        return None, labels.raw
    return _ridge(labels, STRENGTHS[strength]), tried[:, strength]


def beyond_noise(gained: Floats, subjects: NDArray[np.str_]) -> bool:
    """Whether what each label gained `(n,)` is more than chance would give.

    The mean over subjects must exceed its standard error; with fewer than three subjects, where
    that says nothing, each of them must gain.
    """
    own = np.array([gained[subjects == subject].mean() for subject in np.unique(subjects)])
    if len(own) < FEWEST_SUBJECTS:
        return bool(len(own)) and bool((own > 0).all())
    return bool(own.mean() > own.std(ddof=1) / np.sqrt(len(own)))


def _across_folds(labels: Labels) -> tuple[Floats, Floats]:
    """Return scores of held-out labels by a line in the raw score `(n,)`, and by every strength."""
    lines = np.zeros(len(labels.raw))
    tried = np.zeros((len(labels.raw), len(STRENGTHS)))
    for held in folds_of(labels.subjects):
        rest, own = labels.where(~held), labels.where(held)
        slope, intercept = np.polyfit(rest.raw, rest.true, 1)
        lines[held] = np.clip(intercept + slope * own.raw, 0.0, 1.0)
        for number, strength in enumerate(STRENGTHS):
            tried[held, number] = _ridge(rest, strength).of(own.raw, own.features)
    return lines, tried


def _ridge(labels: Labels, strength: float) -> Adapter:
    """Regress the true Dice; intercept, raw score and free features are, the rest is penalised.

    Comparisons speak of Dice themselves, as the raw score does; embeddings are hundreds of numbers
    that each may mean something here, and of single traits some may.
    """
    n = len(labels.raw)
    known = np.ma.masked_invalid(labels.features)
    mean = known.mean(axis=0).filled(0.0)
    scale = known.std(axis=0).filled(0.0) + 1e-6
    columns = np.column_stack([np.ones(n), labels.raw, _spread(labels.features, mean, scale)])
    penalty = np.full(columns.shape[1], strength * n)
    penalty[:2] = 1e-6 * n
    penalty[4 : 4 + labels.n_free] = 1e-3 * n
    found = np.linalg.solve(columns.T @ columns + np.diag(penalty), columns.T @ labels.true)
    return Adapter(float(found[0]), float(found[1]), mean, scale, found[2:])


def _spread(features: Floats, mean: Floats, scale: Floats) -> Floats:
    """Return features in standard deviations from their mean, cut; 0 where there is none."""
    return np.nan_to_num(np.clip((features - mean) / scale, -_FARTHEST, _FARTHEST))
