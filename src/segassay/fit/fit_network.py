"""`segassay fit --full`: the network itself learns on, and stays only where that helps."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.case import Dataset
from segassay.datasets.splits import SubjectSplit
from segassay.errors import UsageError
from segassay.fit.adapt_network import Lesson, adapt_network, learning_of, tested_on
from segassay.fit.fit_config import FitConfig
from segassay.fit.gold_judge import FullFit, GoldResult, Problems, make_gold_judge, open_base
from segassay.fit.measure_gold import Planting, measure_cases, measure_table
from segassay.judge.calibration.adapter import beyond_noise
from segassay.judge.calibration.fitting import (
    FEWEST_LABELS,
    GoldLabel,
    columns,
    fit,
    left_out,
    subjects_of,
    typical_of,
)
from segassay.judge.calibration.trust import FEWEST_SUBJECTS
from segassay.judge.comparison.gold_cases import GoldCases
from segassay.judge.documents.description import NetworkFit
from segassay.judge.documents.judge_folder import JudgeFolder
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.metrics.agreement import mean_absolute_error, pearson
from segassay.types import Say, counted

_HELD_OUT = 0.25

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TrustedLabels:
    """Trusted labels as the judge that is fitted measures them.

    Attributes:
        dataset: Their data set, with the cases that could be used.
        planting: The faults that were planted.
        rows: The labels, those of the user's own predictions last.
        problems: Cases and rows that could not be used.
        compared_with: The cases that labels are compared with, if any.
    """

    dataset: Dataset
    planting: Planting
    rows: tuple[GoldLabel, ...]
    problems: Problems
    compared_with: GoldCases | None = None


def fit_network(
    config: FitConfig,
    base: JudgeFolder,
    gold: TrustedLabels,
    *,
    say: Say,
) -> GoldResult:
    """Let the network learn from some subjects, and keep it if it is better on the others.

    It must be better than the judge as it was, and than the light fit to the same subjects, on
    labels of subjects that it did not learn from, by more than chance would give. Then correction
    and calibration are made on these labels alone, since the network knows the others. Where it is
    not better, the judge is fitted lightly to all labels, as without `full`.

    Raises:
        UsageError: Labels come from one subject, or are too few.
        ModelError: The judge's weights do not fit its recipe.
        OutputError: The folder exists, or cannot be written.
    """
    learned, held = divide(gold.rows, config.seed)
    if len(held) < FEWEST_LABELS:
        raise UsageError(
            f"{gold.dataset.name}: {len(held)} labels of the subjects held out could be measured, "
            f"expected at least {FEWEST_LABELS}: give more cases, or leave --full out"
        )
    lesson = Lesson(gold.dataset, _split(learned, held), config.minutes, config.seed)
    n_learned, n_held = len(lesson.split.train), len(lesson.split.tuning)
    say(
        f"training the network on {counted(n_learned, 'subject')} for {config.minutes:g} minutes; "
        f"{counted(n_held, 'other')} decide whether the result is kept"
    )
    with tempfile.TemporaryDirectory(prefix="segassay-") as work:
        made = adapt_network(base, lesson, Path(work), say=say)
        folder, judge = open_base(str(made.path))
        again = _measured_again(config, gold, judge.comparing_with(gold.compared_with), lesson)
        wanted = {(row.subject, row.image) for row in held}
        after = [row for row in again if (row.subject, row.image) in wanted]
        folder = replace(folder, meta=tested_on(folder.meta, after, gold.dataset.cases))
        light = _light_fit(learned, held)
        adapted = across_subjects(after)
        kept = is_better(held, light[:, 0], adapted)
        about = NetworkFit(
            **learning_of(folder.meta).model_dump(),
            kept=kept,
            learned_from=n_learned,
            held_out=n_held,
            mae=_compared(held, light[:, 0], adapted, mean_absolute_error),
            pearson=_compared(held, light[:, 0], adapted, pearson),
        )
        full = FullFit(about, light if kept else None, frozenset(row.image for row in learned))
        rows = [replace(a, stated=h.stated) for a, h in zip(after, held, strict=True)]
        return make_gold_judge(
            (rows if kept else list(gold.rows), list(gold.problems)),
            folder if kept else base,
            config.out,
            adapt=True,
            source="reference cases" if config.private else gold.dataset.name,
            full=full,
            compared_with=gold.compared_with,
        )


def divide(rows: Sequence[GoldLabel], seed: int) -> tuple[list[GoldLabel], list[GoldLabel]]:
    """Divide labels into those to learn from and those of the subjects held out.

    A quarter of the subjects with trusted labels is held out, at least one; of eighteen and more
    at least the nine that an interval needs. Subjects that share an image stay together. A user's
    own predictions teach nothing: those of learned subjects are left out of both.

    Raises:
        UsageError: There is only one subject.
    """
    owners = subjects_of(rows)
    subjects = sorted({str(o) for o, row in zip(owners, rows, strict=True) if not row.own})
    if len(subjects) < 2:
        raise UsageError(
            f"--full needs trusted labels of at least 2 subjects, came {len(subjects)}: one to "
            "learn from, one to decide whether that helped; give more cases, or leave --full out"
        )
    n_held = max(1, round(_HELD_OUT * len(subjects)))
    if len(subjects) >= 2 * FEWEST_SUBJECTS:
        n_held = max(n_held, FEWEST_SUBJECTS)
    order = np.random.default_rng(seed).permutation(len(subjects))
    taught = {subjects[n] for n in order[n_held:]}
    learned = [r for o, r in zip(owners, rows, strict=True) if str(o) in taught and not r.own]
    held = [r for o, r in zip(owners, rows, strict=True) if str(o) not in taught]
    return learned, held


def across_subjects(after: Sequence[GoldLabel]) -> Floats:
    """Return what the new judge will say of each label, `(n,)`.

    That is its network's score, corrected and calibrated by a fit that the label's subject has no
    part in; the score itself where the subjects are too few for one.
    """
    stated = left_out(columns(after, corrected=False), adapt=True)
    return np.array([row.measured.raw for row in after]) if stated is None else stated[:, 0]


def is_better(held: Sequence[GoldLabel], light: Floats, adapted: Floats) -> bool:
    """Whether the adapted network's score is nearer to the truth than both others, beyond noise.

    Args:
        held: Labels of subjects held out, as the unadapted judge measures and states them.
        light: Score of the light fit for each of them, `(n,)`.
        adapted: Score of the judge with the adapted network, `(n,)`.
    """
    labels = columns(held, corrected=False)
    error = (adapted - labels.true) ** 2
    told = labels.decisive
    return all(
        beyond_noise(((value - labels.true) ** 2 - error)[told], labels.subjects[told])
        for value in (_stated(held), light)
    )


def _light_fit(learned: Sequence[GoldLabel], held: Sequence[GoldLabel]) -> Floats:
    """Return value, low and high of labels held out, `(n, 3)`, by the light fit to the others."""
    beside = typical_of(learned)
    fitted = fit(columns(learned, corrected=False), adapt=True)
    return fitted(columns(held, corrected=False, beside=beside))


def _split(learned: Sequence[GoldLabel], held: Sequence[GoldLabel]) -> SubjectSplit:
    train = tuple(sorted({row.subject for row in learned}))
    tuning = tuple(sorted({row.subject for row in held if not row.own}))
    return SubjectSplit(train, tuning, ())


def _measured_again(
    config: FitConfig,
    gold: TrustedLabels,
    judge: SliceJudge,
    lesson: Lesson,
) -> list[GoldLabel]:
    """Let the new judge measure the same labels, in the same order."""
    cases = [case for case in gold.dataset.cases if case.subject_id in set(lesson.split.tuning)]
    again = measure_cases(cases, judge, gold.planting).labels
    own = [] if config.pairs is None else measure_table(config.pairs, judge)[0]
    return [*again, *own]


def _compared(
    held: Sequence[GoldLabel], light: Floats, adapted: Floats, measure: Any
) -> dict[str, float]:
    true = np.array([row.true for row in held])
    values = {"unadapted": _stated(held), "light": light, "full": adapted}
    return {name: round(measure(value, true), 4) for name, value in values.items()}


def _stated(rows: Sequence[GoldLabel]) -> Floats:
    return np.array([row.stated[0] for row in rows])
