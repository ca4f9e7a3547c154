"""Which label files of a data set can be repaired, and what they become; nothing is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from segassay.datasets.case import Case, Dataset
from segassay.errors import CaseError, ContentError, ReadError
from segassay.files.filesystem import archive_of, checksum, is_there
from segassay.fix.leftovers import remaining
from segassay.fix.repairs import Change, Surroundings, repaired
from segassay.images.formats.nifti import require_geometry
from segassay.images.formats.registry import (
    encoded,
    format_named,
    header_facts,
    is_rewritable,
    read_stored,
)
from segassay.images.label_ref import LabelRef
from segassay.runs.isolated import isolated


@dataclass(frozen=True, slots=True, eq=False)
class FilePlan:
    """One label file: the changes, and a way to get its new bytes.

    `failed` tells that the file or its image cannot be used, `left` what is wrong with it that no
    repair mends, or why it was not looked at; both are empty for a file that is sound or all
    repaired. `content` is `None` without a change.
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
    """Yield a plan for every label file, each file once; a bad file costs itself alone."""
    seen: set[Path] = set()
    for case in dataset.cases:
        for path in dict.fromkeys(path for ref in case.labels for path in (ref.path, *ref.pieces)):
            if path not in seen:
                seen.add(path)
                refs = [ref for ref in case.labels if path in (ref.path, *ref.pieces)]
                work = partial(_plan, path, case, refs, dataset, (rules, island_voxels))
                plan = isolated(f"{case.case_id}: {path.name}", work)
                if isinstance(plan, CaseError):
                    plan = FilePlan(path, case.case_id, failed=f"{case.case_id}: {plan}")
                yield plan


def n_label_files(dataset: Dataset) -> int:
    """Count the label files of a data set, each file once."""
    return len({p for c in dataset.cases for ref in c.labels for p in (ref.path, *ref.pieces)})


def _surroundings(
    case: Case, refs: list[LabelRef], dataset: Dataset, island_voxels: int
) -> Surroundings:
    alone = len(refs) == 1 and refs[0].values is None
    image = case.images[0]
    facts = header_facts(image)
    if facts is not None:
        require_geometry(image, facts.affine)
    elif _states_forms(image) and is_there(image):
        raise ReadError(f"{image.name}: its header cannot be read, so no label is compared with it")
    return Surroundings(
        image=facts,
        declared=frozenset() if alone else frozenset(dataset.declared),
        alone=alone,
        island_voxels=island_voxels,
        voxels=_reader(image),
        ignore=frozenset(refs[0].ignore),
    )


def _states_forms(path: Path) -> bool:
    stored_as = format_named(path.name)
    return stored_as is not None and stored_as.header is not None


def _reader(path: Path) -> Callable[[], NDArray[Any] | None]:
    def read() -> NDArray[Any] | None:
        """Return the voxels as stored; `None` where they cannot be read."""
        try:
            return read_stored(path).array
        except CaseError:
            return None

    return read


def _plan(
    path: Path, case: Case, refs: list[LabelRef], dataset: Dataset, options: tuple[Any, ...]
) -> FilePlan:
    """Look at one file; raises `CaseError` where nothing can be said of it."""
    if not is_there(path):
        told = (missing.reason for missing in dataset.missing if missing.path == path)
        raise ReadError(f"{path.name}: {next(told, 'no such file')}")
    if not path.is_file() and archive_of(path) is not None:
        return FilePlan(
            path, case.case_id, left=f"{path.name}: lies in an archive; unpack it first"
        )
    if not is_rewritable(path):
        why = f"{path.name}: only NIfTI, PNG, BMP, TIFF are repaired; store others so"
        return FilePlan(path, case.case_id, left=why)
    rules, island_voxels = options
    before = checksum(path)
    try:
        stored = read_stored(path)
    except ContentError as error:
        return FilePlan(path, case.case_id, left=str(error))
    as_written = header_facts(path)  # nibabel makes sizes of 0 to 1 where it reads the voxels
    if as_written is not None:
        require_geometry(path, as_written.affine)
    around = _surroundings(case, refs, dataset, island_voxels)
    label, changes = repaired(stored, around, rules)
    why = remaining(label, around)
    return FilePlan(
        path,
        case.case_id,
        before,
        changes,
        encoded(label, path.name) if changes else None,
        left=f"{path.name}: {why}" if why else "",
    )
