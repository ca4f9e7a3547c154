"""The main job: read a data set, check and score every label, rank them, show the worst."""

from segassay.auditing.assay_case import AssayContext
from segassay.auditing.audit_config import AuditConfig
from segassay.auditing.begin_run import begin_run
from segassay.auditing.bounds import read_bounds
from segassay.auditing.conclude import AuditResult, conclude
from segassay.auditing.teach import judge_to_ask
from segassay.files.memory_limits import memory_bytes
from segassay.judge.engines.onnxruntime_session import usable_cores
from segassay.judge.scoring import load_judge
from segassay.records.shards import finished_ids
from segassay.runs.begun import Begun
from segassay.runs.domain.acquaintance import Acquaintance, get_acquainted
from segassay.runs.executors import executor
from segassay.runs.keep_records import keep_records
from segassay.types import Progress, Say, ignore_progress, say_nothing

_CASES_EACH = 4
_BYTES_EACH = 4 * 2**30


def audit(
    config: AuditConfig,
    *,
    command: str = "audit",
    progress: Progress | None = None,
    say: Say | None = None,
) -> AuditResult:
    """Audit a data set; an interrupted audit into the same folder is continued.

    `progress` is told of every finished case, and of labels where there is one case alone; `say` of
    what takes long before the first one.

    Raises:
        DatasetError: The data set cannot be opened, or has no label.
        MissingExtraError: It is to learn, and torch is not installed.
        ModelError: The judge cannot be loaded, or cannot learn.
        OutputError: The result folder cannot be written.
        UsageError: The folder holds a run with other options, no label has such a structure, or
            the table of bounds cannot be used.
    """
    tell = progress or ignore_progress
    dataset = config.source.open()
    dataset.require_labels()
    config.require_structures(dataset)
    cases = dataset.cases[: config.limit]
    config.require_labels(cases, dataset)
    bounds = read_bounds(config.bounds, dataset)
    name = judge_to_ask(config, say=say or say_nothing)
    judge = None if name is None else load_judge(name, engine=config.engine)
    record = begin_run(config, dataset, command=command, judge=judge)
    done = finished_ids(config.out)
    todo = [c for c in cases[config.part - 1 :: config.parts] if c.case_id not in done]
    acquaintance = Acquaintance()
    if judge is not None and todo:
        acquaintance = get_acquainted(
            record,
            config.out,
            dataset.cases,
            judge,
            config.peers,
            structures=config.structures,
            say=say,
            progress=tell,
        )
    jobs = n_jobs(config.jobs, len(todo))
    context = AssayContext(
        dataset.root,
        frozenset(dataset.declared),
        judge and acquaintance.asked(judge),
        record.run_id,
        config.structures,
        bounds,
        acquaintance,
        tell if len(todo) == 1 else ignore_progress,
        name,
    )
    begun = Begun.of(config.out, config.part, config.parts)
    keep_records(
        executor(jobs, begun).map(todo, context),
        record,
        config.out,
        part=(config.part, config.parts),
        counts=(len(done), len(done) + len(todo)),
        progress=tell,
    )
    return conclude(config, dataset, cases, judge, record, progress=tell)


def n_jobs(wanted: int | None, n_cases: int) -> int:
    """Return how many processes work on so many cases, at most one for each of them.

    With `None` wanted: as many as there are cores to use, each with several cases and enough
    memory for large ones. To start a process and load its judge takes some seconds.
    """
    if wanted is None:
        wanted = min(usable_cores(), memory_bytes() // _BYTES_EACH, n_cases // _CASES_EACH)
    return max(1, min(wanted, n_cases))
