"""What correct labels of a structure score: from rows alone, without a judge or an image.

The same score means different things: correct adrenal glands score 0.6, correct livers 0.95. So a
label is held against what correct labels of its structure score. Where the data set and the judge's
tests lie far apart there, the labels follow another protocol or the judge does not know such
images; it cannot tell which, so its scores are of low confidence.
"""

from dataclasses import dataclass
from math import isnan, log, nan
from statistics import median

import polars as pl

from segassay.records.remarks import comment, reasons, remarked, with_remarks
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


def usual_scores(frame: pl.DataFrame) -> dict[str, Usual]:
    """Return what correct labels score, for every structure of a score table that has a score.

    Scores that a rule overrode are no correct label's.
    """
    scored = frame.filter(pl.col("score").is_not_nan()).select(
        "structure", "score", "reference_score", judged=~remarked(Remark.RULE_OVERRIDES)
    )
    usual = {}
    for (structure,), own in scored.group_by("structure", maintain_order=True):
        tested = own["reference_score"].drop_nans().median()
        judged = own.filter("judged")["score"].sort().to_list()
        usual[str(structure)] = Usual(tuple(judged), tested if isinstance(tested, float) else nan)
    return usual


def with_low_confidence(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a score table, scored rows whose structure differs from the judge's tests `abstained`.

    They keep their scores: among themselves these still rank.
    """
    why = {
        structure: comment(Remark.STRUCTURE_DIFFERS, here=one.here, expected=one.expected).text
        for structure, one in usual_scores(frame).items()
        if one.differs
    }
    told = pl.col("structure").replace_strict(why, default="", return_dtype=pl.String)
    doubted = frame.select(
        (pl.col("status") == Status.SCORED) & ~remarked(Remark.RULE_OVERRIDES) & (told != "")
    ).to_series()
    if not doubted.any():
        return frame
    remarks = with_remarks(frame["remarks"], lambda own: own | {Remark.STRUCTURE_DIFFERS})
    return frame.with_columns(
        status=pl.when(doubted).then(pl.lit(Status.ABSTAINED.value)).otherwise("status"),
        reason=pl.when(doubted).then(reasons(pl.col("reason"), told)).otherwise("reason"),
        remarks=pl.when(doubted).then(remarks).otherwise("remarks"),
    )
