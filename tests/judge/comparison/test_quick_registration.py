"""Volumes are laid over one another quickly, and nearly as well as closely."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.design.registration import WAYS, dices_of, measured, moved
from segassay.corruption.faulty_cases import ExpertCase
from segassay.corruption.phantoms.simple_phantom import LABELS, SPACING_MM, make_phantom
from segassay.datasets.case import Case
from segassay.geometry.affine_fit import AffineMap, warped
from segassay.judge.comparison.atlas import (
    QUICK,
    Correspondence,
    Overlay,
    Picture,
    Registration,
)
from segassay.judge.comparison.reverse_accuracy import Reference, ReverseAccuracy
from segassay.judge.inputs.arrays_and_files import image_volume
from segassay.judge.inputs.preprocess import plane_stack


@pytest.fixture(scope="module")
def cases() -> list[ExpertCase]:
    found = []
    for seed in range(6):
        phantom = make_phantom(seed)
        masks = {n: phantom.labels == LABELS[n] for n in ("liver", "spleen", "kidney_left")}
        case = Case(f"c{seed}", f"p{seed}", (Path(f"c{seed}.nii.gz"),))
        image = image_volume(phantom.image, SPACING_MM)
        found.append(ExpertCase("phantoms", case, None, image, masks))
    return found


def test_registered_labels_are_measured(cases: list[ExpertCase]) -> None:
    found = measured(cases, WAYS["quick"], 0.0, 1)
    assert found.labels == 3
    assert found.dice > 0.5
    assert found.image_seconds > 0


def test_quick_is_nearly_as_good_as_close(cases: list[ExpertCase]) -> None:
    one, other = cases[:2]
    reference = Reference("one", one.image, one.masks)
    full, quick = (
        [s.value for s in ReverseAccuracy([reference], way).score_labels(other.image, labels)]
        for labels in [list(other.masks.items())]
        for way in (Registration(), QUICK)
    )
    assert np.mean(quick) > np.mean(full) - 0.05
    assert np.mean(full) > 0.6


def test_the_reference_label_itself_is_perfect(cases: list[ExpertCase]) -> None:
    case = cases[0]
    stack = plane_stack(case.image)
    nothing = {name: np.zeros((len(stack.planes), 1024), np.float32) for name in case.masks}
    assert dices_of(nothing, case.masks, stack) == [0, 0, 0]


def test_a_moved_label_keeps_its_size_and_misses_its_place() -> None:
    mask = np.zeros((40, 40, 12), dtype=np.bool_)
    mask[14:26, 14:26, 4:8] = True
    wrong = moved(mask, np.random.default_rng(0))
    assert wrong.sum() == mask.sum()
    assert (wrong & mask).sum() == mask.sum() * 8 // 12


def test_a_grid_is_mapped_as_its_points_are() -> None:
    rng = np.random.default_rng(0)
    patch = AffineMap(np.diag([2.0, 3.0]), np.array([1.0, -4.0]))
    affine = AffineMap(np.array([[1.0, 0.2], [-0.1, 0.9]]), np.array([5.0, 6.0]))
    field = rng.normal(size=(2, 5, 4)).astype(np.float32)
    found = Correspondence(patch, field, affine)([np.array([-3.0, 1, 4, 30]), np.array([0.0, 2])])
    assert found.shape == (2, 4, 2)
    pixel = patch.inverse()(np.array([[4.0], [2.0]]))
    bent = np.stack([warped(part, pixel)[0] for part in field])
    np.testing.assert_allclose(found[:, 2, 1], affine(patch(pixel + bent))[:, 0], rtol=1e-5)
    edge = patch.inverse()(np.array([[30.0], [2.0]]))
    bent = np.stack([warped(part, edge)[0] for part in field])
    np.testing.assert_allclose(found[:, 3, 1], affine(patch(edge + bent))[:, 0], rtol=1e-5)


def test_an_overlay_can_be_asked_again() -> None:
    """What is prepared of the fixed image once is not changed by the images laid over it."""
    pictures = [Picture.of(image_volume(make_phantom(s).image, SPACING_MM)) for s in range(3)]
    fixed, one, other = pictures
    region = tuple(slice(4, n - 4) for n in fixed.array.shape)
    overlay = Overlay(fixed, region, Registration(steps=3))
    point = [np.array([n / 2]) for n in fixed.array.shape]
    first = overlay(one)(point)
    assert not np.allclose(overlay(other)(point), first)
    np.testing.assert_array_equal(overlay(one)(point), first)
    small, into = one.at_most(20)
    assert max(small.array.shape) == 20
    corner = np.array(small.array.shape)[:, None] - 0.5
    np.testing.assert_allclose(into(corner)[:, 0], np.array(one.array.shape) - 0.5)
