"""`segassay fit` and `calibrate`: a judge becomes good, and honest, on data of one's own."""

from collections.abc import Sequence
from pathlib import Path

from segassay.data.case import Case, Dataset
from segassay.data.pair_table import read_pairs
from segassay.errors import UsageError
from segassay.models.place import require_free
from segassay.pipelines.configs import CalibrateConfig, FitConfig
from segassay.pipelines.gold_judge import GoldResult, make_gold_judge, open_base
from segassay.pipelines.keep_records import Progress
from segassay.pipelines.make_pairs import of_one_source
from segassay.pipelines.measure_gold import (
    Problem,
    faults_per_label,
    measure_case,
    measure_pairs,
)
from segassay.pipelines.open_pair import images_of
from segassay.scoring.fitting import GoldLabel
from segassay.scoring.slice_judge import SliceJudge

Found = tuple[list[GoldLabel], list[Problem]]


def fit_judge(config: FitConfig, *, progress: Progress | None = None) -> GoldResult:
    """Fit a judge to trusted labels, with faults planted in them, and write it to `config.out`.

    Images and labels are only read. Nothing is written before the end.

    Raises:
        DatasetError: The data set or the table of pairs cannot be read.
        ModelError: The judge cannot be loaded.
        UsageError: Labels come from several sources and none was chosen, there are too few, or
            the judge is of a kind that cannot be fitted.
        OutputError: The folder exists, or cannot be written.
    """
    require_free(config.out)
    base, judge = open_base(config.judge)
    dataset = of_one_source(config.source.open(), config.label_source)
    cases = [case for case in dataset.cases if case.labels][: config.limit]
    if not cases:
        raise UsageError(f"{dataset.name}: has no labels to fit to")
    gold, problems = _measure_cases(cases, dataset, judge, config.seed, progress)
    if config.pairs is not None:
        own, wrong = _measure_table(config.pairs, judge, None, progress)
        gold, problems = [*gold, *own], [*problems, *wrong]
    return make_gold_judge(
        gold, base, config.out, adapt=True, source=dataset.name, problems=tuple(problems)
    )


def calibrate_judge(config: CalibrateConfig, *, progress: Progress | None = None) -> GoldResult:
    """Calibrate a judge anew on a user's own predictions with gold; errors as in `fit_judge`."""
    require_free(config.out)
    base, judge = open_base(config.judge)
    gold, problems = _measure_table(config.table, judge, config.limit, progress)
    return make_gold_judge(
        gold, base, config.out, adapt=False, source=config.table.name, problems=tuple(problems)
    )


def _measure_cases(
    cases: Sequence[Case],
    dataset: Dataset,
    judge: SliceJudge,
    seed: int,
    progress: Progress | None,
) -> Found:
    n_faults = faults_per_label(cases)
    gold: list[GoldLabel] = []
    problems: list[Problem] = []
    for number, case in enumerate(cases, start=1):
        found = measure_case(case, judge, set_name=dataset.name, n_faults=n_faults, seed=seed)
        if isinstance(found, tuple):
            problems.append(found)
        else:
            gold += found
        if progress is not None:
            progress(number, len(cases), case.case_id)
    return gold, problems


def _measure_table(
    table: Path, judge: SliceJudge, limit: int | None, progress: Progress | None
) -> Found:
    groups = images_of(read_pairs(table))[:limit]
    gold: list[GoldLabel] = []
    problems: list[Problem] = []
    for number, group in enumerate(groups, start=1):
        for found in measure_pairs(group, judge):
            if isinstance(found, tuple):
                problems.append(found)
            else:
                gold.append(found)
        if progress is not None:
            progress(number, len(groups), group[0].case_id)
    return gold, problems
