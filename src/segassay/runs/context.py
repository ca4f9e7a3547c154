"""What a run does with a case: given by each verb, carried out by `runs.executors`."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from segassay.errors import CaseError
from segassay.runs.isolated import isolated

Case = TypeVar("Case")
Files = TypeVar("Files")
Record = TypeVar("Record")


class Context(Protocol[Case, Files, Record]):
    """What is the same for all cases of a run, and what is done with each of them."""

    def id_of(self, case: Case) -> str:
        """Return what a case is called in this run."""

    def read(self, case: Case) -> Files:
        """Read the files of a case, beside the work on another one."""

    def work(self, files: Files) -> Record:
        """Make the record of a case; may raise a `CaseError`."""

    def failed(self, case: Case, error: CaseError) -> Record:
        """Make the record of a case of which nothing can be known."""

    def packed(self) -> "Context[Case, Files, Record]":
        """Return what is sent to other processes: no network, nobody to be told of progress."""

    def unpacked(self, jobs: int) -> "Context[Case, Files, Record]":
        """Make ready what was sent, in one of `jobs` processes; may raise a `SegassayError`."""


def do_one(case: Case, read: Callable[[], Files], context: Context[Case, Files, Record]) -> Record:
    """Do one case; what should never happen is logged in full, and costs this case alone.

    Raises:
        SegassayError: What would meet the next case as well (`runs.isolated`).
    """
    found: Any = isolated(context.id_of(case), lambda: context.work(read()))
    return context.failed(case, found) if isinstance(found, CaseError) else found
