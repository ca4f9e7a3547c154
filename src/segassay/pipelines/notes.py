"""What limits the scores of a run, in sentences for the report and the terminal."""

from collections.abc import Iterable, Sequence

from segassay.pipelines.familiarity import FAMILIAR
from segassay.records.scores import ScoreRow
from segassay.scoring import Judge
from segassay.types import Remark

RULES_ONLY = "Rules only: no label was scored."

_LISTED = 8
"""Structures that a note names."""

_HELP = (
    "A judge that learned these labels for some minutes mostly tells more (segassay learn "
    "DATASET), and so does one that learned trusted cases (segassay fit GOLD --full)."
)


def notes_on(
    rows: Sequence[ScoreRow], judge: Judge | None, familiarity: float | None
) -> tuple[str, ...]:
    """Return the notes, none without a judge.

    `familiarity` is the outcome of the judge's trial, if there was one.
    """
    if judge is None:
        return ()
    notes = []
    if not judge.suggests:
        notes.append("This judge answers with a number: pictures show the label alone.")
    n_seen = sum(Remark.TRAINED_ON_IMAGE in row.remarks for row in rows)
    if n_seen:
        notes.append(
            f"The judge was trained on the images of {n_seen} of {len(rows)} labels: their scores "
            "are better informed than they would be on new data."
        )
    unknown = list(_on_the_unknown(rows, familiarity))
    return (*notes, *unknown, *([_HELP] if unknown else []))


def _on_the_unknown(rows: Sequence[ScoreRow], familiarity: float | None) -> Iterable[str]:
    if familiarity is not None and familiarity < FAMILIAR:
        compared = any(Remark.COMPARED in row.remarks for row in rows)
        yield (
            f"The judge hardly follows faults planted in labels of this data set (r = "
            f"{familiarity:.2f}; where it knows the data, {FAMILIAR} and more): it does not know "
            "such images, and intervals are wide."
            + (" Labels were compared with those of other cases." if compared else "")
        )
    unknown = [row for row in rows if Remark.NEVER_LEARNED in row.remarks]
    weighed = {row.structure for row in unknown if Remark.COMPARED in row.remarks}
    alone = {row.structure for row in unknown} - weighed
    if weighed:
        yield (
            f"The judge never learned {_listed(weighed)} in such images. These labels were "
            "compared with those of other cases: what most of them do alike counts as right, even "
            "where all are wrong."
        )
    if alone:
        yield (
            f"The judge never learned {_listed(alone)} in such images, and nothing else weighed "
            "its scores: they may rank little."
        )


def _listed(structures: Iterable[str]) -> str:
    names = sorted(structures)
    return ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
