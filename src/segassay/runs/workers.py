"""Processes that do cases for this one, and nothing else.

Plain processes, not workers of `multiprocessing`: those need a main module that can be imported
again, and a pool of them ends as a whole when one of them is killed. Cases and records go through
pipes; a pipe that ends too early tells that the process at its other end did.
"""

import logging
import os
import pickle
import subprocess
import sys
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO, Generic, TypeVar, cast

from segassay.errors import SegassayError
from segassay.files.memory_limits import share_memory
from segassay.files.visible_names import log_visibly
from segassay.runs.context import Context, do_one

Case = TypeVar("Case")
Record = TypeVar("Record")

_LOG = logging.getLogger(__name__)


class Worker(Generic[Case, Record]):
    """One of `jobs` processes, from now on at work on its context."""

    def __init__(self, context: Context[Case, Any, Record], jobs: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"from {__name__} import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # an interruption at the terminal is for the main process
        )
        self._to = cast(BinaryIO, self._process.stdin)
        self._from = cast(BinaryIO, self._process.stdout)
        self._send((context.packed(), jobs))

    def wait_until_ready(self) -> None:
        """Return when it can do cases.

        Raises:
            SegassayError: It cannot; the error is the one met there, where it left one.
        """
        met = self._receive()
        if met is None:
            raise SegassayError(
                "a process that is to do cases did not start, or was killed before it began one; a "
                "message of its own stands above, if it left one; re-run the same command to resume"
            )
        if isinstance(met, SegassayError):
            raise met

    def do(self, case: Case) -> Record | None:
        """Return the record of a case; `None` if the process ended over it.

        Raises:
            SegassayError: What would meet the next case as well.
        """
        self._send(case)
        answer: Record | SegassayError | None = self._receive()
        if isinstance(answer, SegassayError):
            raise answer
        return answer

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._to, self._from):
            with suppress(OSError):  # what waits to be written is for nobody any more
                pipe.close()

    def _send(self, message: object) -> None:
        with suppress(BrokenPipeError):  # the answer will tell
            pickle.dump(message, self._to)
            self._to.flush()

    def _receive(self) -> Any:
        try:
            return pickle.load(self._from)
        except (EOFError, pickle.UnpicklingError, ValueError, OSError):
            return None


_READY = "ready"


def serve() -> None:
    """Do the cases that come through stdin; write their records to stdout, until stdin ends."""
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    log_visibly()
    try:
        context, jobs = pickle.load(sys.stdin.buffer)
        share_memory(jobs)
        ready = context.unpacked(jobs)
    except SegassayError as error:
        _tell(told, error)
        return
    except Exception as error:
        _LOG.exception("a worker process could not start; please report it")
        reason = f"{type(error).__name__}: {error}"
        why = SegassayError(f"a worker process could not start ({reason}); please report it")
        _tell(told, why)
        return
    _tell(told, _READY)
    cases: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_listen, args=(sys.stdin.buffer, cases), daemon=True).start()
    while True:
        case = cases.get()
        try:
            answer: Any = do_one(case, partial(ready.read, case), ready)
        except SegassayError as error:
            answer = error
        _tell(told, answer)


def _listen(stdin: BinaryIO, cases: "SimpleQueue[Any]") -> None:
    """Pass cases on, and end this process with its main one, even amid a case.

    It would else wait for work for ever, with a judge in memory.
    """
    while True:
        try:
            cases.put(pickle.load(stdin))
        except (EOFError, pickle.UnpicklingError):
            os._exit(1)


def _tell(told: BinaryIO, answer: object) -> None:
    pickle.dump(answer, told)
    told.flush()
