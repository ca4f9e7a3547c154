"""What holds for layouts of every kind; `docs/layouts.md` names these tests, cell by cell."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from conftest import write_nifti
from layout_samples import (
    IN_ARCHIVES,
    LABELS,
    MAKERS,
    OVERLAPPING,
    STRAYS,
    UNLABELLED,
    VOXELS,
)
from segassay.datasets.case import Case, Dataset
from segassay.datasets.opening import open_dataset
from segassay.images.io import read_image, read_label


def content(case: Case) -> list[tuple[str, str, int]]:
    """Return structure, source and size of every label of a case."""
    masks = ((ref, np.asarray(read_label(ref).mask(ref))) for ref in case.labels)
    return [(ref.structure, ref.source, int(mask.sum())) for ref, mask in masks]


@pytest.mark.parametrize("packing", ["zip", "tar", "gztar"])
@pytest.mark.parametrize("layout", IN_ARCHIVES)
def test_every_layout_is_read_in_an_archive(tmp_path: Path, layout: str, packing: str) -> None:
    root = MAKERS[layout](tmp_path / "set")
    plain = open_dataset(root)
    packed = open_dataset(Path(shutil.make_archive(str(tmp_path / "set"), packing, root)))
    assert packed.format == layout
    assert [(c.case_id, c.subject_id, c.split, c.metadata) for c in packed.cases] == [
        (c.case_id, c.subject_id, c.split, c.metadata) for c in plain.cases
    ]
    assert packed.structures == plain.structures
    for one, other in zip(plain.cases[:2], packed.cases[:2], strict=True):
        assert content(one) == content(other)
        if one.labels:
            twins = read_image(one.images[0]).array, read_image(other.images[0]).array
            assert np.array_equal(*twins)


@pytest.mark.parametrize("layout", list(MAKERS))
def test_subjects_go_by_the_users_pattern(tmp_path: Path, layout: str) -> None:
    dataset = open_dataset(MAKERS[layout](tmp_path / "set"), subject_regex=r"(.)$")
    if layout == "manifest":  # what its rows say holds
        assert dataset.subjects == ("s1", "s2")
    else:
        assert [c.subject_id for c in dataset.cases] == [c.case_id[-1] for c in dataset.cases]


@pytest.mark.parametrize("layout", OVERLAPPING)
def test_voxels_of_two_masks_stay_in_both(tmp_path: Path, layout: str) -> None:
    case = open_dataset(MAKERS[layout](tmp_path / "set")).cases[0]
    first, second = (np.asarray(read_label(ref).mask(ref)) for ref in case.labels)
    assert (first & second).any()


def test_masks_of_a_table_and_of_bids_may_overlap(tmp_path: Path) -> None:
    root = MAKERS["bids"](tmp_path / "bids")
    for name in ("thalamus", "csf"):
        where = root / "sub-1" / "anat" / f"sub-1_label-{name}_mask.nii.gz"
        write_nifti(where, LABELS)
    table = MAKERS["images+labels"](tmp_path / "set") / "t.csv"
    table.write_text(
        "image,label_liver,label_spleen\nimages/a.nii.gz,labels/a.nii.gz,labels/a.nii.gz\n"
    )
    for path in (root, table):
        (case, *_) = open_dataset(path).cases
        masks = [np.asarray(read_label(ref).mask(ref)) for ref in case.labels]
        assert np.sum(masks, axis=0).max() >= 2
        assert len({(ref.structure, ref.source) for ref in case.labels}) == len(masks)


def test_images_kept_for_a_test_are_another_split(tmp_path: Path) -> None:
    for layout, name in (("nnunet", "patient009_frame01_0000"), ("msd", "b")):
        root = MAKERS[layout](tmp_path / layout)
        write_nifti(root / "imagesTs" / f"{name}.nii.gz", VOXELS)
        splits = [case.split for case in open_dataset(root).cases]
        assert splits == ["train"] * 3 + ["test"]


def test_sheared_axes_are_kept_and_measured(tmp_path: Path) -> None:
    affine = np.array([[-1.0, 0, 0, 9], [0, -2.0, 0.8, 7], [0, 0, 3.0, 5], [0, 0, 0, 1]])
    image = read_image(write_nifti(tmp_path / "a.nii.gz", VOXELS, affine))
    corner = image.grid.affine @ (0, 0, 2, 1)
    assert corner - image.grid.affine[:, 3] == pytest.approx([0, 1.6, 6, 0])
    assert image.grid.voxel_ml == pytest.approx(0.006)  # as wide and as far apart as unsheared


def without_labels_of_the_first(root: Path) -> Dataset:
    for ref in open_dataset(root).cases[0].labels:
        for path in (ref.path, *ref.pieces):
            path.unlink(missing_ok=True)
    return open_dataset(root)


@pytest.mark.parametrize("layout", UNLABELLED)
def test_an_image_without_labels_stays_a_case(tmp_path: Path, layout: str) -> None:
    root = MAKERS[layout](tmp_path / "set")
    first = open_dataset(root).cases[0].case_id
    assert without_labels_of_the_first(root).unlabelled == (first,)


@pytest.mark.parametrize("layout", list(STRAYS))
def test_a_label_without_an_image_is_told(tmp_path: Path, layout: str) -> None:
    root = MAKERS[layout](tmp_path / "set")
    stray = STRAYS[layout](root)
    assert [u.path for u in open_dataset(root).unmatched] == [stray]


def test_every_layout_is_asked() -> None:
    assert set(STRAYS) == set(MAKERS) - {"manifest"}
