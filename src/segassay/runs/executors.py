"""Many cases, in this process or in several; one bad case stops none.

Not even one that ends the process, for its memory or in a native reader: it is done once more, in a
process of its own with no other beside it, and fails if it ends that, too. Where that process was
this one, the notes of what was begun (`runs.begun`) tell the next run.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, zip_longest
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, Generic, Protocol, TypeVar

from segassay.errors import CaseError
from segassay.runs.begun import Begun
from segassay.runs.context import Context, do_one
from segassay.runs.workers import Worker

Case = TypeVar("Case")
Record = TypeVar("Record")

_DEATHS = 2
"""Processes of its own that a case may end: one may have been chance, or another program's."""

_ATTEMPTS = 5
"""Attempts alone, over several runs: so many where whatever ends it takes this process along."""


class Executor(Protocol):
    """Something that does cases."""

    def map(self, cases: Sequence[Case], context: Context[Case, Any, Record]) -> Iterator[Record]:
        """Yield the record of every case as it is finished.

        Cases that an earlier run began and did not finish come last, one by one.

        Raises:
            OutputError: What is begun cannot be noted.
            SegassayError: What would meet the next case as well, or a process that does not start.
        """


def executor(jobs: int, begun: Begun) -> Executor:
    """Return what does cases in so many processes; `begun` knows and is told which are begun."""
    return Serial(begun) if jobs == 1 else Processes(begun, jobs)


@dataclass(frozen=True, slots=True)
class Serial:
    """Does cases in this process and in their order, and reads the next one meanwhile."""

    begun: Begun

    def map(self, cases: Sequence[Case], context: Context[Case, Any, Record]) -> Iterator[Record]:
        """See `Executor.map`. Never more than two cases are in memory.

        An executor of the library would take locks here, and an interruption in the wrong instant
        would leave one taken: the process waited for ever. A `SimpleQueue` takes and leaves its own
        in one step.
        """
        fresh, suspects = _parted(cases, context, self.begun)
        asked: SimpleQueue[Case | None] = SimpleQueue()
        read: SimpleQueue[Future[Any]] = SimpleQueue()
        Thread(target=self._read_ahead, args=(asked, read, context), daemon=True).start()
        try:
            for case in fresh[:1]:
                asked.put(case)
            for case, following in zip_longest(fresh, fresh[1:]):
                reading = read.get()
                if following is not None:
                    asked.put(following)
                yield do_one(case, reading.result, context)
        finally:
            asked.put(None)
        yield from _alone(suspects, context, self.begun)

    def _read_ahead(
        self,
        asked: "SimpleQueue[Case | None]",
        read: "SimpleQueue[Future[Any]]",
        context: Context[Case, Any, Record],
    ) -> None:
        while (case := asked.get()) is not None:
            reading: Future[Any] = Future()
            try:
                self.begun.note(context.id_of(case))
                reading.set_result(context.read(case))
            except Exception as error:
                reading.set_exception(error)
            read.put(reading)


@dataclass(frozen=True, slots=True)
class Processes:
    """Does cases in so many processes, each of which holds one case."""

    begun: Begun
    jobs: int

    def map(self, cases: Sequence[Case], context: Context[Case, Any, Record]) -> Iterator[Record]:
        """See `Executor.map`. A case whose process ends is done last, with those begun before."""
        fresh, suspects = _parted(cases, context, self.begun)
        pool = _Pool(context, self.begun, self.jobs)
        todo = iter(fresh)
        try:
            waiting = pool.ask(islice(todo, 2 * self.jobs))
            while waiting:
                case, answer = pool.answers.get()
                waiting += pool.ask(islice(todo, 1)) - 1
                if isinstance(answer, BaseException):
                    raise answer
                if answer is None:
                    suspects.append(case)
                else:
                    yield answer.record
        finally:
            pool.end()
        yield from _alone(suspects, context, self.begun)


_PATIENCE = 10.0
"""Seconds that are waited for a thread whose process was killed."""


@dataclass(frozen=True, slots=True)
class _Answer(Generic[Record]):
    record: Record


class _Pool(Generic[Case, Record]):
    """Threads that each wait for a process of their own, and start another where it ends."""

    def __init__(self, context: Context[Case, Any, Record], begun: Begun, jobs: int) -> None:
        self.answers: SimpleQueue[tuple[Case, _Answer[Record] | BaseException | None]]
        self.answers = SimpleQueue()
        self._context, self._begun, self._jobs = context, begun, jobs
        self._asked: SimpleQueue[Case | None] = SimpleQueue()
        self._ended = Event()
        self._workers: set[Worker[Case, Record]] = set()
        self._threads = [Thread(target=self._serve, daemon=True) for _ in range(jobs)]
        for thread in self._threads:
            thread.start()

    def ask(self, cases: Iterator[Case]) -> int:
        """Have cases done; return how many."""
        asked = list(cases)
        for case in asked:
            self._asked.put(case)
        return len(asked)

    def end(self) -> None:
        """End all processes at once: nobody waits any more for what they are doing."""
        self._ended.set()
        with suppress(Empty):
            while True:
                self._asked.get_nowait()
        for _ in self._threads:
            self._asked.put(None)
        for worker in tuple(self._workers):
            worker.kill()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _serve(self) -> None:
        worker: Worker[Case, Record] | None = None
        while (case := self._asked.get()) is not None:
            try:
                if worker is None:
                    worker = self._started()
                self._begun.note(self._context.id_of(case))
                found = worker.do(case)
            except Exception as error:
                self.answers.put((case, error))
                break
            if found is None:
                worker.kill()
                worker = None
            self.answers.put((case, None if found is None else _Answer(found)))
        if worker is not None:
            worker.kill()

    def _started(self) -> Worker[Case, Record]:
        worker: Worker[Case, Record] = Worker(self._context, self._jobs)
        self._workers.add(worker)
        if self._ended.is_set():
            worker.kill()
        worker.wait_until_ready()
        return worker


def _parted(
    cases: Sequence[Case], context: Context[Case, Any, Record], begun: Begun
) -> tuple[list[Case], list[Case]]:
    """Part cases into those that no run has begun, and the others."""
    before = begun.attempts()
    parted: tuple[list[Case], list[Case]] = [], []
    for case in cases:
        parted[context.id_of(case) in before].append(case)
    return parted


def _alone(
    cases: Sequence[Case], context: Context[Case, Any, Record], begun: Begun
) -> Iterator[Record]:
    """Do cases one by one, with no other beside them, in a process that may end."""
    worker: Worker[Case, Record] | None = None
    attempts = begun.attempts() if cases else {}
    try:
        for case in cases:
            name = context.id_of(case)
            before = attempts.get(name, 0)
            record: Record | None = None
            deaths = 0
            while record is None and deaths < min(_DEATHS, _ATTEMPTS - before):
                worker = worker or _started(context)
                begun.note(name, alone=True)
                try:
                    record = worker.do(case)
                except KeyboardInterrupt:
                    begun.note(name)  # that it was stopped says nothing about the case
                    raise
                if record is None:
                    deaths += 1
                    worker.kill()
                    worker = None
            if record is None:
                reason = CaseError(
                    f"case {name}: the process ended {before + deaths} times while it was worked "
                    "on, probably for its memory; give the machine more memory, or leave the case "
                    "out"
                )
                record = context.failed(case, reason)
            else:
                begun.note(name)  # it ended nothing
            yield record
    finally:
        if worker is not None:
            worker.kill()


def _started(context: Context[Case, Any, Record]) -> Worker[Case, Record]:
    worker: Worker[Case, Record] = Worker(context, 1)
    try:
        worker.wait_until_ready()
    except BaseException:
        worker.kill()
        raise
    return worker
