"""Random shapes: the same for the same seed, of two kinds, with borders that can be seen."""

import numpy as np
import pytest
import scipy.ndimage as ndi

from segassay.data.random_looks import random_look, wide_view
from segassay.data.random_shapes import ShapeImage, random_shapes


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
    planes = random_look(labels, 2, view, np.random.default_rng(1))
    assert 0 < view.mean() < 1
    assert np.ptp(planes[~view]) == 0
    assert planes[~view].max() <= planes[view].min()
