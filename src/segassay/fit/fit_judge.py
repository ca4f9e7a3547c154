"""`segassay fit` and `calibrate`: a judge becomes good, and honest, on data of one's own."""

from dataclasses import replace

from segassay.datasets.case import Case
from segassay.datasets.one_source import of_one_source
from segassay.errors import UsageError
from segassay.fit.adapt_network import require_adaptable, require_learning
from segassay.fit.fit_config import CalibrateConfig, FitConfig
from segassay.fit.fit_network import TrustedLabels, fit_network
from segassay.fit.gold_atlas import gold_cases
from segassay.fit.gold_judge import GoldResult, make_gold_judge, open_base
from segassay.fit.measure_gold import (
    Found,
    MeasuredCases,
    Planting,
    faults_per_label,
    measure_cases,
    measure_table,
)
from segassay.judge.context.context_memory import ContextMemory
from segassay.judge.documents.judge_folder import JudgeFolder
from segassay.judge.documents.new_folder import require_free, require_writable
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.types import Progress, Say, counted, ignore_progress, say_nothing


def fit_judge(
    config: FitConfig, *, progress: Progress | None = None, say: Say | None = None
) -> GoldResult:
    """Fit a judge to trusted labels, with faults planted in them, and write it to `config.out`.

    Images and labels are only read. Nothing is written before the end. A judge that reads the
    context keeps what such a judge needs of the trusted cases, and is measured in their context.

    Args:
        config: What to fit to what; with `full` the network itself learns on, see `fit_network`.
        progress: Told of every case that was measured.
        say: With `full`, gets a line of progress now and then, and one about a context.

    Raises:
        DatasetError: The data set or the table of pairs cannot be read.
        MissingExtraError: `full` was asked for, and torch is not installed.
        ModelError: The judge cannot be loaded.
        UsageError: Labels come from several sources and none was chosen, there are too few, or
            the judge is of a kind that cannot be fitted.
        OutputError: The folder exists, or cannot be written.
    """
    require_writable(config.out)
    base, judge = open_base(config.judge)
    _require_alike(base, judge, config)
    if config.full:
        require_learning()
        require_adaptable(base)
    dataset = of_one_source(config.source.open(), config.label_source)
    cases = tuple([case for case in dataset.cases if case.labels][: config.limit])
    if not cases:
        raise UsageError(f"{dataset.name}: has no labels to fit to")
    planting = Planting(dataset.name, faults_per_label(cases), config.seed)
    source = "reference cases" if config.private else dataset.name
    if isinstance(judge, ContextJudge):
        found, memory = _in_context(judge, cases, planting, config, progress, say or say_nothing)
        kept = memory.nameless() if memory is not None and config.private else memory
        return make_gold_judge(
            found,
            base,
            config.out,
            adapt=True,
            source=source,
            compared_with=kept,
            progress=progress or ignore_progress,
        )
    trusted = gold_cases(cases, dataset.name, config.atlas) if config.atlas else None
    judge = judge.comparing_with(trusted)
    measured, (rows, problems) = _measured(judge, cases, planting, config, progress)
    if config.full:
        gold = TrustedLabels(
            replace(dataset, cases=measured.cases), planting, tuple(rows), tuple(problems), trusted
        )
        return fit_network(config, base, gold, say=say or say_nothing)
    return make_gold_judge(
        (rows, problems),
        base,
        config.out,
        adapt=True,
        source=source,
        compared_with=trusted,
        progress=progress or ignore_progress,
    )


def calibrate_judge(config: CalibrateConfig, *, progress: Progress | None = None) -> GoldResult:
    """Calibrate a judge anew on a user's own predictions with gold; errors as in `fit_judge`."""
    require_free(config.out)
    base, judge = open_base(config.judge)
    return make_gold_judge(
        measure_table(config.table, judge, limit=config.limit, progress=progress),
        base,
        config.out,
        adapt=False,
        source=config.table.name,
        progress=progress or ignore_progress,
    )


def _measured(
    judge: SliceJudge,
    cases: tuple[Case, ...],
    planting: Planting,
    config: FitConfig,
    progress: Progress | None,
    phase: str = "cases measured",
) -> tuple[MeasuredCases, Found]:
    """Measure trusted labels, and the user's own predictions behind them if there are any."""
    measured = measure_cases(cases, judge, planting, progress=progress, phase=phase)
    rows, problems = measured.labels, measured.problems
    if config.pairs is not None:
        own, wrong = measure_table(config.pairs, judge, progress=progress)
        rows, problems = [*rows, *own], [*problems, *wrong]
    return measured, (rows, problems)


def _in_context(
    judge: ContextJudge,
    cases: tuple[Case, ...],
    planting: Planting,
    config: FitConfig,
    progress: Progress | None,
    say: Say,
) -> tuple[Found, ContextMemory | None]:
    """Measure labels as the judge states them today, then in the context of the trusted cases.

    No subject is in its own context. Of both measurements the second is learned from; the first
    tells what the judge would have said, to compare with.
    """
    before, (rows, problems) = _measured(judge, cases, planting, config, progress)
    tick = progress or ignore_progress
    memory = judge.reader.gather(before.cases, trusted=True, progress=tick)
    if memory is None:
        say("no context: no structure has labels of three subjects that can be read")
    else:
        say(f"judged in the context of {counted(memory.n_subjects, 'reference subject')}")
    fresh, phase = judge.with_reference(memory), "cases measured in context"
    _, (again, _) = _measured(fresh, before.cases, planting, config, progress, phase)
    stated = [replace(new, stated=old.stated) for new, old in zip(again, rows, strict=True)]
    return (stated, problems), memory


def _require_alike(base: JudgeFolder, judge: SliceJudge, config: FitConfig) -> None:
    """Refuse a fitted judge whose correction asks for other comparisons than the new one will."""
    if isinstance(judge, ContextJudge):
        if config.atlas:
            raise UsageError(
                f"{base.path.name}: judges in the context of all reference cases, which takes no "
                "registration: leave --atlas out"
            )
        return
    if base.adapter is not None and (base.gold is not None) != bool(config.atlas):
        was = "with" if base.gold is not None else "without"
        made = base.meta.adaptation
        origin = "" if made is None else f", {made.base},"
        raise UsageError(
            f"{base.path.name}: was fitted {was} --atlas, which cannot be changed afterwards; fit "
            f"the judge that it was made from{origin} to all trusted cases"
        )
