"""The gate learns which candidate is good, keeps to the interval it claims, and drops the rest."""

import numpy as np
import pytest

from segassay.weak.gate import (
    CandidateRow,
    Gate,
    LabelRow,
    ReferenceLabel,
    Status,
    interval,
)

LIVER = "liver"


def row(name: str, score: float, agreement: float = 0.8, **given: float) -> CandidateRow:
    values = {"context": score, "stability": 0.9, "confidence": 0.7, "share": 0.2, **given}
    return CandidateRow(name=name, score=score, agreement=agreement, **values)


def taught(n: int = 20, seed: int = 0) -> list[ReferenceLabel]:
    """Candidates whose Dice follows the score, but for one kind that is always overrated."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(n):
        rows = []
        for name, better in (("coarse", -0.1), ("box", 0.0), ("overrated", -0.5)):
            score = float(rng.uniform(0.5, 0.95))
            dice = float(np.clip(score + better + rng.normal(0, 0.02), 0, 1))
            rows.append(row(name, score, dice=dice))
        label = LabelRow(structure=LIVER, candidates=tuple(rows))
        found.append(ReferenceLabel(f"s{number}", label))
    return found


def test_what_is_always_overrated_is_not_chosen() -> None:
    gate = Gate.learn(taught())
    label = LabelRow(
        structure=LIVER, candidates=(row("coarse", 0.85), row("box", 0.85), row("overrated", 0.95))
    )
    found = gate(label)
    assert (found.status, found.chosen) == (Status.REPAIRED, "box")
    assert found.p_good > 0.5
    assert gate.subjects == 20


def test_a_coarse_mask_that_is_best_is_kept() -> None:
    found = Gate.learn(taught())(
        LabelRow(structure=LIVER, candidates=(row("coarse", 0.95), row("overrated", 0.7)))
    )
    assert (found.status, found.chosen) == (Status.KEPT, "coarse")


def test_bad_labels_are_rejected_and_weigh_nothing() -> None:
    found = Gate.learn(taught())(LabelRow(structure=LIVER, candidates=(row("coarse", 0.2),)))
    assert (found.status, found.chosen, found.p_good) == (Status.REJECTED, "", 0.0)
    assert found.reason
    assert found.expected_dice is not None
    assert found.expected_dice < 0.5


@pytest.mark.parametrize("share", [0.001, 0.99])
def test_labels_of_one_class_are_rejected_however_good_they_seem(share: float) -> None:
    found = Gate.learn(taught())(
        LabelRow(structure=LIVER, candidates=(row("box", 0.95, share=share),))
    )
    assert found.status is Status.REJECTED


def test_small_structures_may_be_as_small_as_reference_labels_are() -> None:
    small = [
        ReferenceLabel(
            one.subject,
            one.label.model_copy(
                update={
                    "candidates": tuple(
                        c.model_copy(update={"share": 0.004}) for c in one.label.candidates
                    )
                }
            ),
        )
        for one in taught()
    ]
    found = Gate.learn(small)(
        LabelRow(structure=LIVER, candidates=(row("box", 0.95, share=0.003),))
    )
    assert found.status is Status.REPAIRED


def test_without_candidates_a_label_is_empty() -> None:
    assert Gate.learn(taught())(LabelRow(structure=LIVER, candidates=())).status is Status.EMPTY


def test_without_reference_labels_the_score_decides_and_may_miss_by_anything() -> None:
    gate = Gate.learn([])
    found = gate(LabelRow(structure=LIVER, candidates=(row("coarse", 0.6), row("box", 0.9))))
    assert (found.chosen, found.low, found.high) == ("box", 0.0, 1.0)
    assert gate(LabelRow(structure=LIVER, candidates=(row("box", 0.6),))).status is Status.REJECTED


def test_what_is_not_known_of_a_candidate_is_no_error() -> None:
    bare = CandidateRow(
        name="box",
        score=None,
        context=None,
        agreement=None,
        stability=None,
        confidence=0.5,
        share=0.2,
    )
    found = Gate.learn(taught())(LabelRow(structure=LIVER, candidates=(bare,)))
    assert found.expected_dice is not None
    assert 0 <= found.expected_dice <= 1


def test_intervals_hold_nine_labels_in_ten_of_new_subjects() -> None:
    gate, held, n = Gate.learn(taught(40)), 0, 0
    for one in taught(200, seed=1):
        found = gate(one.label)
        chosen = next((r for r in one.label.candidates if r.name == found.chosen), None)
        if chosen is None:
            continue
        assert found.low is not None
        assert found.high is not None
        n += 1
        held += found.low <= (chosen.dice or 0.0) <= found.high
    assert n > 100
    assert 0.84 <= held / n <= 1.0


def test_an_interval_needs_enough_reference_labels() -> None:
    assert interval(0.8, np.sort(np.linspace(-0.1, 0.1, 18))) == (0.0, 1.0)
    low, high = interval(0.8, np.sort(np.linspace(-0.1, 0.1, 19)))
    assert low == pytest.approx(0.7)
    assert high == pytest.approx(0.9)
