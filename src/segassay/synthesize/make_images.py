"""`segassay synthesize`: a data set in, synthetic images out. Resumes where it stopped.

    OUT/images/synthetic_00001.png …
    OUT/masks/STRUCTURE/synthetic_00001.png …   with conditioning: what each image was drawn to
    OUT/synthetic.json                          what they are, and how near to training images
    OUT/model/                                  the diffusion model, see `model_folder`

An image is drawn from the seed, its number and the number of the try, so that one that is missing
is drawn again as it was, and more images leave those before them as they are.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from PIL import Image

from segassay.datasets.case import Dataset
from segassay.errors import OutputError, UsageError
from segassay.files.atomic import create_whole, is_unfinished, write_whole
from segassay.files.checksums import CHECKSUMS, sha256_of
from segassay.files.strict_json import strict_json
from segassay.synthesize.denoiser import Denoiser, sample
from segassay.synthesize.masks import donors, varied
from segassay.synthesize.model_folder import SynthesizerMeta, open_synthesizer
from segassay.synthesize.nearest import TrainingDistances
from segassay.synthesize.recipe import SynthesisRecipe
from segassay.synthesize.train_synthesizer import train_synthesizer
from segassay.synthesize.training_images import (
    INSIDE,
    UNKNOWN,
    TrainingImages,
    gather_images,
)
from segassay.types import ExitCode, Progress, Say, ignore_progress

IMAGES, MASKS, MODEL, RECORD = "images", "masks", "model", "synthetic.json"

_TRIES = 10
"""Draws of an image at most, until one is not too near to a training image."""


@dataclass(frozen=True, slots=True)
class SynthesisResult:
    """What was drawn.

    Attributes:
        out: Folder of the images.
        n_images: Images that were asked for.
        n_before: Of these, how many an earlier run had drawn.
        too_near: Draws that were dropped, over all runs, as too near to a training image.
        undrawn: Names of images of which every draw was.
        failed: Ids of cases that could not be learned from, each with the reason.
    """

    out: Path
    n_images: int
    n_before: int
    too_near: int
    undrawn: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def exit_code(self) -> ExitCode:
        """3 where a case could not be read or an image could not be drawn, else 0."""
        return ExitCode.CASES_FAILED if self.failed or self.undrawn else ExitCode.DONE

    def to_json(self) -> dict[str, object]:
        """Return the summary printed with `--json`."""
        return {
            "out": self.out.name,
            "images": self.n_images,
            "before": self.n_before,
            "too_near": self.too_near,
            "undrawn": list(self.undrawn),
            "failed": dict(self.failed),
            "exit_code": int(self.exit_code),
        }


def synthesize(
    dataset: Dataset,
    recipe: SynthesisRecipe,
    out: Path,
    n_images: int,
    *,
    structures: Sequence[str] = (),
    say: Say,
    progress: Progress = ignore_progress,
) -> SynthesisResult:
    """Train a diffusion model on the images of a data set and draw synthetic ones.

    Args:
        dataset: Its labels are only needed with conditioning.
        recipe: Of the model.
        out: Folder of images and model; a run that was interrupted there goes on.
        n_images: Images there are to be; those that are there count.
        structures: With conditioning: on which; by default on all.
        say: Gets a line of progress of the training now and then.
        progress: Told of the drawing.

    Raises:
        UsageError: `out` holds other images, or a model by another recipe or from other images.
        DatasetError: Nothing can be learned from the data set.
        ModelError: The model in `out` was damaged.
    """
    record = _read(out / RECORD)
    if record is None and any(_files(out / IMAGES)):
        raise UsageError(
            f"{out.name}: holds {IMAGES}, but no {RECORD} that tells what they are; choose another "
            "folder for synthetic images"
        )
    training = gather_images(dataset, recipe, structures, say=say)
    if recipe.with_masks:
        donors(training)  # refuses before anything is learned
    train_synthesizer(dataset.name, training, recipe, out / MODEL, say=say)
    drawing = _Drawing(training, recipe, out, record)
    names = [f"synthetic_{number:05d}" for number in range(1, n_images + 1)]
    missing = [n for n, name in enumerate(names, start=1) if not drawing.image_path(name).exists()]
    before = n_images - len(missing)
    progress("images", before, n_images, "")
    for start in range(0, len(missing), recipe.batch):
        some = missing[start : start + recipe.batch]
        drawing.draw({names[number - 1]: number for number in some})
        progress("images", before + start + len(some), n_images, names[some[-1] - 1])
    return SynthesisResult(
        out=out,
        n_images=n_images,
        n_before=before,
        too_near=sum(int(one["too_near"]) for one in drawing.told.values()),
        undrawn=tuple(name for name in names if not drawing.image_path(name).exists()),
        failed=training.failed,
    )


class _Drawing:
    """Images drawn from a model, compared with its training images, written and recorded."""

    def __init__(
        self,
        training: TrainingImages,
        recipe: SynthesisRecipe,
        out: Path,
        record: Mapping[str, Any] | None,
    ) -> None:
        self.training, self.recipe, self.out = training, recipe, out
        self.meta, self.net = _opened(out / MODEL, training, recipe)
        self.device = Fabric(accelerator="auto", devices=1).device
        self.net.to(self.device)
        self.distances = TrainingDistances(training.images, training.subjects)
        self.donors = donors(training) if recipe.with_masks else np.arange(len(training.images))
        self.model_sha256 = sha256_of(out / MODEL / CHECKSUMS)
        if record is not None and record["model"]["sha256"] != self.model_sha256:
            raise UsageError(
                f"{out.name}: {RECORD} tells of images by another model; choose another folder"
            )
        self.told: dict[str, dict[str, Any]] = dict(record["images"]) if record is not None else {}

    def image_path(self, name: str) -> Path:
        """Return where an image lies."""
        return self.out / IMAGES / f"{name}.png"

    def draw(self, numbers: Mapping[str, int]) -> None:
        """Draw some images by name and number; what lies too near is drawn again."""
        self.told |= {name: {"too_near": 0} for name in numbers}
        files: dict[Path, bytes] = {}
        for attempt in range(_TRIES):
            left = [name for name in numbers if "sha256" not in self.told[name]]
            if not left:
                break
            images, masks, owners = self._drawn([numbers[name] for name in left], attempt)
            nearest = self.distances.nearest(images)
            for name, image, mask, owner, near in zip(
                left, images, masks, owners, nearest, strict=True
            ):
                told = self.told[name]
                if near.ratio < self.recipe.least_ratio:
                    told["too_near"] += 1
                    continue
                image_file = _png(image)
                files |= dict(self._mask_files(name, mask)) | {self.image_path(name): image_file}
                told |= {
                    "sha256": hashlib.sha256(image_file).hexdigest(),
                    "nearest": self.training.case_ids[near.index],
                    "distance": round(near.distance, 4),
                    "ratio": round(near.ratio, 4) if np.isfinite(near.ratio) else None,
                }
                if self.recipe.with_masks:
                    told["masks_of"] = self.training.case_ids[owner]
        self._write(files)

    def _drawn(
        self, numbers: Sequence[int], attempt: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int8], list[int]]:
        """Return images `(n, channels, rows, columns)`, their masks, and whose masks they were."""
        shape = (self.meta.channels, *self.meta.shape)
        noise, masks, owners = [], [], []
        for number in numbers:
            rng = np.random.default_rng((self.recipe.seed, number, attempt))
            noise.append(rng.standard_normal(shape, dtype=np.float32))
            owners.append(int(rng.choice(self.donors)))
            own = self.training.masks[owners[-1]]
            masks.append(varied(own, rng) if self.recipe.with_masks else own)
        condition = np.stack(masks)
        start, told = (
            torch.from_numpy(one).to(self.device)
            for one in (np.stack(noise), condition.astype(np.float32))
        )
        images = sample(self.net, self.recipe, start, told).float().cpu().numpy()
        return ((images + 1) * 127.5).round().astype(np.uint8), condition, owners

    def _mask_files(self, name: str, masks: NDArray[np.int8]) -> list[tuple[Path, bytes]]:
        """Return a file for every structure that is known in an image, an empty one, too."""
        return [
            (
                self.out / MASKS / structure / f"{name}.png",
                _png(np.where(mask == INSIDE, np.uint8(255), np.uint8(0))[None]),
            )
            for structure, mask in zip(self.training.structures, masks, strict=True)
            if (mask != UNKNOWN).any()
        ]

    def _write(self, files: Mapping[Path, bytes]) -> None:
        """Write the record, then files, an image after its masks: where it is, all of it is."""
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            content = strict_json(self._record(), indent=1)
            write_whole(self.out / RECORD, content.encode() + b"\n")
            for path, content_of_file in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                create_whole(path, content_of_file)
        except OSError as error:
            raise OutputError.of(self.out, error) from error

    def _record(self) -> dict[str, Any]:
        ratios = self.distances.ratios[np.isfinite(self.distances.ratios)]
        usual = np.percentile(ratios, (1, 50)) if ratios.size else (np.nan, np.nan)
        return {
            "format": 1,
            "dataset": self.meta.dataset,
            "seed": self.recipe.seed,
            "n_images": sum("sha256" in one for one in self.told.values()),
            "too_near": sum(int(one["too_near"]) for one in self.told.values()),
            "least_ratio": self.recipe.least_ratio,
            "ratio_of_training_images": {
                "percentile_1": round(float(usual[0]), 4),
                "median": round(float(usual[1]), 4),
            },
            "model": {
                "sha256": self.model_sha256,
                **self.meta.model_dump(mode="json", exclude={"format", "dataset"}),
            },
            "images": self.told,
        }


def _opened(
    folder: Path, training: TrainingImages, recipe: SynthesisRecipe
) -> tuple[SynthesizerMeta, Denoiser]:
    meta, net = open_synthesizer(folder)
    if meta.recipe != recipe:
        raise UsageError(
            f"{folder.parent.name}: holds a model by another recipe; give it again as it was, or "
            "choose another folder"
        )
    if meta.training_sha256 != training.sha256:
        raise UsageError(
            f"{folder.parent.name}: holds a model of other images ({meta.training_images} of "
            f"{meta.dataset}, now {len(training.images)}); choose another folder"
        )
    return meta, net


def _read(record: Path) -> dict[str, Any] | None:
    """Return what is told of images, `None` where there are none yet."""
    try:
        found = json.loads(record.read_bytes())
        return {"model": {"sha256": found["model"]["sha256"]}, "images": dict(found["images"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{record.name}: cannot be read ({error}); choose another folder"
        ) from error


def _files(folder: Path) -> list[Path]:
    return [one for one in folder.glob("*") if not is_unfinished(one)]


def _png(image: NDArray[np.uint8]) -> bytes:
    """Return `(channels, rows, columns)` as PNG, grey or in colour."""
    pixels = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, format="PNG")
    return file.getvalue()
