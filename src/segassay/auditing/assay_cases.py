"""Many cases through rules and judge, in this process or in several; one bad case stops none.

Not even one that ends the process, for its memory or in a native reader: a case that was being
worked on when a run ended is done last, in a process of its own, and fails if it ends that, too.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import islice, zip_longest
from multiprocessing import active_children, get_context
from queue import SimpleQueue
from threading import Thread

from segassay.auditing.assay_case import AssayContext
from segassay.auditing.suspect_case import do_alone
from segassay.auditing.worker import Start, assay_one, start_pool_worker, work
from segassay.datasets.case import Case
from segassay.datasets.read_case import CaseFiles, read_case
from segassay.errors import SegassayError
from segassay.judge.engines.onnxruntime_session import usable_cores
from segassay.records.shards import CaseRecord
from segassay.runs.begun import Begun
from segassay.types import Engine, ignore_progress


def assay_cases(
    cases: Sequence[Case], context: AssayContext, *, jobs: int, judge: str | None, begun: Begun
) -> Iterator[CaseRecord]:
    """Yield the record of every case as it is finished.

    Args:
        cases: What to do. With one job their order is kept, but for those begun before: they come
            last, one by one.
        context: What is the same for all cases; its judge serves this process.
        jobs: Number of processes. Each holds a judge and the files of one case.
        judge: Name or folder of the judge that worker processes load.
        begun: Knows the cases that earlier runs began, and is told of those that this one begins.

    Raises:
        OutputError: What is begun cannot be noted.
        SegassayError: A worker process could not start, or was killed, as by a machine that is
            out of memory.
    """
    before = begun.attempts()
    fresh = [case for case in cases if case.case_id not in before]
    if jobs == 1:
        yield from _in_this_process(fresh, context, begun)
    else:
        yield from _in_workers(fresh, _start(context, jobs, judge), begun, jobs)
    for case in cases:
        if case.case_id in before:
            yield do_alone(case, context, _start(context, jobs, judge), begun)


def _start(context: AssayContext, jobs: int, judge: str | None) -> Start:
    threads = max(1, usable_cores() // jobs)
    engine = Engine.ONNX if context.judge is None else context.judge.engine
    alone = replace(context, judge=None, progress=ignore_progress)
    return alone, judge, threads, engine, jobs


def _in_this_process(
    cases: Sequence[Case], context: AssayContext, begun: Begun
) -> Iterator[CaseRecord]:
    """Read the next case while one is worked on; never more than two are in memory.

    An executor would take locks here, and an interruption in the wrong instant would leave one
    taken: the process waited for ever. A `SimpleQueue` takes and leaves its own in one step.
    """
    asked: SimpleQueue[Case | None] = SimpleQueue()
    read: SimpleQueue[Future[CaseFiles]] = SimpleQueue()
    Thread(target=_read_ahead, args=(asked, read, begun), daemon=True).start()
    try:
        for case in cases[:1]:
            asked.put(case)
        for case, following in zip_longest(cases, cases[1:]):
            reading = read.get()
            if following is not None:
                asked.put(following)
            yield assay_one(case, reading.result, context)
    finally:
        asked.put(None)


def _read_ahead(
    asked: SimpleQueue[Case | None], read: SimpleQueue[Future[CaseFiles]], begun: Begun
) -> None:
    while (case := asked.get()) is not None:
        reading: Future[CaseFiles] = Future()
        try:
            begun.note(case.case_id)
            reading.set_result(read_case(case))
        except Exception as error:
            reading.set_exception(error)
        read.put(reading)


def _in_workers(
    cases: Sequence[Case], start: Start, begun: Begun, jobs: int
) -> Iterator[CaseRecord]:
    others = set(active_children())
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), start_pool_worker, start)
    try:
        yield from _handed_out(cases, lambda case: pool.submit(_begin, case, begun), ahead=2 * jobs)
    except BrokenProcessPool as error:
        raise _why_it_ended(cases, begun) from error
    except BaseException:  # stopped: nobody waits any more for what the workers are doing
        for process in set(active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _why_it_ended(cases: Sequence[Case], begun: Begun) -> SegassayError:
    if begun.attempts().keys().isdisjoint(case.case_id for case in cases):
        return SegassayError(
            "worker processes end before they begin a case; their message stands above. A script "
            'that asks for several jobs needs `if __name__ == "__main__":` around its calls'
        )
    return SegassayError(
        "a worker process was killed, probably because memory ran out: use fewer --jobs; "
        "re-run the same command to resume"
    )


def _handed_out(
    cases: Sequence[Case], submit: Callable[[Case], Future[CaseRecord]], *, ahead: int
) -> Iterator[CaseRecord]:
    """Keep at most `ahead` cases handed out, so that an interruption ends soon."""
    todo = iter(cases)
    waiting = {submit(case) for case in islice(todo, ahead)}
    while waiting:
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in finished:
            yield future.result()
        waiting |= {submit(case) for case in islice(todo, len(finished))}


def _begin(case: Case, begun: Begun) -> CaseRecord:
    begun.note(case.case_id)
    return work(case)
