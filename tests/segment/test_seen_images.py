"""Images are seen alike, and what is drawn comes back onto their own voxels."""

import numpy as np
import pytest

from segassay.errors import ContentError, GeometryError
from segassay.geometry.grid import Grid
from segassay.images.mask import Mask
from segassay.images.volume import Volume
from segassay.segment.preprocess import Hounsfield, Preprocessing


def volume(shape: tuple[int, int, int], mm: tuple[float, float, float], seed: int = 0) -> Volume:
    array = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return Volume(array, Grid(shape, np.diag([*mm, 1.0])), anatomical=True, spacing_known=True)


def preprocessing(**options: object) -> Preprocessing:
    usual: dict[str, object] = {
        "axes": 2,
        "channels": 1,
        "colour": False,
        "neighbours": 0,
        "patch": (32, 32),
        "spacing_mm": (1.0, 1.0),
        "hounsfield": None,
    }
    return Preprocessing.model_validate(usual | options)


def test_pixels_get_the_models_spacing_and_slices_stay() -> None:
    seen = preprocessing().seen([volume((20, 30, 5), (2.0, 0.5, 4.0))])
    assert seen.array.shape == (1, 5, 15, 40)


def test_blocks_get_it_along_all_axes() -> None:
    pre = preprocessing(axes=3, patch=(16, 16, 16), spacing_mm=(2.0, 1.0, 1.0))
    assert pre.seen([volume((20, 30, 5), (2.0, 0.5, 4.0))]).array.shape == (1, 10, 15, 40)


def test_without_a_spacing_the_longer_side_becomes_the_patch() -> None:
    image = volume((64, 16, 1), (1, 1, 1))
    assert preprocessing(spacing_mm=None).seen([image]).array.shape == (1, 1, 8, 32)


def test_gain_and_offset_of_grey_values_make_no_difference() -> None:
    image = volume((24, 24, 3), (1, 1, 1))
    other = Volume(image.array * 40 + 7, image.grid, anatomical=True, spacing_known=True)
    seen = [preprocessing().seen([one]).array for one in (image, other)]
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-4)


def test_hounsfield_units_keep_their_meaning_from_image_to_image() -> None:
    pre = preprocessing(hounsfield=Hounsfield(low=-100, high=200, mean=50, spread=100))
    for value, expected in ((50, 0.0), (150, 1.0), (-1000, -1.5), (3000, 1.5)):
        array = np.full((8, 8, 2), value, dtype=np.int16)
        image = Volume(array, Grid((8, 8, 2), np.eye(4)), anatomical=True, spacing_known=True)
        assert pre.seen([image]).array == pytest.approx(expected)


@pytest.mark.parametrize("axes", [2, 3])
def test_masks_come_back_where_they_were(axes: int) -> None:
    image = volume((40, 30, 12), (1.0, 1.0, 1.0))
    pre = preprocessing(axes=axes, patch=(16,) * axes, spacing_mm=(1.0,) * axes)
    inside = np.zeros((40, 30, 12), dtype=np.bool_)
    inside[5:20, 7:11, 2:9] = True
    seen = pre.seen_mask(Mask.of(inside), image)
    assert seen.shape == pre.seen_shape(image)
    np.testing.assert_array_equal(pre.restored(np.asarray(seen), image), inside)


def test_other_channels_and_other_grids_are_refused() -> None:
    image = volume((8, 8, 2), (1, 1, 1))
    with pytest.raises(ContentError):
        preprocessing(channels=2).seen([image])
    with pytest.raises(GeometryError):
        preprocessing(channels=2).seen([image, volume((8, 8, 3), (1, 1, 1))])
