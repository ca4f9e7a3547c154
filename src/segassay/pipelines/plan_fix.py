"""Which label files of a data set can be repaired, and what they become; nothing is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from segassay.data.case import Case, Dataset, LabelRef
from segassay.data.files import archive_of, checksum, is_there
from segassay.data.header import header_facts
from segassay.data.stored import encoded, is_rewritable, read_stored
from segassay.errors import CaseError, ContentError
from segassay.repair.rules import Change, Surroundings, repaired


@dataclass(frozen=True, slots=True, eq=False)
class FilePlan:
    """One label file: the changes, and a way to get its new bytes.

    `failed` tells that the file could not be read, `left` why it was not looked at; both are empty
    for a file that is sound or repaired. `content` is `None` without a change.
    """

    path: Path
    case_id: str
    before_sha256: str = ""
    changes: tuple[Change, ...] = ()
    content: bytes | None = None
    failed: str = ""
    left: str = ""


def plan_fixes(
    dataset: Dataset, rules: tuple[str, ...], *, island_voxels: int
) -> Iterator[FilePlan]:
    """Yield a plan for every label file, each file once."""
    seen: set[Path] = set()
    declared = frozenset(dataset.declared)
    for case in dataset.cases:
        for path in dict.fromkeys(path for ref in case.labels for path in (ref.path, *ref.pieces)):
            if path not in seen:
                seen.add(path)
                refs = [ref for ref in case.labels if path in (ref.path, *ref.pieces)]
                around = _surroundings(case, refs, declared, island_voxels)
                yield _plan(path, case.case_id, around, rules)


def n_label_files(dataset: Dataset) -> int:
    """Count the label files of a data set, each file once."""
    return len({p for c in dataset.cases for ref in c.labels for p in (ref.path, *ref.pieces)})


def _surroundings(
    case: Case, refs: list[LabelRef], declared: frozenset[int], island_voxels: int
) -> Surroundings:
    alone = len(refs) == 1 and refs[0].values is None
    image = case.images[0]
    return Surroundings(
        image=header_facts(image),
        declared=frozenset() if alone else declared,
        alone=alone,
        island_voxels=island_voxels,
        voxels=_reader(image),
    )


def _reader(path: Path) -> Callable[[], NDArray[Any] | None]:
    def read() -> NDArray[Any] | None:
        """Return the voxels as stored; `None` where they cannot be read."""
        try:
            return read_stored(path).array
        except CaseError:
            return None

    return read


def _plan(path: Path, case_id: str, around: Surroundings, rules: tuple[str, ...]) -> FilePlan:
    if not is_there(path):
        return FilePlan(path, case_id, failed=f"{case_id}: {path.name}: no such file")
    if not path.is_file() and archive_of(path) is not None:
        return FilePlan(path, case_id, left=f"{path.name}: lies in an archive; unpack it first")
    if not is_rewritable(path):
        return FilePlan(path, case_id, left=f"{path.name}: only NIfTI, PNG, BMP, TIFF are repaired")
    try:
        before = checksum(path)
        label, changes = repaired(read_stored(path), around, rules)
    except ContentError as error:
        return FilePlan(path, case_id, left=str(error))
    except CaseError as error:
        return FilePlan(path, case_id, failed=str(error))
    content = encoded(label, path.name) if changes else None
    return FilePlan(path, case_id, before, changes, content)
