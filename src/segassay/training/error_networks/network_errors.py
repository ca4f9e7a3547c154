"""Errors of real networks for a judge's training: train small segmenters, use them on others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from segassay.errors import UsageError
from segassay.extras import require
from segassay.types import Say

if TYPE_CHECKING:
    from segassay.training.error_networks.folds import TrainedSegmenter
    from segassay.training.material.material import Material
    from segassay.training.material.store import StoredSet
    from segassay.training.settings import JudgeRecipe, SegmenterRecipe


MASKS = "masks"
"""Folder of the networks' masks, one file per case in a folder per data set."""


def with_network_errors(
    recipe: "JudgeRecipe", material: "Material", out: Path, *, say: Say
) -> "Material":
    """Train the recipe's segmenters in `out` and give every case their masks.

    Training subjects get masks of the networks of the other folds, tuning subjects of all. What
    is finished is kept: an interrupted run is continued by the same call.

    Raises:
        UsageError: The recipe has no `segmenters`.
    """
    from segassay.training.error_networks.folds import fold_of, structures_of, train_folds
    from segassay.training.material.material import Material

    if recipe.segmenters is None:
        raise UsageError(f"recipe {recipe.name} has no 'segmenters': nothing to train")
    settings = recipe.segmenters
    segmenters = train_folds(material.train, settings, out / "networks", say=say)
    structures = structures_of(material.train)
    masks = _MaskMaker(segmenters, structures, settings, out / MASKS, say)
    train = tuple(masks(store, fold_of(store, settings.folds)) for store in material.train)
    tuning = tuple(masks(store, {}) for store in material.tuning)
    return Material(train, tuning, material.splits)


@dataclass(frozen=True, slots=True)
class _MaskMaker:
    segmenters: "list[TrainedSegmenter]"
    structures: dict[str, tuple[str, ...]]
    settings: "SegmenterRecipe"
    folder: Path
    say: Say

    def __call__(self, store: "StoredSet", seen: Mapping[str, int]) -> "StoredSet":
        """Return the set with masks; `seen` maps subjects to the fold whose networks saw them."""
        from segassay.training.error_networks.folds import predict_set
        from segassay.training.material.store import StoredSet

        name = store.recipe.name
        done = predict_set(
            store,
            self.structures[name],
            self.segmenters,
            self.settings,
            self.folder,
            seen_fold=lambda case: seen.get(case.subject_id),
        )
        cases = tuple(replace(case, networks=masks) for case, masks in done)
        self.say(f"{name}: masks of networks for {len(cases)} cases")
        return StoredSet.of(store.recipe, cases)


def train_segmenters(recipe_path: Path, data: Path, out: Path, *, say: Say) -> int:
    """Do only the first part of a judge's training and return the number of cases with masks.

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
    from segassay.training.material.material import load_material
    from segassay.training.settings import read_recipe

    recipe = read_recipe(recipe_path)
    material = load_material(recipe, data, say=say)
    done = with_network_errors(recipe, material, out, say=say)
    return sum(len(store.cases) for store in (*done.train, *done.tuning))
