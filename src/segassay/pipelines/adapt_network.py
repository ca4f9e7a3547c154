"""A judge's network learns on from trusted labels, kept apart from those that test it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segassay.data.case import Case, Dataset
from segassay.data.preprocess import JudgePreprocess
from segassay.data.splits import SubjectSplit
from segassay.errors import UsageError
from segassay.models.folder import CARD, WEIGHTS, JudgeFolder, open_judge, write_checksums
from segassay.scoring.calibration import Calibration
from segassay.types import DEFAULT_JUDGE, Modality, Say

if TYPE_CHECKING:
    from segassay.training.material import Material
    from segassay.training.settings import JudgeRecipe
    from segassay.training.store import StoredSet


_LEARNING_RATE = 3e-4
"""A fifth of what judges are trained with: what the network knows is to be kept."""

_SHAPES, _SHARE_OF_SHAPES = 60, 0.25
"""Random shapes beside the gold, so that the network does not learn its few images by heart."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a network is to learn from: labelled cases by subject, for some minutes of learning.

    `known` are the structures whose names it knows.
    """

    dataset: Dataset
    split: SubjectSplit
    known: frozenset[str]
    minutes: float
    seed: int


def require_adaptable(base: JudgeFolder) -> None:
    """Raise `UsageError` for a judge whose network cannot learn on from masks."""
    recipe = base.meta.get("recipe", {})
    if base.kind != "map" or "widths" not in recipe:
        raise UsageError(
            f"{base.path.name}: a judge of kind {base.kind!r} cannot learn on by --full; leave "
            f"--full out, or choose a judge that draws maps, such as {DEFAULT_JUDGE}"
        )


def adapt_network(base: JudgeFolder, lesson: Lesson, work: Path, *, say: Say) -> JudgeFolder:
    """Train on from a judge's weights and return the new judge, without correction or calibration.

    Subjects of `lesson.split.train` are learned from; those of `tuning` are only looked at.

    Args:
        base: The judge to start from, see `require_adaptable`.
        lesson: What to learn from.
        work: An empty folder, for checkpoints and the judge.
        say: Gets a line of progress every five minutes.

    Raises:
        CaseError: A file of the data set cannot be used.
        ModelError: The judge has no weights to train on from, or they do not fit its recipe.
    """
    from segassay.training.loop import JudgeTraining

    material = _material(lesson)
    training = JudgeTraining(_recipe(base, lesson, material), material, work, say=say)
    net = training.run()
    meta = {
        **base.meta,
        "adapted": {
            "minutes": round(training.progress.seconds / 60, 1),
            "updates": training.progress.updates,
            "pairs": training.progress.pairs,
        },
    }
    return _written(work / "judge", base, meta, training.recipe.network, net)


def _recipe(base: JudgeFolder, lesson: Lesson, material: "Material") -> "JudgeRecipe":
    from segassay.training.settings import JudgeRecipe

    earlier = base.meta["recipe"]
    return JudgeRecipe(
        name="adapted",
        start_from=str(base.path),
        data=tuple(stored.recipe for stored in material.train),
        network=earlier.get("network", "map"),
        widths=tuple(earlier["widths"]),
        minutes=lesson.minutes,
        learning_rate=_LEARNING_RATE,
        ema_halflife=50,
        pool=1024,
        seed=lesson.seed,
    )


def _material(lesson: Lesson) -> "Material":
    from segassay.training.material import Material
    from segassay.training.settings import ShapeRecipe
    from segassay.training.shapes import shape_set

    train = _sets(lesson, lesson.split.train)
    shapes = ShapeRecipe(images=_SHAPES, weight=_SHARE_OF_SHAPES * len(train))
    return Material(
        train=(*train, shape_set(shapes, seed=lesson.seed)),
        tuning=_sets(lesson, lesson.split.tuning),
        splits={lesson.dataset.name: lesson.split},
    )


def _sets(lesson: Lesson, subjects: tuple[str, ...]) -> "tuple[StoredSet, ...]":
    """Store the cases of subjects, a set for every modality, named and nameless apart.

    Names that the judge never learned are left out, in learning as in use: minutes are too short
    for a new one, and until it is learned it confuses. Nothing is mirrored: nobody has said whether
    these images have a side.
    """
    from segassay.training.settings import SetRecipe
    from segassay.training.store import load_set

    found = []
    for modality in dict.fromkeys(case.modality for case in lesson.dataset.cases):
        for named in (True, False):
            cases = tuple(_with_labels(lesson, modality, named=named))
            entry = SetRecipe(
                name=lesson.dataset.name, modality=modality, mirror="never", named=named
            )
            found.append(load_set(entry, replace(lesson.dataset, cases=cases), frozenset(subjects)))
    return tuple(stored for stored in found if stored.holders)


def _with_labels(lesson: Lesson, modality: Modality | None, *, named: bool) -> Iterator[Case]:
    """Return cases with those of their labels whose names are known, or with the others."""
    for case in lesson.dataset.cases:
        refs = tuple(ref for ref in case.labels if (ref.structure in lesson.known) is named)
        if refs and case.modality is modality:
            yield replace(case, labels=refs)


def _written(
    folder: Path, base: JudgeFolder, meta: dict[str, object], network: str, net: Any
) -> JudgeFolder:
    from segassay.training.export import export_onnx, write_weights

    folder.mkdir()
    export_onnx(net, JudgePreprocess(), folder / "judge.onnx", network=network)
    write_weights(net.state_dict(), folder / WEIGHTS)
    (folder / "meta.json").write_text(json.dumps(meta))
    (folder / "calibration.json").write_text(json.dumps(Calibration.identity().to_json()))
    (folder / CARD).write_bytes((base.path / CARD).read_bytes())
    write_checksums(folder)
    return open_judge(folder)
