"""Traits of labels: each says what it should, and what is unlike the others is unusual."""

import numpy as np
import pytest
from numpy.typing import NDArray

from segassay.geometry.grid import Grid
from segassay.images.volume import Volume
from segassay.judge.comparison.traits import TRAITS, Traits
from segassay.judge.comparison.typical import N_UNUSUAL, Seen, Typical, TypicalLabels

Bools = NDArray[np.bool_]
NAMES = list(TRAITS)


def volume(array: NDArray[np.float32], *, mm: float = 1.0, known: bool = True) -> Volume:
    i, j, k = array.shape
    return Volume(array, Grid((i, j, k), np.diag([mm, mm, mm, 1.0])), True, known)


def ball(shape: tuple[int, int, int], centre: tuple[float, ...], radius: float) -> Bools:
    at = np.indices(shape).reshape(3, -1).T - np.array(centre)
    return np.asarray((at**2).sum(axis=1) < radius**2).reshape(shape)


def scene(radius: float = 6.0, seed: int = 0) -> tuple[Volume, Bools]:
    shape, rng = (32, 32, 20), np.random.default_rng(seed)
    centre = tuple(np.array([14, 16, 10]) + rng.normal(0, 0.7, 3))
    mask = ball(shape, centre, radius + rng.normal(0, 0.3))
    noise = rng.normal(0, 3, shape)
    return volume((100.0 * mask + noise).astype(np.float32)), mask


def trait(traits: NDArray[np.float64], name: str) -> float:
    return float(traits[NAMES.index(name)])


def test_each_trait_says_what_it_should() -> None:
    image, mask = scene()
    own = Traits(image)(mask)
    assert np.exp(trait(own, "size")) == pytest.approx(mask.sum())
    assert trait(own, "place_i") == pytest.approx((np.argwhere(mask)[:, 0].mean() + 0.5) / 32)
    assert trait(own, "step") > 0.6
    assert trait(own, "contrast") < 0.1
    assert trait(own, "wholeness") == 1
    moved = Traits(image)(np.roll(mask, 8, axis=0))
    assert trait(moved, "place_i") == pytest.approx(trait(own, "place_i") + 8 / 32)
    assert trait(moved, "step") < trait(own, "step") - 0.2
    assert trait(moved, "border") < trait(own, "border")
    torn = mask.copy()
    torn[14] = False
    assert trait(Traits(image)(torn), "wholeness") < 0.7
    assert trait(Traits(image)(torn), "roughness") > trait(own, "roughness")


def test_sizes_are_in_millimetres_where_these_are_known_else_parts_of_the_image() -> None:
    image, mask = scene()
    one, two = (Traits(volume(image.array, mm=mm))(mask) for mm in (1.0, 2.0))
    assert trait(two, "size") - trait(one, "size") == pytest.approx(3 * np.log(2))
    assert trait(two, "extent_k") - trait(one, "extent_k") == pytest.approx(np.log(2))
    small = Traits(volume(image.array, known=False))(mask)
    large_image = volume(np.repeat(image.array, 2, axis=0), known=False)
    large = Traits(large_image)(np.repeat(mask, 2, axis=0))
    assert np.exp(trait(small, "size")) == pytest.approx(mask.mean())
    assert trait(large, "size") == pytest.approx(trait(small, "size"))


def test_large_images_are_thinned_out_alike_for_all_their_labels() -> None:
    rows = np.zeros((600, 40, 1), dtype=np.float32)
    mask = np.zeros(rows.shape, dtype=bool)
    mask[100:400, 10:30] = True
    rows[mask] = 1.0
    found = Traits(volume(rows))(mask)
    assert np.exp(trait(found, "size")) == pytest.approx(300 * 20, rel=0.02)
    assert trait(found, "place_i") == pytest.approx(250 / 600, abs=0.01)


def test_an_empty_mask_has_no_traits() -> None:
    image, mask = scene()
    assert np.isnan(Traits(image)(np.zeros_like(mask))).all()


@pytest.fixture(scope="module")
def typical() -> TypicalLabels:
    labels = [scene(seed=seed) for seed in range(8)]
    return TypicalLabels.of(Seen("ball", True, Traits(image)(mask)) for image, mask in labels)


def test_faults_are_more_unusual_than_labels_of_other_subjects(typical: TypicalLabels) -> None:
    image, mask = scene(seed=99)
    small = ball(mask.shape, (14, 16, 10), 3)
    away = np.roll(mask, 9, axis=1)
    labels: list[tuple[str | None, Bools]] = [("ball", m) for m in (mask, small, away)]
    right, shrunk, moved = typical.unusual(image, labels)
    assert right[0] < 1.5 < min(shrunk[0], moved[0])
    assert shrunk[1 + NAMES.index("size")] > 3
    assert moved[1 + NAMES.index("place_j")] > 3 > moved[1 + NAMES.index("size")]


def test_nothing_is_usual_of_what_nobody_labelled(typical: TypicalLabels) -> None:
    image, mask = scene()
    labels: list[tuple[str | None, Bools]] = [("cube", mask), (None, mask), ("ball", mask & False)]
    found = typical.unusual(image, labels)
    assert all(len(numbers) == N_UNUSUAL and np.isnan(numbers).all() for numbers in found)
    two = TypicalLabels.of([Seen("two", True, np.zeros(13))] * 2)
    assert np.isnan(two.how_unusual(Seen("two", True, np.zeros(13)))).all()


def test_sizes_in_millimetres_are_not_compared_with_parts_of_an_image(
    typical: TypicalLabels,
) -> None:
    image, mask = scene(seed=9)
    unknown = volume(image.array, known=False)
    assert np.isfinite(typical.unusual(image, [("ball", mask)])[0]).all()
    assert np.isnan(typical.unusual(unknown, [("ball", mask)])[0]).all()


def test_a_speck_between_the_voxels_of_a_thinned_image_is_seen() -> None:
    image = volume(np.zeros((600, 520, 1), dtype=np.float32))
    speck = np.zeros((600, 520, 1), dtype=bool)
    speck[101, 101] = True
    found = Traits(image)(speck)
    assert np.isfinite(found).all()
    assert trait(found, "place_i") == pytest.approx(101 / 600, abs=0.01)


def test_the_smallest_image_has_traits() -> None:
    one = np.ones((1, 1, 1), dtype=np.float32)
    assert np.isfinite(Traits(volume(one))(one > 0)).all()


def test_it_comes_back_from_json(typical: TypicalLabels) -> None:
    image, mask = scene(seed=5)
    again = TypicalLabels.from_document(typical.to_document())
    assert again.unusual(image, [("ball", mask)])[0] == pytest.approx(
        typical.unusual(image, [("ball", mask)])[0], abs=1e-2
    )


def test_labels_far_from_the_others_and_those_nobody_believes_count_little() -> None:
    rng = np.random.default_rng(0)
    right = rng.normal(0, 0.05, (8, len(TRAITS)))
    wrong = rng.normal(2, 0.5, (4, len(TRAITS)))
    both = np.concatenate([right, wrong])
    assert np.abs(Typical.of(both, np.ones(12)).centre).max() < 0.2
    doubted = Typical.of(np.concatenate([right, wrong, wrong]), np.repeat([1.0, 0.05], [8, 8]))
    assert np.abs(doubted.centre).max() < 0.2
