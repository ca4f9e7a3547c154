"""The content of a judge's `meta.json`: what it is, sees, learned from and was tested on.

What a judge does not have is written down as `null`. Folders of version 0.1.0 are read with what
that version took for granted (`judge.documents.format_1`).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from segassay.judge.documents.format_1 import upgraded
from segassay.judge.documents.strict_reading import SHOWN, Count, Document, Positive, Share
from segassay.types import Modality

FORMAT = 2
"""Version of `meta.json`; goes up when its keys or their meaning change."""

Window = tuple[float, float]
Figures = dict[str, int | float | tuple[float, float] | None]
"""Figures by name, as `metrics.summary.agreement` has them; `None` for one that is not defined."""


class JudgeKind(StrEnum):
    """Which code runs a judge, see `judge.scoring.loading`."""

    MAP = "map"
    CONTEXT = "context"
    DIRECT = "direct"
    HALVES = "halves"
    QUALITY_SENTINEL = "quality_sentinel"


class MeasuredOn(StrEnum):
    """What an adapted judge's figures and intervals were measured on."""

    OWN = "own predictions"
    SYNTHETIC = "synthetic faults only"
    UNVOUCHED = "synthetic faults in labels that nobody vouches for"


class SliceSettings(Document):
    """All that decides what a judge of slices sees: `judge.inputs.preprocess.JudgePreprocess`.

    `hu_rule`, `axis_rule` and `frame_rule` are versions of code: which images hold Hounsfield units
    (`images.intensity.holds_hu`), along which axis slices are taken (`images.slicing`), and which
    slices are looked at through which boxes (`judge.scoring.plan`). `version` is that of all the
    rest.
    """

    crop_px: int = Field(ge=8, le=1024)
    field_px: int = Field(ge=8, le=1024)
    crop_factor: float = Field(gt=0)
    min_pixels: float = Field(gt=0)
    clip: float = Field(gt=0)
    largest_px: int = Field(ge=1)
    largest_slice_px: int = Field(ge=1)
    tells_nameless: bool
    window_hu: Window
    hu_rule: Literal[1]
    axis_rule: Literal[1]
    frame_rule: Literal[1, 3]
    version: Literal[1]


class SentinelSettings(Document):
    """What Quality Sentinel sees: `judge.inputs.sentinel_input`.

    `window_hu` is `null` where images are stretched between their own ends, after images in
    Hounsfield units were cut to `soft_window_hu`.
    """

    window_hu: Window | None
    soft_window_hu: Window
    margin_px: Literal[20]
    size_px: Literal[256]
    most_slices: Literal[10]
    hu_rule: Literal[1]
    axis_rule: Literal[1]
    version: Literal[1]


class VotingSettings(Document):
    """How labels of other slices vote: `judge.context.votes.Voting`."""

    temperature: float = Field(gt=0)
    place: float = Field(ge=0)
    least_belief: float = Field(ge=0, le=1)
    candidates: int = Field(ge=1, le=1000)
    per_subject: int = Field(ge=1)


class ContextSettings(Document):
    """What a judge sees of the context: `judge.context.context_inputs`; `version` is the code's."""

    n_looks: int = Field(ge=1)
    voting: VotingSettings
    version: Literal[1]


class SamplingSettings(Document):
    """How many slices are examined, and where: `images.slicing.Sampling`."""

    inside: int = Field(ge=1, le=10_000)
    beyond: tuple[Positive, ...]


class Counts(Document):
    """How many labels of how many subjects a judge was tested on."""

    labels: Count
    subjects: Count


class Evidence(Counts):
    """The same with the kinds of images, none where nobody wrote them down.

    `untouched` is the median score of labels that were left as their experts drew them.
    """

    modalities: tuple[Modality, ...]
    untouched: Share | None


class _Recipe(BaseModel):
    """Keeps what a later or earlier recipe says besides: a record, which no score depends on."""

    model_config = ConfigDict(frozen=True, extra="allow")


class RecipeSet(_Recipe):
    """One data set of a recipe."""

    name: str
    path: str | None = None
    images: str | None = None
    labels: str | None = None
    licence: str | None = None
    source: str | None = None
    modality: Modality | None = None
    plane: str = "usual"
    predictions: str | None = None
    whole: bool = False


class RecipePairs(_Recipe):
    """How a recipe draws pairs."""

    untold: float = 0.0


class Recipe(_Recipe):
    """The recipe that a judge was trained by, `training.settings.JudgeRecipe`."""

    data: tuple[RecipeSet, ...]
    network: str = "map"
    widths: tuple[int, ...] = ()
    echo: int = 1
    keep_of_start: float = 0.0
    pairs: RecipePairs = RecipePairs()
    segmenters: dict[str, Any] | None = None


class LearningRecord(Document):
    """How long a network learned on from somebody's labels."""

    minutes: float
    updates: Count
    pairs: Count


class NetworkFit(LearningRecord):
    """Whether a network that learned on was `kept`, and why.

    `mae` and `pearson` are of the subjects held out: `unadapted`, `light` and `full`.
    """

    kept: bool
    learned_from: Count
    held_out: Count
    mae: dict[str, float]
    pearson: dict[str, float]


class Benefit(StrEnum):
    """Whether a new judge is better than the one it was made from, on subjects left out of it."""

    BETTER = "better"
    NO_BETTER = "no_better"
    NOT_TESTED = "not_tested"
    """Too few subjects leave nothing to test on."""


class ContextKept(Document):
    """What a fitted judge keeps of trusted cases as its context (`judge.context.context_memory`).

    `slices` of so many `subjects`, `features` numbers for each patch of a slice; `named` tells
    whether the subjects are kept by their names.
    """

    subjects: Count
    slices: Count
    features: Count
    named: bool


class Adaptation(Document):
    """What `segassay fit`, `learn` or `calibrate` made of a judge, and how good it then was.

    Attributes:
        by: The verb.
        base: The judge that it was made from.
        source: Name of the data.
        on: What the figures were measured on.
        labels: Labels in all.
        subjects: Subjects that figures and intervals rest on.
        corrected: Whether raw scores are corrected.
        evidence: Labels and subjects of every structure.
        benefit: Whether the new judge is better than its base; `None` after `learn`.
        unadapted: Figures of the base.
        fitted: Figures of this judge on the same labels; `None` where nothing is left to test on.
        light: Figures of a fit without learning, where the network learned on and was kept.
        full: What came of the network's learning, where it learned on.
        compared_with: Trusted cases that labels are compared with.
        context: What is kept of trusted cases as context, by a judge that reads any.
        minutes: How long each half learned (`learn`).
        known_before: Images that the base had learned from (`learn`).
    """

    by: Literal["fit", "calibrate", "learn"]
    base: str
    source: str
    on: MeasuredOn
    labels: Count
    subjects: Count
    corrected: bool
    evidence: dict[str, Counts]
    benefit: Benefit | None = None
    unadapted: Figures
    fitted: Figures | None
    light: Figures | None = None
    full: NetworkFit | None = None
    compared_with: Count = 0
    context: ContextKept | None = None
    minutes: float | None = None
    known_before: Count = 0


class SourceFile(Document):
    """A file that a judge was imported from."""

    file: str
    sha256: str


def _settings_of(value: Any) -> str:
    """Say whose settings a value is: only Quality Sentinel's have a margin."""
    keys = value if isinstance(value, Mapping) else dir(value)
    return "sentinel" if "margin_px" in keys else "slices"


class JudgeMeta(Document):
    """The content of `meta.json`.

    Attributes:
        format: Version of this document.
        kind: Which code runs the judge.
        model_id: Name, date and part of the checksum of its weights.
        structures: Canonical names that it learned.
        preprocess: What it sees.
        sampling: Which slices it examines; `None` for Quality Sentinel, which has its own way.
        context: What it sees of the context; only judges of kind `context` read any.
        evidence: What it was tested on, by structure.
        training_voxels: Checksums of the voxels of images that it learned from.
        training_images: Checksums of their files, from before voxels were summed up.
        training_subjects: Subjects by set and part, `train` and `tuning`.
        recipe: How it was trained.
        started_from: The judge whose weights were the start.
        pairs_seen: Pairs that it was shown, those of its start included.
        minutes_trained: How long the last training took.
        device: What kind of device learned.
        parameters: Of its network.
        tuning: Figures on subjects kept from the weights.
        learning: How long it learned on, until `adaptation` says so.
        adaptation: What it was made of, where it was fitted, taught or calibrated.
        learned: For a judge of halves, checksums of the images that each half learned from.
        imported: The files it was imported from, where it is a published model.
    """

    format: Literal[2]
    kind: JudgeKind
    model_id: str = Field(min_length=1)
    structures: tuple[str, ...]
    preprocess: Annotated[
        Annotated[SliceSettings, Tag("slices")] | Annotated[SentinelSettings, Tag("sentinel")],
        Discriminator(_settings_of),
    ]
    sampling: SamplingSettings | None
    context: ContextSettings | None = None
    evidence: dict[str, Evidence]
    training_voxels: tuple[str, ...]
    training_images: tuple[str, ...]
    training_subjects: dict[str, dict[str, tuple[str, ...]]]
    recipe: Recipe | None
    started_from: str | None
    pairs_seen: Count | None
    minutes_trained: float | None
    device: str | None
    parameters: Count | None
    tuning: dict[str, int | float] | None
    learning: LearningRecord | None
    adaptation: Adaptation | None
    learned: tuple[tuple[str, ...], tuple[str, ...]] | None
    imported: dict[str, SourceFile] | None

    OPTIONAL: ClassVar[tuple[str, ...]] = (
        *("sampling", "recipe", "started_from", "pairs_seen", "minutes_trained", "device"),
        "parameters",
        *("tuning", "learning", "adaptation", "learned", "imported"),
    )
    """Keys that may be `null`."""

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Describe a judge of today; what is not given of `OPTIONAL` it does not have."""
        nothing: dict[str, Any] = dict.fromkeys(cls.OPTIONAL)
        return cls.model_validate({"format": FORMAT, **nothing, **values})

    @classmethod
    def of_today(cls, data: Any) -> Any:
        """Read the format of version 0.1.0, too, see `judge.documents.format_1`."""
        version = data.get("format") if isinstance(data, dict) else None
        if version == FORMAT:
            return data
        if version == 1 and version is not True:
            return upgraded(data)
        found = "no format" if version is None else f"format {version!r:.{SHOWN}}"
        raise ValueError(f"{found}, this version reads 1 and {FORMAT}")

    @property
    def sets(self) -> tuple[RecipeSet, ...]:
        """The data sets of its recipe; none where it is not known."""
        return () if self.recipe is None else self.recipe.data

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        of_slices = self.kind is not JudgeKind.QUALITY_SENTINEL
        if isinstance(self.preprocess, SliceSettings) is not of_slices:
            raise ValueError(f"preprocess is not that of a judge of kind {self.kind.value}")
        if (self.sampling is not None) is not of_slices:
            raise ValueError(f"sampling is not that of a judge of kind {self.kind.value}")
        if (self.context is not None) is not (self.kind is JudgeKind.CONTEXT):
            raise ValueError(f"context is not that of a judge of kind {self.kind.value}")
        if (self.learned is not None) is not (self.kind is JudgeKind.HALVES):
            raise ValueError(f"learned is not that of a judge of kind {self.kind.value}")
        return self
