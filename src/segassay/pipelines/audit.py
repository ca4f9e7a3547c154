"""The main job: read a data set, check and score every label, rank them, show the worst."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from segassay.data.case import Case
from segassay.pipelines.assay_case import AssayContext, assay_case
from segassay.pipelines.conclude import AuditResult, conclude
from segassay.pipelines.configs import AuditConfig
from segassay.pipelines.read_case import CaseFiles, read_case
from segassay.pipelines.result_folder import begin_run
from segassay.records.shards import Shard, read_records, shard_path
from segassay.scoring import load_judge

Progress = Callable[[int, int, str], None]
"""Called with cases done, cases in all, and the case just finished."""


def audit(
    config: AuditConfig, *, command: str = "audit", progress: Progress | None = None
) -> AuditResult:
    """Audit a data set; an interrupted audit into the same folder is continued.

    Raises:
        DatasetError: The data set cannot be opened.
        ModelError: The judge cannot be loaded.
        OutputError: The result folder cannot be written.
        UsageError: The folder holds a run with other options.
    """
    dataset = config.source.open()
    judge = load_judge(config.judge) if config.judge is not None else None
    record = begin_run(
        config,
        dataset,
        command=command,
        model_id=judge.model_id if judge is not None else "",
        preprocess=judge.preprocess if judge is not None else "",
    )
    cases = dataset.cases[: config.limit]
    done = {r.case_id for r in read_records(config.out)}
    todo = [c for c in cases[config.part - 1 :: config.parts] if c.case_id not in done]
    context = AssayContext(
        dataset.root, frozenset(dataset.declared), judge, record.run_id, config.structures
    )
    _assay_all(config, todo, context, len(done), progress)
    return conclude(config, dataset, cases, judge, record)


def _assay_all(
    config: AuditConfig,
    todo: Sequence[Case],
    context: AssayContext,
    n_done: int,
    progress: Progress | None,
) -> None:
    shard = Shard(shard_path(config.out, config.part, config.parts))
    try:
        for number, files in enumerate(_read_ahead(todo), start=1):
            shard.append(assay_case(files, context))
            if progress is not None:
                progress(n_done + number, n_done + len(todo), files.case.case_id)
    finally:
        shard.close()


def _read_ahead(cases: Sequence[Case]) -> Iterator[CaseFiles]:
    """Read the next case while the last one is worked on; never more than two are in memory."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = [reader.submit(read_case, case) for case in cases[:1]]
        for case in [*cases[1:], None]:
            if not waiting:
                return
            files = waiting.pop().result()
            if case is not None:
                waiting.append(reader.submit(read_case, case))
            yield files
