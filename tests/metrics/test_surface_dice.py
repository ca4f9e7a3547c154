"""Normalised surface Dice: areas by hand, and the same numbers as MONAI's copy of the original."""

from itertools import product
from math import hypot, isnan, sqrt
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segassay.metrics.overlap import (
    surface_areas,
    surface_dice,
    volume_surface_dice,
    within_reach,
)
from segassay.metrics.surfels import surfel_areas

SPACINGS = [(1.0, 1.0, 1.0), (1.0, 1.0, 5.0), (0.7, 0.9, 2.5), (3.0, 1.0, 0.5)]
Mask = NDArray[np.bool_]


def box(shape: tuple[int, ...], *ends: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, dtype=np.bool_)
    mask[tuple(slice(*end) for end in ends)] = True
    return mask


def area_of_box(n: tuple[int, int, int], mm: tuple[float, float, float]) -> float:
    """Faces between the outermost centres, edges cut at 45 degrees of a cubic voxel, corners."""
    a, b, c = mm
    faces = 2 * sum((n[i] - 1) * (n[j] - 1) * mm[i] * mm[j] for i, j in ((0, 1), (0, 2), (1, 2)))
    edges = 4 * sum(
        (n[k] - 1) * mm[k] * hypot(mm[i] / 2, mm[j] / 2)
        for k, i, j in ((0, 1, 2), (1, 0, 2), (2, 0, 1))
    )
    corners = 8 * sqrt((a * b) ** 2 + (b * c) ** 2 + (a * c) ** 2) / 8
    return faces + edges + corners


@pytest.mark.parametrize("mm", SPACINGS)
@pytest.mark.parametrize("n", [(1, 1, 1), (5, 4, 3), (2, 7, 1)])
def test_area_of_a_box(n: tuple[int, int, int], mm: tuple[float, float, float]) -> None:
    mask = box((12, 12, 12), (2, 2 + n[0]), (3, 3 + n[1]), (4, 4 + n[2]))
    agreeing, total = surface_areas(mask, mask, mm, tolerance_mm=0)
    assert agreeing == total
    assert total / 2 == pytest.approx(area_of_box(n, mm))
    whole = np.ones(n, dtype=np.bool_)  # the array ends where the mask does
    assert surface_areas(whole, whole, mm, tolerance_mm=0)[1] / 2 == pytest.approx(total / 2)


def test_lengths_in_a_plane() -> None:
    mask = box((9, 9), (2, 5), (3, 8))
    expected = 2 * 2 * 2.0 + 2 * 4 * 3.0 + 4 * hypot(1.0, 1.5)
    assert surface_areas(mask, mask, (2, 3), tolerance_mm=0)[1] / 2 == pytest.approx(expected)
    line = box((9,), (2, 5))
    assert surface_areas(line, line, (2,), tolerance_mm=0) == (4, 4)
    with pytest.raises(ValueError, match="4 axes"):
        surfel_areas((1.0, 1.0, 1.0, 1.0))


def test_a_face_weighs_by_its_area() -> None:
    """One slice more at 5 mm: only what lies at that end disagrees, by area and not by voxels."""
    a, b = box((30, 30, 12), (5, 25), (5, 25), (2, 6)), box((30, 30, 12), (5, 25), (5, 25), (2, 7))
    mm = (1.0, 1.0, 5.0)
    end_of_b = 19 * 19 + 4 * 19 * hypot(0.5, 2.5) + 4 * sqrt(5**2 + 5**2 + 1) / 8
    end_of_a = 15 * 15  # two rings of it are within 2 mm of a side of `b`
    total = area_of_box((20, 20, 4), mm) + area_of_box((20, 20, 5), mm)
    expected = 1 - (end_of_a + end_of_b) / total
    assert surface_dice(a, b, mm, tolerance_mm=2) == pytest.approx(expected)


def neighbourhoods(axes: int) -> list[Mask]:
    corners = list(product((0, 1), repeat=axes))
    found = []
    for code in range(2 ** len(corners)):
        mask = np.zeros((2,) * axes, dtype=np.bool_)
        for bit, corner in enumerate(corners):
            mask[corner] = code >> bit & 1
        found.append(mask)
    return found


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_surfaces_do_not_know_directions(axes: int) -> None:
    """A neighbourhood has the area of its complement, and that of its mirror images."""
    areas = surfel_areas((1.0,) * axes)
    assert areas[0] == areas[-1] == 0
    assert (areas[1:-1] > 0).all()
    np.testing.assert_allclose(areas, areas[::-1])
    by_content = {
        mask.tobytes(): area for mask, area in zip(neighbourhoods(axes), areas, strict=True)
    }
    for mask, axis in product(neighbourhoods(axes), range(axes)):
        turned = np.ascontiguousarray(np.flip(mask, axis))
        assert by_content[turned.tobytes()] == pytest.approx(by_content[mask.tobytes()])
        swapped = np.ascontiguousarray(np.swapaxes(mask, 0, axis))
        assert by_content[swapped.tobytes()] == pytest.approx(by_content[mask.tobytes()])


def blob(rng: np.random.Generator, shape: tuple[int, ...], level: float) -> Mask:
    """A smooth random mask that keeps off the border of the array."""
    noise = ndi.gaussian_filter(rng.normal(size=shape), 1.5)
    mask = np.asarray(noise > level * noise.std())
    inner = np.zeros(shape, dtype=np.bool_)
    inner[tuple(slice(2, -2) for _ in shape)] = True
    return mask & inner


def of_monai(a: Mask, b: Mask, mm: tuple[float, ...], tolerance: float) -> float:
    torch = pytest.importorskip("torch", reason="needs the train extra")
    metrics = pytest.importorskip("monai.metrics", reason="needs the train extra")
    pair: list[Any] = [torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (a, b)]
    found = metrics.compute_surface_dice(
        *pair, [tolerance], include_background=True, spacing=mm, use_subvoxels=True
    )
    return float(found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mm", SPACINGS)
@pytest.mark.parametrize("tolerance", [0.0, 1.0, 2.0, 5.5])
def test_the_same_as_monai_in_volumes(mm: tuple[float, ...], tolerance: float) -> None:
    rng = np.random.default_rng(int(10 * tolerance))
    for level in (0.0, 0.8):
        a = blob(rng, (24, 20, 16), level)
        b = np.roll(a, 1, axis=0) if level else blob(rng, (24, 20, 16), level)
        b &= blob(rng, (24, 20, 16), -1.5)
        expected = of_monai(a, b, mm, tolerance)
        assert surface_dice(a, b, mm, tolerance_mm=tolerance) == pytest.approx(expected, abs=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mm", [(1.0, 1.0), (0.5, 2.0), (3.0, 1.0)])
@pytest.mark.parametrize("tolerance", [0.0, 1.0, 2.0])
def test_the_same_as_monai_in_planes(mm: tuple[float, ...], tolerance: float) -> None:
    rng = np.random.default_rng(int(10 * tolerance))
    a, b = blob(rng, (40, 50), 0.0), blob(rng, (40, 50), 0.2)
    expected = of_monai(a, b, mm, tolerance)
    assert surface_dice(a, b, mm, tolerance_mm=tolerance) == pytest.approx(expected, abs=1e-5)
    flat = volume_surface_dice(a[:, None], b[:, None], (mm[0], 9, mm[1]), tolerance_mm=tolerance)
    assert flat == pytest.approx(expected, abs=1e-5)


def test_ends_of_the_scale() -> None:
    a = box((30, 30), (5, 15), (5, 15))
    b = np.roll(a, 2, axis=1)
    assert surface_dice(a, a, (1, 1), tolerance_mm=0) == 1
    assert surface_dice(a, b, (1, 1), tolerance_mm=2) == pytest.approx(1)
    assert surface_dice(a, b, (1, 3), tolerance_mm=2) < 0.8
    assert surface_dice(a, np.zeros_like(a), (1, 1), tolerance_mm=2) == 0
    assert isnan(surface_dice(np.zeros_like(a), np.zeros_like(a), (1, 1), tolerance_mm=2))


@given(st.integers(0, 2**32 - 1), st.sampled_from(SPACINGS), st.floats(0, 6))
@settings(max_examples=40, deadline=None)
def test_between_0_and_1_symmetric_and_growing(
    seed: int, mm: tuple[float, float, float], tolerance: float
) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.random((5, 6, 4)) < 0.5 for _ in range(2))
    found = surface_dice(a, b, mm, tolerance_mm=tolerance)
    assert 0 <= found <= 1
    assert surface_dice(b, a, mm, tolerance_mm=tolerance) == pytest.approx(found)
    assert surface_dice(a, b, mm, tolerance_mm=tolerance + 1) >= found - 1e-12
    assert surface_dice(a, a, mm, tolerance_mm=tolerance) == 1


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_shifted_copies_reach_as_far_as_distances(data: st.DataObject) -> None:
    axes = data.draw(st.integers(1, 3))
    mm = data.draw(st.tuples(*[st.sampled_from((0.3, 0.7, 1.0, 1.2, 2.0, 5.0))] * axes))
    tolerance = data.draw(st.sampled_from((0.0, 0.9, 1.0, 2.0, 3.3)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    surface = rng.random((17, 12, 9)[:axes]) > 0.95
    surface.flat[0] = True
    expected = ndi.distance_transform_edt(~surface, sampling=mm) <= tolerance
    np.testing.assert_array_equal(within_reach(surface, mm, tolerance), expected)
