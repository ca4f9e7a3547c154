"""What correct labels of a structure score: from rows alone, without a judge or an image.

The same score means different things: correct adrenal glands score 0.6, correct livers 0.95. So a
label is held against what correct labels of its structure score. Where the data set and the judge's
tests lie far apart there, the labels follow another protocol or the judge does not know such
images; it cannot tell which, so its scores are of low confidence.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan, log, nan
from statistics import median

from segassay.records.remarks import comment
from segassay.records.scores import ScoreRow
from segassay.types import Remark, Status

FEWEST_LABELS = 8
"""With fewer labels of a structure their median does not speak against the judge's tests. The tests
weigh as many labels in what is usual."""

LARGEST_DROP = 0.15
"""How far the median may lie below the score of reference labels in the judge's tests: twice the
largest drop in sets that the judge was trained on (gallbladder in BTCV, 0.08)."""

_REFERENCE_UNKNOWN = 0.8
"""What correct labels are taken to score where the judge was never tested on their structure."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What correct labels of a structure score.

    Attributes:
        scores: Scores of its labels in this data set, rising; may be empty.
        in_tests: Median score of reference labels in the judge's tests; NaN if never tested.
    """

    scores: tuple[float, ...]
    in_tests: float

    @property
    def level(self) -> float:
        """The score to hold a label against, in [0, 1].

        Of the labels here it is the median of the upper half, which are the correct ones where
        half of them are wrong. The judge's tests count as `FEWEST_LABELS` labels beside them, what
        is taken for granted without tests as one.
        """
        n, n_tested = len(self.scores), 1 if isnan(self.in_tests) else FEWEST_LABELS
        here = median(self.scores[n // 2 :]) if n else 0.0
        return (n * here + n_tested * self.expected) / (n + n_tested)

    @property
    def spread(self) -> float:
        """How far correct labels here lie from one another: the scale of Laplace's distribution.

        From the upper half again, of which the lower part reaches down to what the median would be
        if all labels were correct: ln(2) scales below the upper quartile. 0 for a single label.
        """
        upper = self.scores[len(self.scores) // 2 :]
        return (median(upper) - upper[0]) / log(2) if upper else 0.0

    @property
    def here(self) -> float:
        """Median score of the labels in this data set; NaN with fewer than `FEWEST_LABELS`."""
        return median(self.scores) if len(self.scores) >= FEWEST_LABELS else nan

    @property
    def differs(self) -> bool:
        """Whether labels of this structure score far lower here than in the judge's tests."""
        return self.here < self.expected - LARGEST_DROP

    @property
    def expected(self) -> float:
        """What correct labels are expected to score before any label of this set was seen."""
        return _REFERENCE_UNKNOWN if isnan(self.in_tests) else self.in_tests


def usual_scores(rows: Iterable[ScoreRow]) -> dict[str, Usual]:
    """Return what correct labels score, for every structure that has a score.

    Scores that a rule overrode are no correct label's.
    """
    by_structure: dict[str, list[ScoreRow]] = defaultdict(list)
    for row in rows:
        if not isnan(row.score):
            by_structure[row.structure].append(row)
    usual = {}
    for structure, own in by_structure.items():
        tested = [row.reference_score for row in own if not isnan(row.reference_score)]
        judged = sorted(row.score for row in own if Remark.RULE_OVERRIDES not in row.remarks)
        usual[structure] = Usual(tuple(judged), median(tested) if tested else nan)
    return usual


def with_low_confidence(rows: Sequence[ScoreRow]) -> tuple[ScoreRow, ...]:
    """Return rows, those scored whose structure differs from the judge's tests as `abstained`.

    They keep their scores: among themselves these still rank.
    """
    usual = usual_scores(rows)
    return tuple(
        _doubted(row, usual[row.structure])
        if row.status is Status.SCORED
        and Remark.RULE_OVERRIDES not in row.remarks
        and usual[row.structure].differs
        else row
        for row in rows
    )


def _doubted(row: ScoreRow, usual: Usual) -> ScoreRow:
    why = comment(Remark.STRUCTURE_DIFFERS, here=usual.here, expected=usual.expected)
    return row.model_copy(
        update={
            "status": Status.ABSTAINED,
            "reason": "; ".join(text for text in (row.reason, why.text) if text),
            "remarks": row.remarks | {Remark.STRUCTURE_DIFFERS},
        }
    )
