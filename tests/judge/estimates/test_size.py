"""How far a label's size is from the expected one: by hand, and by the judge itself."""

from math import isnan, nan

import numpy as np
import pytest

from segassay.corruption.phantoms.simple_phantom import LABELS, SPACING_MM, make_phantom
from segassay.geometry.grid import Grid
from segassay.images.volume import Volume
from segassay.judge.estimates.aggregate import SliceSums, VolumeEstimate, estimate_volume
from segassay.judge.estimates.size import SizeError, size_error
from segassay.judge.scoring import Judge


def image(shape: tuple[int, int, int], *, known: bool = True) -> Volume:
    grid = Grid(shape, np.diag([2.0, 3.0, 5.0, 1.0]))
    return Volume(np.zeros(shape, np.float32), grid, anatomical=True, spacing_known=known)


def expecting(size: float, presence: float = 1.0) -> VolumeEstimate:
    return VolumeEstimate(0.5, "good", presence, 0.0, size)


def test_volume_in_millilitres_and_area_in_square_millimetres() -> None:
    volume = size_error(150, expecting(100), image((9, 9, 9)))
    assert volume.relative == pytest.approx(0.5)
    assert volume.ml == pytest.approx(50 * 30 / 1000)
    assert isnan(volume.mm2)
    picture = size_error(25, expecting(100), image((9, 9, 1)))
    assert picture.relative == pytest.approx(-0.75)
    assert picture.mm2 == pytest.approx(-75 * 6)
    assert isnan(picture.ml)
    upright = size_error(25, expecting(100), image((1, 9, 9)))
    assert upright.mm2 == pytest.approx(-75 * 15)


def test_without_a_spacing_only_the_share() -> None:
    found = size_error(150, expecting(100), image((9, 9, 9), known=False))
    assert found.relative == pytest.approx(0.5)
    assert isnan(found.ml)
    assert isnan(found.mm2)


@pytest.mark.parametrize(("size", "presence"), [(100, 0.49), (0, 1.0), (100, nan)])
def test_a_structure_that_is_not_found_has_no_size(size: float, presence: float) -> None:
    found = size_error(150, expecting(size, presence), image((9, 9, 9)))
    assert all(isnan(value) for value in (found.relative, found.ml, found.mm2))
    assert SizeError().relative != SizeError().relative


def test_slices_beyond_the_ends_count_with_those_they_stand_for() -> None:
    slices = [
        SliceSums(0, 10.0, False, mask=100, overlap=90, true=120, presence=1.0),
        SliceSums(1, 4.0, True, mask=0, overlap=0, true=50, presence=1.0),
    ]
    assert estimate_volume(slices, 1000).size == pytest.approx(1200 + 200)


def test_the_judge_sees_too_small_and_too_large(judge: Judge) -> None:
    phantom = make_phantom(3)
    mask = np.asarray(phantom.labels == LABELS["liver"])
    shrunk, grown = mask.copy(), mask.copy()
    for step in (-4, 4):
        for axis in (0, 1):
            shrunk &= np.roll(mask, step, axis)
            grown |= np.roll(mask, step, axis)
    small, right, large = (
        judge.score(phantom.image, m, "liver", SPACING_MM, "ct") for m in (shrunk, mask, grown)
    )
    errors = [s.expected_volume_error for s in (small, right, large)]
    assert errors[0] < errors[1] < errors[2]
    assert errors[0] < -0.2
    expected = grown.sum() / (1 + large.expected_volume_error)
    voxel_ml = float(np.prod(SPACING_MM)) / 1000
    assert large.expected_volume_error_ml == pytest.approx((grown.sum() - expected) * voxel_ml)
    nothing = judge.score(phantom.image, np.zeros_like(mask), "liver", SPACING_MM, "ct")
    assert isnan(nothing.expected_volume_error)
