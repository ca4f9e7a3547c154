"""A judge's network learns on from trusted labels, kept apart from those that test it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segassay.datasets.case import Case, Dataset
from segassay.datasets.splits import SubjectSplit
from segassay.errors import ModelError, UsageError
from segassay.extras import require
from segassay.fit.gold_figures import evidence_of
from segassay.judge.calibration.fitting import GoldLabel
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.documents.description import Evidence, JudgeKind, JudgeMeta, LearningRecord
from segassay.judge.documents.judge_folder import (
    CARD,
    WEIGHTS,
    JudgeFolder,
    open_judge,
    write_checksums,
    write_document,
)
from segassay.judge.inputs.preprocess import JudgePreprocess
from segassay.types import DEFAULT_BASE, Say
from segassay.vocabulary.names import canonical_name

if TYPE_CHECKING:
    from segassay.training.material.material import Material
    from segassay.training.material.store import StoredSet
    from segassay.training.settings import JudgeRecipe


_LEARNING_RATE = 1.5e-3
"""What judges are trained with. At a fifth of it, and without new names, no adapted network was
ever kept (docs/decisions/0018)."""

_RECOLOURED = 0.3
"""Share of pairs with structures of another brightness: few images do not show all there are."""

_LOOKED_AT = 8
"""Subjects that are only looked at: all of them would fill the memory once more."""

_SHAPES, _SHARE_OF_SHAPES = 60, 0.25
"""Random shapes beside the gold, so that the network does not learn its few images by heart."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a network is to learn from: labelled cases by subject, for some minutes of learning."""

    dataset: Dataset
    split: SubjectSplit
    minutes: float
    seed: int


def require_learning() -> None:
    """Raise `MissingExtraError` where a network could not learn, or not be written afterwards."""
    for module in ("torch", "lightning_fabric", "onnx", "onnxscript", "safetensors"):
        require(module, extra="train")


def require_adaptable(base: JudgeFolder) -> None:
    """Refuse a judge whose network cannot learn on from masks.

    Raises:
        ModelError: It has no weights to train on from.
        UsageError: It is of another kind.
    """
    recipe = base.meta.recipe
    if base.meta.kind is not JudgeKind.MAP or recipe is None or not recipe.widths:
        raise UsageError(
            f"{base.path.name}: the network of a judge of kind {base.meta.kind.value!r} cannot "
            f"learn on; choose one that draws maps, such as {DEFAULT_BASE}"
        )
    base.require_weights()


def adapt_network(base: JudgeFolder, lesson: Lesson, work: Path, *, say: Say) -> JudgeFolder:
    """Train on from a judge's weights and return the new judge, without correction or calibration.

    Subjects of `lesson.split.train` are learned from; those of `tuning` are only looked at. The
    new judge knows the names it learned here and no others, since minutes at full rate on some
    structures cost what the network knew of others; which it was tested on, `tested_on` adds.

    Args:
        base: The judge to start from, see `require_adaptable`.
        lesson: What to learn from.
        work: An empty folder, for checkpoints and the judge.
        say: Gets a line of progress every five minutes.

    Raises:
        CaseError: A file of the data set cannot be used.
        ModelError: The judge's weights do not fit its recipe.
    """
    from segassay.training.learning.loop import JudgeTraining

    material = _material(lesson)
    training = JudgeTraining(_recipe(base, lesson, material), material, work, say=say)
    net = training.run()
    meta = base.meta.model_copy(
        update={
            "structures": tuple(canonical_name(name) for name in material.structures),
            "evidence": {},
            "learning": LearningRecord(
                minutes=round(training.progress.seconds / 60, 1),
                updates=training.progress.updates,
                pairs=training.progress.pairs,
            ),
        }
    )
    return _written(work / "judge", base, meta, training.recipe.network, net)


def learning_of(meta: JudgeMeta) -> LearningRecord:
    """Return how long the network of `adapt_network` learned; `ModelError` for another one."""
    if meta.learning is None:
        raise ModelError(f"{meta.model_id}: its network did not learn on")
    return meta.learning


def tested_on(meta: JudgeMeta, rows: Sequence[GoldLabel], cases: Sequence[Case]) -> JudgeMeta:
    """Return a judge's description that knows what it learned and was then tested on.

    Args:
        meta: As `adapt_network` wrote it.
        rows: Labels of subjects that it did not learn from, as it measured them.
        cases: Where these labels come from.
    """
    evidence: dict[str, Evidence] = {}
    for name, counts in evidence_of(rows).items():
        own = [c for c in cases if name in {canonical_name(ref.structure) for ref in c.labels}]
        kinds = {case.modality for case in own if case.modality}
        if name in meta.structures:
            evidence[name] = Evidence(
                **counts.model_dump(), modalities=tuple(sorted(kinds)), untouched=None
            )
    return meta.model_copy(update={"structures": tuple(sorted(evidence)), "evidence": evidence})


def _recipe(base: JudgeFolder, lesson: Lesson, material: "Material") -> "JudgeRecipe":
    from segassay.training.settings import JudgeRecipe, PairRecipe

    earlier = base.meta.recipe
    if earlier is None:
        raise ModelError(f"{base.path.name}: its recipe is not known, so it cannot learn on")
    return JudgeRecipe.model_validate(
        {
            "name": "adapted",
            "start_from": str(base.path),
            "data": tuple(stored.recipe for stored in material.train),
            "pairs": PairRecipe(recolour=_RECOLOURED, untold=earlier.pairs.untold),
            "network": earlier.network,
            "widths": earlier.widths,
            "minutes": lesson.minutes,
            "learning_rate": _LEARNING_RATE,
            "ema_halflife": 50,
            "pool": 1024,
            "seed": lesson.seed,
        }
    )


def _material(lesson: Lesson) -> "Material":
    from segassay.training.material.material import Material
    from segassay.training.material.random_shape_sets import shape_set
    from segassay.training.settings import ShapeRecipe

    train = _sets(lesson, lesson.split.train)
    shapes = ShapeRecipe(images=_SHAPES, weight=_SHARE_OF_SHAPES * len(train))
    return Material(
        train=(*train, shape_set(shapes, seed=lesson.seed)),
        tuning=_sets(lesson, lesson.split.tuning[:_LOOKED_AT]),
        splits={lesson.dataset.name: lesson.split},
    )


def _sets(lesson: Lesson, subjects: tuple[str, ...]) -> "tuple[StoredSet, ...]":
    """Store the cases of subjects, a set for every modality.

    Nothing is mirrored: nobody has said whether these images have a side.
    """
    from segassay.training.material.store import load_set
    from segassay.training.settings import SetRecipe

    found = []
    for modality in dict.fromkeys(case.modality for case in lesson.dataset.cases):
        cases = tuple(case for case in lesson.dataset.cases if case.modality is modality)
        entry = SetRecipe(name=lesson.dataset.name, modality=modality, mirror="never")
        own = replace(lesson.dataset, cases=cases)
        # What is left out was told when the labels were measured.
        found.append(load_set(entry, own, frozenset(subjects), say=lambda _: None))
    return tuple(stored for stored in found if stored.holders)


def _written(
    folder: Path, base: JudgeFolder, meta: JudgeMeta, network: str, net: Any
) -> JudgeFolder:
    from segassay.judge.networks.onnx_file import write_weights
    from segassay.training.learning.export import export_onnx

    folder.mkdir()
    export_onnx(net, JudgePreprocess(), folder / "judge.onnx", network=network)
    write_weights(net.state_dict(), folder / WEIGHTS)
    write_document(folder / "meta.json", meta)
    write_document(folder / "calibration.json", Calibration.identity().to_document())
    (folder / CARD).write_bytes((base.path / CARD).read_bytes())
    write_checksums(folder)
    return open_judge(folder)
