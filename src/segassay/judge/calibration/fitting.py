"""From labels whose truth is known to a correction with its calibration, and how good both are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from segassay.judge.calibration.adapter import (
    Adapter,
    Bools,
    Floats,
    Labels,
    Measured,
    fit_adapter,
    folds_of,
)
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.comparison.typical import FEWEST, Seen, TypicalLabels
from segassay.types import Progress, ignore_progress

FEWEST_LABELS = 40
"""What a calibration is fitted on at least."""

_UNSEEN = 0.1
"""Margin of intervals where only planted faults were measured: networks err in other ways, too.

With it intervals after a fit hold 85 to 96 of 100 masks of a set, half of whose faults are a
network's, and 68 where the gold is least like them (`docs/results/fit_unseen.md`).
"""

_FEWEST_DECISIVE = 10
_FEWEST_OTHERS = 20


@dataclass(frozen=True, slots=True, eq=False)
class GoldLabel:
    """A mask whose truth is known, and what a judge makes of it.

    Attributes:
        subject: Whose it is; no subject vouches for itself.
        structure: Canonical name.
        image: Checksum of the image's voxels.
        true: Dice against the gold.
        own: Whether it is a user's own prediction, not a planted fault.
        measured: What the network says.
        corrected: Score of the judge as it is, before calibration.
        stated: Value, low and high of the judge as it is.
        seen: What it looks like, see `judge.comparison.traits`; `None` for a judge that does not
            ask.
    """

    subject: str
    structure: str
    image: str
    true: float
    own: bool
    measured: Measured
    corrected: float
    stated: tuple[float, float, float]
    seen: Seen | None

    @property
    def is_trusted(self) -> bool:
        """Whether it is a trusted label as it is, without a fault."""
        return not self.own and self.true == 1


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A judge's correction, `None` where it has none, with the calibration that belongs to it."""

    adapter: Adapter | None
    calibration: Calibration

    def __call__(self, labels: Labels) -> Floats:
        """Return value, low and high of labels, `(n, 3)`."""
        adapter = self.adapter
        scores = labels.raw if adapter is None else adapter.of(labels.raw, labels.features)
        pairs = zip(scores.tolist(), labels.doubt.tolist(), strict=True)
        return np.array([self.calibration(*pair) for pair in pairs]).reshape(-1, 3)


def columns(
    gold: Sequence[GoldLabel], *, corrected: bool, beside: TypicalLabels | None = None
) -> Labels:
    """Return labels as columns, their scores before or after the correction the judge has.

    A user's own predictions are decisive where there are enough of them. How unusual a label is is
    told `beside` others; without these, beside the trusted ones of `gold` of other subjects.
    """
    own: Bools = np.array([label.own for label in gold])
    scores = [label.corrected if corrected else label.measured.raw for label in gold]
    subjects = subjects_of(gold)
    asked = _typical_without(gold, subjects) if beside is None else [beside] * len(gold)
    measured = [
        label.measured
        if label.seen is None
        else replace(label.measured, unusual=typical.how_unusual(label.seen))
        for label, typical in zip(gold, asked, strict=True)
    ]
    return Labels(
        raw=np.array(scores),
        features=np.array([label.features for label in measured]),
        true=np.array([label.true for label in gold]),
        subjects=subjects,
        decisive=own if own.sum() >= FEWEST_LABELS else np.ones(len(gold), dtype=np.bool_),
        n_free=measured[0].n_free if gold else 0,
        only_planted=bool(own.sum() < FEWEST_LABELS),
    )


def typical_of(gold: Iterable[GoldLabel]) -> TypicalLabels:
    """Return what is typical of the trusted labels among these, each counted once."""
    return TypicalLabels.of(_trusted(gold).values())


def _trusted(gold: Iterable[GoldLabel]) -> dict[tuple[str, str], Seen]:
    """Return trusted labels by image and structure; a fault may have left one as it was."""
    return {(g.image, g.structure): g.seen for g in gold if g.is_trusted and g.seen is not None}


def _typical_without(gold: Sequence[GoldLabel], subjects: NDArray[np.str_]) -> list[TypicalLabels]:
    """Return what is typical of the trusted labels of all subjects but each label's own.

    One label fewer is enough than in the end, so that no correction is made for structures that
    none could be learned for.
    """
    owner = dict(zip((label.image for label in gold), subjects.tolist(), strict=True))
    trusted = [(owner[image], seen) for (image, _), seen in _trusted(gold).items()]
    without = {
        subject: TypicalLabels.of((seen for s, seen in trusted if s != subject), fewest=FEWEST - 1)
        for subject in np.unique(subjects).tolist()
    }
    return [without[subject] for subject in subjects.tolist()]


def fit(labels: Labels, *, adapt: bool) -> Fitted:
    """Fit a calibration, and before it with `adapt` a correction where one helps.

    With `adapt` intervals have a margin where only planted faults were measured.
    """
    adapter, scores = fit_adapter(labels) if adapt else (None, labels.raw)
    told = labels.decisive
    if told.sum() < _FEWEST_DECISIVE:
        told = np.ones_like(told)
    subjects = labels.subjects[told].tolist()
    calibration = Calibration.fit(
        scores[told], labels.doubt[told], labels.true[told], subjects, curved=adapter is None
    )
    margin = _UNSEEN if adapt and labels.only_planted else 0.0
    return Fitted(adapter, replace(calibration, margin=margin))


def left_out(labels: Labels, *, adapt: bool, progress: Progress = ignore_progress) -> Floats | None:
    """Return value, low and high of labels `(n, 3)`, each by a fit that its subject had no part in.

    `progress` is told of every fit. `None` where too few labels would be left to fit on, as with
    one subject.
    """
    folds = folds_of(labels.subjects)
    if not folds or min(int((~held).sum()) for held in folds) < _FEWEST_OTHERS:
        return None
    stated = np.zeros((len(labels.raw), 3))
    progress("folds fitted", 0, len(folds), "")
    for number, held in enumerate(folds, start=1):
        stated[held] = fit(labels.where(~held), adapt=adapt)(labels.where(held))
        progress("folds fitted", number, len(folds), f"fold {number}")
    return stated


def subjects_of(gold: Sequence[GoldLabel]) -> NDArray[np.str_]:
    """Return a subject for every label `(n,)`; those joined by shared images are one."""
    names, subject = np.unique([label.subject for label in gold], return_inverse=True)
    images, image = np.unique([label.image for label in gold], return_inverse=True)
    n = len(names) + len(images)
    shared = coo_array((np.ones(len(gold)), (subject, len(names) + image)), shape=(n, n))
    group = connected_components(shared, directed=False)[1][: len(names)]
    first = np.unique(group, return_index=True)[1]
    return np.asarray(names[first[group[subject]]], dtype=np.str_)
