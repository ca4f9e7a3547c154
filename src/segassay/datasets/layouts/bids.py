"""BIDS: `sub-*/[ses-*/]anat/*` images with `*_dseg` or `*_mask` files, often in `derivatives/`.

Also as VerSe has it, `rawdata/` and `derivatives/sub-*` with `*_seg-vert_msk`, and with the names
that labels had before BIDS named them: `*_T1w_seg-manual`, `*_T2w_label-SC_seg`, `*_lesion_roi`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from segassay.datasets.case import Case, Dataset, FileIssue, Unmatched
from segassay.datasets.discovery.conventions import VERTEBRAE
from segassay.datasets.discovery.listing import (
    by_stem,
    distinct_cases,
    files_of,
    folders_of,
    multilabel_refs,
    require_cases,
    subject_of,
)
from segassay.datasets.layouts.bids_sidecar import named_images
from segassay.errors import DatasetError
from segassay.files.filesystem import is_dir, is_file
from segassay.files.text_table import read_rows
from segassay.images.formats.registry import stem_of
from segassay.images.label_ref import LabelRef
from segassay.types import Modality, modality_of
from segassay.vocabulary.names import canonical_name, canonical_names

NAME = "bids"
LOOKS_FOR = "sub-*/anat/*_T1w.nii.gz with *_dseg.nii.gz, in derivatives/<pipeline>/ or beside"

_ONLY_LABELLED = ("dwi", "adc", "flair")
"""Suffixes, as of ISLES, of images that mostly are series for other ends: cases if labelled."""

_IMAGES = (
    *("T1w", "T2w", "FLAIR", "PDw", "T2starw", "UNIT1", "inplaneT1", "inplaneT2", "ct"),
    *_ONLY_LABELLED,
)
"""Suffixes of images; where a label may belong to several, the first of them."""

_LABELS = ("dseg", "mask", "seg", "gmseg", "lesion", "msk", "roi")
_MEANS = {"SC": "spinal cord", "gmseg": "gray matter", "lesion": "lesion"}
"""What labels of the spinal cord are called there; `GM` and its like are known names."""

_OWN_SPACE = ("orig", "T1w", "T2w", "individual", "scanner")
"""Spaces of labels that lie on the subject's own image."""

_OF_LABELS = ("seg", "gmseg", "lesion", "desc", "label", "space", "atlas", "res")
"""Parts of a label's name that say nothing about which image it belongs to."""

_SUBJECT = re.compile(r"sub-[A-Za-z0-9]+$")
_HOME = re.compile(r"(sub|ses)-[A-Za-z0-9]+$")
_RAW = "rawdata"
_SAYS_NOTHING = ("derivatives", "anat", _RAW)
"""Folders that tell no two images apart."""


@dataclass(frozen=True, slots=True)
class _Name:
    """A file with what its name says: `sub-1_space-MNI_dseg` has two entities and a suffix.

    `words` are what stands between them: of `sub-1_T1w_seg-manual` the suffix of the image, while
    its own suffix is `seg`. `text` is the name, without its ending; `T1w` alone has its subject and
    session put before it.
    """

    path: Path
    text: str
    entities: dict[str, str]
    suffix: str
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> "_Name":
        """Take a file's name apart."""
        stem = stem_of(path)
        text = stem if stem.startswith("sub-") else "_".join((*_homes(path), stem))
        *parts, last = text.split("_")
        suffix, _, value = last.partition("-")
        if value and suffix in _LABELS:
            parts.append(last)
        elif value:
            suffix = last
        pairs = [part.partition("-") for part in parts]
        entities = {key: value for key, _, value in pairs if value}
        return cls(path, text, entities, suffix, tuple(key for key, _, v in pairs if not v))

    @property
    def space(self) -> str:
        """The space that voxels were brought into; empty for the image's own."""
        space = self.entities.get("space", "")
        return "" if space in _OWN_SPACE else space


def sniff(root: Path) -> bool:
    """Whether there are folders of subjects, and labels for one of them."""
    folders = _subject_folders(root)
    files = (path for folder in folders for path in _files(folder, root, []))
    return any(_Name.of(path).suffix in _LABELS for path in files)


def read(root: Path, subject: re.Pattern[str] | None) -> Dataset:
    """Read images and labels; `participants.tsv` gives metadata, `*_dseg.tsv` the names.

    The source of a label is its pipeline's folder. Probability maps are reported, not read.
    """
    unmatched: list[Unmatched] = []
    folders = _subject_folders(root)
    named = [_Name.of(p) for folder in folders for p in _files(folder, root, unmatched)]
    images = [name for name in named if name.suffix in _IMAGES]
    labels = [name for name in named if name.suffix in _LABELS]
    refs: dict[Path, list[LabelRef]] = {}
    visits, stems = _by_visit(images), _by_stem(images)
    by_path = {image.path: image for image in images}
    for label in labels:
        named_by = [by_path[path] for path in named_images(label.path, stems)]
        fitting = named_by or _fitting(label, visits.get(_visit(label), []))
        best = _best(label, fitting)
        if len(best) == 1:
            _add(refs.setdefault(best[0].path, []), _refs(label, root), label)
        else:
            unmatched.append(_lonely(label.path, best))
    used = [image for image in images if image.path in refs or _is_raw(image, root)]
    cases, doubles = distinct_cases(_cases(root, used, refs, subject))
    maps = [name.path for name in named if name.suffix == "probseg"]
    unmatched += [Unmatched(path, "map of probabilities, no label") for path in maps]
    found = require_cases(cases, root, LOOKS_FOR)
    return Dataset(root, NAME, root.name, found, (*unmatched, *doubles))


def _lonely(label: Path, images: list[_Name]) -> Unmatched:
    why = "label without image in the same space"
    if images:
        several = " or ".join(image.path.name for image in images[:3])
        why = f"label of {several}; name it in the SpatialReference of {stem_of(label)}.json"
    return Unmatched(label, why, FileIssue.LABEL_WITHOUT_IMAGE)


def _cases(
    root: Path,
    images: list[_Name],
    refs: dict[Path, list[LabelRef]],
    subject: re.Pattern[str] | None,
) -> Iterator[Case]:
    about = _participants(root)
    times = Counter(image.text for image in images)
    for image in images:
        yield Case(
            image.text if times[image.text] == 1 else _with_folders(image, root),
            # by the name alone: every pipeline's image is of one subject
            subject_of(image.text, subject),
            (image.path,),
            tuple(refs.get(image.path, ())),
            modality_of(image.suffix) or Modality.MR,
            None,
            about.get(f"sub-{image.entities.get('sub', '')}", {}),
        )


def _with_folders(image: _Name, root: Path) -> str:
    """Return a name with the folders before it that it leaves out, such as a pipeline's."""
    known = (*_SAYS_NOTHING, *image.text.split("_"))
    folders = image.path.parent.relative_to(root).parts
    return "_".join((*(part for part in folders if part not in known), image.text))


def _subject_folders(root: Path) -> list[Path]:
    """Return the folders of subjects, in the data set and in each of its derivatives."""
    derivatives = root / "derivatives"
    pipelines = [derivatives, *folders_of(derivatives)] if is_dir(derivatives) else []
    homes = [root, *([root / _RAW] if is_dir(root / _RAW) else []), *pipelines]
    return [f for home in homes for f in folders_of(home) if _SUBJECT.match(f.name)]


def _homes(path: Path) -> list[str]:
    """Return the folders of subject and session that a file lies in, the subject first."""
    homes: list[str] = []
    for folder in path.parents:
        if _HOME.match(folder.name):
            homes.insert(0, folder.name)
        if _SUBJECT.match(folder.name):
            break
    return homes


def _files(folder: Path, root: Path, unmatched: list[Unmatched], depth: int = 0) -> Iterator[Path]:
    """Yield the files of a subject: sessions, and in them folders by kind of image.

    Of `.nii` beside `.nii.gz` only the first is used, the other is reported.
    """
    files, doubles = by_stem(files_of(folder, root))
    unmatched.extend(doubles)
    yield from files.values()
    if depth < 2:
        for inner in folders_of(folder):
            yield from _files(inner, root, unmatched, depth + 1)


def _is_raw(image: _Name, root: Path) -> bool:
    """Whether an image is an original: those that pipelines write are cases only with labels."""
    if image.suffix in _ONLY_LABELLED or image.space:
        return False
    return "derivatives" not in image.path.relative_to(root).parts


def _visit(name: _Name) -> tuple[str, str]:
    """Return what a name says of subject and session; empty where it says nothing."""
    return name.entities.get("sub", ""), name.entities.get("ses", "")


def _by_visit(images: Iterable[_Name]) -> dict[tuple[str, str], list[_Name]]:
    """Index images by subject and session, and by subject alone for labels without a session."""
    visits: dict[tuple[str, str], list[_Name]] = {}
    for image in images:
        subject, session = _visit(image)
        for key in dict.fromkeys(((subject, session), (subject, ""))):
            visits.setdefault(key, []).append(image)
    return visits


def _by_stem(images: Iterable[_Name]) -> dict[str, list[Path]]:
    stems: dict[str, list[Path]] = {}
    for image in images:
        stems.setdefault(stem_of(image.path), []).append(image.path)
    return stems


def _fitting(label: _Name, images: Iterable[_Name]) -> list[_Name]:
    """Return the images that may be a label's: what both names say agrees, and the space is one."""
    asked = {key: text for key, text in label.entities.items() if key not in _OF_LABELS}
    return [
        image
        for image in images
        if image.space == label.space
        and (image.suffix in label.words or not set(label.words).intersection(_IMAGES))
        and all(image.entities.get(key) == text for key, text in asked.items())
    ]


def _best(label: _Name, images: list[_Name]) -> list[_Name]:
    """Return the images that are most likely a label's; several where nothing tells them apart."""

    def rank(image: _Name) -> tuple[bool, bool, int, int, bool]:
        """Order by: the suffix that the space names, the same folder, suffix, fewest entities."""
        own = image.suffix != label.entities.get("space", image.suffix)
        elsewhere = image.path.parent != label.path.parent
        is_derived = "derivatives" in image.path.parts
        return own, elsewhere, _IMAGES.index(image.suffix), len(image.entities), is_derived

    first = min(map(rank, images), default=None)
    return [image for image in images if rank(image) == first]


def _refs(label: _Name, root: Path) -> tuple[LabelRef, ...]:
    parts = label.path.relative_to(root).parts
    in_pipeline = parts[0] == "derivatives" and not _SUBJECT.match(parts[1])
    source = parts[1] if in_pipeline else "label"
    word = _word(label)
    if word or label.suffix == "mask":
        return (LabelRef(canonical_name(word) or "label_1", label.path, None, source),)
    if label.entities.get("seg") == "vert":
        refs = multilabel_refs(label.path, {})
        named = (
            replace(
                r, structure=VERTEBRAE.get(r.values[0], r.structure) if r.values else r.structure
            )
            for r in refs
        )
        return tuple(replace(ref, source=source) for ref in named)
    found = multilabel_refs(label.path, _names(label, root))
    return tuple(replace(ref, source=source) for ref in found)


def _word(label: _Name) -> str:
    """Return what a name says of the one structure in its file; empty where it says nothing."""
    if label.suffix == "dseg":
        return ""
    told = label.entities.get("label", "")
    if label.suffix == "mask":
        told = told or label.entities.get("desc", "")
    others = [word for word in label.words if word not in _IMAGES]
    word = told or next(iter(others), "") or label.suffix
    return _MEANS.get(word, word if word not in _LABELS else "")


def _add(refs: list[LabelRef], new: Iterable[LabelRef], label: _Name) -> None:
    """Add labels to an image; a second one of a structure and pipeline has its name as source."""
    taken = {(ref.structure, ref.source) for ref in refs}
    for ref in new:
        source = ref.source
        if (ref.structure, source) in taken:
            source = f"{source}/{stem_of(label.path)}"
        refs.append(replace(ref, source=source))


def _names(label: _Name, root: Path) -> dict[str, tuple[int, ...]]:
    """Read the table of a label's values: beside it, or the nearest one higher up that fits."""
    for folder in label.path.parents:
        if not folder.is_relative_to(root):
            break
        own = folder / f"{stem_of(label.path)}.tsv"
        told = [f"{k}-{v}_dseg.tsv" for k, v in label.entities.items() if k in _OF_LABELS]
        for table in (own, *(folder / name for name in (*told, "dseg.tsv"))):
            if is_file(table):
                return _table(table)
    return {}


def _table(path: Path) -> dict[str, tuple[int, ...]]:
    names: dict[str, tuple[int, ...]] = {}
    rows = [row for row in read_rows(path) if row.get("index") != "0"]
    spelt = canonical_names(row.get("name", "") for row in rows)
    for row in rows:
        name = spelt[row.get("name", "")]
        if not name or not row.get("index", "").isdecimal():
            raise DatasetError(f"{path.name}: row {row}; expected columns 'index' and 'name'")
        names[name] = (*names.get(name, ()), int(row["index"]))
    return names


def _participants(root: Path) -> dict[str, dict[str, str]]:
    path = root / "participants.tsv"
    if not is_file(path):
        return {}
    rows = (dict(row) for row in read_rows(path))
    return {
        row.pop("participant_id", ""): {k: v for k, v in row.items() if v and v != "n/a"}
        for row in rows
    }
