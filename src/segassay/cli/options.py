"""Options that several verbs share, alone and in groups (see `cli.spread`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

DatasetPath = Annotated[
    Path | None, typer.Argument(help="Data set folder (layout is detected) or manifest.")
]
Images = Annotated[Path | None, typer.Option("--images", help="Images, instead of a data set.")]
Labels = Annotated[Path | None, typer.Option("--labels", help="Their labels.")]
Structure = Annotated[
    str | None, typer.Option("--structure", help="What the labels hold, as in 'liver'.")
]
Names = Annotated[
    Path | None, typer.Option("--names", help="labels.json with the values' names, for --labels.")
]
SubjectRegex = Annotated[
    str | None,
    typer.Option("--subject-regex", help="Pattern; its first group is the subject in a case id."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Result folder; made if missing.")]
Structures = Annotated[
    list[str] | None,
    typer.Option(
        "--structures", "--only", help="Only these, as in 'liver,spleen'; may be repeated."
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Processes; each holds one case.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Only the first cases.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Begin anew where another run lies.")]
Pseudonymise = Annotated[
    bool, typer.Option("--pseudonymise", help="Other names for cases in all that is passed on.")
]
FailOn = Annotated[
    str | None,
    typer.Option("--fail-on", help="Exit with 4 on: error, warning, or a score as in 'score<0.7'."),
]
Empty = Annotated[
    bool, typer.Option("--empty", help="Count labels without a voxel; reads every label file.")
]
Bounds = Annotated[
    Path | None,
    typer.Option("--bounds", help="Table label,lower,upper[,quantity] of plausible values."),
]
Json = Annotated[bool, typer.Option("--json", help="Print a JSON summary to stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Name every unusable label and every finding.")
]
JudgeName = Annotated[str, typer.Option("--judge", help="Judge: a name or a folder.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Which data set."""

    dataset: DatasetPath = None
    images: Images = None
    labels: Labels = None
    structure: Structure = None
    names: Names = None
    subject_regex: SubjectRegex = None

    def as_config(self) -> dict[str, Any]:
        """Return what `SourceConfig` takes."""
        return {
            "path": self.dataset,
            "images": self.images,
            "labels": self.labels,
            "structure": self.structure,
            "names": self.names,
            "subject_regex": self.subject_regex,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Which labels, how, and what is told: the part of a run that has no judge."""

    structures: Structures = None
    limit: Limit = None
    jobs: Jobs = 1
    overwrite: Overwrite = False
    pseudonymise: Pseudonymise = False
    fail_on: FailOn = None
    bounds: Bounds = None
    as_json: Json = False
    quiet: Quiet = False
    verbose: Verbose = False
