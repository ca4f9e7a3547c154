"""The recipe of a training with images without labels: that of a segmenter, and what is added."""

from typing import Literal

from pydantic import Field, model_validator

from segassay.segment.recipe import SegmentationRecipe
from segassay.types import DEFAULT_BASE

MethodName = Literal[
    "supervised",
    "pseudo-labels",
    "pseudo-labels-weighted",
    "mean-teacher",
    "ua-mt",
    "ict",
    "cps",
    "fixmatch",
    "unimatch",
]
Quality = Literal["off", "qar", "pl-qw", "both"]

_WEIGHTS: dict[MethodName, float] = {
    "supervised": 0.0,
    "pseudo-labels": 0.25,
    "pseudo-labels-weighted": 0.25,
    "mean-teacher": 1.0,
    "ua-mt": 1.0,
    "ict": 1.0,
    "cps": 0.25,
    "fixmatch": 0.5,
    "unimatch": 0.5,
}
"""0.25 is QG-SSL's for pseudo-labels, 0.5 UniMatch's. Squared differences are small, so count 1."""


class SemiRecipe(SegmentationRecipe):
    """How a segmenter learns from labelled and unlabelled images.

    Attributes:
        method: See `semisup.methods`.
        quality: What a judge adds: nothing (`off`); a loss on what the network draws (`qar`); what
            pseudo-labels count (`pl-qw`); both.
        judge: Which judge, a name or a folder.
        threshold: Pseudo-labels with a lower expected Dice count nothing.
        temperature: The others count by the power of their expected Dice with this exponent.
        by_pixel: Whether pixels of a pseudo-label that the judge takes for wrong count less, too.
        unlabelled_batch: Patches of unlabelled images per update; as many as labelled by default.
        unlabelled_weight: What the loss on them counts at most; by default as the method is used.
        warm_up: Share of the training before the first unlabelled image counts.
        ramp: Share in which their loss then rises to its weight.
        qar_weight: What the judge's loss counts at most.
        qar_warm_up: Share of the training before it counts.
        qar_ramp: Share in which it then rises.
        confidence: Pixels of pseudo-labels of a lower probability count nothing.
        passes: Predictions of the teacher whose entropy is its uncertainty (`ua-mt`).
        select: Whether the weights that validate best on the labelled part are kept, or the last.
    """

    method: MethodName = "mean-teacher"
    quality: Quality = "off"
    judge: str = DEFAULT_BASE
    threshold: float = Field(default=0.5, ge=0, le=1)
    temperature: float = Field(default=2.0, ge=0)
    by_pixel: bool = False
    unlabelled_batch: int | None = Field(default=None, ge=1)
    unlabelled_weight: float | None = Field(default=None, ge=0)
    warm_up: float = Field(default=0.075, ge=0, lt=1)
    ramp: float = Field(default=0.15, ge=0, le=1)
    qar_weight: float = Field(default=0.01, ge=0)
    qar_warm_up: float = Field(default=0.15, ge=0, lt=1)
    qar_ramp: float = Field(default=0.2, ge=0, le=1)
    confidence: float = Field(default=0.9, ge=0, lt=1)
    passes: int = Field(default=8, ge=2)
    select: Literal["validation", "last"] = "validation"

    @model_validator(mode="after")
    def _can_be(self) -> "SemiRecipe":
        if self.method == "supervised" and self.weighs_labels:
            raise ValueError("supervised: makes no pseudo-labels to weigh; quality: off or qar")
        if self.by_pixel and not self.weighs_labels:
            raise ValueError("by_pixel: for quality pl-qw or both")
        if self.by_pixel and self.axes == 3:
            raise ValueError("by_pixel: for axes: 2; in blocks the judge looks at some slices")
        return self

    @property
    def weighs_labels(self) -> bool:
        """Whether the judge says what pseudo-labels count."""
        return self.quality in ("pl-qw", "both")

    @property
    def regularises(self) -> bool:
        """Whether the judge's loss is added."""
        return self.quality in ("qar", "both")

    def unlabelled_share(self, share: float) -> float:
        """Return what the loss on unlabelled images counts when `share` of the training is over."""
        own = self.unlabelled_weight
        most = _WEIGHTS[self.method] if own is None else own
        return most * _risen(share, self.warm_up, self.ramp) if self.method != "supervised" else 0.0

    def qar_share(self, share: float) -> float:
        """Return what the judge's loss counts when `share` of the training is over."""
        if not self.regularises:
            return 0.0
        return self.qar_weight * _risen(share, self.qar_warm_up, self.qar_ramp)


def _risen(share: float, warm_up: float, ramp: float) -> float:
    """Return 0 during the warm-up, then a line up to 1."""
    if share < warm_up:
        return 0.0
    return min(1.0, (share - warm_up) / ramp) if ramp else 1.0
