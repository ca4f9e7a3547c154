"""Training a segmenter with labelled and unlabelled images: a model folder as `train seg` makes."""

from collections.abc import Iterable
from pathlib import Path

from segassay.datasets.case import Dataset
from segassay.errors import CaseError, DatasetError
from segassay.segment.examples import Example, prepare_image
from segassay.segment.recipe import SegmentationRecipe
from segassay.segment.train_segmenter import (
    LabelledExamples,
    TrainedSegmenter,
    labelled_examples,
    trained,
)
from segassay.semisup.semi_recipe import SemiRecipe
from segassay.semisup.semi_training import SemiTraining, usual_modality
from segassay.types import Say, counted


def train_semisup(
    labelled: Dataset,
    unlabelled: Dataset,
    recipe: SemiRecipe,
    out: Path,
    *,
    structures: Iterable[str] = (),
    say: Say,
) -> TrainedSegmenter:
    """Train a segmenter on labelled images and on images without labels.

    Images are prepared as the labelled ones are. Of the unlabelled data set every image counts,
    with or without a label; those of validation subjects are left out of it.

    Args:
        labelled: Cases without a label are left out.
        unlabelled: Images without labels; labels there are not looked at.
        recipe: Network, course, method and judge.
        out: Folder of the model; a training that was interrupted there goes on.
        structures: Which to learn; all by default.
        say: Gets a line of progress now and then.

    Raises:
        DatasetError: Nothing can be learned from the labelled data, or no unlabelled image can be
            used though the method needs some.
        ModelError: The judge is missing or damaged.
        UsageError: `out` holds a training by another recipe, or the judge cannot guide.
    """
    out.mkdir(parents=True, exist_ok=True)
    given = labelled_examples(labelled, recipe, structures=structures, say=say)
    images = list(_images(unlabelled, labelled, given, say))
    if not images and (recipe.method != "supervised" or recipe.regularises):
        raise DatasetError(f"{unlabelled.name}: no image can be used without its label")
    modality = usual_modality([case.modality for case in unlabelled.cases])
    say(
        f"{counted(len(images), 'image')} without labels; {recipe.method}, quality {recipe.quality}"
    )
    training = SemiTraining(given, images, recipe, out, say, modality=modality)
    chosen = "the last weights are kept"
    if not training.keeps_last:
        chosen = "the weights that validate best on labelled subjects kept apart are kept"
    say(f"{chosen}; no test data is looked at")
    # A judge may be given as a folder: of it the model keeps the name alone.
    own = recipe.model_dump(exclude={*SegmentationRecipe.model_fields, "judge"})
    noted = {**own, "unlabelled_images": len(images)}
    if training.judge is not None:
        noted["judge_id"] = training.judge.model_id
    return trained(training, len(given.train), noted)


def _images(
    unlabelled: Dataset, labelled: Dataset, given: LabelledExamples, say: Say
) -> Iterable[Example]:
    """Prepare the unlabelled images but those of validation cases, and of their subjects."""
    ids = {one.case_id for one in given.tune}
    held = {path for case in given.found.cases if case.case_id in ids for path in case.images}
    # Subjects of another data set may have the same names and be others.
    subjects = {one.subject for one in given.tune} if unlabelled.root == labelled.root else set()
    for case in unlabelled.cases:
        if case.subject_id in subjects or not held.isdisjoint(case.images):
            continue
        try:
            yield prepare_image(case, given.found)
        except CaseError as error:
            say(f"{case.case_id}: {error}")
