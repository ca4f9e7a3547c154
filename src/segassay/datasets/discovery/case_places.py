"""Where the cases lie of a folder that keeps a folder for each: together, or labels apart.

Together: `<case>/ct.nii.gz` with `<case>/segmentations/` or one joined label file. Apart:
`ImageTr/<case>/ct.nii.gz` with `LabelTr/<case>/segmentations/` (PanTS), `image_only/` with
`mask_only/` (AbdomenAtlas), and their like; an image may also be a file, `ImageTr/<case>.nii.gz`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segassay.datasets.discovery.listing import by_stem, files_of, folders_of
from segassay.files.filesystem import is_dir
from segassay.images.formats.registry import stem_of

MASKS = "segmentations"
JOINED = {
    "combined_labels": "label",
    "labels": "label",
    "label": "label",
    "segmentation": "label",
    "seg": "label",
    "segmentations": "label",
    "aseg": "aseg",
    "aparc+aseg": "aparc+aseg",
    "original_label": "original_label",
    "pseudo_label": "pseudo_label",
}
"""Names of files that hold several structures, with the source that each one is told as."""

IMAGES = ("ct", "mri", "mr", "image", "imaging", "t1", "orig", "norm", "brain")
"""Names of the image of a case, by which it is known."""

FREESURFER = "mri"
"""FreeSurfer's folder, within that of a subject, for `orig.mgz` and `aseg.mgz`."""

_IMAGE_ROOT = re.compile(r"(?:images?|imgs?|cts?)(?P<rest>.*)", re.IGNORECASE)
_LABEL_WORDS = ("label", "labels", "mask", "masks", "segmentation", "segmentations", "gt")
_SPLITS = {"tr": "train", "train": "train", "te": "test", "ts": "test", "test": "test"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case lies. `home` is the folder of its image, `labels` that of its labels.

    Either folder may be missing. Where the two differ, every file in `labels` is a label.
    """

    name: str
    home: Path
    image: Path | None
    labels: Path
    split: str | None = None

    @property
    def is_apart(self) -> bool:
        """Whether image and labels have folders of their own."""
        return self.home != self.labels

    def masks(self, root: Path) -> list[Path]:
        """Return the files that hold one structure each."""
        if is_dir(self.labels / MASKS):
            return files_of(self.labels / MASKS, root)
        alone = self.is_apart and not self.joined(root)
        return files_of(self.labels, root) if alone else []

    def is_freesurfer(self, root: Path) -> bool:
        """Whether FreeSurfer wrote the labels, by their name."""
        return any("aseg" in source for source in self.joined(root))

    def joined(self, root: Path) -> dict[str, Path]:
        """Return the files that hold several structures, one per source."""
        found: dict[str, Path] = {}
        files, _ = by_stem(files_of(self.labels, root))
        for stem, source in JOINED.items():
            if stem in files:
                found.setdefault(source, files[stem])
        return found


def places(root: Path) -> Iterator[Place]:
    """Yield the places that may be cases, as the folders are named; no file is opened."""
    if is_dir(root / MASKS) or _together(root, root).joined(root):
        yield _together(root, root)
        return
    pairs = sorted(_roots_apart(root), key=lambda found: found[2] != "train")
    for images, labels, split in pairs:
        yield from apart(images, labels, root, split)
    if not pairs:
        for folder in folders_of(root):
            inner = folder / FREESURFER
            yield _together(inner if is_dir(inner) else folder, root, folder.name)


def apart(images: Path, labels: Path, root: Path, split: str | None = None) -> Iterator[Place]:
    """Yield the cases of a folder of images and a folder of labels, each with a folder per case."""
    alone, _ = by_stem(files_of(images, root))
    folders = {folder.name: folder for folder in (*folders_of(images), *folders_of(labels))}
    for name in dict.fromkeys((*alone, *folders)):
        image = _image(images / name, root) or alone.get(name)
        yield Place(name, images / name, image, labels / name, split)


def _together(folder: Path, root: Path, name: str = "") -> Place:
    return Place(name or folder.name, folder, _image(folder, root), folder)


def _roots_apart(root: Path) -> Iterator[tuple[Path, Path, str | None]]:
    """Yield folders of images with the folder of labels that is named alike, and their split."""
    folders = folders_of(root)
    by_name = {folder.name.lower(): folder for folder in folders}
    for images in folders:
        match = _IMAGE_ROOT.fullmatch(images.name)
        if match is None:
            continue
        rest = match["rest"].lower()
        labels = next((by_name[w + rest] for w in _LABEL_WORDS if w + rest in by_name), None)
        if labels is not None and (folders_of(images) or folders_of(labels)):
            yield images, labels, _SPLITS.get(rest.lstrip("_-"))


def _image(folder: Path, root: Path) -> Path | None:
    files = {stem_of(path).lower(): path for path in files_of(folder, root)}
    return next((files[name] for name in IMAGES if name in files), None)
