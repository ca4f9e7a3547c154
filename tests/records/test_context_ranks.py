"""Ranks within a structure follow the context, too; mean and spread stay the network's."""

from datetime import UTC, datetime
from math import nan

import numpy as np
import pytest

from segassay.records.context_ranks import (
    FEWEST_LABELS,
    ranked_in_context,
    with_context_ranks,
)
from segassay.records.scores import ScoreRow
from segassay.records.table import rows_of, to_frame
from segassay.types import Remark, Status

UNKNOWN = frozenset({Remark.IN_CONTEXT, Remark.NEVER_LEARNED})


def row(n: int, score: float, close: float, **more: object) -> ScoreRow:
    values = {
        "case_id": str(n),
        "subject_id": str(n),
        "structure": "lesion",
        "label_path": "a",
        "score": score,
        "score_lo": score - 0.2,
        "score_hi": score + 0.2,
        "context_dice": nan,
        "context_dice_close": close,
        "status": Status.SCORED,
        "remarks": UNKNOWN,
        "scored_at": datetime(2026, 1, 2, tzinfo=UTC),
    }
    return ScoreRow.model_validate(values | more)


def test_mean_and_spread_stay_and_the_context_decides_between_equals() -> None:
    rng = np.random.default_rng(0)
    scores, close = rng.uniform(0.3, 0.9, 12), rng.uniform(0, 1, 12)
    scores[:2], close[:2] = 0.6, (0.1, 0.9)
    found = ranked_in_context(scores, np.full(12, nan), close)
    assert found.mean() == pytest.approx(scores.mean())
    assert found.std() == pytest.approx(scores.std())
    assert found[0] < found[1]


@pytest.mark.parametrize("same", ["scores", "context"])
def test_where_nothing_differs_nothing_changes(same: str) -> None:
    some, none = np.linspace(0.2, 0.9, 9), np.full(9, nan)
    scores = np.full(9, 0.5) if same == "scores" else some
    context = some if same == "scores" else none
    np.testing.assert_allclose(ranked_in_context(scores, context, none), scores)


def test_labels_of_unknown_data_are_ranked_within_intervals_that_hold() -> None:
    rows = [row(n, 0.4 + 0.04 * n, 0.1 + 0.8 * (n % 2)) for n in range(FEWEST_LABELS)]
    found = list(rows_of(with_context_ranks(to_frame(rows))))
    assert found[0].score < rows[0].score < found[1].score
    pairs = list(zip(found, rows, strict=True))
    assert all(new.score_lo <= old.score_lo <= old.score_hi <= new.score_hi for new, old in pairs)
    assert all(0 <= r.score_lo <= r.score <= r.score_hi <= 1 for r in found)


@pytest.mark.parametrize(
    "remarks",
    [
        frozenset({Remark.IN_CONTEXT}),
        frozenset({Remark.NEVER_LEARNED}),
        frozenset({Remark.IN_REFERENCE_CONTEXT, Remark.NEVER_LEARNED}),
    ],
)
def test_known_labels_and_those_without_an_own_context_stay(remarks: frozenset[Remark]) -> None:
    rows = [row(n, 0.4 + 0.04 * n, 0.1 + 0.8 * (n % 2), remarks=remarks) for n in range(9)]
    assert with_context_ranks(to_frame(rows)).equals(to_frame(rows))


def test_few_labels_and_labels_without_a_score_stay() -> None:
    rows = [row(n, 0.4 + 0.04 * n, 0.1 + 0.8 * (n % 2)) for n in range(FEWEST_LABELS - 1)]
    empty = row(9, nan, nan, score_lo=nan, score_hi=nan, status=Status.ABSENT_OK)
    frame = to_frame([*rows, empty])
    assert with_context_ranks(frame).equals(frame)
