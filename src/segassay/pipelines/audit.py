"""The main job: read a data set, check and score every label, rank them, show the worst."""

from segassay.pipelines.acquaintance import Acquaintance, get_acquainted
from segassay.pipelines.assay_case import AssayContext
from segassay.pipelines.assay_cases import assay_cases
from segassay.pipelines.bounds import read_bounds
from segassay.pipelines.conclude import AuditResult, conclude
from segassay.pipelines.configs import AuditConfig
from segassay.pipelines.keep_records import Progress, keep_records
from segassay.pipelines.result_folder import begin_run
from segassay.records.begun import Begun
from segassay.records.shards import read_records
from segassay.scoring import load_judge
from segassay.types import Say


def audit(
    config: AuditConfig,
    *,
    command: str = "audit",
    progress: Progress | None = None,
    say: Say | None = None,
) -> AuditResult:
    """Audit a data set; an interrupted audit into the same folder is continued.

    `progress` is told of every finished case, `say` of what takes long before the first one.

    Raises:
        DatasetError: The data set cannot be opened, or has no label.
        ModelError: The judge cannot be loaded.
        OutputError: The result folder cannot be written.
        UsageError: The folder holds a run with other options, no label has such a structure, or
            the table of bounds cannot be used.
    """
    dataset = config.source.open()
    dataset.require_labels()
    config.require_structures(dataset)
    bounds = read_bounds(config.bounds, dataset)
    judge = None if config.judge is None else load_judge(config.judge, engine=config.engine)
    record = begin_run(config, dataset, command=command, judge=judge)
    cases = dataset.cases[: config.limit]
    done = {r.case_id for r in read_records(config.out)}
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
        )
    context = AssayContext(
        dataset.root,
        frozenset(dataset.declared),
        judge and acquaintance.asked(judge),
        record.run_id,
        config.structures,
        bounds,
        acquaintance,
    )
    begun = Begun.of(config.out, config.part, config.parts)
    keep_records(
        assay_cases(todo, context, jobs=config.jobs, judge=config.judge, begun=begun),
        record,
        config.out,
        part=(config.part, config.parts),
        counts=(len(done), len(done) + len(todo)),
        progress=progress,
    )
    return conclude(config, dataset, cases, judge, record)
