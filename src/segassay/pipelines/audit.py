"""The main job: read a data set, check and score every label, rank them, show the worst."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from segassay.data.case import Dataset
from segassay.errors import UsageError
from segassay.pipelines.assay_case import AssayContext
from segassay.pipelines.assay_cases import assay_cases
from segassay.pipelines.conclude import AuditResult, conclude
from segassay.pipelines.configs import AuditConfig
from segassay.pipelines.result_folder import begin_run, note_interruption
from segassay.records.shards import CaseRecord, Shard, read_records, shard_path
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
        UsageError: The folder holds a run with other options, or no label has such a structure.
    """
    dataset = config.source.open()
    _require_structures(config, dataset)
    judge = load_judge(config.judge) if config.judge is not None else None
    record = begin_run(config, dataset, command=command, judge=judge)
    cases = dataset.cases[: config.limit]
    done = {r.case_id for r in read_records(config.out)}
    todo = [c for c in cases[config.part - 1 :: config.parts] if c.case_id not in done]
    context = AssayContext(
        dataset.root, frozenset(dataset.declared), judge, record.run_id, config.structures
    )
    path = shard_path(config.out, config.part, config.parts)
    finished = assay_cases(todo, context, jobs=config.jobs, judge=config.judge)
    try:
        for number, of_case in enumerate(_kept(finished, path), start=len(done) + 1):
            if progress is not None:
                progress(number, len(done) + len(todo), of_case.case_id)
    except KeyboardInterrupt:
        note_interruption(record, config.out)
        raise
    return conclude(config, dataset, cases, judge, record)


def _kept(finished: Iterable[CaseRecord], path: Path) -> Iterator[CaseRecord]:
    """Pass records on once they are safe on the disk."""
    shard = Shard(path)
    try:
        for of_case in finished:
            shard.append(of_case)
            yield of_case
    finally:
        shard.close()


def _require_structures(config: AuditConfig, dataset: Dataset) -> None:
    unknown = [name for name in config.structures if name not in dataset.structures]
    if unknown:
        raise UsageError(
            f"{dataset.name}: no label is called {', '.join(unknown)}; "
            f"there are {', '.join(dataset.structures) or 'no labels'}"
        )
