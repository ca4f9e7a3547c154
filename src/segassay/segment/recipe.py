"""The recipe of a segmenter: which network sees what, and how it learns. Written as YAML."""

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segassay.errors import UsageError

Architecture = Literal["unet", "unet++", "attention-unet", "dynunet", "segresnet", "unet-lite0"]

_STEP = 32
"""Patches are multiples of this: networks halve them four or five times."""


class SegmentationRecipe(BaseModel):
    """How a segmenter is made; what is left out is chosen from the data.

    Attributes:
        network: Architecture. `unet-lite0` has the pretrained EfficientNet-Lite0 of the judge as
            its encoder, 2D only; the others are MONAI's and begin from scratch.
        axes: 2 sees slices, 3 blocks.
        neighbours: Slices seen on either side of the one that is segmented (2.5D); 2D only.
        width: Channels of the first level, a multiple of 8.
        patch: Side of what is seen at once, in pixels: one number, or one for every axis (slices,
            rows, columns in 3D; rows, columns in 2D).
        spacing_mm: Size of a pixel as it is seen, one number or one for every axis; by default the
            median of the training cases. Images without a spacing are scaled to the patch.
        loss: `dice+0.5bce` gives each structure a map of its own, so that structures may overlap;
            `dice+ce` gives every voxel one structure or background. By default the latter where no
            labels overlap.
        updates: Updates of the weights.
        minutes: End after so many minutes of learning instead; `None` for no limit.
        batch: Patches per update.
        learning_rate: Of AdamW at the start; it falls to a hundredth along a cosine.
        weight_decay: Of AdamW.
        encoder_rate: Learning rate of a pretrained encoder, as a share of the others'.
        foreground: Share of patches centred on a structure, all structures equally often.
        augment: Whether patches are turned, scaled, mirrored where sides do not matter, and given
            other tones.
        validation: Share of the subjects that choose the best weights and never train.
        look_every: Updates between two looks at the validation cases.
        save_every: Updates between two checkpoints.
        precision: Of Lightning Fabric; `auto` is bfloat16 where the machine computes in it.
        seed: Of weights, draws and the split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Architecture = "unet"
    axes: Literal[2, 3] = 2
    neighbours: int = Field(default=0, ge=0, le=3)
    width: int = Field(default=32, ge=8, multiple_of=8)
    patch: int | tuple[int, ...] = 160
    spacing_mm: float | tuple[float, ...] | None = None
    loss: Literal["dice+0.5bce", "dice+ce"] | None = None
    updates: int = Field(default=3000, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    batch: int = Field(default=8, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    encoder_rate: float = Field(default=0.3, ge=0, le=1)
    foreground: float = Field(default=0.5, ge=0, le=1)
    augment: bool = True
    validation: float = Field(default=0.2, ge=0, lt=1)
    look_every: int = Field(default=250, ge=1)
    save_every: int = Field(default=250, ge=1)
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    seed: int = 0

    @model_validator(mode="after")
    def _fits_together(self) -> "SegmentationRecipe":
        if self.axes == 3 and (self.neighbours or self.network == "unet-lite0"):
            raise ValueError("neighbours and unet-lite0 are for axes: 2")
        for name in ("patch", "spacing_mm"):
            given = getattr(self, name)
            if isinstance(given, tuple) and len(given) != self.axes:
                raise ValueError(f"{name}: one number, or {self.axes}, one for every axis")
        if any(side < _STEP or side % _STEP for side in self.patch_px):
            raise ValueError(f"patch: multiples of {_STEP}")
        if any(mm <= 0 for mm in self.spacing or ()):
            raise ValueError("spacing_mm: above 0")
        return self

    @property
    def patch_px(self) -> tuple[int, ...]:
        """Side of a patch along every axis that the network sees."""
        return self.patch if isinstance(self.patch, tuple) else (self.patch,) * self.axes

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Size of a pixel along every axis that the network sees; `None` to follow the data."""
        if self.spacing_mm is None or isinstance(self.spacing_mm, tuple):
            return self.spacing_mm
        return (self.spacing_mm,) * self.axes


R = TypeVar("R", bound=BaseModel)


def read_segmentation_recipe(path: Path | None, **given: Any) -> SegmentationRecipe:
    """Read the recipe of a segmenter; args and errors as in `read_recipe`."""
    return read_recipe(SegmentationRecipe, path, **given)


def read_recipe(kind: type[R], path: Path | None, **given: Any) -> R:
    """Read a recipe; what is `given` and not `None` holds before what it says.

    Raises:
        UsageError: It is missing, no YAML of a mapping, or says what no recipe of its kind can say.
    """
    said: Any = {}
    if path is not None:
        try:
            said = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UsageError(f"{path.name}: no recipe can be read ({error})") from error
    if not isinstance(said, dict):
        raise UsageError(f"{path.name if path else 'recipe'}: expected `name: value` lines")
    said |= {name: value for name, value in given.items() if value is not None}
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "recipe"
        raise UsageError(f"{where}: {first['msg']}") from error
