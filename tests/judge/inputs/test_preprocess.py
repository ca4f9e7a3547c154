"""The judge's input: the same for a window and an inversion of scale, square in millimetres."""

import json
from dataclasses import replace

import numpy as np
import pytest

from segassay.geometry.grid import Grid
from segassay.images.volume import Volume
from segassay.judge.inputs.preprocess import (
    CONDITION_DIM,
    JudgePreprocess,
    PlaneStack,
    fingerprint,
    plane_stack,
    untold,
)
from segassay.types import Modality

PREPROCESS = JudgePreprocess()


def stack(scale: float = 1.0, offset: float = 0.0) -> PlaneStack:
    planes = np.random.default_rng(0).normal(size=(5, 60, 80)).astype(np.float32)
    return PlaneStack(scale * planes + offset, 2, (1.0, 1.0), 5.0, spacing_known=True)


def mask() -> np.ndarray:
    found = np.zeros((60, 80), dtype=np.bool_)
    found[20:40, 30:60] = True
    return found


def test_shapes_and_ranges() -> None:
    box = PREPROCESS.frame(mask(), (1.0, 1.0))
    seen = PREPROCESS(stack(), mask(), 2, box, name="liver", modality=Modality.CT)
    assert seen.crop.shape == (5, 96, 96)
    assert seen.field.shape == (3, 64, 64)
    assert seen.condition.shape == (CONDITION_DIM,)
    assert np.abs(seen.crop[:3]).max() <= PREPROCESS.clip
    assert seen.crop[3].sum() * seen.pixels_per_cell == pytest.approx(600, rel=0.01)


def test_brightness_and_contrast_of_the_scanner_do_not_matter() -> None:
    box = PREPROCESS.frame(mask(), (1.0, 1.0))
    one = PREPROCESS(stack(), mask(), 2, box, name=None, modality=None)
    two = PREPROCESS(stack(37.0, 1000.0), mask(), 2, box, name=None, modality=None)
    np.testing.assert_allclose(one.crop, two.crop, atol=1e-3)


def test_frame_is_square_in_millimetres_and_never_tighter_than_asked() -> None:
    box = PREPROCESS.frame(mask(), (2.0, 1.0))
    assert (box.bottom - box.top) * 2.0 == pytest.approx(box.right - box.left)
    assert box.right - box.left == pytest.approx(1.8 * 40)
    wide = PREPROCESS.frame(mask(), (2.0, 1.0), least_mm=100.0)
    assert wide.right - wide.left == pytest.approx(180.0)


@pytest.mark.parametrize("slices", [1, 3])
def test_an_image_of_many_pixels_is_told_like_the_same_image_of_fewer(slices: int) -> None:
    """Judges learned from small images; one of full resolution must not look like another kind."""
    rng = np.random.default_rng(0)
    small = np.repeat(np.repeat(rng.normal(size=(slices, 50, 40)), 5, axis=1), 5, axis=2)
    marked = np.zeros((250, 200), dtype=np.bool_)
    marked[50:200, 50:150] = True
    told = []
    for times in (2, 8):
        planes = np.kron(small, np.ones((1, times, times))).astype(np.float32)
        fine = np.kron(marked, np.ones((times, times), dtype=np.bool_))
        image = PlaneStack(planes, 2, (1 / times, 1 / times), 5.0, spacing_known=False)
        box = PREPROCESS.frame(fine, image.pixel_mm)
        told.append(PREPROCESS(image, fine, 0, box, name=None, modality=None))
    np.testing.assert_allclose(told[0].condition, told[1].condition, atol=0.01)
    np.testing.assert_allclose(told[0].crop, told[1].crop, atol=0.2)


def test_an_untold_view_keeps_the_picture_and_loses_modality_and_scale() -> None:
    wide = PREPROCESS.frame(np.ones((60, 80), dtype=np.bool_), (1.0, 1.0))
    seen = PREPROCESS(stack(), mask(), 2, wide, name="liver", modality=Modality.CT)
    without, unknown = untold(seen), replace(stack(), spacing_known=False)
    plain = PREPROCESS(unknown, mask(), 2, wide, name="liver", modality=None)
    expected = plain.condition.copy()
    expected[-2] = 0.0  # the image is finer than the crop
    np.testing.assert_array_equal(without.condition, expected)
    assert not np.array_equal(without.condition, seen.condition)
    assert without.crop is seen.crop


def test_a_crop_finer_than_the_image_is_told_so() -> None:
    box = PREPROCESS.frame(mask(), (1.0, 1.0))
    seen = PREPROCESS(stack(), mask(), 2, box, name=None, modality=None)
    assert untold(seen).condition[-2] == seen.condition[-2] < 0


def test_empty_mask_frames_the_whole_image() -> None:
    box = PREPROCESS.frame(np.zeros((60, 80), dtype=np.bool_), (1.0, 1.0))
    assert (box.left, box.right) == (0.0, 80.0)
    assert (box.top, box.bottom) == (-10.0, 70.0)


def test_first_slice_is_its_own_neighbour_and_flat_images_are_zero() -> None:
    box = PREPROCESS.frame(mask(), (1.0, 1.0))
    first = PREPROCESS(stack(), mask(), 0, box, name=None, modality=None)
    np.testing.assert_array_equal(first.crop[0], first.crop[1])
    flat = PlaneStack(np.full((1, 60, 80), 7.0), 2, (1.0, 1.0), 1.0, spacing_known=False)
    seen = PREPROCESS(flat, mask(), 0, box, name=None, modality=None)
    assert not seen.crop[:3].any()


def test_name_and_modality_reach_the_condition() -> None:
    box = PREPROCESS.frame(mask(), (1.0, 1.0))
    views = [
        PREPROCESS(stack(), mask(), 2, box, name=name, modality=modality).condition
        for name, modality in (("liver", None), ("spleen", None), ("liver", Modality.MR))
    ]
    assert not np.array_equal(views[0], views[1])
    assert not np.array_equal(views[0], views[2])


def test_hounsfield_units_are_windowed_and_other_images_are_not() -> None:
    grid = Grid((4, 4, 2), np.eye(4))
    units = np.linspace(-1000, 1500, 32, dtype=np.float32).reshape(4, 4, 2)
    windowed = plane_stack(Volume(units, grid, anatomical=True, spacing_known=True)).every()
    assert (windowed.min(), windowed.max()) == (-200, 300)
    plain = plane_stack(Volume(units + 1000, grid, anatomical=True, spacing_known=True)).every()
    assert plain.max() == 2500


def test_a_few_negative_voxels_or_another_modality_make_no_hounsfield_units() -> None:
    """Interpolation rings, phase images and padding go below 0; an MR image is not cut at 300."""
    grid = Grid((32, 32, 4), np.eye(4))
    bright = np.full((32, 32, 4), 900, dtype=np.float32)
    bright[0, 0, 0] = -300
    ringing = Volume(bright, grid, anatomical=True, spacing_known=True)
    padded = Volume(np.where(bright < 0, bright, -1024), grid, anatomical=True, spacing_known=True)
    assert plane_stack(ringing).every().max() == 900
    assert plane_stack(ringing, modality=Modality.MR).every().max() == 900
    assert plane_stack(ringing, modality=Modality.CT).every().max() == 300
    assert plane_stack(padded).every().min() == -200
    assert plane_stack(padded, modality=Modality.MR).every().min() == -1024


def test_fingerprint_follows_the_settings_and_survives_saving() -> None:
    saved = PREPROCESS.as_json()
    assert JudgePreprocess(**json.loads(json.dumps(saved))).as_json().keys() == saved.keys()
    changes = {**dict.fromkeys(saved, 7), "window_hu": (-100.0, 300.0), "tells_nameless": False}
    for key, value in changes.items():
        assert fingerprint({**saved, key: value}) != fingerprint(saved), key
