"""Training a judge: recipe and data in, a judge folder out. Stops and continues at any time."""

import shutil
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segassay.extras import require
from segassay.judge.documents.description import JudgeMeta
from segassay.judge.documents.judge_folder import (
    ENCODER,
    KNOWN_LOOKS,
    WEIGHTS,
    open_judge,
    write_checksums,
)
from segassay.judge.inputs.preprocess import JudgePreprocess
from segassay.training.curves import draw_curves
from segassay.training.error_networks.network_errors import MASKS
from segassay.training.gather_material import SEGMENTERS, gather_material, with_shapes
from segassay.training.release.calibrate_judge import calibrate_folder, write_uncalibrated
from segassay.training.release.calibration_rows import ROWS, read_calibration_rows
from segassay.training.release.judge_card import write_card
from segassay.types import Say

if TYPE_CHECKING:
    from segassay.training.material.material import Material
    from segassay.training.settings import JudgeRecipe


WORLDS = "worlds"
"""Folder beside a checkpoint: what the context says of every slice, a file per data set."""


@dataclass(frozen=True, slots=True)
class TrainedJudge:
    """Where the judge lies and how it did on labels of subjects kept from its weights.

    NaN and no labels where it was not calibrated.
    """

    folder: Path
    pearson: float
    mae: float
    n_labels: int


def train_judge(
    recipe_path: Path, data: Path, out: Path, *, say: Say, calibrate: bool = True
) -> TrainedJudge | None:
    """Train, export, calibrate and describe a judge.

    Args:
        recipe_path: YAML as in `recipes/`.
        data: Folder that the recipe's paths are relative to.
        out: Folder for checkpoint and curves (`curves.csv`, `curves.svg`); an interrupted training
            there is continued. The finished judge lies in `out / recipe name`.
        say: Gets a line of progress now and then.
        calibrate: Whether its scores are calibrated: an experiment that only ranks needs none.

    Returns:
        The judge; `None` in a process that only helped, where the recipe asks for several devices.

    Raises:
        UsageError: The recipe is missing or wrong, or its sets leave fewer than two subjects to
            calibrate on.
        MissingExtraError: torch is not installed.
    """
    require("torch", extra="train")
    from segassay.training.learning.course import HelperDone

    recipe = known_recipe(recipe_path)
    material = with_shapes(recipe, gather_material(recipe_path, recipe, data, out, say=say))
    if recipe.context is not None:
        from segassay.training.material.context_material import with_worlds

        worlds = out / WORLDS
        material = with_worlds(recipe.context, material, worlds, seed=recipe.seed, say=say)
    try:
        return _trained(recipe, material, data, out, say, calibrate=calibrate)
    except HelperDone:
        return None


def known_recipe(path: Path) -> "JudgeRecipe":
    """Read a recipe of a network that there is.

    Raises:
        UsageError: The recipe is missing or wrong.
        MissingExtraError: torch is not installed.
    """
    require("torch", extra="train")
    from segassay.training.learning.networks import network_of
    from segassay.training.settings import read_recipe

    recipe = read_recipe(path)
    network_of(recipe)
    return recipe


def _trained(
    recipe: "JudgeRecipe", material: "Material", data: Path, out: Path, say: Say, *, calibrate: bool
) -> TrainedJudge:
    from segassay.training.learning.loop import JudgeTraining

    training = JudgeTraining(recipe, material, out, say=drawing(out, say))
    net = training.run()
    folder = out / recipe.name
    meta = _export(folder, recipe, material, net, pairs=training.progress.pairs)
    minutes = round(training.progress.seconds / 60, 1)
    learned = {"minutes_trained": minutes, "device": training.progress.device or None}
    meta = meta.model_copy(update=learned)
    if not calibrate:
        write_uncalibrated(folder, meta)
        return TrainedJudge(folder, nan, nan, 0)
    masks = out / SEGMENTERS / MASKS if recipe.segmenters is not None else None
    result = calibrate_folder(folder, meta, recipe, data, material.splits, masks=masks, say=say)
    if material.worlds:
        _write_known_looks(folder, material)
    write_card(folder, open_judge(folder).meta, result)
    return TrainedJudge(folder, result.pearson, result.mae, result.n_labels)


def _write_known_looks(folder: Path, material: "Material") -> None:
    """Write what the images look like in which the judge was just tested."""
    from segassay.training.material.context_material import known_looks

    tested: dict[str, set[str]] = {}
    for row in read_calibration_rows(folder.parent / ROWS):
        tested.setdefault(row.set_name, set()).add(row.structure)
    known_looks(material.worlds, tested).save(folder / KNOWN_LOOKS)
    write_checksums(folder)


def drawing(out: Path, say: Say) -> Say:
    """Draw the curves anew whenever the training says how far it is."""

    def told(line: str) -> None:
        """Pass a line on, then draw the curves."""
        say(line)
        draw_curves(out)

    return told


def _export(
    folder: Path, recipe: "JudgeRecipe", material: "Material", net: Any, *, pairs: int
) -> JudgeMeta:
    """Write the network, to use and to train on from; return its description."""
    from segassay.judge.networks.onnx_file import write_weights
    from segassay.training.learning.export import describe, export_onnx
    from segassay.training.learning.start import with_earlier

    folder.mkdir(exist_ok=True)
    preprocess = JudgePreprocess(
        tells_nameless=recipe.pairs.untold == 0, frame_rule=1 if recipe.context is None else 3
    )
    onnx = folder / "judge.onnx"
    export_onnx(net, preprocess, onnx, network=recipe.network)
    write_weights(net.state_dict(), folder / WEIGHTS)
    if recipe.context is not None:
        from segassay.training.material.context_material import encoder_of

        shutil.copyfile(encoder_of(recipe.context), folder / ENCODER)
    meta = describe(recipe, material, preprocess, pairs=pairs, weights=onnx)
    if recipe.start_from is not None:
        meta = with_earlier(meta, recipe.start_from)
    return meta.model_copy(update={"parameters": sum(p.numel() for p in net.parameters())})
