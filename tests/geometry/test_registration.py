"""Affine fit and demons find maps that are known."""

import numpy as np
import pytest
import scipy.ndimage as ndi

from segassay.geometry.affine_fit import (
    AffineMap,
    Floats,
    fit_affine,
    gradient,
    grid_points,
    warped,
)
from segassay.geometry.demons import demons, resized_field
from segassay.geometry.resample import resized

SHAPES = ((96, 80), (48, 56, 40))


def clouds(shape: tuple[int, ...], seed: int = 0) -> Floats:
    noise = np.random.default_rng(seed).standard_normal(shape)
    image = ndi.gaussian_filter(noise, 4)
    return np.asarray(image / image.std(), dtype=np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_known_affine_map_is_found_in_spite_of_gain_and_offset(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    axes = len(shape)
    moving = clouds(tuple(n + 20 for n in shape))
    linear = np.eye(axes) + 0.08 * rng.standard_normal((axes, axes))
    true = AffineMap(linear, 5 + rng.uniform(-3, 3, axes))
    points = grid_points(shape)
    fixed = 7 + 3 * warped(moving, true(points))[0]
    start = AffineMap.between(shape, moving.shape)
    found = fit_affine(fixed, moving, [start], levels=(4, 2, 1), steps=20)
    assert np.abs(start(points) - true(points)).max() > 3
    np.testing.assert_allclose(found(points), true(points), atol=0.05)


def test_the_best_of_several_starts_goes_on() -> None:
    moving = clouds((90, 90))
    true = AffineMap(np.eye(2), np.array([22.0, -17.0]))
    fixed = warped(moving, true(grid_points((90, 90))))[0]
    far = AffineMap(np.eye(2), np.array([-25.0, 25.0]))
    near = AffineMap(np.eye(2), np.array([20.0, -15.0]))
    found = fit_affine(fixed, moving, [far, near], levels=(2, 1), steps=20)
    np.testing.assert_allclose(found.shift, true.shift, atol=0.1)


def test_a_start_without_overlap_is_no_answer_and_no_error() -> None:
    image = clouds((40, 40))
    away = AffineMap(np.eye(2), np.array([500.0, 0.0]))
    here = AffineMap(np.eye(2), np.zeros(2))
    found = fit_affine(image, image, [away, here], levels=(1,), steps=5)
    np.testing.assert_allclose(found.shift, 0, atol=1e-6)


def test_maps_compose_and_invert() -> None:
    rng = np.random.default_rng(0)
    a, b = (AffineMap(np.eye(3) + 0.1 * rng.random((3, 3)), rng.random(3)) for _ in range(2))
    points = rng.random((3, 7))
    np.testing.assert_allclose(a.after(b)(points), a(b(points)))
    np.testing.assert_allclose(a.inverse()(a(points)), points)
    corner = AffineMap.between((10, 20), (5, 40))(np.array([[-0.5], [19.5]]))
    np.testing.assert_allclose(corner, [[-0.5], [39.5]])


@pytest.mark.parametrize("shape", SHAPES)
def test_demons_undo_a_smooth_bend(shape: tuple[int, ...]) -> None:
    moving = clouds(shape)
    bend = np.stack([2 * clouds(shape, seed) for seed in range(5, 5 + len(shape))])
    bend = ndi.gaussian_filter(bend, (0, *[4] * len(shape)))
    fixed = warped(moving, grid_points(shape) + bend)[0]
    found = demons(fixed, moving, levels=(4, 2, 1), steps=20, smooth=1.0)
    undone = warped(moving, grid_points(shape) + found)[0]
    assert np.abs(undone - fixed).mean() < 0.2 * np.abs(moving - fixed).mean()
    assert np.abs(found - bend).mean() < 0.5 * np.abs(bend).mean()


def test_equal_images_stay_where_they_are() -> None:
    image = clouds((30, 30))
    assert not demons(image, image, levels=(2, 1), steps=3, smooth=1.0).any()


def test_resizing_keeps_the_mean_and_scales_a_field() -> None:
    image = clouds((31, 45))
    np.testing.assert_array_equal(resized(image, (31, 45)), image)
    assert resized(image, (10, 15)).mean() == pytest.approx(image.mean(), abs=0.03)
    np.testing.assert_allclose(resized(np.full((7, 5), 3, np.float32), (3, 11)), 3, rtol=1e-6)
    field = np.stack([np.full((8, 6), 2, np.float32), np.full((8, 6), 3, np.float32)])
    doubled = resized_field(field, (16, 6))
    np.testing.assert_allclose(doubled[0], 4, rtol=1e-6)
    np.testing.assert_allclose(doubled[1], 3, rtol=1e-6)


def test_an_axis_of_one_voxel_has_no_slope() -> None:
    slopes = gradient(clouds((12, 1, 9)))
    assert slopes.shape == (3, 12, 1, 9)
    assert not slopes[1].any()
    assert slopes[0].any()
