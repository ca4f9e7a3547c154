"""What can be asked of every run; everything here becomes part of its record."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from segassay.datasets.case import Case, Dataset
from segassay.datasets.opening import open_dataset
from segassay.errors import UsageError
from segassay.types import Modality, counted
from segassay.vocabulary.names import canonical_name


class SourceConfig(BaseModel):
    """Which data set: a path of a known layout, or images and labels apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path | None = None
    images: Path | None = None
    labels: Path | None = None
    structure: str | None = None
    names: Path | None = None
    subject_regex: str | None = None
    modality: Modality | None = None

    @model_validator(mode="after")
    def _names_need_pairs(self) -> "SourceConfig":
        if self.path is not None and (self.structure is not None or self.names is not None):
            raise ValueError(
                "--structure and --names tell what lies in --images and --labels; a data set has "
                "names of its own, and --structures picks some of them"
            )
        return self

    def open(self) -> Dataset:
        """Open the data set; raises `DatasetError` or `UsageError`."""
        return open_dataset(
            self.path,
            images=self.images,
            labels=self.labels,
            structure=self.structure,
            names=self.names,
            subject_regex=self.subject_regex,
            modality=self.modality,
        )


class CasesConfig(BaseModel):
    """Options of every command that goes through a data set case by case.

    `structures` are spelled canonically, and each entry may hold several with commas between them.
    `part` of `parts` takes every so many-th case, so that several machines share the work. `argv`
    is what was typed, for the run's record, which keeps no places of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: SourceConfig
    out: Path
    structures: tuple[str, ...] = ()
    limit: int | None = Field(default=None, ge=1)
    part: int = Field(default=1, ge=1)
    parts: int = Field(default=1, ge=1)
    overwrite: bool = False
    argv: tuple[str, ...] = ()

    @field_validator("structures")
    @classmethod
    def _spell(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(canonical_name(name) for name in one_by_one(names)))

    @model_validator(mode="after")
    def _part_exists(self) -> "CasesConfig":
        if self.part > self.parts:
            raise ValueError(f"part {self.part} of {self.parts} does not exist")
        if self.overwrite and self.parts > 1:
            raise ValueError("--overwrite would lose the other parts' work: remove the folder")
        return self

    def require_structures(self, dataset: Dataset) -> None:
        """Raise `UsageError` where a structure was asked for that the data set does not name."""
        unknown = [name for name in self.structures if name not in dataset.structures]
        if unknown:
            raise UsageError(
                f"{dataset.name}: no label is called {', '.join(unknown)}; "
                f"there are {', '.join(dataset.structures) or 'no labels'}"
            )

    def require_labels(self, cases: Sequence[Case], dataset: Dataset) -> None:
        """Raise `UsageError` where `cases`, the first `limit` of a data set, have no such label."""
        if not any(self.wants(ref.structure) for case in cases for ref in case.labels):
            what = ", ".join(self.structures) or "a label"
            raise UsageError(
                f"{dataset.name}: none of the first {counted(len(cases), 'case')} has {what}; "
                "give a larger --limit, or none"
            )

    def wants(self, structure: str) -> bool:
        """Whether labels of a structure were asked for."""
        return not self.structures or structure in self.structures


def one_by_one(entries: Iterable[str]) -> list[str]:
    """Take entries apart at their commas; blanks around words and empty entries are dropped."""
    return [name.strip() for entry in entries for name in entry.split(",") if name.strip()]
