"""A mask comes back from its file as it was, whatever the axes of the file it is written like."""

from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from conftest import write_nifti, write_picture
from segassay.geometry.grid import require_same_grid
from segassay.images.io import read_labels
from segassay.images.mask_file import write_mask

SHAPE = (5, 6, 7)


def some_mask(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < 0.4


def affines() -> list[np.ndarray]:
    """All 48 ways to lay axes along the body, with three spacings, and one oblique way."""
    found = []
    for order, signs in product(permutations(range(3)), product((-1, 1), repeat=3)):
        affine = np.zeros((4, 4))
        for axis, sign, size in zip(order, signs, (0.8, 1.5, 3.0), strict=True):
            affine[axis, order.index(axis)] = sign * size
        affine[:, 3] = (10, -20, 30, 1)
        found.append(affine)
    tilted = found[0].copy()
    tilted[:3, :3] = tilted[:3, :3] @ np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]])
    return [*found, tilted]


@pytest.mark.parametrize("number", range(49))
def test_stored_like_the_file_it_stands_beside(tmp_path: Path, number: int) -> None:
    affine = affines()[number]
    like = write_nifti(tmp_path / "gold.nii.gz", np.ones(SHAPE, dtype=np.uint8), affine)
    grid = read_labels(like).volume.grid
    mask = some_mask(grid.shape, number)
    path = write_mask(mask, grid, like, tmp_path / "m")
    again = read_labels(path).volume
    assert (again.array == mask).all()
    require_same_grid(again.grid, grid, path.name)
    stored, gold = nib.load(path), nib.load(like)
    assert stored.shape == gold.shape
    assert np.allclose(stored.affine, gold.affine, atol=1e-4)


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 1)])
def test_header_states_what_the_other_one_states(tmp_path: Path, codes: tuple[int, int]) -> None:
    affine = np.diag([-1.0, -2.0, 3.0, 1.0])
    image = nib.Nifti1Image(np.ones(SHAPE, dtype=np.uint8), None)
    image.header.set_zooms((1, 2, 3))
    image.set_sform(affine if codes[0] else None, code=codes[0])
    image.set_qform(affine if codes[1] else None, code=codes[1])
    like = tmp_path / "gold.nii"
    nib.save(image, like)
    grid = read_labels(like).volume.grid
    mask = some_mask(grid.shape)
    stored = nib.load(write_mask(mask, grid, like, tmp_path / "m"))
    header = stored.header
    assert (int(header["sform_code"]), int(header["qform_code"])) == codes
    assert np.allclose(stored.affine, nib.load(like).affine)
    assert (read_labels(tmp_path / "m.nii.gz").volume.array == mask).all()


def test_flat_files_stay_flat(tmp_path: Path) -> None:
    for shape in ((5, 6), (5, 6, 1), (5, 6, 7, 1)):
        like = write_nifti(tmp_path / "gold.nii.gz", np.ones(shape, dtype=np.uint8))
        grid = read_labels(like).volume.grid
        mask = some_mask(grid.shape)
        path = write_mask(mask, grid, like, tmp_path / "m")
        assert nib.load(path).shape == nib.load(like).shape
        assert (read_labels(path).volume.array == mask).all()


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_picture_gives_a_png_to_look_at(tmp_path: Path, ending: str) -> None:
    like = write_picture(tmp_path / f"gold.{ending}", np.full((8, 9), 255, dtype=np.uint8))
    volume = read_labels(like).volume
    mask = some_mask(volume.grid.shape)
    path = write_mask(mask, volume.grid, like, tmp_path / "m")
    again = read_labels(path)
    assert path.name == "m.png"
    assert set(again.counts) == {0, 255}
    assert ((again.volume.array > 0) == mask).all()


def test_equal_masks_give_equal_bytes_and_names_with_dots_stay_whole(tmp_path: Path) -> None:
    like = write_nifti(tmp_path / "gold.nii.gz", np.ones(SHAPE, dtype=np.uint8))
    grid = read_labels(like).volume.grid
    mask = some_mask(grid.shape)
    first, second = (write_mask(mask, grid, like, tmp_path / n) for n in ("a.1", "a.2"))
    assert (first.name, second.name) == ("a.1.nii.gz", "a.2.nii.gz")
    assert first.read_bytes() == second.read_bytes()
