"""What follows from a rule that leaves no doubt: how good the labels can be that it names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segassay.records.findings import Finding


@dataclass(frozen=True, slots=True)
class Certain:
    """Part of the card of a rule that a judge cannot overrule.

    Attributes:
        cap: The highest expected Dice that a label can have which a finding names.
        structures: Which structures of its case and source a finding names; there may be none.
        why: Why no more than the cap is possible, for the docs.
    """

    cap: float
    structures: Callable[[Finding], Sequence[str]]
    why: str


EXCHANGED = Certain(
    0.0,
    lambda finding: finding.evidence["pair"],
    "each of the two lies where the other should, so neither shares a voxel with what it is called",
)

SAME_MASK = Certain(
    0.5,
    lambda finding: [name for pair in finding.evidence["same"] for name in pair],
    "of two structures with one mask at most one is right, and nobody knows which: 1 and 0 at best",
)
