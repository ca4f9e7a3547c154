"""Which cases of a data set weigh the labels of all others, where the judge knows nothing."""

from collections.abc import Container, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from segassay.data.case import Case
from segassay.data.io import label_mask
from segassay.data.volume import Volume
from segassay.errors import CaseError
from segassay.pipelines.familiarity import by_lot
from segassay.pipelines.read_case import CaseFiles, read_case
from segassay.scoring import Judge
from segassay.scoring.gold_cases import GoldCase
from segassay.scoring.peers import FEWEST, Peers
from segassay.vocabulary.names import canonical_name


def choose_peers(
    cases: Sequence[Case], judge: Judge, n_each: int, structures: Sequence[str] = ()
) -> Peers | None:
    """Return cases to compare with, until `n_each` hold every structure the judge does not know.

    One case of a subject, drawn by lot: the same cases in every part of a run and whenever it is
    continued. 2D images are not mixed with volumes. With `structures` (canonical names) only
    these.

    Returns:
        `None` where nothing is to be compared: the judge knows all structures, cannot weigh its
        score by others, or fewer than five subjects hold each structure.
    """
    if not judge.weighs_peers:
        return None
    holders = _holders(cases, judge)
    missing = {
        name: n_each
        for name, subjects in holders.items()
        if len(subjects) >= FEWEST and (not structures or name in structures)
    }
    found: list[GoldCase] = []
    for case in by_lot(cases):
        wanted = [ref for ref in case.labels if missing.get(canonical_name(ref.structure))]
        peer = _peer(case, missing, judge) if wanted else None
        if peer is not None and (not found or _is_2d(peer) == _is_2d(found[0])):
            found.append(peer)
            missing |= {n: missing[n] - 1 for n in peer.reference.masks if missing.get(n)}
    return Peers(found) if len(found) >= FEWEST else None


def _holders(cases: Sequence[Case], judge: Judge) -> dict[str, set[str]]:
    """Return the subjects that hold each structure the judge does not know in their images."""
    found: dict[str, set[str]] = {}
    for case in cases:
        for ref in case.labels:
            if not judge.knows(judge.named(ref.structure, case.modality)):
                found.setdefault(canonical_name(ref.structure), set()).add(case.subject_id)
    return found


def _peer(case: Case, wanted: dict[str, int], judge: Judge) -> GoldCase | None:
    """Read the labels of a case that are wanted; `None` where there is nothing to use."""
    files = read_case(case)
    image = files.image
    if not isinstance(image, Volume):
        return None
    peer = GoldCase.of(image, _masks(files, image, wanted, judge), case.subject_id)
    return peer if peer.reference.masks else None


def _masks(
    files: CaseFiles, image: Volume, wanted: Container[str], judge: Judge
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the usable masks that are wanted, one of each structure."""
    found = set()
    for ref in files.case.labels:
        name, coded = canonical_name(ref.structure), files.labels[ref.path]
        if isinstance(coded, CaseError) or name in found or name not in wanted:
            continue
        known = judge.knows(judge.named(ref.structure, files.case.modality))
        if not known and coded.volume.grid.shape == image.grid.shape:
            found.add(name)
            yield name, label_mask(coded, ref)


def _is_2d(peer: GoldCase) -> bool:
    return peer.reference.image.is_2d
