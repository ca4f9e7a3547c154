"""DICOM: a folder per series, with labels as SEG objects or as files beside the series."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from segassay.datasets.case import Case, Dataset, FileIssue, Unmatched
from segassay.datasets.discovery.listing import (
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
from segassay.files import filesystem
from segassay.images.formats.dicom_header import SEGMENT, SERIES, DicomFacts, dicom_facts, is_dicom
from segassay.images.formats.registry import VOLUMES, stem_of
from segassay.images.label_ref import LabelRef
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

    `by_series` has frames of reference, too: an object that names no series may share one. `below`
    holds, for some of them (none: for all images), the one image in or below a folder, and `None`
    for a folder with several.
    """

    by_series: dict[str, list[Path]]
    below: dict[frozenset[str], dict[Path, Path | None]]

    @classmethod
    def of(cls, images: dict[Path, DicomFacts]) -> "_Index":
        """Index images with their headers."""
        by_series: dict[str, list[Path]] = {}
        for image, facts in images.items():
            for uid in {facts.series, facts.frame} - {""}:
                by_series.setdefault(uid, []).append(image)
        return cls(by_series, {frozenset(): _one_below(images)})

    def owner_of(self, path: Path, facts: DicomFacts | None) -> Path | None:
        """Return the nearest image to a label: of what it names, series or frame, else of all."""
        named_series = () if facts is None else facts.of_series
        known = frozenset(series for series in named_series if series in self.by_series)
        if not known and facts is not None and facts.frame in self.by_series:
            known = frozenset({facts.frame})
        if known not in self.below:
            named = [image for series in known for image in self.by_series[series]]
            if len(named) == 1:
                return named[0]
            self.below[known] = _one_below(named)
        return _nearest(path, self.below[known])


def sniff(root: Path) -> bool:
    """Whether a folder, or one within it, holds DICOM files."""
    return filesystem.is_dir(root) and any(
        any(map(is_dicom, filesystem.children(folder)[:3]))
        for folder in islice(_folders(root), _LOOKED_AT)
    )


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read headers only; patients are told apart by their id, which is not kept.

    The subject of a case is the first case of the same patient, unless a pattern tells it.
    """
    names = root / "labels.json"
    labels = (
        declared_labels(names, read_json(names), of=root.name) if filesystem.is_file(names) else {}
    )
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
    inside = (path for folder in _folders(root) for path in filesystem.children(folder))
    for path in inside:
        if filesystem.is_system(path) or not filesystem.is_file(path):
            continue
        if is_dicom(path):
            _sort_dicom(path, found)
        elif path.name.lower().endswith(VOLUMES):
            found.labels.append(path)
        elif path != root / "labels.json":
            found.unmatched.append(Unmatched(path, "neither DICOM nor a volume of labels"))
    found.series = {
        place: facts
        for folder, every in found.series.items()
        for place, facts in _by_series(folder, every).items()
    }
    return found


def _by_series(folder: Path, every: list[DicomFacts]) -> dict[Path, list[DicomFacts]]:
    """Split what lies in a folder, as exports of an archive do, into its series."""
    found: dict[str, list[DicomFacts]] = {}
    for facts in every:
        found.setdefault(facts.series, []).append(facts)
    if len(found) == 1:
        return {folder: every}
    return {folder / f"{SERIES}{n}": facts for n, facts in enumerate(found.values(), start=1)}


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
        owner = index.owner_of(path, facts)
        if owner is None:
            why = "label of no one image; lay it beside its series"
            found.unmatched.append(Unmatched(path, why, FileIssue.LABEL_WITHOUT_IMAGE))
        else:
            new = multilabel_refs(path, labels) if facts is None else _segments(path, facts)
            of_image[owner].append((path, new))
    sources = _sources(list(of_image.values()), found)
    return {
        image: [_made_by(ref, sources.get(path, "")) for path, new in every for ref in new]
        for image, every in of_image.items()
    }


def _made_by(ref: LabelRef, source: str) -> LabelRef:
    """Return a label with the name of who made its file; what its file tells apart stays so."""
    parts = [source, "" if ref.source == "label" else ref.source]
    return replace(ref, source="/".join(filter(None, parts)) or ref.source)


def _sources(
    of_images: list[list[tuple[Path, tuple[LabelRef, ...]]]], found: _Found
) -> dict[Path, str]:
    """Name who made each label file, in one way for the whole set; empty if nobody has to be named.

    That is where two files of one image hold the same structure. Names are taken from what tells
    the files of each image apart and comes back most often: the files' names, the folders they lie
    in, what SEG objects say of their series or their author. Else the files' whole places are.
    """
    structures = [
        [name for _, new in every for name in {ref.structure for ref in new}] for every in of_images
    ]
    if all(len(set(names)) == len(names) for names in structures):
        return {}

    def folder_up(levels: int) -> Callable[[Path], str]:
        """Name a file by a folder above it."""
        return lambda path: path.parents[levels].name if len(path.parents) > levels else ""

    def said(what: str) -> Callable[[Path], str]:
        """Name a file by its header; a NIfTI file says nothing."""
        return lambda path: str(getattr(found.segmentations.get(path), what, ""))

    ways = [stem_of, *map(folder_up, range(3)), said("description"), said("creator")]
    best: dict[Path, str] = {}
    for way in ways:
        named = [{path: way(path) for path, _ in every} for every in of_images]
        names = {path: name for every in named for path, name in every.items()}
        tells = all(len(set(every.values())) == len(every) for every in named)
        fewer = not best or len(set(names.values())) < len(set(best.values()))
        if tells and fewer and all(names.values()):
            best = names
    if best:
        return best
    places = [path for every in of_images for path, _ in every]
    above = Path(os.path.commonpath(places)) if len(places) > 1 else places[0].parent
    return {path: _without_ending(path.relative_to(above).as_posix()) for path in places}


def _segments(path: Path, facts: DicomFacts) -> tuple[LabelRef, ...]:
    """Refer to the segments of a SEG object; those of one name are pieces of one structure."""
    names = canonical_names(facts.segments.values())
    refs: dict[str, LabelRef] = {}
    for number, label in facts.segments.items():
        structure, place = names[label] or f"label_{number}", path / f"{SEGMENT}{number}"
        first = refs.get(structure)
        refs[structure] = (
            LabelRef(structure, place)
            if first is None
            else replace(first, pieces=(*first.pieces, place))
        )
    return tuple(refs.values())


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
