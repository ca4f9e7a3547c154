"""Which cases of a data set keep their labels: lists in files, and those that papers share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segassay.datasets.case import Case, Dataset
from segassay.errors import UsageError

_ACDC = ("099", "038", "050", "100", "058", "021", "049")
_ACDC_HELD = (
    *("028", "085", "082", "087", "019", "030", "078", "045", "002", "039"),
    *("011", "013", "084", "033", "093", "022", "068", "024", "083", "081"),
    *("080", "001", "007", "066", "008", "065", "075", "064", "059", "052"),
)
"""Patients of SSL4MIS' lists, as UniMatch uses them: the first to be labelled in their order, and
validation and test, ten and twenty, which nothing may learn from."""

_LA = (
    *("06SR5RBREL16DQ6M8LWS", "0RZDK210BSMWAA6467LU", "1D7CUD1955YZPGK8XHJX"),
    *("1GU15S0GJ6PFNARO469W", "1MHBF3G6DCPWHSKG7XCP", "23X6SY44VT9KFHR7S7OC"),
    *("2XL5HSFSE93RMOJDRGR4", "38CWS74285MFGZZXR09Z", "3C2QTUNI0852XV7ZH4Q1"),
    *("3DA0T2V6JJ2NLUAV6FWM", "4498CA6DZWELOXCBRYRF", "45C45I6IXAFGNRO067W9"),
    *("4CHFJGF6ZUM7CMZTNFQF", "4EPVTT1HPA8U60CDUKXE", "57SGAJMLCTCH92QUA0EE"),
    "5BHTH9RHH3PQT913I59W",
)
_LA_HELD = (
    *("UPT6DX9IQY9JAZ7HJKA7", "UTBUJIWZMKP64E3N73YC", "ULHWPWKKLTE921LQLH1P"),
    *("V0MZOWJ6MU3RMRCV9EXR", "VDOF02M8ZHEAADFMS6NP", "VG4C826RAAKVMV9BQLVD"),
    *("VIXBEFTNVHZWKAKURJBN", "VQ2L3WM8KEVF6L44E6G9", "WBG9WYZ1B25WDT5WAT8T"),
    *("WMDG2EFA6L2SNDZXIRU0", "WNPKE0W404QE9AELX1LR", "WSJB9P4JCXUVHBOYFVWL"),
    *("WW8F5CO4S4K5IM5Z7EXX", "X18LU5AOBNNDMLTA0JZL", "XYDLYJ5CS19FDBVLJIPI"),
    *("Y7ZU0B2APPF54WG6PDMF", "YDKD1HVHSME6NVMA8I39", "Z9GMG63CJLL0VW893BB1"),
    *("ZIJLJAVQV3FJ6JSQOH1E", "ZQPMJ4XEC5A4BISD45P1"),
)
"""Left atria of UA-MT's lists: the first to be labelled in their order, and the test."""

_SLICE = re.compile(r"_slice_\d+$")


@dataclass(frozen=True, slots=True)
class SplitList:
    """Cases or subjects that keep their labels, and those that nothing may learn from."""

    labelled: tuple[str, ...]
    held: tuple[str, ...] = ()


PUBLISHED: dict[str, SplitList] = {
    **{
        f"acdc-{n}": SplitList(
            tuple(f"patient{p}" for p in _ACDC[:n]), tuple(f"patient{p}" for p in _ACDC_HELD)
        )
        for n in (1, 3, 7)
    },
    **{f"la-{n}": SplitList(_LA[:n], _LA_HELD) for n in (4, 8, 16)},
}
"""ACDC with 1, 3 or 7 labelled patients of 70, left atria with 4, 8 or 16 of 80."""


def read_split(name_or_path: str) -> SplitList:
    """Return a published split, or read a list from a file: a case or subject a line.

    Folders, endings and `_slice_N` are dropped, so that the lists of SSL4MIS and UniMatch can be
    given as they are.

    Raises:
        UsageError: It is neither, or empty.
    """
    if name_or_path in PUBLISHED:
        return PUBLISHED[name_or_path]
    path = Path(name_or_path)
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, ValueError) as error:
        known = ", ".join(PUBLISHED)
        raise UsageError(f"{path.name}: no list of cases, and none of {known}") from error
    names = tuple(dict.fromkeys(_bare(line) for line in lines))
    if not names:
        raise UsageError(f"{path.name}: no case in it; expected an id a line")
    return SplitList(names)


def divide(dataset: Dataset, split: SplitList) -> tuple[Dataset, Dataset]:
    """Return the cases that keep their labels, and the others without theirs.

    An entry is the id of a case or of a subject, or the beginning of an id up to a `_`.

    Raises:
        UsageError: An entry of the labelled ones fits no case.
    """
    labelled = [case for case in dataset.cases if _is_listed(case, split.labelled)]
    for name in split.labelled:
        if not any(_is_listed(case, [name]) for case in labelled):
            raise UsageError(
                f"{dataset.name}: no case or subject {name!r}, which the split names; there are "
                f"{', '.join(case.case_id for case in dataset.cases[:3])} …"
            )
    kept = {case.case_id for case in labelled}
    rest = [
        replace(case, labels=())
        for case in dataset.cases
        if case.case_id not in kept and not _is_listed(case, split.held)
    ]
    return replace(dataset, cases=tuple(labelled)), replace(dataset, cases=tuple(rest))


def _bare(line: str) -> str:
    name = re.split(r"[\\/]", line)[-1]
    for ending in (".gz", ".nii", ".h5", ".png", ".nrrd", ".mha"):
        name = name.removesuffix(ending)
    return _SLICE.sub("", name)


def _is_listed(case: Case, names: Sequence[str]) -> bool:
    return any(
        name in (case.subject_id, case.case_id) or case.case_id.startswith(f"{name}_")
        for name in names
    )
