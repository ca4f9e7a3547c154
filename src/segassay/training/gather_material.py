"""All that a judge learns from: expert labels, masks of networks, random shapes."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from segassay.datasets.splits import SubjectSplit
from segassay.errors import UsageError
from segassay.training.error_networks.network_errors import with_network_errors
from segassay.types import Say

if TYPE_CHECKING:
    from segassay.training.material.material import Material
    from segassay.training.settings import JudgeRecipe

SEGMENTERS = "segmenters"
"""Folder beside a checkpoint: the networks whose errors a judge meets, and their masks."""


def gather_material(
    recipe_path: Path, recipe: "JudgeRecipe", data: Path, out: Path, *, say: Say
) -> "Material":
    """Read the sets of a recipe and have its segmenters err on them.

    Args:
        recipe_path: Named where something is wrong.
        recipe: What is in it.
        data: Folder that its paths are relative to.
        out: The training's folder; networks and masks in `out / SEGMENTERS` are made once.
        say: Gets a line of progress now and then.

    Raises:
        UsageError: Fewer than two subjects are left to calibrate on.
    """
    from segassay.training.material.material import load_material

    material = load_material(recipe, data, say=say)
    _require_tuning(recipe_path, recipe, material.splits)
    out.mkdir(parents=True, exist_ok=True)
    if recipe.segmenters is not None:
        material = with_network_errors(recipe, material, out / SEGMENTERS, say=say)
    return material


def with_shapes(recipe: "JudgeRecipe", material: "Material") -> "Material":
    """Add the recipe's random shapes to what is learned from."""
    from segassay.training.material.random_shape_sets import shape_set

    if recipe.shapes is None:
        return material
    return replace(material, train=(*material.train, shape_set(recipe.shapes, seed=recipe.seed)))


def _require_tuning(path: Path, recipe: "JudgeRecipe", splits: dict[str, SubjectSplit]) -> None:
    """Refuse before the training what calibration would refuse after it."""
    places = {entry.name: entry.path or entry.images for entry in recipe.data}
    subjects = {(places[name], one) for name, split in splits.items() for one in split.tuning}
    if len(subjects) < 2:
        raise UsageError(
            f"{path}: its sets keep {len(subjects)} subjects for calibration, which needs 2; "
            "add cases (a set of 20 keeps 2 of them) or a second set"
        )
