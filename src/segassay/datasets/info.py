"""What a data set holds; no voxel is read, but for all-zero files where a layout writes them."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice

from segassay.datasets.case import Dataset
from segassay.files.filesystem import told_path
from segassay.images.io import is_empty
from segassay.vocabulary.names import near_matches

_ONLY_A_VALUE = re.compile(r"label_\d+")
"""What readers call a structure that nothing names."""

_MOST_NAMES = 200
"""Names that are compared with those that are known: of more, few are known ones misspelt."""

_MOST_FILES = 2000
"""Label files that are read without being asked: a few seconds' worth."""


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """Counts of a data set. `labels` are declared (case, structure, source) triples.

    Labels and structures in files that are listed and not there, `missing`, are not counted.

    `empty` of them are files without a voxel; `None` where these were not counted. `unknown` maps
    names that are in no table to known ones spelt much alike. `unnamed` are structures known
    only by a value. `metadata` are the columns that cases carry.
    """

    name: str
    format: str
    cases: int
    subjects: int
    labels: int
    structures: dict[str, int]
    sources: list[str]
    modality: list[str]
    splits: dict[str, int]
    empty: int | None
    unknown: dict[str, list[str]]
    unnamed: list[str]
    metadata: list[str]
    unlabelled: list[str]
    missing: list[str]
    unmatched: list[dict[str, str]]

    def to_json(self) -> dict[str, object]:
        """Return plain data, as printed with `--json`."""
        return asdict(self)


def dataset_info(dataset: Dataset, *, count_empty: bool = False) -> DatasetInfo:
    """Count what a data set holds.

    Files without a voxel are counted where the layout writes them and they are few, or if asked.
    """
    structures = dict.fromkeys(dataset.structures, 0)
    gone = {u.path for u in dataset.missing}
    splits: dict[str, int] = {}
    for case in dataset.cases:
        splits[case.split or "none"] = splits.get(case.split or "none", 0) + 1
        for ref in case.labels:
            structures[ref.structure] += ref.path not in gone
    return DatasetInfo(
        name=dataset.name,
        format=dataset.format,
        cases=len(dataset.cases),
        subjects=len(dataset.subjects),
        labels=sum(structures.values()),
        structures=structures,
        sources=sorted({ref.source for case in dataset.cases for ref in case.labels}),
        modality=sorted({c.modality.value for c in dataset.cases if c.modality is not None}),
        splits=splits,
        empty=_empty(dataset, asked=count_empty),
        unknown=_near_names(structures),
        unnamed=[name for name in structures if _ONLY_A_VALUE.fullmatch(name)],
        metadata=list(dict.fromkeys(key for case in dataset.cases for key in case.metadata)),
        unlabelled=list(dataset.unlabelled),
        missing=[told_path(u.path, dataset.root) for u in dataset.missing],
        unmatched=[
            {
                "file": told_path(u.path, dataset.root),
                "reason": u.reason,
                "issue": u.issue.value,
            }
            for u in dataset.unmatched
        ],
    )


def _near_names(structures: Iterable[str]) -> dict[str, list[str]]:
    """Return known names near those of the set; of many names, a list of one's own, the first."""
    first = islice(structures, _MOST_NAMES)
    return {name: near for name in first if (near := near_matches(name))}


def _empty(dataset: Dataset, *, asked: bool) -> int | None:
    refs = [ref for case in dataset.cases for ref in case.labels]
    if not asked and not (dataset.writes_absent and len(refs) <= _MOST_FILES):
        return None
    return sum(map(is_empty, refs))
