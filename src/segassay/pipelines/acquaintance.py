"""Getting to know a data set first: does the judge know such data, and who helps if not?"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from segassay.data.case import Case
from segassay.errors import SegassayError
from segassay.pipelines.familiarity import FAMILIAR, familiarity
from segassay.pipelines.peers import choose_peers
from segassay.scoring import Judge
from segassay.scoring.peers import Peers
from segassay.types import Say

Found = TypeVar("Found")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Acquaintance:
    """What was found out about a judge and a data set.

    `familiarity` is the outcome of the trial, `None` without one; `peers` weigh the labels of
    structures that the judge does not know.
    """

    familiarity: float | None = None
    peers: Peers | None = None

    def asked(self, judge: Judge) -> Judge:
        """Return a judge as it is to be asked about this data set."""
        failed = self.familiarity is not None and self.familiarity < FAMILIAR
        judge = judge.distrusted() if failed else judge
        return judge if self.peers is None else judge.among(self.peers)


def get_acquainted(
    cases: Sequence[Case],
    judge: Judge,
    n_peers: int,
    *,
    structures: Sequence[str] = (),
    known: float | None = None,
    say: Say | None = None,
) -> Acquaintance:
    """Try the judge on a data set and choose peers where it fails.

    Args:
        cases: All cases, whichever of them are asked about: peers are drawn from all.
        judge: The judge as it was loaded.
        n_peers: Peers of every structure; 0 for neither trial nor peers.
        structures: Only these, spelled canonically.
        known: The outcome of an earlier trial on the same data, which is then not repeated.
        say: Told before what takes long.
    """
    if not n_peers or not judge.weighs_peers:
        return Acquaintance()
    if known is None:
        _tell(say, "trying the judge on faults planted in the data set's own labels")
        known = _survived(familiarity, cases, judge, structures)
    tried = Acquaintance(known).asked(judge)
    peers = _survived(choose_peers, cases, tried, n_peers, structures)
    if peers is not None:
        _tell(say, f"{len(peers)} cases weigh labels of structures that the judge does not know")
    return Acquaintance(known, peers)


def _survived(step: Callable[..., Found | None], *arguments: object) -> Found | None:
    """Return what a step finds; what should never happen is logged, and the run goes on without."""
    try:
        return step(*arguments)
    except SegassayError:
        raise
    except Exception:
        _LOG.exception("%s: internal error, please report it; not done", step.__name__)
        return None


def _tell(say: Say | None, line: str) -> None:
    if say is not None:
        say(line)
