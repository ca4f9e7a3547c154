"""Options that several verbs share, alone and in groups (see `cli.option_groups`)."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segassay.cli.console import PhaseProgress, tell
from segassay.cli.typed import typed_words
from segassay.errors import UsageError
from segassay.types import DEFAULT_JUDGE, Engine, Modality

if TYPE_CHECKING:
    from segassay.runs.configs import SourceConfig

SEVERAL = "<str,...>"
"""How help shows an option that takes several words, with commas between them or one by one."""

DatasetPath = Annotated[
    Path | None, typer.Argument(help="Data set folder (layout is detected) or manifest.")
]
Images = Annotated[Path | None, typer.Option("--images", help="Images, instead of a data set.")]
Labels = Annotated[Path | None, typer.Option("--labels", help="Their labels.")]
Structure = Annotated[
    str | None, typer.Option("--structure", help="Name of the labelled structure, as in 'liver'.")
]
Names = Annotated[
    Path | None,
    typer.Option("--names", help="labels.json or dataset.json that names the labels' values."),
]
ModalityName = Annotated[
    Modality | None,
    typer.Option("--modality", help="Kind of image, where the data does not tell it."),
]
SubjectRegex = Annotated[
    str | None,
    typer.Option(
        "--subject-regex", help="Regular expression; its first group is the subject in a case id."
    ),
]
PairTable = Annotated[
    Path, typer.Argument(help="Table with image, mask, gold, structure, subject and, if any, set.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Result folder; made if missing.")]
Structures = Annotated[
    list[str] | None,
    typer.Option(
        "--structures",
        "--only",
        metavar=SEVERAL,
        help="Use only these structures, as in 'liver,spleen'; may be repeated.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        help="Processes, each with one case in memory. Default: as many as cores and memory allow.",
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", help="Use only the first N cases.")]
ImageLimit = Annotated[int | None, typer.Option("--limit", help="Use only the first N images.")]
PartId = Annotated[
    int | None,
    typer.Option(
        "--part-id", help="Which part to do, counted from 1. Default: as the SLURM array says."
    ),
]
NumParts = Annotated[
    int | None,
    typer.Option(
        "--num-parts",
        help="Split the cases into this many parts. Default: as many as the SLURM array has tasks.",
    ),
]
LabelSource = Annotated[
    str | None,
    typer.Option(
        "--label-source", help="Whose labels to use as reference, where there are several."
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same result.")]
RecipeSeed = Annotated[
    int | None, typer.Option("--seed", help="The same seed gives the same result.")
]
RecipeFile = Annotated[Path | None, typer.Option("--config", help="Recipe (YAML), as in recipes/.")]
Updates = Annotated[int | None, typer.Option("--updates", help="Updates of the weights.")]
Minutes = Annotated[float | None, typer.Option("--minutes", help="Training time, in minutes.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Discard the run in OUT and start over.")
]
Pseudonymise = Annotated[
    bool, typer.Option("--pseudonymise", help="Replace case and subject ids in all results.")
]
FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        help="Exit with 4 on: error, warning or info and worse, or on a label: 'p_faulty>0.8' or "
        "'score<0.7'.",
    ),
]
Empty = Annotated[
    bool, typer.Option("--empty", help="Count labels without a voxel; reads every label file.")
]
Bounds = Annotated[
    Path | None,
    typer.Option("--bounds", help="Table label,lower,upper[,quantity] of plausible values."),
]
Json = Annotated[bool, typer.Option("--json", help="Print a JSON summary to stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="List every unusable label and every finding.")
]
EngineName = Annotated[
    Engine, typer.Option("--engine", help="onnx, or openvino: faster, slightly less exact.")
]
LearnMinutes = Annotated[
    float | None,
    typer.Option(
        "--learn",
        help="Let the judge learn these labels first, so many minutes a half; needs torch.",
    ),
]
PeerCount = Annotated[
    int,
    typer.Option(
        "--peers",
        help="Number of other cases that labels of structures new to the judge are compared with; "
        "0 for none.",
    ),
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
    modality: ModalityName = None

    def config(self) -> "SourceConfig":
        """Return the checked config; raises pydantic's `ValidationError`."""
        from segassay.runs.configs import SourceConfig

        return SourceConfig(
            path=self.dataset,
            images=self.images,
            labels=self.labels,
            structure=self.structure,
            names=self.names,
            subject_regex=self.subject_regex,
            modality=self.modality,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOptions:
    """Which of its labels."""

    structures: Structures = None
    limit: Limit = None
    overwrite: Overwrite = False

    def as_config(self) -> dict[str, Any]:
        """Return what `CasesConfig` takes."""
        names = tuple(self.structures or ())
        return {
            "structures": names,
            "limit": self.limit,
            "overwrite": self.overwrite,
            "argv": typed_words(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """Which judge is asked, what runs its network, and what helps it."""

    judge: JudgeName = DEFAULT_JUDGE
    engine: EngineName = Engine.ONNX
    peers: PeerCount = 10
    learn: LearnMinutes = None

    def as_config(self) -> dict[str, Any]:
        """Return what `AuditConfig` takes."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOptions:
    """Which share of the work, where several machines do it."""

    part_id: PartId = None
    num_parts: NumParts = None

    def as_config(self) -> dict[str, Any]:
        """Return what `CasesConfig` takes.

        In a job array of SLURM every task does a part, unless one of the options says otherwise.
        """
        found = None
        if self.part_id is None and self.num_parts is None:
            found = array_task(os.environ)
        if found is None:
            return {"part": self.part_id or 1, "parts": self.num_parts or 1}
        tell(f"part {found[0]} of {found[1]}, as SLURM's job array says; --num-parts 1 for all")
        return {"part": found[0], "parts": found[1]}


def array_task(variables: Mapping[str, str]) -> tuple[int, int] | None:
    """Return which task of how many of a SLURM job array this is, from 1; `None` if of none.

    Raises:
        UsageError: Its numbers have gaps, as in `--array=1,5,7`.
    """
    names = ("ID", "COUNT", "MIN", "MAX")
    told = [variables.get(f"SLURM_ARRAY_TASK_{name}", "") for name in names]
    if not all(text.isdecimal() for text in told):
        return None
    own, count, least, most = map(int, told)
    if most - least + 1 != count:
        raise UsageError(
            f"SLURM's job array has {count} tasks, from {least} to {most}: number them one "
            "after the other, or give --num-parts and --part-id"
        )
    return own - least + 1, count


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How `check` and `audit` go through a data set, and when they complain."""

    jobs: Jobs = None
    pseudonymise: Pseudonymise = False
    fail_on: FailOn = None
    bounds: Bounds = None
    verbose: Verbose = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TellOptions:
    """What is told, and where."""

    as_json: Json = False
    quiet: Quiet = False

    def progress(self) -> PhaseProgress:
        """Return what reports progress; it is silent where that was asked for."""
        return PhaseProgress(quiet=self.quiet)

    def say(self, line: str) -> None:
        """Tell what is going on, unless silence was asked for."""
        if not self.quiet:
            tell(line)
