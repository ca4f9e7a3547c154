"""The pictures show what they say: true edges, true proportions, the error where it is."""

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from report_samples import view
from segassay.report.figures import draw, outline


def pixels_of(uri: str) -> np.ndarray:
    """Read a picture back from its data URI, as `(row, column, channel)`."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))))


def edges_of(path: str) -> set[tuple[int, int, bool]]:
    """Unit edges of an outline: x, y, and whether it runs down."""
    edges = set()
    for x, y, way, n in re.findall(r"M(\d+) (\d+)([hv])(\d+)", path):
        for k in range(int(n)):
            down = way == "v"
            edges.add((int(x) + (0 if down else k), int(y) + (k if down else 0), down))
    return edges


def filled(edges: set[tuple[int, int, bool]], shape: tuple[int, int]) -> np.ndarray:
    """Paint what lies inside the edges: from left to right, every edge changes the side."""
    crossings = np.zeros((shape[0], shape[1] + 1), dtype=int)
    for x, y, down in edges:
        if down:
            crossings[y, x] += 1
    return np.asarray(np.cumsum(crossings, axis=1) % 2 == 1)[:, :-1]


@given(st.integers(0, 2**30), st.integers(1, 9), st.integers(1, 9))
def test_an_outline_holds_its_mask_and_nothing_else(seed: int, rows: int, columns: int) -> None:
    mask = np.random.default_rng(seed).random((rows, columns)) < 0.5
    assert (filled(edges_of(outline(mask)), mask.shape) == mask).all()
    assert (
        filled({(y, x, not d) for x, y, d in edges_of(outline(mask))}, mask.T.shape) == mask.T
    ).all()


def test_nothing_has_no_outline() -> None:
    assert outline(np.zeros((4, 5), dtype=np.bool_)) == ""


def test_the_window_is_square_in_millimetres_and_holds_both_masks() -> None:
    seen = view()
    picture = draw(seen)
    x, y, width, height = picture.window
    assert seen.suggested is not None
    both = seen.mask | seen.suggested
    assert both[y : y + height, x : x + width].sum() == both.sum()
    assert abs(height * 2.0 - width * 1.0) <= 4


def test_the_error_map_is_full_where_the_error_is_and_clear_elsewhere() -> None:
    error = np.full((60, 80), 0.08, dtype=np.float32)
    error[20:35, 30:40] = 1.0
    picture = draw(view(error=error))
    x, y, width, height = picture.window
    veil = pixels_of(picture.error)
    assert veil.shape == (height, width, 4)
    wrong = error[y : y + height, x : x + width] > 0.5
    assert (veil[..., 3][wrong] > 150).all()
    assert (veil[..., 3][~wrong] == 0).all()


def test_no_error_no_veil() -> None:
    assert draw(view(error=np.zeros((60, 80), dtype=np.float32))).error == ""
    assert draw(view(error=None)).error == ""


def test_the_picture_is_the_image() -> None:
    image = np.zeros((60, 80), dtype=np.float32)
    image[:, 40:] = 1.0
    grey = pixels_of(draw(view(image=image)).grey).astype(int)
    assert grey.shape[:2] == (60, 80)
    assert grey[:, :35].max() < 30
    assert grey[:, 45:].min() > 225


def test_huge_images_are_stored_smaller_and_drawn_in_their_own_pixels() -> None:
    shape = (1500, 3000)
    plain = np.zeros(shape, dtype=np.float32)
    mask = np.zeros(shape, dtype=np.bool_)
    mask[700:800, 2000:2300] = True
    picture = draw(view(image=plain, mask=mask, suggested=mask, error=plain))
    assert pixels_of(picture.grey).shape[:2] == (512, 1024)
    assert picture.size == (3000, 1500)
    assert picture.window[0] > 1500


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (700, 500)])
def test_any_shape_and_empty_masks_are_drawn(shape: tuple[int, int]) -> None:
    empty = np.zeros(shape, dtype=np.bool_)
    plain = np.zeros(shape, dtype=np.float32)
    picture = draw(view(image=plain, mask=empty, suggested=empty, error=plain))
    assert picture.window == (0, 0, shape[1], shape[0])
    assert (picture.label, picture.suggested) == ("", "")
