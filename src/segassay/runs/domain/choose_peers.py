"""Which cases of a data set weigh the labels of all others, where the judge knows nothing."""

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import replace

from segassay.datasets.case import Case
from segassay.datasets.read_case import read_labelled_case
from segassay.datasets.splits import by_lot
from segassay.errors import CaseError
from segassay.images.label_ref import LabelRef
from segassay.judge.comparison.gold_cases import GoldCase
from segassay.judge.comparison.peers import FEWEST, Peers
from segassay.judge.scoring import Judge
from segassay.types import Progress, Say, counted, ignore_progress, say_nothing
from segassay.vocabulary.names import canonical_name

_IN_VAIN, _IN_VAIN_EACH = 50, 5
"""Cases that may be read in vain, and more of them for every peer asked for.

Nothing is judged before the peers are chosen, and a data set may declare a lesion of which
thousands of its label files are empty. With ten peers of each, a structure in one of ten cases
still finds all of them, and one in twenty, on average, as many as are needed at all.
"""


def choose_peers(
    cases: Sequence[Case],
    judge: Judge,
    n_each: int,
    structures: Sequence[str] = (),
    say: Say | None = None,
    progress: Progress = ignore_progress,
) -> Peers | None:
    """Return cases to compare with, until `n_each` hold every structure the judge does not know.

    One case of a subject, drawn by lot: the same cases in every part of a run and whenever it is
    continued. 2D images are not mixed with volumes: the kind that more of the cases are of counts.
    With `structures` (canonical names) only these. `say` is told if the search ends early,
    `progress` of every case that was read.

    Returns:
        `None` where nothing is to be compared: the judge knows all structures, cannot weigh its
        score by others, or fewer than five subjects hold each structure.
    """
    if not judge.weighs_peers:
        return None
    unknown = [_unknown(case, judge, structures) for case in cases]
    names = {n for n, subjects in _holders(unknown).items() if len(subjects) >= FEWEST}
    drawn = by_lot([_holding(case, names) for case in unknown])
    found = _read(drawn, names, n_each, say or say_nothing, progress)
    return Peers(found) if len(found) >= FEWEST else None


def _unknown(case: Case, judge: Judge, structures: Sequence[str]) -> Case:
    """Return a case with labels the judge does not know in such images, spelled canonically."""
    labels = [
        replace(ref, structure=canonical_name(ref.structure))
        for ref in case.labels
        if not judge.knows(judge.named(ref.structure, case.modality))
    ]
    return replace(case, labels=tuple(labels if not structures else _of(labels, structures)))


def _holding(case: Case, names: Container[str]) -> Case:
    """Return a case with its labels of some structures alone."""
    return replace(case, labels=tuple(_of(case.labels, names)))


def _of(labels: Sequence[LabelRef], names: Container[str]) -> list[LabelRef]:
    return [ref for ref in labels if ref.structure in names]


def _holders(cases: Sequence[Case]) -> dict[str, set[str]]:
    """Return the subjects that hold each structure."""
    found: dict[str, set[str]] = {}
    for case in cases:
        for ref in case.labels:
            found.setdefault(ref.structure, set()).add(case.subject_id)
    return found


def _read(
    cases: Sequence[Case], names: set[str], n_each: int, say: Say, progress: Progress
) -> list[GoldCase]:
    """Read cases until `n_each` of one kind hold every structure, or too many were of no use.

    Of a case only the structures are taken that are still missing: every mask is laid over all
    others of its name.
    """
    kinds: dict[int, list[GoldCase]] = {}
    found: list[GoldCase] = []
    missing, in_vain = names, 0
    total = min(n_each, len(cases))  # of more, where one case does not hold all
    progress("context cases", 0, total, "")
    for case in cases:
        wanted = _holding(case, missing)
        peer = _peer(wanted) if wanted.labels else None
        if peer is not None:
            kinds.setdefault(peer.reference.image.n_axes, []).append(peer)
            found = max(kinds.values(), key=len)
        if peer in found:
            missing = names - _held(found, n_each)
        elif wanted.labels:
            in_vain += 1
        if in_vain == _IN_VAIN + _IN_VAIN_EACH * n_each:
            say(_ended(in_vain, n_each, len(missing)))
            break
        if wanted.labels:
            progress("context cases", len(found), max(total, len(found)), case.case_id)
    return found


def _ended(in_vain: int, n_each: int, n_missing: int) -> str:
    """Say why no more cases are read; names are left out, there may be hundreds."""
    return (
        f"{counted(in_vain, 'case')} read without anything to compare with; the search ends with "
        f"{counted(n_missing, 'structure')} found in fewer than {counted(n_each, 'case')}"
    )


def _held(peers: Sequence[GoldCase], n_each: int) -> set[str]:
    """Return the structures that so many peers hold."""
    counts = Counter(name for peer in peers for name in peer.reference.masks)
    return {name for name, n in counts.items() if n >= n_each}


def _peer(case: Case) -> GoldCase | None:
    """Read the labels of a case, one of each structure; `None` where there is nothing to use."""
    try:
        found = read_labelled_case(case)
    except CaseError:
        return None
    first = {ref.structure: ref for ref in reversed(found.labels)}
    masks = ((ref.structure, mask) for ref, mask in found.masks() if first[ref.structure] == ref)
    peer = GoldCase.of(found.image, masks, case.subject_id)
    return peer if peer.reference.masks else None
