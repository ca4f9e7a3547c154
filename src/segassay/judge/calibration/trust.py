"""What a judge owes to somebody's trusted labels, in the words that go beside every score."""

from collections.abc import Mapping
from dataclasses import dataclass

from segassay.judge.documents.description import Adaptation, Counts, MeasuredOn
from segassay.records.remarks import Comment, comment
from segassay.types import Remark, counted

FEWEST_SUBJECTS = 9
"""With fewer, a 90 % interval by conformal prediction would have to reach from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Trust:
    """On what a judge was fitted or calibrated by `segassay fit`, `learn` or `calibrate`.

    Attributes:
        subjects: How many subjects its figures and intervals rest on.
        measured_on: What they were measured on.
        by_structure: For each structure, `labels` and `subjects` that it was tested on.
    """

    subjects: int
    measured_on: MeasuredOn
    by_structure: Mapping[str, Counts]

    @classmethod
    def of(cls, made: Adaptation) -> "Trust":
        """Return what an adapted judge rests on."""
        return cls(made.subjects, made.on, made.evidence)

    @property
    def limits(self) -> tuple[Comment, ...]:
        """What every score of this judge must say; nothing with enough subjects."""
        if self.subjects >= FEWEST_SUBJECTS:
            return ()
        return (comment(Remark.FEW_SUBJECTS, subjects=counted(self.subjects, "subject")),)

    def evidence(self, structure: str | None) -> tuple[Comment, ...]:
        """Say on how many labels of a structure (canonical name) this judge was tested."""
        counts = self.by_structure.get(structure or "")
        if not counts:
            return (comment(Remark.NEVER_TESTED),)
        own = self.measured_on is MeasuredOn.OWN
        masks = "of your predictions" if own else "masks"
        subjects = counted(counts.subjects, "subject")
        tested = f"tested on {counts.labels} {masks} of {subjects}, each left out in turn"
        simulated = () if own else (comment(Remark.SIMULATED_ERRORS_ONLY),)
        return (Comment(None, tested), *simulated)
