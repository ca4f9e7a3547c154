"""Random shapes: the same for the same seed, with every label a region of its own contrast."""

import numpy as np

from segassay.data.random_shapes import random_shapes


def test_the_same_generator_draws_the_same_image() -> None:
    one, two = (random_shapes(np.random.default_rng(7), size=48) for _ in range(2))
    assert np.array_equal(one.planes, two.planes)
    assert np.array_equal(one.labels, two.labels)


def test_labels_are_smooth_regions_that_differ_in_grey() -> None:
    contrasts, same_as_neighbour = [], []
    for seed in range(6):
        drawn = random_shapes(np.random.default_rng(seed), n_slices=3, size=64)
        assert drawn.labels.max() < drawn.n_labels
        assert np.isfinite(drawn.planes).all()
        greys = [drawn.planes[drawn.labels == v].mean() for v in np.unique(drawn.labels)]
        contrasts.append(np.std(greys))
        same_as_neighbour.append((drawn.labels[..., 1:] == drawn.labels[..., :-1]).mean())
    assert np.mean(contrasts) > 0.1
    assert min(same_as_neighbour) > 0.8
