"""What can be asked of `segassay fit`, `learn` and `calibrate`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from segassay.runs.configs import SourceConfig
from segassay.types import DEFAULT_BASE


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
