"""The recipe of a judge: which data, which network, how long. Written as YAML in `recipes/`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from segassay.corruption.families import FAULTS
from segassay.errors import UsageError
from segassay.training.vlm_settings import VlmRecipe
from segassay.types import Modality


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SetRecipe(_Frozen):
    """One data set to learn from.

    `path` or `images` and `labels` are relative to the data root. `weight` is the share of draws
    (relative). `mirror` says what a left-right flip does: `free` where no side exists, `swap` where
    the sides in the names must be exchanged, `never` where the image itself has a side that its
    names do not tell. `plane` is the one that slices are taken in, by default as in use; sagittal
    slices are never mirrored, since a flip there is front to back. `structure` names the masks of
    an unnamed folder. `named` is false where the label names are numbers. `licence` is an SPDX
    identifier such as `CC-BY-4.0`, `research-only`, or the owner's own words, `source` where the
    data comes from: the judge's card tells both, and `None` is told as unknown. `predictions` is a
    folder of masks that somebody's network predicted, by structure as the labels. With `whole` all
    subjects train: of a set that no judge is tuned or tested on. `derived` sets are made of others
    (`training.material.derived`): what their labels show only the context tells.
    """

    name: str
    path: str | None = None
    images: str | None = None
    labels: str | None = None
    structure: str | None = None
    modality: Modality | None = None
    weight: float = Field(default=1.0, gt=0)
    mirror: Literal["free", "swap", "never"] = "swap"
    named: bool = True
    plane: Literal["usual", "axial", "coronal", "sagittal"] = "usual"
    licence: str | None = Field(default=None, min_length=1)
    source: str | None = Field(default=None, min_length=1)
    predictions: str | None = None
    whole: bool = False
    derived: bool = False

    @model_validator(mode="after")
    def _says_whose_predictions(self) -> "SetRecipe":
        if self.predictions is not None and self.images is None:
            raise ValueError("predictions need images and labels, not a path")
        return self


class PairRecipe(_Frozen):
    """How pairs are drawn; shares of all pairs, the rest is a fault on a slice with the structure.

    `network`: the mask of a segmenter that did not learn from the subject; a planted fault where
    no network saw anything. `gold`: the expert mask untouched. `blank_crop`: an empty slice of a
    mask that exists elsewhere. `absent`: a mask where the structure is not. `blank_field`: a mask
    empty everywhere. Of all pairs, `recolour` have single structures of another brightness. Of
    those without a name, `untold` are told nothing of modality and scale, either, and shown in
    random tones; a judge that met such pairs is told as little of labels without a name. A judge
    in context is shown none in the share `alone`, no features of the encoder in `blind`, and
    no close-ups in `no_close_ups`. `parts` of fine masks, and a third of that of others, are seen
    in parts. `zoom` is the standard deviation of the crop's size, as a logarithm.
    """

    network: float = Field(default=0.0, ge=0)
    avoid: tuple[str, ...] = ()
    names: bool = True
    gold: float = Field(default=0.12, ge=0)
    blank_crop: float = Field(default=0.08, ge=0)
    absent: float = Field(default=0.08, ge=0)
    blank_field: float = Field(default=0.05, ge=0)
    name_dropout: float = Field(default=0.15, ge=0, le=1)
    modality_dropout: float = Field(default=0.2, ge=0, le=1)
    spacing_dropout: float = Field(default=0.2, ge=0, le=1)
    augment: float = Field(default=0.6, ge=0, le=1)
    recolour: float = Field(default=0.0, ge=0, le=1)
    untold: float = Field(default=0.0, ge=0, le=1)
    alone: float = Field(default=0.2, ge=0, le=1)
    blind: float = Field(default=0.15, ge=0, le=1)
    no_close_ups: float = Field(default=0.15, ge=0, le=1)
    parts: float = Field(default=0.0, ge=0, le=1)
    zoom: float = Field(default=0.12, ge=0, le=1)

    @field_validator("avoid")
    @classmethod
    def _families(cls, avoid: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(avoid) - set(FAULTS))
        if unknown:
            raise ValueError(f"no fault family {unknown[0]!r}; there are {', '.join(FAULTS)}")
        return avoid


class LossRecipe(_Frozen):
    """Weights of the parts of the loss; the map's cross-entropy has weight 1."""

    dice: float = 1.0
    outside: float = 0.2
    presence: float = 0.2
    kind: float = 0.1


class NumberLossRecipe(_Frozen):
    """Weights of the parts of the loss of judges that answer with a number; regression has 1.

    `margin` is the share of two labels' difference in Dice that their scores must keep.
    """

    rank: float = Field(default=0.5, ge=0)
    margin: float = Field(default=0.5, ge=0, le=1)
    size: float = Field(default=0.3, ge=0)
    presence: float = Field(default=0.2, ge=0)


class SegmenterRecipe(_Frozen):
    """How small segmenters are trained so that the judge meets errors of real networks.

    Every kind is trained once per fold for `updates`; `snapshots` are the shares of them at which
    its weights are kept. `size` is the side of the letterboxed slice in pixels.
    """

    kinds: tuple[str, ...] = ("unet", "unet_plus_plus", "attention_unet")
    folds: int = Field(default=2, ge=2)
    updates: int = Field(default=1600, ge=1)
    snapshots: tuple[float, ...] = (0.1, 0.35, 1.0)
    size: int = Field(default=96, ge=32)
    batch: int = Field(default=16, ge=2)
    learning_rate: float = Field(default=3e-3, gt=0)


class ShapeRecipe(_Frozen):
    """Images of random shapes with random contrast: `images` of them, drawn once.

    `weight` is their share of draws among the sets' weights; they have no names.
    """

    images: int = Field(default=300, ge=1)
    weight: float = Field(default=1.0, gt=0)


class ContextRecipe(_Frozen):
    """What a judge in context learns from: at most `slices` of a case and `most` of a set vote.

    `encoder` is an ONNX file, or a judge whose encoder is taken. `n_looks` are the features of the
    encoder that the judge itself is shown. With `derived` sets of pictures with predictions are
    shown once more with changed labels (`training.material.derived`), with so much of their weight.
    """

    encoder: str
    slices: int = Field(default=20, ge=1)
    most: int = Field(default=320, ge=2)
    n_looks: int = Field(default=64, ge=1)
    derived: float = Field(default=0.0, ge=0)


class JudgeRecipe(_Frozen):
    """Everything that a judge's training depends on.

    `network` is a key of `training.learning.networks.NETWORKS`.
    `start_from` names a judge (or its folder) of the same network whose weights are the start; its
    stages may be narrower by a whole factor. For the share `keep_of_start` the finished weights are
    those of the start (`training.learning.blend`). Every one of `devices` learns from `batch` pairs
    at a time. The training ends after `minutes` of learning, or, where `updates` is given, after so
    many of them on any machine. `calibration_labels` is about how many labels of each set, most of
    them with faults, the finished judge is calibrated on.
    """

    name: str
    start_from: str | None = None
    keep_of_start: float = Field(default=0.0, ge=0, lt=1)
    data: tuple[SetRecipe, ...] = Field(min_length=1)
    pairs: PairRecipe = PairRecipe()
    loss: LossRecipe = LossRecipe()
    number_loss: NumberLossRecipe = NumberLossRecipe()
    segmenters: SegmenterRecipe | None = None
    shapes: ShapeRecipe | None = None
    context: ContextRecipe | None = None
    network: str = "map"
    widths: tuple[int, ...] = (16, 32, 64, 128)
    vlm: VlmRecipe = VlmRecipe()
    batch: int = Field(default=64, ge=2)
    devices: int = Field(default=1, ge=1)
    minutes: float = Field(default=60.0, gt=0)
    updates: int | None = Field(default=None, ge=1)
    calibration_labels: int = Field(default=200, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    ema_halflife: int = Field(default=400, ge=1)
    echo: int = Field(default=2, ge=1)
    pool: int = Field(default=2048, ge=1)
    workers: int = Field(default=0, ge=0)
    seed: int = 0
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"

    @model_validator(mode="after")
    def _has_a_start(self) -> "JudgeRecipe":
        if self.keep_of_start and self.start_from is None:
            raise ValueError("keep_of_start needs start_from")
        if (self.context is not None) is not (self.network == "context"):
            raise ValueError("network: context and the section 'context' go together")
        return self


def read_recipe(path: Path) -> JudgeRecipe:
    """Read a recipe from YAML.

    A recipe may be `like` another file beside it: what it does not say is said there. `without`
    names sets of that recipe to leave out, in every plane they come in, `weights` new shares of
    draws by set.

    Raises:
        UsageError: The file is missing, is not YAML, or holds an unknown or impossible value.
    """
    try:
        return JudgeRecipe.model_validate(_read_values(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: {where}: {first['msg']} (got {first['input']!r})") from error


def _read_values(path: Path) -> Any:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such recipe; recipes lie in recipes/") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict) or "like" not in values:
        return values
    model = _read_values(path.parent / values.pop("like"))
    without, weights = values.pop("without", []), values.pop("weights", {})
    merged = _laid_over(model, values)
    _require_known(path, "without", without, merged["data"])
    _require_known(path, "weights", weights, merged["data"])
    left = _left(merged["data"], without)
    return {**merged, "data": [_weighed(entry, weights) for entry in left]}


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` with the values of `above`; what is a mapping in both is joined."""
    joined = {
        key: _laid_over(below[key], value) if isinstance(value, dict) and below.get(key) else value
        for key, value in above.items()
    }
    return {**below, **joined}


def _require_known(
    path: Path, key: str, wanted: Iterable[str], entries: list[dict[str, Any]]
) -> None:
    names = {entry["name"] for entry in entries}
    unknown = sorted(set(wanted) - names)
    if unknown:
        raise UsageError(f"{path}: {key}: {unknown[0]} is not among {', '.join(sorted(names))}")


def _left(entries: list[dict[str, Any]], without: list[str]) -> list[dict[str, Any]]:
    """Return the entries of the sets that stay; a set in several planes goes with all of them."""
    gone = {_place(entry) for entry in entries if entry["name"] in without}
    return [entry for entry in entries if _place(entry) not in gone]


def _weighed(entry: dict[str, Any], weights: dict[str, float]) -> dict[str, Any]:
    name = entry["name"]
    return {**entry, "weight": weights[name]} if name in weights else entry


def _place(entry: dict[str, Any]) -> Any:
    return entry.get("path") or entry.get("images")
