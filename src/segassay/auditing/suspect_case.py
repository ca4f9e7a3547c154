"""A case that may end the process that works on it: done where that ends nothing else."""

import os
import pickle
import subprocess
import sys

from segassay.auditing.assay_case import AssayContext, assay_case
from segassay.auditing.worker import Start, start_worker, work
from segassay.datasets.case import Case
from segassay.datasets.read_case import unusable_case
from segassay.errors import CaseError, SegassayError
from segassay.records.shards import CaseRecord
from segassay.runs.begun import Begun

_DEATHS = 2
"""Processes of its own that a case may end: one may have been chance, or another program's."""

_ATTEMPTS = 5
"""Attempts alone, over several runs: so many where whatever ends it takes this process along."""


_END = b"\nwhole"
"""Stands behind an answer that was written to its end."""


def do_alone(case: Case, context: AssayContext, start: Start, begun: Begun) -> CaseRecord:
    """Do a case in a process of its own, again if that ends, a few times at most.

    Raises:
        SegassayError: No such process could be started; the error is the one met there.
    """
    attempts = begun.attempts()[case.case_id]
    for _ in range(min(_DEATHS, _ATTEMPTS - attempts)):
        try:
            record = _in_its_own_process(case, start, begun)
        except KeyboardInterrupt:
            begun.note(case.case_id)  # that it was stopped says nothing about the case
            raise
        if record is not None:
            return record
        before, attempts = attempts, begun.attempts()[case.case_id]
        if attempts == before:
            raise SegassayError(
                f"case {case.case_id}: a process for it alone did not start, or was killed before "
                "it began; a message of its own stands above, if it left one; re-run the same "
                "command to resume"
            )
    reason = CaseError(
        f"case {case.case_id}: the process ended {attempts} times while it was worked on, probably "
        "for its memory; give the machine more memory, or leave the case out"
    )
    return assay_case(unusable_case(case, reason), context)


def _in_its_own_process(case: Case, start: Start, begun: Begun) -> CaseRecord | None:
    """Return what a process made of a case, `None` if it ended before it was done.

    Raises what kept the process from starting.

    A plain process, not a worker of `multiprocessing`: those need a main module that can be
    imported again, which a caller with one job never had to have.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"from {__name__} import answer; answer()"],
        input=pickle.dumps((case, start, begun)),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # an interruption at the terminal is for the main process
        check=False,
    )
    if not done.stdout.endswith(_END):
        return None
    answered: CaseRecord | SegassayError = pickle.loads(done.stdout)
    if isinstance(answered, SegassayError):
        raise answered
    return answered


def answer() -> None:
    """Do the case that comes through stdin; write its record, or why not, pickled to stdout."""
    with os.fdopen(os.dup(1), "wb") as told:
        os.dup2(2, 1)  # what a library prints is no part of the answer
        case, start, begun = pickle.load(sys.stdin.buffer)
        try:
            start_worker(*start)
            begun.note(case.case_id, alone=True)
            answered: CaseRecord | SegassayError = work(case)
            begun.note(case.case_id)  # it ended nothing, even where the main process is gone by now
        except SegassayError as error:
            answered = error
        told.write(pickle.dumps(answered) + _END)
