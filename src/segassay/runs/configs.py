"""What can be asked of a run; everything here becomes part of its record."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from segassay.corruption.spread import known_families
from segassay.datasets.case import Case, Dataset
from segassay.datasets.opening import open_dataset
from segassay.errors import UsageError
from segassay.types import DEFAULT_BASE, DEFAULT_JUDGE, Engine, Modality, Severity, counted
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


class Gate(BaseModel):
    """A limit that ends a run with exit code 4: a finding this bad or worse, or a label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Severity | None = None
    score_below: float | None = None
    p_faulty_above: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Gate":
        """Read `error`, `warning`, `info`, `score<0.7` or `p_faulty>0.8`.

        Raises:
            ValueError: It is none of these.
        """
        match = re.fullmatch(r"(score\s*<|p_faulty\s*>)\s*(0?\.\d+|1|0|1\.0)", text.strip())
        if match is None:
            return cls(severity=Severity(text.strip()))
        limit = float(match[2])
        is_score = match[1].startswith("score")
        return cls(score_below=limit) if is_score else cls(p_faulty_above=limit)


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


class AuditConfig(CasesConfig):
    """Options of `segassay audit` and `segassay check` (which has no judge).

    `jobs` processes work on one case each, with `None` as many as cores and memory allow; a script
    that has not just one needs Python's `if __name__ == "__main__":` guard. `bounds` is a table of
    plausible values, see `auditing.bounds`. Labels of structures that the judge does not know are
    compared with those of `peers` other cases, see `runs.domain.choose_peers`; 0 for none. With
    `learn` the judge first learns the labels, so many minutes a half, see `auditing.teach`.
    """

    judge: str | None = DEFAULT_JUDGE
    engine: Engine = Engine.ONNX
    peers: int = Field(default=10, ge=0, le=50)
    bounds: Path | None = None
    jobs: int | None = Field(default=1, ge=1, le=256)
    n_worst: int = Field(default=20, ge=0)
    pseudonymise: bool = False
    fail_on: Gate | None = None
    learn: float | None = Field(default=None, gt=0, le=24 * 60)

    @model_validator(mode="after")
    def _learns_once(self) -> "AuditConfig":
        if self.learn is not None and self.parts > 1:
            raise ValueError(
                "--learn with --num-parts would learn in every part: run `segassay learn` first "
                "and give its judge to all parts by --judge"
            )
        return self


class PairsConfig(CasesConfig):
    """Options of `segassay pairs`.

    Every label gets `per_label` faulty masks; `families` are names of faults, by default those that
    judges are trained on. `label_source` picks the labels to trust where there are several of one
    structure. `untouched` adds every label itself as a pair.
    """

    per_label: int = Field(default=10, ge=1, le=10_000)
    seed: int = Field(default=0, ge=0)
    families: tuple[str, ...] = ()
    label_source: str | None = None
    untouched: bool = False

    @field_validator("families")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(one_by_one(names)))
        unknown = [name for name in found if name not in known_families()]
        if unknown:
            known = ", ".join(known_families())
            raise ValueError(f"no fault family {', '.join(unknown)}; there are {known}")
        return found


class EvaluateConfig(BaseModel):
    """Options of `segassay evaluate`; `limit` counts images, `peers` and `argv` as in an audit.

    `modality` is the kind of the images whose rows do not tell it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: Path
    out: Path
    judge: str = DEFAULT_JUDGE
    peers: int = Field(default=10, ge=0, le=50)
    limit: int | None = Field(default=None, ge=1)
    modality: Modality | None = None
    overwrite: bool = False
    argv: tuple[str, ...] = ()


class LearnConfig(BaseModel):
    """Options of `segassay learn`; `minutes` are spent on each half.

    `limit` counts cases with labels; `label_source` picks the labels to learn from where there are
    several of one structure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: SourceConfig
    out: Path
    judge: str = DEFAULT_BASE
    label_source: str | None = None
    limit: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    minutes: float = Field(default=10.0, gt=0, le=24 * 60)


class FitConfig(LearnConfig):
    """Options of `segassay fit`; `pairs` is a table of the user's own predictions with gold.

    With `full` the network itself learns on for `minutes`; with `atlas` the new judge also compares
    labels with so many of the trusted cases for each structure. With `private` the new judge keeps
    nothing that shows an image or names a subject or the data set.
    """

    pairs: Path | None = None
    full: bool = False
    atlas: int = Field(default=0, ge=0, le=20)
    private: bool = False

    @model_validator(mode="after")
    def _private_keeps_no_image(self) -> "FitConfig":
        if self.private and self.atlas:
            raise ValueError("--atlas keeps images in the judge's folder, --private none: drop one")
        return self


class CalibrateConfig(BaseModel):
    """Options of `segassay calibrate`; `limit` counts images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: Path
    out: Path
    judge: str = DEFAULT_BASE
    limit: int | None = Field(default=None, ge=1)


def one_by_one(entries: Iterable[str]) -> list[str]:
    """Take entries apart at their commas; blanks around words and empty entries are dropped."""
    return [name.strip() for entry in entries for name in entry.split(",") if name.strip()]
