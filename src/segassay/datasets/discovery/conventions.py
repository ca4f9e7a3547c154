"""Published data sets that are known by how their label files are named, and what these hold."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from segassay.types import Modality
from segassay.vocabulary.targets import target_of


@dataclass(frozen=True, slots=True)
class Convention:
    """How one data set names its label files, and what it says of their values.

    `label` matches `<folder of the data set>/<name of a label file, without its ending>`.
    `values` maps structures to voxel values; where it is empty, any value but zero is `structure`.
    """

    name: str
    label: re.Pattern[str]
    modality: Modality | None
    values: tuple[tuple[str, int], ...] = ()
    structure: str = ""

    @property
    def labels(self) -> dict[str, tuple[int, ...]]:
        """Values by structure, as a `labels.json` would name them."""
        return {structure: (value,) for structure, value in self.values}


def _named(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_TUMOUR = (("necrotic_tumor_core", 1), ("peritumoral_edema", 2))

CONVENTIONS = (
    Convention(
        "LiTS",
        _named(r"/segmentation-\d+$"),
        Modality.CT,
        (("liver", 1), ("liver_tumor", 2)),
    ),
    Convention(  # values of 2017 to 2021
        "BraTS", _named(r"brats.*_seg$"), Modality.MR, (*_TUMOUR, ("enhancing_tumor", 4))
    ),
    Convention(  # values since 2023
        "BraTS", _named(r"brats.*-seg$"), Modality.MR, (*_TUMOUR, ("enhancing_tumor", 3))
    ),
    Convention(
        "ACDC",
        _named(r"/patient\d+_frame\d+_gt$"),
        Modality.MR,
        (("heart_ventricle_right", 1), ("heart_myocardium", 2), ("heart_ventricle_left", 3)),
    ),
    Convention("PROMISE12", _named(r"/Case\d+_segmentation$"), Modality.MR, structure="prostate"),
    Convention(
        "BUSI",
        _named(r"/(benign|malignant|normal) ?\(\d+\)_mask(_\d+)?$"),
        Modality.ULTRASOUND,
        structure="breast_lesion",
    ),
    Convention("DRIVE", _named(r"/\d+_manual\d$"), Modality.OTHER, structure="retinal_vessel"),
    Convention(
        "CHASE_DB1",
        _named(r"/Image_\d+[LR]_(1st|2nd)HO$"),
        Modality.OTHER,
        structure="retinal_vessel",
    ),
    Convention(
        "ISIC",
        _named(r"/ISIC_\d+_segmentation$"),
        Modality.DERMOSCOPY,
        structure="skin_lesion",
    ),
)

VERTEBRAE = {
    number: f"vertebrae_{name}"
    for number, name in (
        *((n, f"C{n}") for n in range(1, 8)),
        *((n + 7, f"T{n}") for n in range(1, 13)),
        *((n + 19, f"L{n}") for n in range(1, 7)),
        (28, "T13"),
    )
} | {26: "sacrum", 27: "coccyx"}
"""What VerSe's numbers mean."""


def convention_of(data_set: str, label_stems: Iterable[str]) -> Convention | None:
    """Return the convention that all label files of a data set follow; `None` for any other.

    >>> convention_of("mine", ["segmentation-0", "segmentation-12"]).name
    'LiTS'
    >>> convention_of("mine", ["case_1_mask"]) is None
    True
    """
    names = [f"{data_set}/{stem}" for stem in label_stems]
    fitting = (c for c in CONVENTIONS if names and all(map(c.label.search, names)))
    return next(fitting, None)


def only_structure(data_set: str) -> str:
    """Return what masks of one structure show that no file names, by the data set's name."""
    return target_of(data_set) or UNNAMED


UNNAMED = "label_1"
"""The structure of masks that nothing names, as in label files without names."""
