"""The documents that lead a judge's raw scores to what it says: corrections and their ground."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from segassay.judge.documents.strict_reading import Count, Document, Positive


class CalibrationFile(Document):
    """The content of `calibration.json`: `judge.calibration.intervals.Calibration`.

    Version 0.1.0 wrote no `margin` where there was none.
    """

    raw: tuple[float, ...] = Field(min_length=2)
    expected: tuple[float, ...]
    coefficients: tuple[float, ...] = Field(min_length=3, max_length=4)
    below: float
    above: float
    margin: float = 0.0

    @model_validator(mode="after")
    def _is_a_curve(self) -> Self:
        if len(self.raw) != len(self.expected) or list(self.raw) != sorted(self.raw):
            raise ValueError("raw must rise and be as long as expected")
        return self


class UncalibratedFile(Document):
    """The content of `calibration.json` of a judge whose scores are as its network gives them."""

    as_released: Literal[True]


class AdapterFile(Document):
    """The content of `adapter.json`: `judge.calibration.adapter.Adapter`."""

    intercept: float
    slope: float
    mean: tuple[float, ...]
    scale: tuple[Positive, ...]
    weights: tuple[float, ...]

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if not len(self.mean) == len(self.scale) == len(self.weights):
            raise ValueError("mean, scale and weights must be of one length")
        return self


class TypicalKind(Document):
    """Centre and spread of the traits of one structure's labels."""

    structure: str
    in_mm: bool
    centre: tuple[float, ...]
    spread: tuple[Positive, ...]


class TypicalFile(Document):
    """The content of `typical.json`: `judge.comparison.typical.TypicalLabels`."""

    traits: tuple[str, ...]
    typical: tuple[TypicalKind, ...]

    @model_validator(mode="after")
    def _has_one_number_for_each_trait(self) -> Self:
        n = len(self.traits)
        if any(len(kind.centre) != n or len(kind.spread) != n for kind in self.typical):
            raise ValueError(f"centre and spread must hold {n} numbers, one for each trait")
        return self


class ReferenceCase(Document):
    """One trusted case in `gold.npz`: what its masks hold, and how large its voxels are."""

    structures: tuple[str, ...] = Field(min_length=1)
    spacing_mm: tuple[Positive, Positive, Positive]
    spacing_known: bool


class ReferenceCases(Document):
    """What `gold.npz` says of its cases."""

    cases: tuple[ReferenceCase, ...]

    @classmethod
    def of_today(cls, data: Any) -> Any:
        """Bring what is written, a list, into this form."""
        return {"cases": data}


class UnfamiliarFile(Document):
    """The content of `unfamiliar.json`: `judge.calibration.out_of_domain.Unfamiliar`.

    Version 0.1.0 knew no context.
    """

    alone: CalibrationFile
    weigher: AdapterFile | None
    among_peers: CalibrationFile | None
    in_context: CalibrationFile | None = None
    sets: Count
    labels: Count

    @model_validator(mode="after")
    def _weighs_and_calibrates(self) -> Self:
        if (self.weigher is None) != (self.among_peers is None):
            raise ValueError("weigher and among_peers belong together")
        return self
