"""Many cases through rules and judge, in this process or in several; one bad case stops none."""

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import islice, zip_longest
from multiprocessing import get_context
from queue import SimpleQueue
from threading import Thread

from segassay.data.case import Case
from segassay.engines.session import usable_cores
from segassay.errors import CaseError, SegassayError
from segassay.pipelines.assay_case import AssayContext, assay_case
from segassay.pipelines.read_case import CaseFiles, read_case, unusable_case
from segassay.records.shards import CaseRecord
from segassay.scoring import load_judge
from segassay.types import Engine

_LOG = logging.getLogger(__name__)

_of_worker: AssayContext | None = None


def assay_cases(
    cases: Sequence[Case], context: AssayContext, *, jobs: int, judge: str | None
) -> Iterator[CaseRecord]:
    """Yield the record of every case as it is finished.

    Args:
        cases: What to do. With one job their order is kept.
        context: What is the same for all cases; its judge serves this process.
        jobs: Number of processes. Each holds a judge and the files of one case.
        judge: Name or folder of the judge that worker processes load.

    Raises:
        SegassayError: A worker process was killed, as by a machine that is out of memory.
    """
    if jobs == 1:
        yield from _in_this_process(cases, context)
        return
    threads = max(1, usable_cores() // jobs)
    engine = Engine.ONNX if context.judge is None else context.judge.engine
    start = (replace(context, judge=None), judge, threads, engine)
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, start)
    try:
        yield from _in_workers(cases, pool, ahead=2 * jobs)
    except BrokenProcessPool as error:
        raise SegassayError(
            "a worker process was killed, probably for its memory: use fewer --jobs; "
            "the same command continues"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _in_this_process(cases: Sequence[Case], context: AssayContext) -> Iterator[CaseRecord]:
    """Read the next case while one is worked on; never more than two are in memory.

    An executor would take locks here, and an interruption in the wrong instant would leave one
    taken: the process waited for ever. A `SimpleQueue` takes and leaves its own in one step.
    """
    asked: SimpleQueue[Case | None] = SimpleQueue()
    read: SimpleQueue[Future[CaseFiles]] = SimpleQueue()
    Thread(target=_read_ahead, args=(asked, read), daemon=True).start()
    try:
        for case in cases[:1]:
            asked.put(case)
        for case, following in zip_longest(cases, cases[1:]):
            reading = read.get()
            if following is not None:
                asked.put(following)
            yield _assay_one(case, reading.result, context)
    finally:
        asked.put(None)


def _read_ahead(asked: SimpleQueue[Case | None], read: SimpleQueue[Future[CaseFiles]]) -> None:
    while (case := asked.get()) is not None:
        reading: Future[CaseFiles] = Future()
        try:
            reading.set_result(read_case(case))
        except Exception as error:
            reading.set_exception(error)
        read.put(reading)


def _in_workers(
    cases: Sequence[Case], pool: ProcessPoolExecutor, *, ahead: int
) -> Iterator[CaseRecord]:
    """Keep at most `ahead` cases handed out, so that an interruption ends soon."""
    todo = iter(cases)
    waiting: set[Future[CaseRecord]] = {pool.submit(_work, c) for c in islice(todo, ahead)}
    while waiting:
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in finished:
            yield future.result()
        waiting |= {pool.submit(_work, c) for c in islice(todo, len(finished))}


def _start_worker(context: AssayContext, judge: str | None, threads: int, engine: Engine) -> None:
    global _of_worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides when to stop
    loaded = None if judge is None else load_judge(judge, threads=threads, engine=engine)
    _of_worker = replace(context, judge=loaded and context.acquaintance.asked(loaded))


def _work(case: Case) -> CaseRecord:
    if _of_worker is None:
        raise RuntimeError("worker process without a context")
    return _assay_one(case, lambda: read_case(case), _of_worker)


def _assay_one(case: Case, read: Callable[[], CaseFiles], context: AssayContext) -> CaseRecord:
    """Assay one case; what should never happen is logged in full, and costs this case alone."""
    try:
        return assay_case(read(), context)
    except CaseError as error:
        reason = error
    except SegassayError:
        raise
    except Exception as error:
        _LOG.exception("case %s: internal error, please report it", case.case_id)
        reason = CaseError(f"internal error ({type(error).__name__}: {error}); please report it")
    return assay_case(unusable_case(case, reason), context)
