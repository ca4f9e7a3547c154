"""Errors of real networks for a judge's training: train small segmenters, use them on others."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from segassay.errors import UsageError
from segassay.extras import require

if TYPE_CHECKING:
    from segassay.training.material import Material
    from segassay.training.settings import JudgeRecipe

Say = Callable[[str], None]


def make_network_errors(recipe: "JudgeRecipe", material: "Material", out: Path, *, say: Say) -> int:
    """Train the recipe's segmenters in `out` and write their masks for every case.

    Training subjects get masks of the networks of the other folds, tuning subjects of all. What
    is finished is kept: an interrupted run is continued by the same call.

    Returns:
        Number of cases with masks.

    Raises:
        UsageError: The recipe has no `segmenters`.
    """
    from segassay.training.segmenters.folds import (
        fold_of,
        predict_set,
        structures_of,
        train_folds,
    )

    if recipe.segmenters is None:
        raise UsageError(f"recipe {recipe.name} has no 'segmenters': nothing to train")
    settings = recipe.segmenters
    segmenters = train_folds(material.train, settings, out / "networks", say=say)
    structures = structures_of(material.train)
    n_cases = 0
    for store in (*material.train, *material.tuning):
        folds = fold_of(store, settings.folds) if store in material.train else {}
        done = predict_set(
            store,
            structures[store.recipe.name],
            segmenters,
            settings,
            out / "masks",
            seen_fold=lambda case, folds=folds: folds.get(case.subject_id),
        )
        n_here = sum(1 for _ in done)
        say(f"{store.recipe.name}: masks of networks for {n_here} cases")
        n_cases += n_here
    return n_cases


def train_segmenters(recipe_path: Path, data: Path, out: Path, *, say: Say) -> int:
    """Do only the first part of a judge's training: the errors of real networks.

    Args:
        recipe_path: YAML as in `recipes/`, with `segmenters`.
        data: Folder that the recipe's paths are relative to.
        out: Folder for the networks and their masks.
        say: Gets a line of progress now and then.

    Raises:
        UsageError: The recipe is missing or wrong.
        MissingExtraError: torch is not installed.
    """
    require("torch", extra="train")
    from segassay.training.material import load_material
    from segassay.training.settings import read_recipe

    recipe = read_recipe(recipe_path)
    return make_network_errors(recipe, load_material(recipe, data, say=say), out, say=say)
