"""Quality Sentinel trained on a recipe's data instead of its own: the rival, as a judge folder.

The published network with its own crops, loss and schedule, from random weights, on the data,
subjects and faults of a recipe. The folder it leaves is a judge like any other. Its scores have no
interval, it takes images of any kind, stretched between their own darkest and brightest values, and
it does not see missing slices or empty masks. Sets whose names are numbers, and planes other than
the usual, are left out: the method needs a name and looks at slices as they were drawn.

Usage: python -m benchmarks.baselines.train_sentinel DATA_ROOT [--recipe FILE] [-o FOLDER]
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from benchmarks.baselines.sentinel_pairs import sentinel_material, text_vectors
from benchmarks.baselines.sentinel_training import SentinelTraining
from benchmarks.frozen_test.frozen import HERE, RUNS
from segassay.judge.documents.corrections import UncalibratedFile
from segassay.judge.documents.description import JudgeKind, JudgeMeta
from segassay.judge.documents.judge_folder import CARD, write_checksums, write_document
from segassay.judge.inputs.sentinel_input import preprocess_json
from segassay.judge.networks.sentinel_export import write_sentinel
from segassay.training.gather_material import gather_material
from segassay.training.learning.export import provenance
from segassay.training.material.material import Material
from segassay.training.release.terms import list_sources, say_terms
from segassay.training.settings import JudgeRecipe, read_recipe
from segassay.training.train_judge import drawing
from segassay.types import Say


def main() -> None:
    """Train, or go on training, and write the judge into `FOLDER/RECIPE NAME`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    recipe_path = HERE.parent / "recipes" / "quality-sentinel.yaml"
    parser.add_argument("--recipe", type=Path, default=recipe_path)
    parser.add_argument("-o", "--out", type=Path, default=RUNS / "quality-sentinel")
    options = parser.parse_args()
    recipe = read_recipe(options.recipe)
    material = gather_material(options.recipe, recipe, options.data, options.out, say=print)
    print(train_sentinel(recipe, material, options.out, say=drawing(options.out, print)))


@dataclass(frozen=True, slots=True)
class TrainedSentinel:
    """Where the judge lies, and how it did on crops of slices of subjects kept from its weights."""

    folder: Path
    pearson: float
    mae: float
    n_crops: int


def train_sentinel(
    recipe: JudgeRecipe, material: Material, out: Path, *, say: Say
) -> TrainedSentinel:
    """Train Quality Sentinel from random weights and export it.

    Args:
        recipe: Its sets without names and in other planes than the usual are left out.
        material: What that recipe's pairs are drawn from.
        out: Folder for checkpoint and curves; the judge lies in `out / recipe name`.
        say: Gets a line of progress now and then.

    Raises:
        UsageError: No set has names, or no mask that is drawn meets its structure.
    """
    material = sentinel_material(material)
    training = SentinelTraining(recipe, material, out, say=say)
    net, pearson, mae, n_crops = training.run()
    folder = out / recipe.name
    folder.mkdir(exist_ok=True)
    n_parameters = write_sentinel(net.state_dict(), text_vectors(material.structures), folder)
    meta = JudgeMeta.of(
        **provenance(
            recipe, material, pairs=training.progress.pairs, weights=folder / "judge.onnx"
        ),
        kind=JudgeKind.QUALITY_SENTINEL,
        preprocess=preprocess_json(window=False),
        parameters=n_parameters,
        minutes_trained=round(training.progress.seconds / 60, 1),
        tuning={"crops": n_crops, "pearson": round(pearson, 4), "mae": round(mae, 4)},
    )
    write_document(folder / "meta.json", meta)
    write_document(folder / "calibration.json", UncalibratedFile(as_released=True))
    (folder / CARD).write_text(_card(meta), encoding="utf-8")
    write_checksums(folder)
    return TrainedSentinel(folder, pearson, mae, n_crops)


def _card(meta: JudgeMeta) -> str:
    tuning, sets = meta.tuning or {}, ", ".join(meta.training_subjects)
    return f"""# {meta.model_id}

Quality Sentinel (Chen, Zhou, Yuille, arXiv 2406.00327) trained anew, **without pretraining**: a
baseline for research, no verdict on the published weights. Not a medical device. {say_terms(meta)}

## What it is

A ResNet-50 of {(meta.parameters or 0) / 1e6:.1f} M parameters that predicts the Dice of a slice;
the score is the mean over at most ten slices with mask, as published. Network, crop, choice of
slices, loss, optimiser and schedule are the published ones. Different are

- the start: random weights, not ImageNet's;
- the time: {meta.minutes_trained or 0:.0f} minutes, {meta.pairs_seen} crops, not thirty epochs;
- the data: {sets}; faults as for the other judges, drawn where they overlap the structure by 20
  pixels, as published;
- the vectors of the names: this package's own instead of CLIP's;
- the grey range: an image's own 0.1 and 99.9 percentiles, since most of these images hold no
  Hounsfield units.

## How well it does

On {tuning["crops"]:.0f} crops of subjects kept from the weights: Pearson {tuning["pearson"]:.3f},
mean absolute error {tuning["mae"]:.3f}. It gives no interval, is not calibrated, and does not see
missing slices, cut ends or empty masks.

## What it learned from

{list_sources(meta)}
"""


if __name__ == "__main__":
    main()
