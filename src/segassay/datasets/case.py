"""What a reader finds: cases, their images and the labels that claim to describe them.

Nothing here has read a voxel. Readers build these objects from folder listings and small text
files, so that counting a data set of any size takes seconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from segassay.errors import DatasetError
from segassay.images.label_ref import LabelRef
from segassay.types import Modality, counted

IGNORE = frozenset({"ignore", "ignored", "ignore_label", "ignore_region"})
"""Names, spelt canonically, of voxels that nobody labelled: a declared value, but no structure.

nnU-Net's name is the first (its label for partly annotated images).
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One image with its labels.

    `case_id` is unique in the data set; `subject_id` is the patient, by which splits and
    bootstraps go. `images` holds one path per channel, in order. `labels` may be empty: an
    unlabelled image is a case too. `metadata` holds what a table of the data set says about the
    case (sex, age, scanner, …), as text, under its own column names.
    """

    case_id: str
    subject_id: str
    images: tuple[Path, ...]
    labels: tuple[LabelRef, ...] = ()
    modality: Modality | None = None
    split: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class FileIssue(StrEnum):
    """What is the matter with a file that makes no labelled case with others."""

    IMAGE_WITHOUT_LABEL = "image_without_label"
    LABEL_WITHOUT_IMAGE = "label_without_image"
    MISSING = "missing"
    """A description or table lists it, and it is not there."""
    DUPLICATE = "duplicate"
    """A second file, or a second case, of one name; the first is used."""
    UNREADABLE = "unreadable"
    """An ending that cannot be read, a link out of the data set, or no regular file."""
    UNUSED = "unused"
    """Belongs to no case for another reason."""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A file that makes no labelled case, why in words, and what kind of fault that is.

    Nothing is dropped silently.
    """

    path: Path
    reason: str
    issue: FileIssue = FileIssue.UNUSED


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set as a reader understood it.

    `root` is the folder all paths of result files are relative to. `declared` maps a label file's
    declared voxel values to structure names (background left out); empty for binary masks.
    `writes_absent` tells that the layout has an all-zero file for a structure not in the image.
    `missing` are files that a description or table lists and that are not there; they stay in their
    cases, which will fail.
    """

    root: Path
    format: str
    name: str
    cases: tuple[Case, ...]
    unmatched: tuple[Unmatched, ...] = ()
    declared: dict[int, str] = field(default_factory=dict)
    writes_absent: bool = False
    missing: tuple[Unmatched, ...] = ()

    @property
    def file_issues(self) -> tuple[Unmatched, ...]:
        """All that is the matter with files: missing, unmatched, and images without a label."""
        bare = (case.images[0] for case in self.cases if not case.labels and case.images)
        why = "image without a label"
        alone = (Unmatched(path, why, FileIssue.IMAGE_WITHOUT_LABEL) for path in bare)
        return (*self.missing, *self.unmatched, *alone)

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of all declared structures, in the order the data set gives them."""
        return tuple(dict.fromkeys(ref.structure for case in self.cases for ref in case.labels))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Distinct subject ids in case order."""
        return tuple(dict.fromkeys(case.subject_id for case in self.cases))

    @property
    def n_labels(self) -> int:
        """Number of declared (case, structure, source) triples; no voxel is read for it."""
        return sum(len(case.labels) for case in self.cases)

    @property
    def unlabelled(self) -> tuple[str, ...]:
        """Ids of cases that have an image but no label."""
        return tuple(case.case_id for case in self.cases if not case.labels)

    def require_labels(self) -> None:
        """Raise `DatasetError` if no case has a label: there is nothing to look at.

        The message tells of the first label file that found no image, or that none was found.
        """
        if self.n_labels:
            return
        lonely = [u for u in self.unmatched if u.issue is FileIssue.LABEL_WITHOUT_IMAGE]
        why = "no label file was found"
        if lonely:
            more = f" (and {len(lonely) - 1} more)" if len(lonely) > 1 else ""
            why = f"no label file could be paired: {lonely[0].path.name}{more}: {lonely[0].reason}"
        raise DatasetError(
            f"{self.name}: {counted(len(self.cases), 'image')}, no labels; {why}; name labels "
            "like their images, or give them as --images and --labels"
        )
