"""A diffusion model on disk: a folder as segmenters have.

synthesizer.json      shape of its images, structures, recipe, what it learned from
weights.safetensors   the averaged weights
card.md               what it is and what it must not be taken for
curves.csv            loss during training
SHA256SUMS            checksums of all files; a model whose files do not match is refused
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from segassay.errors import ModelError
from segassay.files.checksums import CHECKSUMS, verify_checksums, write_checksums
from segassay.judge.documents.strict_reading import Document, read_document
from segassay.synthesize.recipe import SynthesisRecipe
from segassay.synthesize.training_images import TrainingImages

if TYPE_CHECKING:
    from torch import nn

    from segassay.synthesize.denoiser import Denoiser

META, WEIGHTS, CARD = "synthesizer.json", "weights.safetensors", "card.md"
CHECKPOINT, CURVES = "checkpoint.pt", "curves.csv"

_NEEDED = (META, WEIGHTS, CARD)


class SynthesizerMeta(Document):
    """What a diffusion model is.

    Attributes:
        format: Version of this document.
        dataset: Name of the data set it learned from.
        training_images: How many images.
        training_subjects: Of how many subjects.
        training_sha256: Checksum of these images and their masks as they were seen.
        structures: What it is conditioned on, in the order of the channels; may be empty.
        channels: Values of a pixel: 1, or 3 for pictures in colour.
        shape: Rows and columns of its images.
        recipe: How it was trained.
        updates: How long.
        made_at: When, UTC.
    """

    format: int = 1
    dataset: str
    training_images: int
    training_subjects: int
    training_sha256: str
    structures: tuple[str, ...]
    channels: int
    shape: tuple[int, int]
    recipe: SynthesisRecipe
    updates: int
    made_at: datetime

    @classmethod
    def of(
        cls, dataset: str, training: TrainingImages, recipe: SynthesisRecipe, updates: int
    ) -> "SynthesizerMeta":
        """Describe what a training gave."""
        rows, columns = training.images.shape[2:]
        return cls(
            dataset=dataset,
            training_images=len(training.images),
            training_subjects=len(set(training.subjects)),
            training_sha256=training.sha256,
            structures=training.structures,
            channels=training.channels,
            shape=(rows, columns),
            recipe=recipe,
            updates=updates,
            made_at=datetime.now(UTC).replace(microsecond=0),
        )


def write_synthesizer(folder: Path, meta: SynthesizerMeta, net: "nn.Module") -> None:
    """Write a trained `Denoiser` and its description; checksums come last and make it whole."""
    from segassay.judge.networks.onnx_file import write_weights

    (folder / CHECKSUMS).unlink(missing_ok=True)
    write_weights(net.state_dict(), folder / WEIGHTS)
    (folder / META).write_text(meta.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / CARD).write_text(card(meta), encoding="utf-8")
    write_checksums(folder, _NEEDED, without=[CHECKPOINT])
    (folder / CHECKPOINT).unlink(missing_ok=True)


def open_synthesizer(folder: Path) -> tuple[SynthesizerMeta, "Denoiser"]:
    """Verify a model folder and read its description and its network.

    Raises:
        ModelError: A file is missing or differs from its checksum, or does not fit its description.
    """
    from safetensors.torch import load_file

    from segassay.synthesize.denoiser import Denoiser

    verify_checksums(folder, _NEEDED)
    meta = read_document(folder / META, SynthesizerMeta)
    net = Denoiser(meta.recipe, meta.channels, len(meta.structures))
    try:
        net.load_state_dict(load_file(folder / WEIGHTS))
    except RuntimeError as error:
        raise ModelError(f"{folder.name}: {WEIGHTS} does not fit {META}; train it again") from error
    return meta, net.eval()


def card(meta: SynthesizerMeta) -> str:
    """Return the model's card as Markdown."""
    recipe = meta.recipe
    rows, columns = meta.shape
    kind = "pictures in colour" if meta.channels == 3 else "grey images"
    masks = ", ".join(meta.structures) or "nothing"
    return f"""# Diffusion model

Draws synthetic images like those of {meta.dataset}.

| | |
|---|---|
| learned from | {meta.training_images} images of {meta.training_subjects} subjects |
| how long | {meta.updates} updates of {recipe.batch} images |
| draws | {kind} of {rows} x {columns} pixels |
| conditioned on masks of | {masks} |
| made | {meta.made_at:%Y-%m-%d} |

Its images show no patient, and no finding in them was ever in anybody. It learned from images of
patients and may have memorised some: images near a training image are not kept, but that check
sees copies, not every trace. Whoever may not have the training images should not have the model.
"""
