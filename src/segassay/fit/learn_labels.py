"""`segassay learn`: a judge learns a data set's own labels, in halves that judge each other."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Case
from segassay.datasets.one_source import of_one_source
from segassay.datasets.read_case import read_case
from segassay.datasets.splits import SubjectSplit
from segassay.errors import CaseError, UsageError
from segassay.fit.adapt_network import (
    Lesson,
    adapt_network,
    learning_of,
    require_adaptable,
    require_learning,
    tested_on,
)
from segassay.fit.fit_config import LearnConfig
from segassay.fit.gold_card import gold_card
from segassay.fit.gold_figures import evidence_of, figures_of
from segassay.fit.gold_judge import GoldResult, open_base
from segassay.fit.measure_gold import Planting, faults_per_label, measure_cases
from segassay.images.volume import voxel_sha256
from segassay.judge.calibration.fitting import (
    FEWEST_LABELS,
    GoldLabel,
    columns,
    fit,
    left_out,
    subjects_of,
)
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.documents.description import (
    Adaptation,
    Evidence,
    JudgeKind,
    JudgeMeta,
    MeasuredOn,
)
from segassay.judge.documents.judge_folder import (
    CARD,
    OTHER,
    OTHER_CALIBRATION,
    JudgeFolder,
    model_id,
    write_checksums,
    write_document,
)
from segassay.judge.documents.new_folder import put_in_place, require_writable
from segassay.types import Progress, Say, counted

FEWEST = 8
"""Subjects: with fewer a half is too small for one wrong label not to teach its fault."""

MOST = 60
"""Subjects, drawn by lot: more are not learned in minutes, and their images fill the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """A network that learned half of the subjects, tried on faults planted in the other half.

    Attributes:
        meta: Its description: names that it learned and was tested on.
        network: Its file.
        images: Checksums of the images of the subjects that it learned from.
        rows: Labels of the other half, as it measures them.
        stated: Value, low and high of these labels `(n, 3)`, each by a calibration that its subject
            had no part in; `None` where too few would be left to make one.
        calibration: From raw to expected Dice, made on all of them.
    """

    meta: JudgeMeta
    network: Path
    images: frozenset[str]
    rows: tuple[GoldLabel, ...]
    stated: NDArray[np.float64] | None
    calibration: Calibration


def learn_labels(config: LearnConfig, *, progress: Progress | None = None, say: Say) -> GoldResult:
    """Let a judge learn labels that nobody vouches for, and write it to `config.out`.

    Two networks learn from half of up to sixty subjects each, and judge the other half; see
    `judge.scoring.cross_fitted_judge`. Images and labels are only read. Nothing is written before
    the end.

    Args:
        config: What to learn from, and how long.
        progress: Told of every case that was measured by the judge as it is.
        say: Told of the halves, and of learning now and then.

    Raises:
        DatasetError: The data set cannot be read.
        MissingExtraError: torch, or what goes with it, is not installed.
        ModelError: The judge cannot be loaded, or has no weights to train on from.
        UsageError: There are fewer than eight subjects with labels, labels come from several
            sources and none was chosen, or the judge's network cannot learn.
        OutputError: The folder exists, or cannot be written.
    """
    require_writable(config.out)
    require_learning()
    base, judge = open_base(config.judge)
    require_adaptable(base)
    dataset = of_one_source(config.source.open(), config.label_source)
    cases = drawn(dataset.cases, config.limit, config.seed)
    planting = Planting(dataset.name, faults_per_label(cases), config.seed)
    measured = measure_cases(cases, judge, planting, progress=progress)
    before, problems = measured.labels, measured.problems
    halves = halved(before, problems, config.seed)
    with tempfile.TemporaryDirectory(prefix="segassay-") as work:
        taught = []
        for number, learned in enumerate(halves):
            say(f"fold {number + 1} of 2: training on {counted(len(learned), 'subject')}")
            split = SubjectSplit(learned, halves[1 - number], ())
            lesson = Lesson(
                replace(dataset, cases=measured.cases), split, config.minutes, config.seed
            )
            place = Path(work) / str(number)
            place.mkdir()
            images = images_of(dataset.cases, frozenset(learned), measured.images)
            taught.append(_taught(base, lesson, planting, images, place, say))
        about = _about(base, dataset.name, before, taught)
        put_in_place(config.out, lambda fresh: _fill(fresh, config.out.name, base, taught, about))
    return GoldResult(config.out, about, tuple(problems))


def drawn(cases: Sequence[Case], limit: int | None, seed: int) -> tuple[Case, ...]:
    """Return the labelled cases of the subjects to learn from, in their order.

    Of the subjects of the first `limit` labelled cases up to sixty, drawn by lot, each with all its
    labelled cases, and fewer where they have more than two each.

    Raises:
        UsageError: There are fewer than eight.
    """
    labelled = [case for case in cases if case.labels]
    subjects = sorted({case.subject_id for case in labelled[:limit]})
    _require_enough(len(subjects), "")
    counts = Counter(case.subject_id for case in labelled)
    chosen: set[str] = set()
    n_cases = 0
    for subject in np.random.default_rng(seed).permutation(subjects)[:MOST].tolist():
        n_cases += counts[subject]
        if len(chosen) < FEWEST or n_cases <= 2 * MOST:
            chosen.add(subject)
    return tuple(case for case in labelled if case.subject_id in chosen)


def images_of(
    cases: Sequence[Case], subjects: frozenset[str], known: Mapping[str, str]
) -> frozenset[str]:
    """Return checksums of all images of some subjects that can be read; `known` those of cases.

    Also of those that nothing was learned from: who learned one image of a patient is not to judge
    another.
    """
    found = set()
    for case in cases:
        if case.subject_id not in subjects:
            continue
        image = known.get(case.case_id) or read_case(case, (), channels=False).image
        if not isinstance(image, CaseError):
            found.add(image if isinstance(image, str) else voxel_sha256(image.array))
    return frozenset(found)


def _require_enough(n_subjects: int, reason: str) -> None:
    if n_subjects < FEWEST:
        raise UsageError(
            f"labels of {n_subjects} subjects could be used{reason}, expected at least {FEWEST}: "
            "too few to teach two networks; give more cases, or fit to trusted ones with "
            "`segassay fit`"
        )


def halved(
    rows: Sequence[GoldLabel], problems: Sequence[tuple[str, str]], seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide the subjects by lot into two halves; those that share an image stay together.

    `problems` are cases that could not be used, and why.

    Raises:
        UsageError: There are fewer than eight, or too few labels to calibrate on.
    """
    owners = dict(zip((row.subject for row in rows), subjects_of(rows).tolist(), strict=True))
    groups = sorted(set(owners.values()))
    _require_enough(len(groups), f" ({problems[0][0]}: {problems[0][1]})" if problems else "")
    order = np.random.default_rng(seed).permutation(len(groups))
    first = {groups[number] for number in order[::2]}
    sides = ([s for s in owners if (owners[s] in first) is here] for here in (True, False))
    one, two = (tuple(sorted(side)) for side in sides)
    fewest = min(sum(row.subject in set(side) for row in rows) for side in (one, two))
    if fewest < FEWEST_LABELS:
        raise UsageError(
            f"{fewest} labels of a half could be measured, with the faults planted in them, "
            f"expected at least {FEWEST_LABELS}: give more cases"
        )
    return one, two


def _taught(
    base: JudgeFolder,
    lesson: Lesson,
    planting: Planting,
    images: frozenset[str],
    work: Path,
    say: Say,
) -> Half:
    folder, judge = open_base(str(adapt_network(base, lesson, work, say=say).path))
    others = set(lesson.split.tuning)
    cases = [case for case in lesson.dataset.cases if case.subject_id in others]
    rows = measure_cases(cases, judge, planting).labels
    labels = columns(rows, corrected=False)
    return Half(
        meta=tested_on(folder.meta, rows, cases),
        network=folder.onnx,
        images=images,
        rows=tuple(rows),
        stated=left_out(labels, adapt=False),
        calibration=fit(labels, adapt=False).calibration,
    )


def _about(
    base: JudgeFolder, source: str, before: Sequence[GoldLabel], halves: Sequence[Half]
) -> Adaptation:
    rows = [row for half in halves for row in half.rows]
    unadapted = np.array([row.stated for row in before])
    stated = [half.stated for half in halves if half.stated is not None]
    known = base.training_images
    return Adaptation(
        by="learn",
        base=base.meta.model_id,
        source=source,
        on=MeasuredOn.UNVOUCHED,
        labels=len(rows),
        # A calibration rests on one half.
        subjects=min(len({*subjects_of(half.rows).tolist()}) for half in halves),
        minutes=learning_of(halves[0].meta).minutes,
        known_before=len({row.image for row in before if row.image in known}),
        corrected=False,
        evidence=evidence_of(rows),
        unadapted=figures_of(before, unadapted),
        fitted=figures_of(rows, np.concatenate(stated)) if len(stated) == len(halves) else None,
    )


def _fill(
    fresh: Path, name: str, base: JudgeFolder, halves: Sequence[Half], about: Adaptation
) -> None:
    for half, network, calibration in zip(
        halves, ("judge.onnx", OTHER), ("calibration.json", OTHER_CALIBRATION), strict=True
    ):
        shutil.copyfile(half.network, fresh / network)
        write_document(fresh / calibration, half.calibration.to_document())
    evidence = _joined([half.meta.evidence for half in halves])
    meta = base.meta.model_copy(
        update={
            "kind": JudgeKind.HALVES,
            "model_id": model_id(name, fresh / "calibration.json"),
            "structures": tuple(sorted(evidence)),
            "evidence": evidence,
            "learned": tuple(tuple(sorted(half.images)) for half in halves),
            "learning": None,
            "adaptation": about,
        }
    )
    write_document(fresh / "meta.json", meta)
    (fresh / CARD).write_text(gold_card(meta.model_id, about, base.card), encoding="utf-8")
    write_checksums(fresh)


def _joined(evidence: Sequence[dict[str, Evidence]]) -> dict[str, Evidence]:
    """Return the labels, subjects and kinds of image of structures that both halves know."""
    found: dict[str, Evidence] = {}
    for name in set.intersection(*({*half} for half in evidence)):
        own = [half[name] for half in evidence]
        found[name] = Evidence(
            labels=sum(counts.labels for counts in own),
            subjects=sum(counts.subjects for counts in own),
            modalities=tuple(sorted({kind for counts in own for kind in counts.modalities})),
            untouched=None,
        )
    return found
