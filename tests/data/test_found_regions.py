"""Regions that stand out are found, whatever the image is of; what is not there is not."""

import numpy as np
import pytest

from segassay.data.found_regions import found_regions

SIDE = 96


def scene(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc and a dark ellipse on noisy grey, and the mask of the disc."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disc = (rows - 34) ** 2 + (columns - 30) ** 2 < 14**2
    ellipse = ((rows - 66) / 10) ** 2 + ((columns - 62) / 20) ** 2 < 1
    grey = 100.0 + 60 * disc - 50 * ellipse + rng.normal(0, 6, (SIDE, SIDE))
    return grey.clip(0, 255).astype(np.uint8), disc


def best_dice(mask: np.ndarray, regions: list[np.ndarray]) -> float:
    return max(2 * np.count_nonzero(mask & r) / (mask.sum() + r.sum()) for r in regions)


def test_objects_are_found_with_their_outline() -> None:
    rng = np.random.default_rng(4)
    image, disc = scene(rng)
    regions = found_regions(image, rng)
    assert best_dice(disc, regions) > 0.85
    for region in regions:
        assert region.shape == image.shape
        assert region.dtype == np.bool_
        assert 0.003 <= region.mean() <= 0.3
    areas = [np.count_nonzero(r) for r in regions]
    assert areas == sorted(areas, reverse=True)
    for number, one in enumerate(regions):
        others = regions[:number] + regions[number + 1 :]
        assert not others or best_dice(one, others) <= 0.8


def test_the_same_generator_finds_the_same() -> None:
    image, _ = scene(np.random.default_rng(0))
    one = found_regions(image, np.random.default_rng(7))
    other = found_regions(image, np.random.default_rng(7))
    assert len(one) == len(other)
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("shape", [(96, 96), (40, 120), (9, 7)])
def test_an_image_without_contrast_shows_no_extremal_region(shape: tuple[int, int]) -> None:
    regions = found_regions(np.full(shape, 80, np.uint8), np.random.default_rng(0), seeds=20)
    # Basins of nothing are cells of the grid at most, never an outline that the image shows.
    assert all(r.shape == shape for r in regions)
