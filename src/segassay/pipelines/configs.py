"""What can be asked of a run; everything here becomes part of its record."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from segassay.data.case import Dataset
from segassay.data.readers import open_dataset
from segassay.types import Severity
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
        )


class Gate(BaseModel):
    """A limit that ends a run with exit code 4: a finding's severity, or a score."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Severity | None = None
    score_below: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Gate":
        """Read `error`, `warning` or `score<0.7`; raises `ValueError` for anything else."""
        match = re.fullmatch(r"score\s*<\s*(0?\.\d+|1|0|1\.0)", text.strip())
        if match:
            return cls(score_below=float(match[1]))
        return cls(severity=Severity(text.strip()))


class AuditConfig(BaseModel):
    """Options of `segassay audit` and `segassay check` (which has no judge).

    `structures` are spelled canonically, and each entry may hold several with commas between them.
    `jobs` processes work on one case each; a script that asks for more than one needs Python's
    `if __name__ == "__main__":` guard.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: SourceConfig
    out: Path
    judge: str | None = "judge-v0"
    structures: tuple[str, ...] = ()
    limit: int | None = Field(default=None, ge=1)
    part: int = Field(default=1, ge=1)
    parts: int = Field(default=1, ge=1)
    jobs: int = Field(default=1, ge=1, le=256)
    n_worst: int = Field(default=20, ge=0)
    overwrite: bool = False
    fail_on: Gate | None = None

    @field_validator("structures")
    @classmethod
    def _spell(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        every = [name for entry in names for name in entry.split(",") if name.strip()]
        return tuple(dict.fromkeys(canonical_name(name) for name in every))

    @model_validator(mode="after")
    def _part_exists(self) -> "AuditConfig":
        if self.part > self.parts:
            raise ValueError(f"part {self.part} of {self.parts} does not exist")
        if self.overwrite and self.parts > 1:
            raise ValueError("--overwrite would lose the other parts' work: remove the folder")
        return self


class EvaluateConfig(BaseModel):
    """Options of `segassay evaluate`; `limit` counts images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: Path
    out: Path
    judge: str = "judge-v0"
    limit: int | None = Field(default=None, ge=1)
    overwrite: bool = False
