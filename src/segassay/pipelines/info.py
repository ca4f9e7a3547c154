"""What a data set holds, without reading a voxel."""

from dataclasses import asdict, dataclass
from pathlib import Path

from segassay.data.case import Dataset


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """Counts of a data set. `labels` are declared (case, structure, source) triples."""

    name: str
    format: str
    cases: int
    subjects: int
    labels: int
    structures: dict[str, int]
    sources: list[str]
    modality: list[str]
    splits: dict[str, int]
    unlabelled: list[str]
    unmatched: list[dict[str, str]]

    def to_json(self) -> dict[str, object]:
        """Return plain data, as printed with `--json`."""
        return asdict(self)


def dataset_info(dataset: Dataset) -> DatasetInfo:
    """Count what a data set holds."""
    structures = dict.fromkeys(dataset.structures, 0)
    splits: dict[str, int] = {}
    for case in dataset.cases:
        splits[case.split or "none"] = splits.get(case.split or "none", 0) + 1
        for ref in case.labels:
            structures[ref.structure] += 1
    return DatasetInfo(
        name=dataset.name,
        format=dataset.format,
        cases=len(dataset.cases),
        subjects=len(dataset.subjects),
        labels=dataset.n_labels,
        structures=structures,
        sources=sorted({ref.source for case in dataset.cases for ref in case.labels}),
        modality=sorted({c.modality.value for c in dataset.cases if c.modality is not None}),
        splits=splits,
        unlabelled=list(dataset.unlabelled),
        unmatched=[
            {"file": _within(u.path, dataset.root), "reason": u.reason} for u in dataset.unmatched
        ],
    )


def _within(path: Path, root: Path) -> str:
    """Name a file by its path in the data set; nothing outside of it is written down."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
