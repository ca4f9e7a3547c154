import numpy as np
import pytest
import scipy.ndimage as ndi
from hypothesis import given
from hypothesis import strategies as st

from check_views import Planes, cube, view
from segassay.checks.label_rules.stair_steps import slice_jumps, stair_steps
from segassay.checks.plane_changes import plane_changes
from segassay.types import Severity


def ball(n: int = 48, radius: float = 20.0, squeeze: float = 1.0) -> Planes:
    """A ball with a bump, off centre, so that nothing is symmetric by chance."""
    at = np.indices((n, n, n)) - np.array([22.3, 23.7, 24.1])[:, None, None, None]
    at[0] = at[0] * squeeze
    bump = np.indices((n, n, n)) - np.array([30.0, 35.0, 20.0])[:, None, None, None]
    return np.asarray(((at**2).sum(0) < radius**2) | ((bump**2).sum(0) < 90))


def enlarged(mask: Planes, zoom: tuple[float, float, float]) -> Planes:
    return np.asarray(
        ndi.zoom(mask.astype(np.uint8), zoom, order=0, grid_mode=True, mode="nearest")
    )


def test_changes_by_hand() -> None:
    mask = np.zeros((1, 3, 2), dtype=np.bool_)
    mask[0, 0, 0] = mask[0, 2] = True
    rows, columns = plane_changes(mask)
    assert (rows.axis, rows.changed.tolist(), rows.taken_back) == (1, [1, 1, 2, 2], 4)
    assert (columns.axis, columns.changed.tolist(), columns.taken_back) == (2, [2, 1, 1], 1)
    assert plane_changes(mask[:, :0]) == ()


@given(st.integers(2, 8), st.integers(0, 9))
def test_a_rhythm_is_found_wherever_it_begins(factor: int, start: int) -> None:
    widths = np.repeat(np.array([3, 7, 4, 9, 6, 8, 2, 5]), factor)
    mask = np.arange(10)[None, :] < widths[:, None]
    (along, _) = plane_changes(mask[None, start % factor :])
    found, above = along.rhythm()
    assert (found, round(above, 6)) == (factor, 1.0)


def test_smooth_masks_draw_nothing() -> None:
    for mask in (ball(), cube(), ball()[::4]):
        assert stair_steps(view(mask)) == []
        assert slice_jumps(view(mask)) == []


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_coarser_grid_in_plane(factor: int) -> None:
    coarse = ball()[:, ::factor, ::factor]
    (finding,) = stair_steps(view(enlarged(coarse, (1, factor, factor))))
    assert finding.severity is Severity.WARNING
    assert finding.evidence["factors"] == {"rows": factor, "columns": factor}
    assert "rows" in finding.message
    assert "columns" in finding.message


def test_thicker_slices() -> None:
    (finding,) = stair_steps(view(np.repeat(ball()[::3], 3, axis=0)))
    assert finding.evidence["factors"] == {"slices": 3}


def test_a_factor_that_is_no_whole_number() -> None:
    coarse = ball(squeeze=1.0)[:, ::2, ::2]
    (finding,) = stair_steps(view(enlarged(coarse, (1, 1.6, 1.6))))
    assert finding.evidence["factors"] == {}
    assert finding.evidence["repeated"]["rows"] > 0.3


def test_a_straight_tube_is_no_coarser_grid() -> None:
    """It repeats itself too, but over long and uneven stretches."""
    at = np.indices((60, 40, 40))
    drift = np.array([0] * 23 + [1] * 4 + [2] * 17 + [3] * 1 + [4] * 15)[:, None, None]
    tube = ((at[1] - 18 - drift) ** 2 + (at[2] - 20) ** 2 < 64) & (at[0] > 3) & (at[0] < 57)
    assert stair_steps(view(tube)) == []


def test_a_picture_made_on_a_coarser_grid() -> None:
    flat = ball()[22:23, ::2, ::2]
    (finding,) = stair_steps(view(enlarged(flat, (1, 4, 4))))
    assert finding.evidence["factors"] == {"rows": 4, "columns": 4}


def test_slices_drawn_one_by_one() -> None:
    mask = ball()
    mask[::2] = ndi.binary_dilation(mask[::2], np.ones((1, 3, 3), np.bool_), iterations=3)
    (finding,) = slice_jumps(view(mask))
    assert finding.severity is Severity.WARNING
    assert "slices" in finding.message
    assert finding.evidence["slices"] > 0.5


def test_a_mask_drawn_in_another_plane() -> None:
    mask = ball()
    mask[:, :, ::2] = ndi.binary_dilation(
        mask[:, :, ::2], np.ones((3, 3, 1), np.bool_), iterations=3
    )
    (finding,) = slice_jumps(view(mask))
    assert "columns" in finding.message
    assert "slices" not in finding.message


def test_pictures_and_few_slices_do_not_jump() -> None:
    mask = ball()
    mask[::2] = ndi.binary_dilation(mask[::2], np.ones((1, 3, 3), np.bool_), iterations=3)
    assert slice_jumps(view(mask[18:28])) == []
    assert slice_jumps(view(mask[20:21])) == []
