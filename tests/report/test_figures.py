"""The pictures show what they say: true proportions, the right colours in the right places."""

from dataclasses import replace

import numpy as np
import pytest

from report_samples import exhibit, row
from segassay.report.figures import LABEL_COLOUR, SUGGESTED_COLOUR, draw_exhibit, pixels_of

EXHIBIT = exhibit(row("a", 0.3))


def near(picture: np.ndarray, colour: tuple[int, int, int], tolerance: int = 60) -> np.ndarray:
    distance = np.abs(picture.astype(int) - np.array(colour)).max(axis=2)
    return np.asarray(distance < tolerance)


def test_pixels_become_square_millimetres() -> None:
    field = pixels_of(draw_exhibit(EXHIBIT).field)
    assert field.shape[:2] == (180, 120)  # 60 rows of 2 mm, 80 columns of 1 mm
    wide = replace(EXHIBIT, pixel_mm=(1.0, 2.0))
    assert pixels_of(draw_exhibit(wide).field).shape[:2] == (68, 180)


def test_outlines_lie_where_the_masks_are() -> None:
    dark = replace(EXHIBIT, image=np.zeros_like(EXHIBIT.image))
    picture = pixels_of(draw_exhibit(dark).outlines)
    label, suggested = near(picture, LABEL_COLOUR), near(picture, SUGGESTED_COLOUR)
    assert label.any()
    assert suggested.any()
    columns = [float(np.flatnonzero(seen.any(axis=0)).mean()) for seen in (label, suggested)]
    assert columns[1] > columns[0]  # the suggestion was moved to the right
    none = replace(dark, suggested=np.zeros_like(dark.mask))
    assert not near(pixels_of(draw_exhibit(none).outlines), SUGGESTED_COLOUR).any()


def test_error_map_is_red_where_the_error_is_and_clean_elsewhere() -> None:
    error = np.full_like(EXHIBIT.error, 0.08)
    error[20:35, 30:40] = 1.0
    dark = replace(EXHIBIT, image=np.zeros_like(error), error=error)
    picture = pixels_of(draw_exhibit(dark).error).astype(int)
    red = (picture[..., 0] > 100) & (picture[..., 1] < 100)
    assert 0.02 < red.mean() < 0.5
    assert np.median(picture[~red].max(axis=1)) < 12


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (700, 500)])
def test_any_shape_and_empty_masks_are_drawn(shape: tuple[int, int]) -> None:
    empty = np.zeros(shape, dtype=np.bool_)
    plain = np.zeros(shape, dtype=np.float32)
    blank = replace(EXHIBIT, image=plain, mask=empty, suggested=empty, error=plain)
    assert max(pixels_of(draw_exhibit(blank).outlines).shape) == 360
