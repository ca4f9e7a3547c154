"""Getting to know a data set first: does the judge know such data, and who helps if not?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from segassay.datasets.case import Case
from segassay.datasets.splits import by_lot
from segassay.errors import CaseError, ModelError, OutputError
from segassay.files.atomic import whole_file
from segassay.judge.comparison.peers import Peers
from segassay.judge.context.context_memory import ContextMemory
from segassay.judge.scoring import Judge
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.records.run import RunRecord, keep_trial
from segassay.runs.domain.choose_peers import choose_peers
from segassay.runs.domain.familiarity import FAMILIAR, FEWEST_CASES, familiarity
from segassay.runs.isolated import isolated
from segassay.runs.result_folder import FEATURES, note_interruption
from segassay.types import Progress, Say, counted, ignore_progress, say_nothing
from segassay.vocabulary.names import canonical_name

Found = TypeVar("Found")

_CONTEXT = "context.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Acquaintance:
    """What was found out about a judge and a data set.

    `familiarity` is the outcome of the trial, `None` without one; `peers` weigh the labels of
    structures that the judge does not know, or stand in the context of one that reads any.
    `context` are labels that vote, for such a judge; it needs no trial, and peers only for volumes.
    A fitted judge has reference labels beside: of structures that these hold no others are asked.
    `features` is the folder that keeps those of the slices that vote.
    """

    familiarity: float | None = None
    peers: Peers | None = None
    context: ContextMemory | None = None
    features: Path | None = None

    def asked(self, judge: Judge) -> Judge:
        """Return a judge as it is to be asked about this data set."""
        if isinstance(judge, ContextJudge):
            judge = judge.with_memory(self.context)
            if self.features is not None:
                judge = judge.keeping_features(self.features)
            return judge if self.peers is None else judge.among(self.peers)
        failed = self.familiarity is not None and self.familiarity < FAMILIAR
        judge = judge.distrusted() if failed else judge
        return judge if self.peers is None else judge.among(self.peers)


def get_acquainted(
    run: RunRecord,
    out: Path,
    cases: Sequence[Case],
    judge: Judge,
    n_peers: int,
    *,
    structures: Sequence[str] = (),
    say: Say | None = None,
    progress: Progress = ignore_progress,
) -> Acquaintance:
    """Try the judge on a data set and choose peers where it fails.

    Args:
        run: Keeps the outcome of the trial, which is then not repeated; noted as interrupted if a
            person stops it here.
        out: The run's folder.
        cases: All cases, whichever of them are asked about: peers are drawn from all.
        judge: The judge as it was loaded.
        n_peers: Peers of every structure; 0 for neither trial nor peers.
        structures: Only these, spelled canonically.
        say: Told before what takes long.
        progress: Told of the cases of the trial, and of those chosen to compare with.

    Raises:
        OutputError: The outcome cannot be written.
    """
    if not n_peers or not (isinstance(judge, ContextJudge) or judge.weighs_peers):
        return Acquaintance()
    tell = say or say_nothing
    try:
        if isinstance(judge, ContextJudge):
            features = out / FEATURES
            judge = judge.keeping_features(features)
            context = _own_context(cases, judge, features, structures, tell, progress)
            if context is None or not context.is_of_volumes:
                return Acquaintance(context=context, features=features)
            among = judge.with_memory(context)
            peers = _peers(cases, among, n_peers, structures, tell, progress)
            return Acquaintance(None, peers, context, features)
        if run.familiarity is None and len(by_lot(cases)) >= FEWEST_CASES:
            tell("testing the judge on simulated errors in the data set's own labels")
            run.familiarity = _survived(familiarity, cases, judge, structures, progress)
            _keep(run.familiarity, out)
        tried = Acquaintance(run.familiarity)
        peers = _peers(cases, tried.asked(judge), n_peers, structures, tell, progress)
    except KeyboardInterrupt:
        note_interruption(run, out)
        raise
    return Acquaintance(run.familiarity, peers)


def _peers(
    cases: Sequence[Case],
    judge: Judge,
    n_peers: int,
    structures: Sequence[str],
    tell: Say,
    tick: Progress,
) -> Peers | None:
    found = _survived(choose_peers, cases, judge, n_peers, structures, tell, tick)
    if found is not None:
        others = counted(len(found), "other case")
        tell(f"labels of structures new to the judge are compared with {others}")
    return found


def _own_context(
    cases: Sequence[Case],
    judge: ContextJudge,
    features: Path,
    structures: Sequence[str],
    tell: Say,
    tick: Progress,
) -> ContextMemory | None:
    """Gather the data set's own labels of structures that the judge was not fitted to, if any.

    They are kept in the folder `features`: other parts of the run, and whoever goes on with it,
    ask the same ones, and need not gather them again.
    """
    held = {canonical_name(ref.structure) for case in cases for ref in case.labels}
    wanted = held.intersection(structures) if structures else held
    reference = wanted.intersection(judge.reference_structures)
    if reference:
        tell(f"judged in the context of reference labels: {', '.join(sorted(reference))}")
    own = sorted(wanted - reference)
    if not own:
        return None
    kept = features / _CONTEXT
    context = _read_context(kept, judge)
    if context is None:
        gather = partial(judge.reader.gather, structures=own, progress=tick)
        context = _survived(gather, cases)
        if context is not None:
            _keep_context(context, kept)
    if context is not None:
        others = counted(context.n_subjects, "other subject")
        tell(f"labels are judged in the context of {others}")
    return context


def _read_context(kept: Path, judge: ContextJudge) -> ContextMemory | None:
    """Read the context of this run; `None` where it is not there, or cannot be read any more."""
    try:
        return ContextMemory.load(kept, judge.reader.voting)
    except ModelError:
        return None


def _keep_context(context: ContextMemory, kept: Path) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(kept) as file:
            context.save(file)
    except OSError as error:
        raise OutputError.of(kept, error) from error


def _survived(step: Callable[..., Found | None], *arguments: object) -> Found | None:
    """Return what a step finds; what should never happen is logged, and the run goes on without."""
    found = isolated("the data set as a whole", lambda: step(*arguments))
    return None if isinstance(found, CaseError) else found


def _keep(outcome: float | None, out: Path) -> None:
    if outcome is None:
        return
    try:
        keep_trial(out, outcome)
    except OSError as error:
        raise OutputError.of(out, error) from error
