"""Training a segmenter: data set and recipe in, a model folder out. Stops and goes on any time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np

from segassay.datasets.case import Case, Dataset
from segassay.datasets.splits import natural_key
from segassay.errors import CaseError, DatasetError, UsageError
from segassay.segment.examples import Doubt, Example, LabelWeights, Survey, prepare, survey
from segassay.segment.model_folder import ModelMeta, Noted, write_model
from segassay.segment.recipe import SegmentationRecipe
from segassay.segment.segmenter_training import SegmenterTraining
from segassay.types import Say, counted

_FEWEST_SUBJECTS = 3


@dataclass(frozen=True, slots=True)
class TrainedSegmenter:
    """Where the model lies, and the mean Dice of its weights on the validation subjects.

    NaN where there are none: with fewer than three subjects all of them train.
    """

    folder: Path
    dice: float
    updates: int
    n_training: int
    n_validation: int


@dataclass(frozen=True, slots=True, eq=False)
class LabelledExamples:
    """What is known of a data set, and its cases: those to learn from and those to validate on."""

    found: Survey
    train: Sequence[Example]
    tune: Sequence[Example]


def train_segmenter(
    dataset: Dataset,
    recipe: SegmentationRecipe,
    out: Path,
    *,
    weights: LabelWeights | None = None,
    doubt: Doubt | None = None,
    structures: Iterable[str] = (),
    validating: Collection[str] | None = None,
    say: Say,
) -> TrainedSegmenter:
    """Train a segmenter on the labels of a data set.

    Args:
        dataset: Cases without a label are left out.
        recipe: Network and course.
        out: Folder of the model; a training that was interrupted there goes on.
        weights: What labels are trusted; by default all alike.
        doubt: Tells which voxels of the training labels may be wrong: they count by as much less.
        structures: Which to learn; all by default.
        validating: Subjects that may choose the best weights, as of reference labels among weak
            ones; all by default.
        say: Gets a line of progress now and then.

    Raises:
        DatasetError: Nothing can be learned from the data set.
        UsageError: `out` holds a training by another recipe, or structures overlap and the loss
            gives every voxel one of them.
    """
    out.mkdir(parents=True, exist_ok=True)
    given = labelled_examples(
        dataset,
        recipe,
        weights=weights,
        doubt=doubt,
        structures=structures,
        validating=validating,
        say=say,
    )
    training = SegmenterTraining(given.found, recipe, given.train, given.tune, out, say)
    return trained(training, len(given.train))


def labelled_examples(
    dataset: Dataset,
    recipe: SegmentationRecipe,
    *,
    weights: LabelWeights | None = None,
    doubt: Doubt | None = None,
    structures: Iterable[str] = (),
    validating: Collection[str] | None = None,
    say: Say,
) -> LabelledExamples:
    """Read the labelled cases of a data set; arguments and errors as in `train_segmenter`."""
    found = survey(dataset, recipe, structures, say=say)
    if recipe.loss == "dice+ce" and not found.exclusive:
        raise UsageError(f"{dataset.name}: structures overlap; loss: dice+0.5bce lets them")
    held = _held_out(found.cases, recipe, validating)
    train, tune = [], []
    for case in found.cases:
        is_held = case.subject_id in held
        try:
            # Validation takes labels as they are, so that curves can be compared.
            one = prepare(case, found, weights or {}, None if is_held else doubt)
        except CaseError as error:
            say(f"{case.case_id}: {error}")
            continue
        if is_held:
            tune.append(one)
        elif any(one.weights.values()):
            train.append(one)
    if not train:
        raise DatasetError(f"{dataset.name}: no label with a weight above 0 is left to learn from")
    told = ", ".join(found.structures[:8]) + (" …" if len(found.structures) > 8 else "")
    n_train, n_tune = counted(len(train), "case"), counted(len(tune), "case")
    say(f"{n_train} to learn from, {n_tune} to validate on; {told}")
    return LabelledExamples(found, train, tune)


def trained(
    training: SegmenterTraining, n_cases: int, noted: Mapping[str, Noted] | None = None
) -> TrainedSegmenter:
    """Carry a training out and write its model; `noted` is kept in the model's description."""
    training.run()
    best = training.best if training.tune else nan
    meta = ModelMeta.of(
        training.found,
        training.recipe,
        exclusive=training.exclusive,
        best=best,
        updates=training.updates,
        n=n_cases,
        noted=noted,
    )
    write_model(training.out, meta, training.best_net())
    return TrainedSegmenter(training.out, best, training.updates, n_cases, len(training.tune))


def _held_out(
    cases: Sequence[Case], recipe: SegmentationRecipe, validating: Collection[str] | None
) -> set[str]:
    every = {case.subject_id for case in cases}
    subjects = sorted(every if validating is None else every & set(validating), key=natural_key)
    if len(subjects) < _FEWEST_SUBJECTS or not recipe.validation:
        return set()
    drawn = np.random.default_rng(recipe.seed).permutation(len(subjects))
    n = min(max(1, round(recipe.validation * len(subjects))), len(subjects) - 1)
    return {subjects[k] for k in drawn[:n]}
