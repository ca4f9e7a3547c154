"""What limits the scores of a run, in sentences for the report and the terminal."""

from collections.abc import Iterable

import polars as pl

from segassay.judge.scoring import Judge
from segassay.records.remarks import remarked
from segassay.runs.domain.familiarity import FAMILIAR
from segassay.types import Remark

RULES_ONLY = "Rules only: no label was scored."

_BESIDE_OTHERS = {Remark.COMPARED, Remark.IN_CONTEXT}
"""Scores that rest on labels of the same data set, for which nobody vouches."""

_LISTED = 8
"""Structures that a note names."""

_HELP = (
    "Retraining on these labels for some minutes (segassay audit --learn 10) or on reference cases "
    "(segassay fit GOLD --full) usually helps."
)
_ASK = (
    "Another judge reads what the labels say of one another: --judge judge-context. It does better "
    "on lesions, cells and tissue, and less well on organs, which have a usual place."
)


def notes_on(
    frame: pl.DataFrame, judge: Judge | None, familiarity: float | None
) -> tuple[str, ...]:
    """Return the notes on a score table, none without a judge.

    `familiarity` is the outcome of the judge's trial, if there was one.
    """
    if judge is None:
        return ()
    notes = []
    if not judge.suggests:
        notes.append("This judge answers with a number: pictures show the label alone.")
    notes += _on_training_images(frame)
    unknown = list(_on_the_unknown(frame, familiarity))
    ask = () if judge.reads_context else (_ASK,)
    return (*notes, *unknown, *((_HELP, *ask) if unknown else ()))


def _on_training_images(frame: pl.DataFrame) -> Iterable[str]:
    """Tell labels that the judge learned from those that only lie on an image it has seen.

    The same image may be in its training under other names, or with other structures.
    """
    seen = frame.filter(remarked(Remark.TRAINED_ON_IMAGE))
    learned = seen.filter(~remarked(Remark.NEVER_LEARNED)).height
    if learned:
        yield (
            f"The judge was trained on the images of {learned} of {frame.height} labels, with "
            "these structures: scores of these labels are optimistic, expect lower ones on new "
            "data."
        )
    if seen.height > learned:
        yield (
            f"The judge was trained on the images of {seen.height - learned} of {frame.height} "
            "labels, but with other structures or under other names: of these labels it knows no "
            "more than of those on new images."
        )


def _on_the_unknown(frame: pl.DataFrame, familiarity: float | None) -> Iterable[str]:
    if familiarity is not None and familiarity < FAMILIAR:
        compared = frame.select(remarked(Remark.COMPARED).any()).item()
        yield (
            f"The judge's scores hardly follow simulated errors in this data set (r = "
            f"{familiarity:.2f}; on data that it knows, {FAMILIAR} and more): it does not know "
            "such images, and intervals are wide."
            + (" Labels were compared with those of other cases." if compared else "")
        )
    unknown = frame.filter(remarked(Remark.NEVER_LEARNED))
    weighed = set(unknown.filter(remarked(*_BESIDE_OTHERS))["structure"])
    fitted = set(unknown.filter(remarked(Remark.IN_REFERENCE_CONTEXT))["structure"])
    alone = set(unknown["structure"]) - weighed - fitted
    if weighed:
        yield (
            f"The judge did not learn {_listed(weighed)} in such images. These labels were "
            "compared with those of other cases: what most of them have in common counts as right, "
            "even where all are wrong."
        )
    if alone:
        yield (
            f"The judge did not learn {_listed(alone)} in such images, and there was nothing to "
            "compare these labels with: their ranking may be unreliable."
        )


def _listed(structures: Iterable[str]) -> str:
    names = sorted(structures)
    return ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
