"""The simple phantom of the tests."""

import numpy as np

from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom


def test_phantom_is_reproducible_and_whole() -> None:
    one, two = make_phantom(4), make_phantom(4)
    np.testing.assert_array_equal(one.image, two.image)
    assert set(np.unique(one.labels)) == {0, *LABELS.values()}
    assert one.image[0, 0, 0] < -900
    assert not np.array_equal(one.labels, make_phantom(5).labels)
