"""Which folder of a data set holds images and which one labels, by their names.

`images` with `masks`, `Imgs` with `GT`, `imagesTr` with `labelsTr`, `train_images` with
`train_masks`, a folder of images with its `labels/` inside: the words for images and labels are
taken out of the names, and what is left must be the same, or there be one of each alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from segassay.datasets.case import Unmatched
from segassay.datasets.discovery.listing import files_of, folders_of
from segassay.datasets.discovery.name_matching import match_names
from segassay.files.filesystem import children
from segassay.images.formats.registry import is_readable, stem_of

_IMAGE_WORDS = frozenset(
    {"image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "scan", "scans"}
    | {"volume", "volumes", "vol", "vols", "ct", "cts", "mr", "mri", "input", "inputs", "original"}
    | {"originals", "frame", "frames"}
)
_LABEL_WORDS = (
    ("manual", "manuals"),
    ("label", "labels", "lbl"),
    ("segmentation", "segmentations", "seg", "segs"),
    ("groundtruth", "groundtruths", "gt", "gts", "truth"),
    ("annotation", "annotations", "annot", "anno"),
    ("mask", "masks", "target", "targets"),
)
"""Words for labels; of several folders the one with the first word is meant."""

SOURCE = re.compile(
    r"^(gold|silver|weak|pseudo|manual|expert|auto|pred|prediction|rater|reader|annotator|gt"
    r"|ground|consensus|staple|medsam|sam)s?(?:[_\W\d]|$)",
    re.IGNORECASE,
)
"""Names of folders that say who made their masks; `gt` or `manual` may be the only labels."""

_LOOKED_AT = 100
"""Label files that are looked at to see whether two folders belong together."""

_RANKS = {word: rank for rank, words in enumerate(_LABEL_WORDS) for word in words}
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
SPLITS = {
    **dict.fromkeys(("tr", "train", "training"), "train"),
    **dict.fromkeys(("te", "ts", "test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
}
"""What names of folders, and parts of them, say of the split."""


@dataclass(frozen=True, slots=True)
class Part:
    """A folder of images with its labels: one folder for each source, and the split, if any.

    `unused` are folders beside them that look like labels and are not taken for such. There may be
    no source.
    """

    images: Path
    sources: dict[str, Path]
    split: str | None = None
    unused: tuple[Unmatched, ...] = ()

    @property
    def labels(self) -> Path:
        """The folder of labels, the first one of several; the images' own where there is none."""
        return next(iter(self.sources.values()), self.images)


@dataclass(frozen=True, slots=True)
class _Role:
    """A folder whose name says what it holds; `rank` is -1 for images."""

    folder: Path
    rank: int
    rest: tuple[str, ...] = field(default=())


def parts(root: Path) -> list[Part]:
    """Return the folders of images that have one of labels, in the folder or in its splits.

    No file is opened; only names are looked at.
    """
    here = [part for pair in _pairs(root) for part in _split_alike(pair)]
    if here:
        return here
    splits = (f for f in folders_of(root) if f.name.lower() in SPLITS)
    found = [
        Part(part.images, part.sources, SPLITS[folder.name.lower()], part.unused)
        for folder in splits
        for pair in _pairs(folder)
        for part in _split_alike(pair)
    ]
    by_hand = next((p.labels for p in found if "manual" in p.labels.name.lower()), None)
    return found if by_hand is None else [_without_view(part, by_hand) for part in found]


def _without_view(part: Part, by_hand: Path) -> Part:
    """Return DRIVE's test images without labels, where `mask/` holds their field of view alone."""
    if part.labels.name.lower() not in ("mask", "masks"):
        return part
    return replace(part, sources={}, unused=(Unmatched(part.labels, _field_of_view(by_hand)),))


def _field_of_view(by_hand: Path) -> str:
    return f"the field of view, no label: labels are in {by_hand.name}"


def image_folder(root: Path) -> Path | None:
    """Return the one folder of images right below, by its name; `None` if there is none."""
    named = [role.folder for role in _roles(root) if role.rank < 0 and not role.rest]
    plain = [folder for folder in named if folder.name.lower() in ("images", "imgs", "image")]
    return next(iter(plain or named), None)


def holds_files(folder: Path) -> bool:
    """Whether a folder holds files that can be read, by their endings."""
    return any(map(is_readable, children(folder)))


def pair_up(images: Path, labels: Path) -> bool:
    """Whether a file of one folder is named after one of the other; the first ones are compared."""
    found, stems = (
        [stem_of(path) for path in files_of(folder, folder)] for folder in (images, labels)
    )
    return bool(match_names(found, stems[:_LOOKED_AT]).of_image)


def holds_a_folder_per_image(images: Path, labels: Path) -> bool:
    """Whether a folder of labels holds folders that are named like the images."""
    stems = {stem_of(path) for path in children(images)}
    return any(folder.name in stems for folder in folders_of(labels))


def _split_alike(part: Part) -> Iterator[Part]:
    """Yield a part, or those of its folders that are called alike: `images/train`, `masks/train`.

    A folder per case, or per structure, is not for here.
    """
    inner = {folder.name: folder for folder in folders_of(part.images)}
    if holds_files(part.images) or not inner:
        yield part
        return
    for name, images in inner.items():
        labels = part.labels / name
        if holds_files(images) and holds_files(labels) and len(children(images)) > 1:
            yield Part(images, {"label": labels}, SPLITS.get(name.lower(), name), part.unused)


def _pairs(root: Path) -> Iterator[Part]:
    roles = _roles(root)
    if sum(bool(SOURCE.match(folder.name)) for folder in folders_of(root)) > 1:
        roles = [role for role in roles if not SOURCE.match(role.folder.name)]
    images = [role for role in roles if role.rank < 0]
    labels = [role for role in roles if role.rank >= 0]
    if not images and any(pair_up(root, label.folder) for label in labels):
        images = [_Role(root, -1)]
    for label in labels:  # Carvana's `train/` with `train_masks/`
        plain = root / "_".join(label.rest)
        if label.rest and plain != root and holds_files(plain) and pair_up(plain, label.folder):
            images.append(_Role(plain, -1, label.rest))
    for image in images:
        alike = [label for label in labels if label.rest == image.rest]
        if not alike and len(images) == 1 and len(labels) == 1:
            alike = labels
        if alike:
            yield _part(image, sorted(alike, key=lambda label: label.rank))


def _part(image: _Role, labels: list[_Role]) -> Part:
    first = labels[0]
    people = [label for label in labels if label.rank == first.rank == _RANKS["manual"]]
    if len(people) > 1:
        sources = {label.folder.name: label.folder for label in people}
    else:
        sources = {"label": first.folder}
    used = set(sources.values())
    unused = [label for label in labels if label.folder not in used]
    splits = [SPLITS[word] for word in image.rest if word in SPLITS]
    told = tuple(Unmatched(label.folder, _why_unused(label, first)) for label in unused)
    return Part(image.folder, sources, splits[0] if splits else None, told)


def _why_unused(label: _Role, first: _Role) -> str:
    if first.rank == _RANKS["manual"] and label.rank == _RANKS["mask"]:
        return _field_of_view(first.folder)
    return f"another folder of labels, {first.folder.name} is used; give it as --labels to use it"


def _roles(root: Path) -> list[_Role]:
    return [role for role in map(_role, folders_of(root)) if role is not None]


def _role(folder: Path) -> _Role | None:
    """Tell what a folder holds by the words of its name; `None` where they say nothing."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", folder.name)
    words = re.findall(r"[a-z]+", spaced.lower().replace("ground truth", "groundtruth"))
    words = re.sub(r"\bground truth", "groundtruth", " ".join(words)).split()
    ranks = [_RANKS[word] for word in words if word in _RANKS]
    if not ranks and not _IMAGE_WORDS.intersection(words):
        return None
    known = _RANKS.keys() | _IMAGE_WORDS | _ORDINALS
    rest = tuple(word for word in words if word not in known)
    return _Role(folder, min(ranks) if ranks else -1, rest)
