"""What a judge owes to somebody's trusted labels, in the words that go beside every score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FEWEST_SUBJECTS = 9
"""With fewer, a 90 % interval by conformal prediction would have to reach from 0 to 1."""

OWN = "own predictions"
SYNTHETIC = "synthetic faults only"
UNVOUCHED = "synthetic faults in labels that nobody vouches for"


@dataclass(frozen=True, slots=True)
class Trust:
    """On what a judge was fitted or calibrated by `segassay fit`, `learn` or `calibrate`.

    Attributes:
        subjects: How many subjects its figures and intervals rest on.
        measured_on: `OWN`, `SYNTHETIC` or `UNVOUCHED`.
        by_structure: For each structure, `labels` and `subjects` that it was tested on.
    """

    subjects: int
    measured_on: str
    by_structure: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, meta: Mapping[str, Any]) -> "Trust | None":
        """Read a judge's description; `None` for a judge as it was published."""
        gold = meta.get("gold")
        return None if gold is None else cls(gold["subjects"], gold["on"], gold["evidence"])

    @property
    def remark(self) -> str:
        """What every reason must say; empty with enough subjects."""
        if self.subjects >= FEWEST_SUBJECTS:
            return ""
        labels = "" if self.measured_on == UNVOUCHED else " with trusted labels"
        return f"no guarantee: tested on {counted(self.subjects)}{labels} only"

    def evidence(self, structure: str | None) -> str:
        """Say on how many labels of a structure (canonical name) this judge was tested."""
        counts = self.by_structure.get(structure or "")
        if not counts:
            return "never tested on this structure since it was fitted"
        masks = "of your predictions" if self.measured_on == OWN else "masks"
        parts = [
            f"tested on {counts['labels']} {masks} of {counted(counts['subjects'])}, each left out "
            "in turn",
            "" if self.measured_on == OWN else f"on {self.measured_on}",
            "no guarantee" if self.remark else "",
        ]
        return ", ".join(part for part in parts if part)


def counted(n: int) -> str:
    """Say how many subjects."""
    return "1 subject" if n == 1 else f"{n} subjects"
