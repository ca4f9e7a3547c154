"""One bad case costs that case alone: what a person did wrong with it, and what we did."""

import logging
from collections.abc import Callable
from typing import TypeVar

from segassay.errors import CaseError, InternalError, SegassayError

Found = TypeVar("Found")

_LOG = logging.getLogger(__name__)


def isolated(name: str, work: Callable[[], Found]) -> Found | CaseError:
    """Return what `work` on the case of this name finds, or the error that costs it.

    What nobody foresaw is logged in full and returned as an `InternalError`. Errors that would meet
    the next case as well, as of a full disk or a damaged judge, are raised.
    """
    try:
        return work()
    except CaseError as error:
        return error
    except SegassayError:
        raise
    except MemoryError:
        return CaseError(f"{name}: memory ran out; use fewer --jobs, or a larger machine")
    except Exception as error:
        _LOG.exception("%r: internal error, please report it", name)
        return InternalError.of(error)
