"""Random shapes: the same for the same seed, of three kinds, with borders that can be seen."""

import numpy as np
import pytest
import scipy.ndimage as ndi

from segassay.corruption.phantoms.random_looks import random_look, wide_view, with_parts
from segassay.corruption.phantoms.random_shapes import ShapeImage, _shining_through, random_shapes


@pytest.fixture(scope="module")
def drawn() -> list[ShapeImage]:
    return [random_shapes(np.random.default_rng([3, n]), n_slices=3, size=72) for n in range(40)]


def test_the_same_generator_draws_the_same_image() -> None:
    one, two = (random_shapes(np.random.default_rng(7), size=48) for _ in range(2))
    assert np.array_equal(one.planes, two.planes)
    assert np.array_equal(one.labels, two.labels)


def test_images_are_finite_and_labels_are_smooth_regions(drawn: list[ShapeImage]) -> None:
    for image in drawn:
        assert image.planes.shape == image.labels.shape == (3, 72, 72)
        assert image.labels.max() < image.n_labels
        assert np.isfinite(image.planes).all()
        assert (image.labels[..., 1:] == image.labels[..., :-1]).mean() > 0.8


def test_a_ring_and_its_core_are_named_as_one_whole(drawn: list[ShapeImage]) -> None:
    pairs = [(image, s) for image in drawn for s in image.structures if len(s) == 2]
    assert 3 < len(pairs) < len(drawn)
    touching = 0
    for image, whole in pairs:
        assert {(value,) for value in whole} < set(image.structures)
        wall, core = (image.labels == value for value in whole)
        touching += bool((ndi.binary_dilation(core, np.ones((1, 3, 3), dtype=bool)) & wall).any())
    assert touching > 0.7 * len(pairs)


def test_some_objects_shine_through_one_another(drawn: list[ShapeImage]) -> None:
    """Where two overlap, both are there, and the image is the sum of what they add."""
    overlaps = 0
    for image in drawn:
        objects = [np.isin(image.labels, values) for values in image.structures if len(values) > 2]
        overlaps += any((a & b).any() for n, a in enumerate(objects) for b in objects[:n])
    assert 2 < overlaps < 0.4 * len(drawn)


def test_greys_of_what_shines_through_are_sums() -> None:
    scene = _shining_through((3, 72, 72), 8, np.random.default_rng(4))
    assert len(scene.structures) >= 4
    one, two = 1, 2
    greys = scene.greys
    assert greys[one | two] - greys[0] == pytest.approx(greys[one] + greys[two] - 2 * greys[0])
    assert scene.structures[1] == tuple(v for v in range(greys.size) if v & two)


def test_structures_end_within_some_stacks(drawn: list[ShapeImage]) -> None:
    """A judge must also meet slices that the structure is not in."""
    ends = [
        (image.labels == value).any(axis=(1, 2)).sum() < len(image.labels)
        for image in drawn
        for value in np.unique(image.labels)
    ]
    assert 0.05 < np.mean(ends) < 0.8


def test_most_structures_differ_from_what_is_around_them(drawn: list[ShapeImage]) -> None:
    steps = []
    for image in drawn:
        for value in range(1, image.n_labels):
            mask = image.labels == value
            around = ndi.binary_dilation(mask, np.ones((1, 7, 7), dtype=bool)) & ~mask
            if mask.any() and around.any():
                steps.append(abs(image.planes[mask].mean() - image.planes[around].mean()))
    assert len(steps) > 80
    assert np.median(steps) > 0.1


def test_outside_the_view_the_image_is_black() -> None:
    labels = np.ones((2, 40, 40), dtype=np.uint8)
    view = wide_view(labels.shape, np.random.default_rng(0))
    planes = random_look(labels, np.array([0.2, 0.7]), view, np.random.default_rng(1))
    assert 0 < view.mean() < 1
    assert np.ptp(planes[~view]) == 0
    assert planes[~view].max() <= planes[view].min()


def test_some_structures_hold_parts_and_some_of_these_keep_a_wall() -> None:
    labels = np.zeros((1, 64, 64), dtype=np.uint8)
    labels[0, 8:56, 8:56] = 1
    flat = np.full(labels.shape, 0.5)
    drawn = [with_parts(flat, labels, 2, np.random.default_rng(n))[0] for n in range(60)]
    with_some = [planes for planes in drawn if np.ptp(planes[14:50, 14:50]) > 0]
    walled = [planes for planes in with_some if (planes[8, 8:56] == 0.5).all()]
    assert 20 < len(with_some) < 60
    assert np.median([np.ptp(planes[14:50, 14:50]) for planes in with_some]) > 0.3
    assert 5 < len(walled) < len(with_some)
    assert (flat == 0.5).all()
