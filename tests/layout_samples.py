"""A small data set of every layout: three labelled cases, six labels, nothing left over."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from conftest import write_nifti, write_picture
from dicom_samples import COLUMNS, N_SLICES, ROWS, write_series

VOXELS = np.zeros((4, 4, 3), dtype=np.uint8)
LABELS = np.zeros((4, 4, 3), dtype=np.uint8)
LABELS[1, 1, 1], LABELS[2, 2, 2] = 1, 2


def nnunet(root: Path) -> Path:
    for case in ("patient001_frame01", "patient001_frame12", "patient002_frame01"):
        write_nifti(root / "imagesTr" / f"{case}_0000.nii.gz", VOXELS)
        write_nifti(root / "labelsTr" / f"{case}.nii.gz", LABELS)
    about = {"channel_names": {"0": "MRI"}, "labels": {"background": 0, "LV": 1, "Left Kidney": 2}}
    (root / "dataset.json").write_text(json.dumps(about))
    return root


def msd(root: Path) -> Path:
    pairs = []
    for case in ("a_001", "a_002", "a_010"):
        write_nifti(root / "imagesTr" / f"{case}.nii.gz", VOXELS)
        write_nifti(root / "labelsTr" / f"{case}.nii.gz", LABELS)
        pairs.append({"image": f"./imagesTr/{case}.nii.gz", "label": f"./labelsTr/{case}.nii.gz"})
    about = {
        "name": "Task",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "liver", "2": "spleen"},
        "training": pairs,
        "test": ["./imagesTs/b.nii.gz"],
    }
    (root / "dataset.json").write_text(json.dumps(about))
    return root


def label_folder(root: Path) -> Path:
    for case in ("a", "b", "c"):
        write_nifti(root / "images" / f"{case}.nii.gz", VOXELS)
        write_nifti(root / "labels" / f"{case}.nii.gz", LABELS)
    (root / "labels.json").write_text('{"liver": 1, "spleen": 2}')
    return root


def mask_folders(root: Path) -> Path:
    for case in ("001", "002", "003"):
        write_picture(root / "images" / f"{case}.png", VOXELS[..., 0])
        for structure in ("heart", "Lung Left"):
            write_picture(root / "masks" / structure / f"{case}.png", LABELS[..., 1])
    return root


def manifest(root: Path) -> Path:
    label_folder(root)
    lines = ["\ufeffcase_id;image;label;structure;value;subject;modality"]
    for case, subject in (("a", "s1"), ("b", "s1"), ("c", "s2")):
        for structure, value in (("liver", 1), ("spleen", 2)):
            lines.append(
                f"{case};images/{case}.nii.gz;labels/{case}.nii.gz;{structure};{value};{subject};CT"
            )
    path = root / "table.csv"
    path.write_text("\n".join(lines))
    return path


def named_masks(root: Path) -> Path:
    for scan in ("p1_9", "p1_10", "p2_9"):
        write_picture(root / "images" / f"{scan}.png", VOXELS[..., 0])
        for structure in ("liver_000", "rib_left_9_000", "rib_left_9_001"):
            write_picture(root / "masks" / f"{scan}_{structure}.png", LABELS[..., 1])
    return root


def sources(root: Path) -> Path:
    for case in ("a", "b", "c"):
        write_picture(root / "images" / f"{case}.png", VOXELS[..., 0])
        for source in ("gold", "weak_box"):
            write_picture(root / source / f"{case}.png", LABELS[..., 1])
    return root


def case_folders(root: Path) -> Path:
    for case in ("BDMAP_1", "BDMAP_2", "BDMAP_10"):
        write_nifti(root / case / "ct.nii.gz", VOXELS)
        for structure in ("postcava", "liver"):
            write_nifti(root / case / "segmentations" / f"{structure}.nii.gz", LABELS)
    return root


def totalsegmentator(root: Path) -> Path:
    case_folders(root)
    lines = ["\ufeffimage_id;age;gender;split", "BDMAP_1;50;m;train", "BDMAP_10;;f;test"]
    (root / "meta.csv").write_text("\r\n".join(lines))
    return root


def dicom(root: Path) -> Path:
    labels = np.zeros((COLUMNS, ROWS, N_SLICES), dtype=np.uint8)
    labels[1, 1, 1], labels[2, 2, 2] = 1, 2
    for case in ("c1", "c2", "c10"):
        write_series(root / case / "ct")
        write_nifti(root / case / "labels.nii.gz", labels)
    (root / "labels.json").write_text('{"liver": 1, "spleen": 2}')
    return root


def bids(root: Path) -> Path:
    derived = root / "derivatives" / "manual"
    for case in ("sub-1", "sub-2", "sub-10"):
        write_nifti(root / case / "anat" / f"{case}_T1w.nii.gz", VOXELS)
        write_nifti(derived / case / "anat" / f"{case}_dseg.nii.gz", LABELS)
    (derived / "dseg.tsv").write_text("index\tname\n0\tBackground\n1\tHippocampus L\n2\tCSF\n")
    (root / "participants.tsv").write_text(
        "participant_id\tage\tsex\nsub-1\t31\tF\nsub-2\tn/a\tM\n"
    )
    return root


def npz(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for case in ("CT_1", "CT_2", "CT_10"):
        size = np.array([0.5, 0.5, 2.0])
        np.savez_compressed(root / f"{case}.npz", imgs=VOXELS.T, gts=LABELS.T, spacing=size)
    (root / "labels.json").write_text('{"liver": 1, "spleen": 2}')
    return root


def paired_files(root: Path) -> Path:
    for case in ("patient001_frame01", "patient001_frame12", "patient002_frame01"):
        write_nifti(root / case[:10] / f"{case}.nii.gz", VOXELS)
        write_nifti(root / case[:10] / f"{case}_seg.nii.gz", LABELS)
    (root / "labels.json").write_text('{"liver": 1, "spleen": 2}')
    return root


def monai_label(root: Path) -> Path:
    for case in ("spleen_3", "spleen_9", "spleen_10"):
        write_nifti(root / f"{case}.nii.gz", VOXELS)
        write_nifti(root / "labels" / "final" / f"{case}.nii.gz", LABELS)
    (root / "labels.json").write_text('{"liver": 1, "spleen": 2}')
    (root / "datastore_v2.json").write_text('{"objects": {}}')
    return root


def npz_without_image(root: Path) -> Path:
    np.savez_compressed(root / "z.npz", gts=LABELS.T)
    return root / "z.npz"


MAKERS = {
    "nnunet": nnunet,
    "msd": msd,
    "images+labels": label_folder,
    "images+masks": mask_folders,
    "images+named-masks": named_masks,
    "images+sources": sources,
    "case-folders": case_folders,
    "totalsegmentator": totalsegmentator,
    "dicom": dicom,
    "bids": bids,
    "npz": npz,
    "paired-files": paired_files,
    "monai-label": monai_label,
    "manifest": manifest,
}

IN_ARCHIVES = tuple(name for name in MAKERS if name != "manifest")
"""A table may name files anywhere, so it is not looked for in an archive."""

OVERLAPPING = (
    "images+masks",
    "images+named-masks",
    "images+sources",
    "case-folders",
    "totalsegmentator",
)
"""Layouts whose sample holds two masks of the same voxels."""

LISTED = ("msd", "manifest")
"""Layouts whose description lists every label: one that is gone is an error, not unlabelled."""

UNLABELLED = tuple(name for name in MAKERS if name not in (*LISTED, "npz"))

STRAYS: dict[str, Callable[[Path], Path]] = {
    "nnunet": lambda root: write_nifti(root / "labelsTr" / "z.nii.gz", LABELS),
    "msd": lambda root: write_nifti(root / "labelsTr" / "z.nii.gz", LABELS),
    "images+labels": lambda root: write_nifti(root / "labels" / "z.nii.gz", LABELS),
    "images+masks": lambda root: write_picture(root / "masks" / "heart" / "z.png", LABELS[..., 1]),
    "images+named-masks": lambda root: write_picture(root / "masks" / "z.png", LABELS[..., 1]),
    "images+sources": lambda root: write_picture(root / "gold" / "z.png", LABELS[..., 1]),
    "case-folders": lambda root: write_nifti(root / "z" / "segmentations" / "liver.nii", LABELS),
    "totalsegmentator": lambda root: write_nifti(root / "z" / "segmentations" / "a.nii", LABELS),
    "dicom": lambda root: write_nifti(root / "z" / "labels.nii.gz", LABELS),
    "npz": npz_without_image,
    "paired-files": lambda root: write_nifti(root / "z" / "z_seg.nii.gz", LABELS),
    "monai-label": lambda root: write_nifti(root / "labels" / "final" / "z.nii.gz", LABELS),
    "bids": lambda root: write_nifti(root / "sub-9" / "anat" / "sub-9_dseg.nii.gz", LABELS),
}
"""Writes a label without an image; a table has no files but those that it names."""


def letters() -> dict[str, dict[str, str]]:
    """Letters of the tests over all layouts, by layout and column, as `docs/layouts.md` has them.

    A dash where no test over all layouts asks; a layout's own tests are written by hand.
    """
    asked = {"a": MAKERS, "b": IN_ARCHIVES, "c": MAKERS, "d": UNLABELLED, "e": STRAYS}
    asked["f"] = OVERLAPPING
    none = "\N{EN DASH}"
    return {
        name: {
            **{letter: letter if name in names else none for letter, names in asked.items()},
            "sources": none,
            "metadata": none,
        }
        for name in MAKERS
    }
