"""The gate: which candidate becomes the label, how good it is, and whether it is good enough.

What the judge, the other candidates and the coarse models say of a candidate is turned into an
expected Dice by a regression that the reference cases teach, on candidates from models that had not
seen them. Each reference subject is left out once: what the regression then misses by is what it is
trusted with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from segassay.judge.documents.strict_reading import Document
from segassay.weak.candidates import COARSE

Numbers = NDArray[np.float64]

GOOD = 0.7
"""A label is good from this Dice, or from what most labels of a harder structure reach."""

ONE_CLASS = 0.97
"""Labels of which more of the image is one class are dropped (Auto-Generate-WLs, section 3)."""

LEAST_GOOD = 0.5
"""Labels less likely to be good are rejected."""

GUARANTEED_FROM = 9
"""Reference subjects below which nothing is guaranteed, as for `fit`."""

_PENALTY = 2.0
_COVERAGE = 0.9
_EASY = 0.25
"""Share of the reference labels that may fail the limit of a hard structure."""


class Status(StrEnum):
    """What became of a label."""

    KEPT = "kept"
    """The coarse mask is the best candidate."""
    REPAIRED = "repaired"
    """Another candidate is better."""
    REJECTED = "rejected"
    """None is likely to be good."""
    EMPTY = "empty"
    """The coarse models found nothing."""


class CandidateRow(Document):
    """What is known of a candidate.

    Attributes:
        name: What drew it.
        score: The judge's expected Dice; NaN as `None`.
        context: Dice with what the reference labels vote for; `None` without a context.
        agreement: Mean Dice with all other candidates of the label.
        stability: See `Candidate`.
        confidence: Soft Dice with the coarse probabilities.
        share: Share of the image that it fills.
        dice: True Dice, of reference cases alone.
    """

    name: str
    score: float | None
    context: float | None
    agreement: float | None
    stability: float | None
    confidence: float
    share: float
    dice: float | None = None


class LabelRow(Document):
    """The candidates of one structure in one image, and what became of it.

    Attributes:
        structure: Its name.
        candidates: None where the coarse models found nothing.
        status: `None` before the gate.
        chosen: Name of the candidate that is the label; empty for none.
        expected_dice: Of the chosen candidate, with a 90 % interval from `low` to `high`.
        p_good: Probability that it is good: its weight in training.
        reason: Why it was rejected; empty if it was not.
    """

    structure: str
    candidates: tuple[CandidateRow, ...]
    status: Status | None = None
    chosen: str = ""
    expected_dice: float | None = None
    low: float | None = None
    high: float | None = None
    p_good: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceLabel:
    """Candidates of a reference label, whose true Dice is known, and whose image it is."""

    subject: str
    label: LabelRow


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """Chooses candidates and judges them.

    Attributes:
        columns: Kinds of candidates and structures that have an offset of their own.
        weights: Of the regression.
        missed: True minus expected Dice of the chosen candidates of reference labels, each expected
            without its own subject; sorted.
        limits: From which Dice a label of each structure is good.
        shares: Least and greatest share of an image that each structure may fill.
        subjects: Reference subjects that it was taught by.
    """

    columns: tuple[str, ...]
    weights: Numbers
    missed: Numbers
    limits: dict[str, float]
    shares: dict[str, tuple[float, float]]
    subjects: int

    @classmethod
    def learn(cls, labels: Sequence[ReferenceLabel]) -> "Gate":
        """Learn from candidates of reference labels.

        Without any the judge's scores are expected as they are, and may miss by anything.
        """
        taught = [one for one in labels if one.label.candidates]
        rows = [(one, row) for one in taught for row in one.label.candidates]
        names = {row.name for _, row in rows} | {one.label.structure for one in taught}
        columns = tuple(sorted(names))
        subjects = sorted({one.subject for one in taught})
        given = np.array([_features(row, one.label.structure, columns) for one, row in rows])
        true = np.array([_number(row.dice) for _, row in rows])
        weights = _fitted(given, true)
        missed: list[float] = []
        chosen: dict[str, list[float]] = {}
        for subject in subjects:
            own = np.array([one.subject == subject for one, _ in rows])
            without = _fitted(given[~own], true[~own])
            for one in (one for one in taught if one.subject == subject):
                features = [
                    _features(r, one.label.structure, columns) for r in one.label.candidates
                ]
                expected = np.clip(np.array(features) @ without, 0, 1)
                best = int(expected.argmax())
                dice = _number(one.label.candidates[best].dice)
                missed.append(dice - float(expected[best]))
                chosen.setdefault(one.label.structure, []).append(dice)
        limits = {name: min(GOOD, float(np.quantile(some, _EASY))) for name, some in chosen.items()}
        return cls(columns, weights, np.sort(missed), limits, _shares(taught), len(subjects))

    def expected(self, label: LabelRow) -> Numbers:
        """Return the expected Dice of each candidate, in [0, 1]."""
        if not len(self.weights):
            return np.array([_number(row.score) for row in label.candidates])
        given = [_features(row, label.structure, self.columns) for row in label.candidates]
        return np.asarray(np.clip(np.array(given) @ self.weights, 0, 1), dtype=np.float64)

    def __call__(self, label: LabelRow) -> LabelRow:
        """Choose the best candidate of a label, and keep, repair or reject it."""
        if not label.candidates:
            return label.model_copy(update={"status": Status.EMPTY})
        expected = self.expected(label)
        best = int(np.nan_to_num(expected, nan=-1.0).argmax())
        row, value = label.candidates[best], float(expected[best])
        reached = value + self.missed
        limit = self.limits.get(label.structure, GOOD)
        p_good = float((reached >= limit).mean()) if len(reached) else float(value >= limit)
        reason = self._reason(label.structure, row, p_good, limit)
        status = Status.KEPT if row.name == COARSE else Status.REPAIRED
        low, high = interval(value, self.missed)
        return label.model_copy(
            update={
                "status": Status.REJECTED if reason else status,
                "chosen": "" if reason else row.name,
                "expected_dice": value,
                "low": low,
                "high": high,
                "p_good": 0.0 if reason else p_good,
                "reason": reason,
            }
        )

    def _reason(self, structure: str, row: CandidateRow, p_good: float, limit: float) -> str:
        least, most = self.shares.get(structure, (1 - ONE_CLASS, ONE_CLASS))
        if not least <= row.share <= most:
            return f"fills {row.share:.1%} of the image, reference labels {least:.1%} to {most:.1%}"
        if p_good < LEAST_GOOD:
            return f"Dice of {limit:.2f} or more is {p_good:.0%} likely"
        return ""


def interval(value: float, missed: Numbers) -> tuple[float | None, float | None]:
    """Return the conformal 90 % interval of an expected Dice; from 0 to 1 with too few to tell."""
    n = len(missed)
    rank = int(np.ceil((n + 1) * (1 - (1 - _COVERAGE) / 2)))
    if isnan(value):
        return None, None
    if rank > n:
        return 0.0, 1.0
    low, high = value + float(missed[n - rank]), value + float(missed[rank - 1])
    return float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))


def _features(row: CandidateRow, structure: str, columns: Sequence[str]) -> list[float]:
    """Return what the regression sees: five numbers, an offset, and those of kind and structure."""
    score = 0.5 if row.score is None else row.score
    agreement = score if row.agreement is None else row.agreement
    stability = agreement if row.stability is None else row.stability
    context = score if row.context is None else row.context
    own = [float(column in (row.name, structure)) for column in columns]
    return [score, context, agreement, stability, row.confidence, 1.0, *own]


def _fitted(given: Numbers, true: Numbers) -> Numbers:
    """Fit by ridge regression; the offset costs nothing, and an unsure slope is small."""
    if not len(given):
        return np.zeros(0)
    penalty = np.full(given.shape[1], _PENALTY)
    penalty[5] = 1e-6
    return np.asarray(np.linalg.solve(given.T @ given + np.diag(penalty), given.T @ true))


def _shares(labels: Iterable[ReferenceLabel]) -> dict[str, tuple[float, float]]:
    """Return between which shares of the image labels of each structure lie.

    The rule of 97 % was made for lesions that fill a picture; where reference labels of a structure
    fill less, less is allowed.
    """
    found: dict[str, list[float]] = {}
    for one in labels:
        best = max(one.label.candidates, key=lambda row: _number(row.dice))
        found.setdefault(one.label.structure, []).append(best.share)
    return {
        name: (min(1 - ONE_CLASS, min(some) / 2), max(ONE_CLASS, 1 - (1 - max(some)) / 2))
        for name, some in found.items()
    }


def _number(value: float | None) -> float:
    return nan if value is None else value
