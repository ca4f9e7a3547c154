"""Outlines of mask and map by hand, and what the judge expects of masks made worse."""

from math import isnan, sqrt

import numpy as np
import pytest

from segassay.corruption.phantoms.simple_phantom import LABELS, SPACING_MM, make_phantom
from segassay.judge.estimates.aggregate import SliceSums, estimate_volume
from segassay.judge.estimates.surface import outline_lengths
from segassay.judge.scoring import Judge
from segassay.metrics.overlap import surface_areas, surface_dice


def square(shift: int = 0) -> np.ndarray:
    mask = np.zeros((40, 40), dtype=np.float32)
    mask[10:20, 10 + shift : 20 + shift] = 0.9
    return mask


SQUARE = 4 * 9 + 4 * sqrt(0.5)
"""Outline of ten by ten cells, through the middles between cells: its corners are cut."""


def test_outlines_agree_within_two_millimetres() -> None:
    assert outline_lengths(square(), square(2), 1.0) == pytest.approx((2 * SQUARE, 2 * SQUARE))
    assert outline_lengths(square(), square(), 0.5) == pytest.approx((SQUARE, SQUARE))
    agreeing, total = outline_lengths(square(), square(2), 3.0)
    assert total == pytest.approx(3 * 2 * SQUARE)
    counted = surface_dice(square() > 0.5, square(2) > 0.5, (3, 3), tolerance_mm=2)
    assert agreeing / total == pytest.approx(counted)


def test_an_outline_without_its_like_agrees_nowhere() -> None:
    nothing = np.zeros_like(square())
    assert outline_lengths(square(), nothing, 1.0) == pytest.approx((0, SQUARE))
    assert outline_lengths(nothing, square(), 1.0) == pytest.approx((0, SQUARE))
    assert outline_lengths(nothing, np.float32(0.4) * square(), 1.0) == (0, 0)
    empty = np.zeros((4, 4), dtype=np.bool_)
    assert surface_areas(empty, empty, (1, 1), tolerance_mm=2) == (0, 0)


def test_slices_count_with_the_outlines_they_stand_for() -> None:
    place = {"index": 0, "mask": 10.0, "overlap": 9.0, "true": 9.0, "presence": 1.0}
    slices = [
        SliceSums(weight=3.0, beyond=False, agreeing=20, outline=40, **place),  # type: ignore[arg-type]
        SliceSums(weight=2.0, beyond=True, agreeing=0, outline=30, **place),  # type: ignore[arg-type]
    ]
    found = estimate_volume(slices, 30)
    assert found.nsd == pytest.approx(60 / 180)
    assert found.path == pytest.approx((180 - 60) / 2)
    blank = SliceSums(weight=1.0, beyond=False, **place)  # type: ignore[arg-type]
    assert isnan(estimate_volume([blank], 10).nsd)
    assert isnan(estimate_volume([blank], 10).path)


def test_the_judge_expects_less_of_a_moved_mask(judge: Judge) -> None:
    phantom = make_phantom(3)
    mask = np.asarray(phantom.labels == LABELS["liver"])
    scores = [
        judge.score(phantom.image, m, "liver", SPACING_MM, "ct")
        for m in (mask, np.roll(mask, 3, axis=0), np.roll(mask, 12, axis=0), np.zeros_like(mask))
    ]
    right, near, far, none = (score.expected_nsd for score in scores)
    assert 1 >= right > near > far >= 0
    assert isnan(none)
    paths = [score.expected_path_mm for score in scores]
    assert 0 <= paths[0] < paths[1] < paths[2]
    assert isnan(paths[3])
