"""A segmenter on disk: a folder as judges have.

model.onnx            the network, patches in, probabilities out
segmenter.json        how images are seen, structures, recipe, what came of the training
weights.safetensors   to train on from
card.md               what it is, what it learned from, how well it does
curves.csv            loss and validation Dice during training
SHA256SUMS            checksums of all files; a model whose files do not match is refused
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from segassay.errors import ModelError
from segassay.files.checksums import CHECKSUMS, verify_checksums, write_checksums
from segassay.judge.documents.strict_reading import Document, read_document
from segassay.segment.preprocess import Preprocessing
from segassay.segment.recipe import SegmentationRecipe

if TYPE_CHECKING:
    from torch import nn

    from segassay.segment.examples import Survey

MODEL, META, WEIGHTS, CARD = "model.onnx", "segmenter.json", "weights.safetensors", "card.md"
CHECKPOINT = "checkpoint.pt"
"""To go on training from; no part of the model."""

_NEEDED = (MODEL, META, CARD)


Noted = str | int | float | bool | None
"""A value of what is noted of a training besides its recipe."""


class ModelMeta(Document):
    """What a segmenter is.

    Attributes:
        format: Version of this document.
        structures: Names, in the order of the maps.
        exclusive: Whether its maps are background and structures, of which every voxel has one;
            else each structure has a map of its own.
        preprocessing: How images are seen.
        recipe: How it was trained.
        updates: How long.
        training_cases: On how many cases.
        validation_dice: Mean Dice on the validation subjects, `None` without any.
        made_at: When, UTC.
        noted: What a training with images without labels was (`semisup`); `None` of others.
    """

    format: int = 1
    structures: tuple[str, ...]
    exclusive: bool
    preprocessing: Preprocessing
    recipe: SegmentationRecipe
    updates: int
    training_cases: int
    validation_dice: float | None
    made_at: datetime
    noted: dict[str, Noted] | None = None

    @classmethod
    def of(
        cls,
        found: "Survey",
        recipe: SegmentationRecipe,
        *,
        exclusive: bool,
        best: float,
        updates: int,
        n: int,
        noted: Mapping[str, Noted] | None = None,
    ) -> "ModelMeta":
        """Describe what a training gave; `best` is NaN without validation."""
        return cls(
            structures=found.structures,
            exclusive=exclusive,
            preprocessing=found.preprocessing,
            recipe=recipe,
            updates=updates,
            training_cases=n,
            validation_dice=None if isnan(best) else round(best, 5),
            made_at=datetime.now(UTC).replace(microsecond=0),
            noted=None if noted is None else dict(noted),
        )


def write_model(folder: Path, meta: ModelMeta, net: "nn.Module") -> None:
    """Write a trained network and its description; checksums come last and make it whole."""
    import torch
    from torch import nn

    from segassay.judge.networks.onnx_file import write_onnx, write_weights

    class Probabilities(nn.Module):
        """The network with what turns logits to probabilities."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, patch: torch.Tensor) -> torch.Tensor:
            """Map patches to probabilities."""
            said = self.net(patch)
            return torch.softmax(said, 1) if meta.exclusive else torch.sigmoid(said)

    (folder / CHECKSUMS).unlink(missing_ok=True)
    pre = meta.preprocessing
    example = torch.zeros(2, pre.inputs, *pre.patch)
    names = (("patch",), ("probabilities",))
    write_onnx(Probabilities(), (example,), folder / MODEL, names=names)
    # A tensor that a network knows by several names is written under the first of them.
    own = {value.data_ptr(): name for name, value in reversed(net.state_dict().items())}
    state = {name: v for name, v in net.state_dict().items() if own[v.data_ptr()] == name}
    write_weights(state, folder / WEIGHTS)
    (folder / META).write_text(meta.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / CARD).write_text(card(meta), encoding="utf-8")
    write_checksums(folder, _NEEDED, without=[CHECKPOINT])


def open_model(folder: Path) -> ModelMeta:
    """Verify a model folder and read its description.

    Raises:
        ModelError: It is none, or a file is missing or differs from its checksum.
    """
    if not (folder / META).is_file():
        raise ModelError(f"{folder.name}: no {META}; give the folder that `train seg` wrote")
    verify_checksums(folder, _NEEDED)
    return read_document(folder / META, ModelMeta)


def card(meta: ModelMeta) -> str:
    """Return the model's card as Markdown."""
    pre, recipe = meta.preprocessing, meta.recipe
    how = "slices" if pre.axes == 2 else "blocks"
    spacing = "scaled to the patch" if pre.spacing_mm is None else f"{pre.spacing_mm} mm"
    dice = "none" if meta.validation_dice is None else f"{meta.validation_dice:.3f}"
    noted = meta.noted or {}
    besides, chosen = "", ", which also chose its weights"
    if noted:
        judge = f", judge {noted['judge_id']}" if "judge_id" in noted else ""
        besides = (
            f"| and without labels from | {noted['unlabelled_images']} images: {noted['method']}, "
            f"quality {noted['quality']}{judge} |\n"
        )
    if noted.get("select") == "last":
        chosen = "; its weights are the last"
    return f"""# Segmenter

A {recipe.network} that segments {", ".join(meta.structures)}.

| | |
|---|---|
| learned from | {meta.training_cases} cases, {meta.updates} updates of {recipe.batch} patches |
{besides}| mean Dice on the validation subjects | {dice} |
| sees | {how} in patches of {" x ".join(map(str, pre.patch))} pixels, {spacing} |
| made | {meta.made_at:%Y-%m-%d} |

It was tested on nothing but the validation subjects{chosen}. Try it on cases
of your own before you trust it: `segassay predict`, then `segassay audit` of what it drew.
"""
