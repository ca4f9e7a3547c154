"""One case, and the processes that do nothing else."""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import parent_process
from threading import Thread
from typing import Any

from segassay.auditing.assay_case import AssayContext, assay_case
from segassay.datasets.case import Case
from segassay.datasets.read_case import CaseFiles, read_case, unusable_case
from segassay.errors import CaseError, SegassayError
from segassay.files.memory_limits import share_memory
from segassay.files.visible_names import log_visibly
from segassay.judge.scoring import load_judge
from segassay.records.shards import CaseRecord
from segassay.runs.isolated import isolated
from segassay.types import Engine

_LOG = logging.getLogger(__name__)

Start = tuple[AssayContext, str | None, int, Engine, int]
"""What a process begins with: the arguments of `start_worker`."""

_of_worker: AssayContext | SegassayError | None = None


def start_pool_worker(*start: Any) -> None:
    """Make this process ready as `start_worker` does; what went wrong is raised by `work`.

    A pool would only say that a process ended, and not why.
    """
    global _of_worker
    try:
        start_worker(*start)
    except SegassayError as error:
        _of_worker = error
    except Exception as error:
        _LOG.exception("a worker process could not start; please report it")
        reason = f"{type(error).__name__}: {error}"
        _of_worker = SegassayError(f"a worker process could not start ({reason}); please report it")


def start_worker(
    context: AssayContext, judge: str | None, threads: int, engine: Engine, jobs: int
) -> None:
    """Make this process, one of `jobs`, ready to do cases on its own, until the main one ends."""
    global _of_worker
    share_memory(jobs)
    log_visibly()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides when to stop
    Thread(target=_end_with_main, daemon=True).start()
    loaded = None if judge is None else load_judge(judge, threads=threads, engine=engine)
    _of_worker = replace(context, judge=loaded and context.acquaintance.asked(loaded))


def _end_with_main() -> None:
    """End a worker whose main process was killed: it would wait for work for ever, with a judge."""
    main = parent_process()
    if main is not None:
        main.join()
        os._exit(1)


def work(case: Case) -> CaseRecord:
    """Read and assay a case in a process that `start_worker` made ready."""
    if isinstance(_of_worker, SegassayError):
        raise _of_worker
    if _of_worker is None:
        raise RuntimeError(f"{case.case_id}: worker process without a context")
    return assay_one(case, lambda: read_case(case), _of_worker)


def assay_one(case: Case, read: Callable[[], CaseFiles], context: AssayContext) -> CaseRecord:
    """Assay one case; what should never happen is logged in full, and costs this case alone."""
    found = isolated(case.case_id, lambda: assay_case(read(), context))
    if isinstance(found, CaseError):
        return assay_case(unusable_case(case, found), context)
    return found
