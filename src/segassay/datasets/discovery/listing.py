"""Folder listings and small description files, as every reader needs them."""

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

from segassay.datasets.case import IGNORE, Case, FileIssue, Unmatched
from segassay.datasets.splits import natural_key
from segassay.errors import CaseError, DatasetError, ReadError
from segassay.files import filesystem
from segassay.files.untrusted_json import parse_json, shortened
from segassay.images.formats.base import Part
from segassay.images.formats.registry import (
    belongs_to_another,
    is_readable,
    label_names,
    parts_of,
    stem_of,
)
from segassay.images.io import read_labels
from segassay.images.label_ref import LabelRef
from segassay.vocabulary.freesurfer import freesurfer_names
from segassay.vocabulary.names import canonical_names

_MOST_BYTES = 2**26
"""Of a description; as objects in memory it takes some twenty times as much."""

_PATIENT = re.compile(
    r"^((?:sub-[A-Za-z0-9]+|patient_?\d+)(?=_|$)|BraTS-[A-Za-z]+-\d+(?=-\d+$))", re.IGNORECASE
)
_FREESURFER = re.compile(r"(?:aparc.*\+)?aseg", re.IGNORECASE)
"""Names of FreeSurfer's label files."""

_DOCUMENT = re.compile(r".*\.md|(?:readme|licen[cs]e|citation)(?:\.\w+)?", re.IGNORECASE)
"""Files for people."""

_DESCRIPTIONS = frozenset(
    {"dataset.json", "labels.json", "plans.json", "predict_from_raw_data_args.json"}
    | {"dataset_fingerprint.json", "postprocessing.json", "postprocessing.pkl", "summary.json"}
)
"""Files that nnU-Net leaves beside its predictions, and those that name values."""


def files_of(folder: Path, root: Path) -> list[Path]:
    """Return the readable files of a folder in natural order; links out of `root` are left out.

    A folder that is itself a link may lie elsewhere: whoever made it meant it.
    """
    homes = (root.resolve(), folder.resolve())
    found = [p for p in filesystem.children(folder) if is_readable(p) and filesystem.is_file(p)]
    inside = [p for p in found if not p.is_symlink() or any(map(p.resolve().is_relative_to, homes))]
    return sorted(inside, key=lambda p: natural_key(p.name))


def leftover_files(folder: Path, root: Path) -> list[Unmatched]:
    """Return what no reader can use of a folder, other than hidden and system files."""
    used = set(files_of(folder, root))
    others = [p for p in filesystem.children(folder) if p not in used and not _belongs(p)]
    return [
        Unmatched(
            p,
            _why_left(p),
            FileIssue.UNUSED if filesystem.is_dir(p) else FileIssue.UNREADABLE,
        )
        for p in others
    ]


def _why_left(path: Path) -> str:
    if filesystem.is_dir(path):
        return "folder within a folder of files, not looked into"
    if not is_readable(path):
        return "ending that cannot be read"
    if path.is_symlink():
        return "a link out of the data set, or to what is no file"
    return "no regular file"


def _belongs(path: Path) -> bool:
    """Whether a file is nobody's to miss: about the data, or the voxels of a header beside it."""
    is_about = path.name.lower() in _DESCRIPTIONS or _DOCUMENT.fullmatch(path.name) is not None
    return filesystem.is_system(path) or belongs_to_another(path) or is_about


def folders_of(folder: Path) -> list[Path]:
    """Return the folders within a folder in natural order, hidden ones left out.

    An archive within a folder is a file, not a folder.
    """
    found = (
        p for p in filesystem.children(folder) if not filesystem.is_system(p) and not p.is_file()
    )
    return sorted(filter(filesystem.is_dir, found), key=lambda p: natural_key(p.name))


def by_stem(paths: Iterable[Path]) -> tuple[dict[str, Path], list[Unmatched]]:
    """Index files by stem; a second file with the same stem is reported, the first one is used."""
    index: dict[str, Path] = {}
    doubles = []
    for path in paths:
        first = index.setdefault(stem_of(path), path)
        if first is not path:
            why = f"second file for one case, {first.name} is used"
            doubles.append(Unmatched(path, why, FileIssue.DUPLICATE))
    return index, doubles


def read_json(path: Path) -> dict[str, Any]:
    """Read a description file that must hold a JSON object.

    Raises:
        DatasetError: Missing, not JSON (with line and column), not an object, or with numbers or
            texts that nothing can hold.
    """
    try:
        data = parse_json(filesystem.read_text(path, most=_MOST_BYTES))
    except ReadError as error:
        raise DatasetError(str(error)) from error
    except ValueError as error:
        raise DatasetError(f"{path.name}: {error}") from error
    if not isinstance(data, dict):
        raise DatasetError(f"{path.name}: holds a {type(data).__name__}; expected an object")
    return data


def listed_path(root: Path, text: str, *, of: str) -> Path:
    r"""Return where a description or table says a file lies: relative to `root`, or absolute.

    A path written on Windows, `img\a.nii.gz`, is read as one where only that file exists, and so
    is one whose accents are stored in another way than the file's. `of` names the description, and
    the row of a table, for messages.

    Raises:
        DatasetError: It holds a NUL character, or the description came in an archive and its path
            leads out of it.
    """
    if "\0" in text:
        raise DatasetError(f"{of}: path {shortened(text)} holds a NUL character; no file has one")
    path = root / text
    if ("\\" in text or not text.isascii()) and not filesystem.exists(path):
        slashed = text.replace("\\", "/")
        forms = (slashed, normalize("NFC", slashed), normalize("NFD", slashed))
        path = next((root / form for form in forms if filesystem.exists(root / form)), path)
    archive = filesystem.archive_of(root)
    if archive is not None:
        path = Path(os.path.normpath(path))
        if not path.is_relative_to(archive):
            raise DatasetError(f"{archive.name}: names {text!r}, which lies outside of it")
    return path


def declared_labels(path: Path, labels: Any, *, of: str = "") -> dict[str, tuple[int, ...]]:
    """Read a `labels` object in either direction, name to value(s) or value to name.

    Background is left out; names are spelt canonically, in the light of the others and of `of`,
    the name of the data set.

    Raises:
        DatasetError: The object has another form, or two of its names mean one structure.
    """
    found: dict[str, tuple[int, ...]] = {}
    given = _given_labels(path, labels)
    names = canonical_names((name for name, _ in given), of=of)
    for name, values in given:
        structure = names[name]
        if not structure or structure in found:
            why = f"means {structure!r}, as another one does" if structure else "names nothing"
            raise DatasetError(f"{path.name}: label {shortened(name)} {why}; rename it")
        found[structure] = values
    return found


def _given_labels(path: Path, labels: Any) -> list[tuple[str, tuple[int, ...]]]:
    if not isinstance(labels, dict):
        came = shortened(labels)
        raise DatasetError(f"{path.name}: 'labels' is {came}; expected names and values")
    given = []
    for key, value in labels.items():
        name, values = (value, key) if str(key).lstrip("-").isdigit() else (key, value)
        whole = _whole_numbers(values)
        if not whole:
            raise DatasetError(
                f"{path.name}: label {shortened(key)} has value {shortened(value)}; "
                "expected integers of at most 10 digits"
            )
        if whole != (0,) and str(name).lower() != "background":
            given.append((str(name), whole))
    return given


def _whole_numbers(values: Any) -> tuple[int, ...]:
    """Read one value or a list of them, also as text; empty if any is no whole number."""
    listed = values if isinstance(values, list) else [values]
    texts = [str(n) for n in listed]  # str(True) and str(1.5) are no numbers, as it should be
    if not all(re.fullmatch(r"-?\d{1,10}", text) for text in texts):
        return ()
    return tuple(int(text) for text in texts)


def declared_values(labels: dict[str, tuple[int, ...]]) -> dict[int, str]:
    """Turn names to values round; a value of several regions gets the first one's name.

    `ignore` is among them: a file may hold it, though it is no structure.
    """
    values: dict[int, str] = {}
    for name, numbers in labels.items():
        for number in numbers:
            values.setdefault(number, name)
    for name in IGNORE & labels.keys():
        values |= dict.fromkeys(labels[name], name)
    return values


def subject_of(case_id: str, pattern: re.Pattern[str] | None) -> str:
    """Return the subject of a case: the pattern's first group, a known prefix, or the case id."""
    match = pattern.search(case_id) if pattern is not None else _PATIENT.match(case_id)
    if match is None:
        return case_id
    return (match.group(1) if match.re.groups else match.group(0)) or case_id


def multilabel_refs(path: Path, labels: dict[str, tuple[int, ...]]) -> tuple[LabelRef, ...]:
    """Refer to every declared structure of a multi-label file; unnamed files are looked into.

    Without names the values of the file itself are the structures: named by the table in its own
    header if it has one, else by FreeSurfer's numbers if they are unmistakable, else `label_1`,
    `label_2`, … A file without any value, or one that cannot be read, is `label_1`: it has a label,
    and the run will read it again and report that it is empty, or why it cannot be read.
    """
    if labels:
        ignore = tuple(value for name in IGNORE & labels.keys() for value in labels[name])
        return tuple(
            # A region of nnU-Net's may list the ignored value: nobody labelled it all the same.
            LabelRef(
                name, path, tuple(v for v in values if v not in ignore) or values, ignore=ignore
            )
            for name, values in labels.items()
            if name not in IGNORE
        )
    try:
        named = parts_of(path)
        if named:
            return _segment_refs(named)
        values = [value for value in read_labels(path).counts if value != 0] or [1]
        is_freesurfer = _FREESURFER.match(stem_of(path)) is not None
        names = label_names(path) or freesurfer_names(values, certain=is_freesurfer)
    except CaseError:
        values, names = [1], {}
    spelt = canonical_names(names.values())
    every: dict[str, tuple[int, ...]] = {}
    for value in values:
        name = spelt.get(names.get(value, "")) or f"label_{value}"
        every[name] = (*every.get(name, ()), value)
    return tuple(LabelRef(name, path, values) for name, values in every.items())


def _segment_refs(segments: tuple[Part, ...]) -> tuple[LabelRef, ...]:
    """Refer to every segment of a Slicer file; those of one name are parts of one structure.

    Only where they overlap, so that they lie in several layers, they are sources of their own.
    """
    spelt = canonical_names(segment.name for segment in segments)
    refs: dict[tuple[str, Path], LabelRef] = {}
    for number, segment in enumerate(segments, start=1):
        name = spelt[segment.name] or f"label_{number}"
        is_taken = any(ref.structure == name for ref in refs.values())
        source = f"segment_{number}" if is_taken else "label"
        first = refs.get((name, segment.path), LabelRef(name, segment.path, (), source))
        values = (*(first.values or ()), segment.value)
        refs[name, segment.path] = replace(first, values=values)
    return tuple(refs.values())


def distinct_cases(cases: Iterable[Case]) -> tuple[list[Case], list[Unmatched]]:
    """Keep the first case of every id; the files of later ones are reported.

    One of an id that is in another part of the data set stays, as `id (part)`: its subject is then
    in two parts, which may be a leak, and a new name would hide it.
    """
    index: dict[str, Case] = {}
    doubles: list[Unmatched] = []
    for given in cases:
        case = _apart(given, index.get(given.case_id))
        if index.setdefault(case.case_id, case) is not case:
            paths = dict.fromkeys((*case.images, *(ref.path for ref in case.labels)))
            why = f"second case named {case.case_id}; rename it"
            doubles += [Unmatched(p, why, FileIssue.DUPLICATE) for p in paths]
    return list(index.values()), doubles


def _apart(case: Case, before: Case | None) -> Case:
    """Return a case under a name of its own if one of its id is in another part of the data."""
    if before is None or not case.split or case.split == before.split:
        return case
    return replace(case, case_id=f"{case.case_id} ({case.split})", subject_id=before.subject_id)


def missing_files(cases: Iterable[Case], listed_in: str) -> tuple[Unmatched, ...]:
    """Return the files of cases that a description or table lists and that are not there."""
    named = ((*c.images, *(p for ref in c.labels for p in (ref.path, *ref.pieces))) for c in cases)
    gone = [p for p in dict.fromkeys(p for ps in named for p in ps) if not filesystem.is_there(p)]
    there = {folder: _by_stems(folder) for folder in dict.fromkeys(p.parent for p in gone)}
    return tuple(
        Unmatched(path, _why_missing(path, there[path.parent], listed_in), FileIssue.MISSING)
        for path in gone
    )


def _by_stems(folder: Path) -> dict[str, str]:
    """Return the names of a folder's files by what they are without ending and capitals."""
    try:
        return {
            stem_of(p).casefold(): p.name for p in filesystem.children(folder) if is_readable(p)
        }
    except OSError:
        return {}


def _why_missing(path: Path, there: dict[str, str], listed_in: str) -> str:
    near = there.get(path.name.casefold()) or there.get(stem_of(path).casefold())
    if near == path.name:
        return f"no regular file, though {listed_in} lists it"
    meant = f"; is {near}, which is there, meant?" if near else ""
    return f"no such file, though {listed_in} lists it{meant}"


def require_cases(cases: list[Case], root: Path, looked_for: str) -> tuple[Case, ...]:
    """Return the cases, or raise `DatasetError` if there are none."""
    if not cases:
        raise DatasetError(f"{root.name}: no images found; looked for {looked_for}")
    return tuple(cases)
