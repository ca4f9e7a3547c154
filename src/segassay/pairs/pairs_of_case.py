"""Faulty masks for every label of one case, each made again from its own seed."""

import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.spread import draw_near, suitable_families
from segassay.corruption.volume_faults import LabelledPlanes
from segassay.datasets.case import Case
from segassay.datasets.labelled_case import read_labelled_case
from segassay.datasets.pair_table import UNTOUCHED
from segassay.errors import CaseError, ContentError, OutputError
from segassay.images.label_ref import LabelRef
from segassay.images.slicing import as_planes, from_planes, slicing_axis
from segassay.images.volume import Volume
from segassay.images.write_label import label_path, write_label
from segassay.metrics.overlap import NSD_MM, dice, volume_surface_dice
from segassay.records.shards import CaseRecord
from segassay.runs.isolated import isolated

BoolArray = NDArray[np.bool_]
Row = dict[str, Any]

COLUMNS: dict[str, type] = {
    "image": str,
    "mask": str,
    "gold": str,
    "structure": str,
    "subject": str,
    "set": str,
    "modality": str,
    "value": str,
    "gold_value": str,
    "gold_ignore_value": str,
    "case": str,
    "family": str,
    "target": float,
    "dice": float,
    "nsd": float,
    "seed": int,
}
"""Columns of `pairs.csv`; `dice` and `nsd` are measured, `target` is what was aimed at."""


@dataclass(frozen=True, slots=True)
class PairsContext:
    """What is the same for all cases.

    `folders` and `stems` are plain names for the folders of cases and the files of structures.
    """

    out: Path
    set_name: str
    per_label: int
    seed: int
    families: tuple[str, ...]
    structures: tuple[str, ...]
    untouched: bool
    folders: Mapping[str, str]
    stems: Mapping[str, str]

    def wants(self, ref: LabelRef) -> bool:
        """Whether faults of this label are asked for; other labels are its surroundings."""
        return not self.structures or ref.structure in self.structures


@dataclass(frozen=True, slots=True, eq=False)
class _Expert:
    case: Case
    image: Volume
    axis: int
    masks: Mapping[LabelRef, BoolArray]


def pairs_of_case(case: Case, context: PairsContext) -> CaseRecord:
    """Write the faulty masks of a case; what is wrong with its files ends up in its record.

    Raises:
        OutputError: The result folder cannot be written.
    """
    rows: list[Row] = []
    errors: list[str] = []

    def write() -> None:
        """Collect rows and errors one by one: what was finished before an error stays."""
        expert = _read(case, errors)
        try:
            for ref, mask in expert.masks.items():
                if context.wants(ref) and mask.any():
                    rows.extend(_pairs_of_label(expert, ref, context))
        except OSError as error:
            raise OutputError.of(context.out, error) from error

    problem = isolated(case.case_id, write)
    if isinstance(problem, CaseError):
        errors.append(str(problem))
    return CaseRecord(case.case_id, (), (), tuple(rows), "; ".join(dict.fromkeys(errors)))


def mask_seed(seed: int, case_id: str, ref: LabelRef, number: int) -> int:
    """Return the seed of one faulty mask: it hangs on the label's identity, not on any order."""
    place = f"{seed}/{case_id}/{ref.structure}/{ref.source}/{number}"
    return zlib.crc32(place.encode("utf-8", "surrogatepass"))


def _read(case: Case, errors: list[str]) -> _Expert:
    """Read a case; labels that cannot be used are left out and told."""
    found = read_labelled_case(case)
    errors += map(str, found.problems)
    masks = {ref: np.asarray(mask) for ref, mask in found.masks()}
    return _Expert(case, found.image, slicing_axis(found.image.grid), masks)


def _pairs_of_label(expert: _Expert, ref: LabelRef, context: PairsContext) -> Iterator[Row]:
    gold, known = expert.masks[ref], expert.image.known
    label = LabelledPlanes(
        image=as_planes(expert.image.array.astype(np.float32, copy=False), expert.axis),
        gold=as_planes(gold, expert.axis),
        others=tuple(as_planes(m, expert.axis) for r, m in expert.masks.items() if r is not ref),
    )
    families = suitable_families(label, context.families)
    if not families:
        raise ContentError(
            f"{ref.path.name}: {ref.structure} suits none of {', '.join(context.families)}"
        )
    folder = context.out / "masks" / context.folders[expert.case.case_id]
    folder.mkdir(parents=True, exist_ok=True)
    base = _base(expert, ref, folder, context)
    if context.untouched:
        value = base["gold_value"]
        same = {"mask": base["gold"], "value": value, "family": UNTOUCHED, "target": 1.0}
        yield {**base, **same, "dice": 1.0, "nsd": 1.0 if expert.image.spacing_known else nan}
    for number in range(context.per_label):
        seed = mask_seed(context.seed, expert.case.case_id, ref, number)
        rng = np.random.default_rng(seed)
        target = (number + float(rng.random())) / context.per_label
        fault = draw_near(label, families, target, rng)
        if fault is None:
            continue
        mask = np.ascontiguousarray(from_planes(fault.mask, expert.axis))
        mask = mask if known is None else mask & known
        if not mask.any():
            continue
        stem = folder / f"{context.stems[ref.structure]}_{number:03d}_{fault.recipe}"
        path = _write(expert, ref, mask, stem)
        yield {
            **base,
            "mask": path.relative_to(context.out).as_posix(),
            "family": fault.recipe,
            "target": round(target, 4),
            "dice": fault.dice if known is None else dice(mask, gold),
            "nsd": _nsd(expert.image, mask, gold),
            "seed": seed,
        }


def _base(expert: _Expert, ref: LabelRef, folder: Path, context: PairsContext) -> Row:
    """Return the cells that all pairs of a label share.

    A gold of several files, which no cell can name, is written beside the masks.
    """
    gold, values, ignore = ref.path, ref.values, ref.ignore
    if ref.pieces:
        stem = folder / f"{context.stems[ref.structure]}_gold"
        gold = _write(expert, ref, expert.masks[ref], stem)
        values, ignore = None, ()
    case = expert.case
    return {
        "image": reference(case.images[0], context.out),
        "gold": reference(gold, context.out),
        "structure": ref.structure,
        "subject": case.subject_id,
        "set": context.set_name,
        "modality": "" if case.modality is None else case.modality.value,
        "value": "",
        "gold_value": "" if values is None else " ".join(map(str, values)),
        "gold_ignore_value": " ".join(map(str, ignore)),
        "case": case.case_id,
    }


def _write(expert: _Expert, ref: LabelRef, mask: BoolArray, stem: Path) -> Path:
    """Write a mask of its own, stored in the order of the label's file."""
    path, grid = label_path(stem, ref.path), expert.image.grid
    return write_label(path, mask, like=ref.path, grid=grid, keep_header=False, overwrite=True)


def reference(path: Path, folder: Path) -> str:
    """Return a path relative to a folder; absolute where the two share no root."""
    place = Path(os.path.abspath(path))  # noqa: PTH100  # resolving would follow links to stores
    try:
        return Path(os.path.relpath(place, folder.resolve())).as_posix()
    except ValueError:
        return place.as_posix()


def _nsd(image: Volume, mask: BoolArray, gold: BoolArray) -> float:
    if not image.spacing_known:
        return nan
    return volume_surface_dice(mask, gold, image.grid.spacing_mm, tolerance_mm=NSD_MM)
