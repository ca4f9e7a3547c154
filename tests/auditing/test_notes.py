"""What a run's notes count, they count by remarks."""

from collections.abc import Iterable

from report_samples import row
from segassay.auditing.notes import notes_on
from segassay.judge.scoring import load_judge
from segassay.records.table import to_frame
from segassay.runs.domain.familiarity import FAMILIAR
from segassay.types import Remark


def notes(*remarks: Iterable[Remark], familiarity: float | None = None) -> tuple[str, ...]:
    rows = [row(f"c{n}", 0.9, structure=f"s{n}", remarks=set(r)) for n, r in enumerate(remarks)]
    return notes_on(to_frame(rows), load_judge("judge-small"), familiarity)


def test_nothing_remarked_nothing_noted() -> None:
    assert notes([], [Remark.WIDE_INTERVAL], familiarity=FAMILIAR) == ()


def test_a_judge_in_context_is_advised_where_another_one_was_asked() -> None:
    rows = [row("c", 0.9, remarks={Remark.NEVER_LEARNED})]
    counts = [
        len(notes_on(to_frame(rows), load_judge(n), None)) for n in ("judge-small", "judge-context")
    ]
    assert counts[0] == counts[1] + 1


def test_labels_of_training_images_are_counted() -> None:
    (note,) = notes([Remark.TRAINED_ON_IMAGE], [Remark.TRAINED_ON_IMAGE], [])
    assert "2 of 3" in note


def test_a_structure_is_not_said_to_be_learned_and_not_learned() -> None:
    """The same image may be known, and what is labelled on it not: two notes for two groups."""
    known, unknown, *rest = notes(
        [Remark.TRAINED_ON_IMAGE],
        *[[Remark.TRAINED_ON_IMAGE, Remark.NEVER_LEARNED]] * 2,
    )
    assert "1 of 3" in known
    assert "2 of 3" in unknown
    assert len(rest) == 3
    (alone, *_) = notes([Remark.TRAINED_ON_IMAGE, Remark.NEVER_LEARNED])
    assert "1 of 1" in alone


def test_unknown_structures_are_named_by_what_weighed_them() -> None:
    both = [Remark.NEVER_LEARNED, Remark.COMPARED]
    weighed, alone, *_ = notes(both, [Remark.NEVER_LEARNED], [Remark.COMPARED])
    assert ("s0" in weighed, "s1" in weighed, "s2" in weighed) == (True, False, False)
    assert ("s0" in alone, "s1" in alone, "s2" in alone) == (False, True, False)


def test_structures_judged_in_context_are_not_said_to_be_judged_alone() -> None:
    own = [Remark.NEVER_LEARNED, Remark.IN_CONTEXT]
    reference = [Remark.NEVER_LEARNED, Remark.IN_REFERENCE_CONTEXT]
    weighed, alone, *_ = notes(own, reference, [Remark.NEVER_LEARNED])
    assert ("s0" in weighed, "s1" in weighed, "s2" in weighed) == (True, False, False)
    assert ("s0" in alone, "s1" in alone, "s2" in alone) == (False, False, True)
    assert notes(reference) == ()


def test_a_failed_trial_is_noted() -> None:
    first, *_ = notes([], familiarity=FAMILIAR - 0.3)
    assert f"{FAMILIAR - 0.3:.2f}" in first
