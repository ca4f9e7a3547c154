"""DICOM: a folder per series, with labels as SEG objects or as files beside the series."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from segassay.data import files
from segassay.data.case import Case, Dataset, FileIssue, LabelRef, Unmatched
from segassay.data.dicom_header import SEGMENT, DicomFacts, dicom_facts, is_dicom
from segassay.data.io import VOLUMES, stem_of
from segassay.data.readers.listing import (
    declared_labels,
    declared_values,
    distinct_cases,
    folders_of,
    multilabel_refs,
    read_json,
    require_cases,
    subject_of,
)
from segassay.errors import ReadError
from segassay.types import modality_of
from segassay.vocabulary.names import canonical_names

NAME = "dicom"
LOOKS_FOR = "folders of DICOM slices, with SEG objects or NIfTI labels beside them"

_DEEPEST = 6
_LOOKED_AT = 200
"""Folders that are looked at to recognise the layout."""


@dataclass(slots=True)
class _Found:
    """What lies in the folders, sorted by kind."""

    series: dict[Path, list[DicomFacts]] = field(default_factory=dict)
    pictures: dict[Path, DicomFacts] = field(default_factory=dict)
    segmentations: dict[Path, DicomFacts] = field(default_factory=dict)
    labels: list[Path] = field(default_factory=list)
    unmatched: list[Unmatched] = field(default_factory=list)


@dataclass(slots=True)
class _Index:
    """The images of a set by series and by folder, so that a label need not look at each.

    `below` holds, for some series (none: for all images), the one image in or below a folder, and
    `None` for a folder with several.
    """

    by_series: dict[str, list[Path]]
    below: dict[frozenset[str], dict[Path, Path | None]]

    @classmethod
    def of(cls, images: dict[Path, DicomFacts]) -> "_Index":
        """Index images with their headers."""
        by_series: dict[str, list[Path]] = {}
        for image, facts in images.items():
            by_series.setdefault(facts.series, []).append(image)
        return cls(by_series, {frozenset(): _one_below(images)})

    def owner_of(self, path: Path, of_series: tuple[str, ...]) -> Path | None:
        """Return the nearest image to a label: of the series that it names, else of all."""
        known = frozenset(series for series in of_series if series in self.by_series)
        if known not in self.below:
            named = [image for series in known for image in self.by_series[series]]
            if len(named) == 1:
                return named[0]
            self.below[known] = _one_below(named)
        return _nearest(path, self.below[known])


def sniff(root: Path) -> bool:
    """Whether a folder, or one within it, holds DICOM files."""
    return files.is_dir(root) and any(
        any(map(is_dicom, files.children(folder)[:3]))
        for folder in islice(_folders(root), _LOOKED_AT)
    )


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read headers only; patients are told apart by their id, which is not kept.

    The subject of a case is the first case of the same patient, unless a pattern tells it.
    """
    names = root / "labels.json"
    labels = declared_labels(names, read_json(names), of=root.name) if files.is_file(names) else {}
    found = _sorted(root)
    images = {**found.pictures, **{folder: facts[0] for folder, facts in found.series.items()}}
    refs = _refs(found, images, labels)
    ids = _case_ids(root, list(images))
    owners: dict[str, str] = {}
    cases = []
    for image, facts in images.items():
        case_id = ids[image]
        owner = owners.setdefault(facts.patient, case_id) if facts.patient else case_id
        owner = subject_of(owner if subject is None else case_id, subject)
        modality = modality_of(facts.modality)
        cases.append(Case(case_id, owner, (image,), tuple(refs[image]), modality))
    cases, doubles = distinct_cases(cases)
    return Dataset(
        root,
        NAME,
        root.name,
        require_cases(cases, root, LOOKS_FOR),
        (*found.unmatched, *doubles),
        declared_values(labels),
    )


def _folders(root: Path, depth: int = 0) -> Iterator[Path]:
    yield root
    if depth < _DEEPEST:
        for folder in folders_of(root):
            if not folder.is_symlink():
                yield from _folders(folder, depth + 1)


def _sorted(root: Path) -> _Found:
    found = _Found()
    inside = (path for folder in _folders(root) for path in files.children(folder))
    for path in inside:
        if files.is_system(path) or not files.is_file(path):
            continue
        if is_dicom(path):
            _sort_dicom(path, found)
        elif path.name.lower().endswith(VOLUMES):
            found.labels.append(path)
        elif path != root / "labels.json":
            found.unmatched.append(Unmatched(path, "neither DICOM nor a volume of labels"))
    for folder, every in list(found.series.items()):
        n_series = len({facts.series for facts in every})
        if n_series > 1:
            why = f"holds {n_series} series; put each into a folder of its own"
            found.unmatched.append(Unmatched(folder, why))
            del found.series[folder]
    return found


def _sort_dicom(path: Path, found: _Found) -> None:
    try:
        facts = dicom_facts(path)
    except ReadError as error:
        found.unmatched.append(Unmatched(path, str(error)))
        return
    if facts.segments:
        found.segmentations[path] = facts
    elif facts.is_image and facts.is_placed:
        found.series.setdefault(path.parent, []).append(facts)
    elif facts.is_image:
        found.pictures[path] = facts
    elif path.name.upper() != "DICOMDIR":
        kind = facts.modality or "unknown kind"
        found.unmatched.append(Unmatched(path, f"DICOM object without pixels ({kind})"))


def _refs(
    found: _Found, images: dict[Path, DicomFacts], labels: dict[str, tuple[int, ...]]
) -> dict[Path, list[LabelRef]]:
    of_image: dict[Path, list[tuple[Path, tuple[LabelRef, ...]]]] = {image: [] for image in images}
    index = _Index.of(images)
    for path in (*found.segmentations, *found.labels):
        facts = found.segmentations.get(path)
        owner = index.owner_of(path, () if facts is None else facts.of_series)
        if owner is None:
            why = "label of no one image; lay it beside its series"
            found.unmatched.append(Unmatched(path, why, FileIssue.LABEL_WITHOUT_IMAGE))
        else:
            new = multilabel_refs(path, labels) if facts is None else _segments(path, facts)
            of_image[owner].append((path, new))
    return {image: _told_apart(every) for image, every in of_image.items()}


def _told_apart(every: list[tuple[Path, tuple[LabelRef, ...]]]) -> list[LabelRef]:
    """Join an image's label files; several are sources by their names, equal segments by number."""
    refs: list[LabelRef] = []
    for path, new in every:
        source = stem_of(path) if len(every) > 1 else "label"
        for ref in new:
            taken = {(other.structure, other.source) for other in refs}
            is_taken = (ref.structure, source) in taken
            name = f"{source}/{ref.path.name}" if is_taken else source
            refs.append(replace(ref, source=name))
    return refs


def _segments(path: Path, facts: DicomFacts) -> tuple[LabelRef, ...]:
    names = canonical_names(facts.segments.values())
    return tuple(
        LabelRef(names[label] or f"label_{number}", path / f"{SEGMENT}{number}")
        for number, label in facts.segments.items()
    )


def _one_below(images: Iterable[Path]) -> dict[Path, Path | None]:
    below: dict[Path, Path | None] = {}
    for image in images:
        for folder in (image, *image.parents):
            below[folder] = None if folder in below else image
    return below


def _nearest(path: Path, below: dict[Path, Path | None]) -> Path | None:
    """Return the one image in the label's folder or below; higher folders only if it is alone."""
    return next((below[folder] for folder in path.parents if folder in below), None)


def _case_ids(root: Path, images: list[Path]) -> dict[Path, str]:
    """Name cases by the folder right below the root where that tells them apart, else by all."""
    parts = {image: image.relative_to(root).parts for image in images}
    tops = [p[0] if p else root.name for p in parts.values()]
    if len(set(tops)) == len(tops):
        return dict(zip(images, map(_without_ending, tops), strict=True))
    return {image: _without_ending("_".join(p)) or root.name for image, p in parts.items()}


def _without_ending(name: str) -> str:
    """Take `.dcm` off; other dots are parts of the long numbers that DICOM uses as names."""
    return name[:-4] if name.lower().endswith(".dcm") else name
