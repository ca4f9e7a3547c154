"""Trusted cases to compare labels with: kept without loss of what they say, not for themselves."""

from math import isnan
from pathlib import Path

import numpy as np
import pytest

from blobs import blob_volume
from segassay.errors import ModelError
from segassay.geometry.grid import Grid
from segassay.images.volume import Volume
from segassay.judge.comparison.gold_cases import GoldCase, GoldCases


@pytest.fixture(scope="module")
def cases() -> GoldCases:
    made = [blob_volume(seed) for seed in range(3)]
    return GoldCases(
        [GoldCase.of(i, {"blob": m}.items(), f"p{n}") for n, (i, m) in enumerate(made)]
    )


def test_a_good_mask_compares_well_and_a_bad_one_badly(cases: GoldCases) -> None:
    image, mask = blob_volume(9)
    good, moved = cases.compare(image, [("blob", mask), ("blob", np.roll(mask, 20, axis=0))])
    assert good[0] > 0.85
    assert good[0] >= good[1] > moved[1]
    assert moved[0] < good[0] - 0.2


def test_nobody_vouches_for_himself(cases: GoldCases) -> None:
    image, mask = blob_volume(1)
    wrong = np.roll(mask, 20, axis=0)
    of_all = cases.compare(image, [("blob", mask), ("blob", wrong)])
    of_others = cases.compare(image, [("blob", mask), ("blob", wrong)], subject="p1")
    assert of_all[0][0] > 0.97
    assert of_others[0] != of_all[0]
    alone = GoldCases([case for case in cases.cases if case.subject == "p1"])
    (only,) = alone.compare(image, [("blob", mask)], subject="p1")
    assert all(map(isnan, only))


def test_what_cannot_be_compared_has_no_number(cases: GoldCases) -> None:
    image, mask = blob_volume(4)
    labels = [("other", mask), (None, mask), ("blob", np.zeros_like(mask)), ("blob", mask)]
    *none, known = cases.compare(image, labels)
    assert all(isnan(number) for pair in none for number in pair)
    assert not any(map(isnan, known))
    stack = Volume(np.zeros((9, 9, 9), np.float32), Grid((9, 9, 9), np.eye(4)), True, True)
    (pair,) = cases.compare(stack, [("blob", np.ones((9, 9, 9), dtype=np.bool_))])
    assert all(map(isnan, pair))


def ball(shape: tuple[int, int, int]) -> tuple[Volume, np.ndarray]:
    """A bright ball on noise, cut through its middle where an axis has one voxel."""
    away = [(np.arange(n) - (n - 1) / 2) / (0.3 * max(n, 2)) for n in shape]
    mask = sum(at**2 for at in np.meshgrid(*away, indexing="ij")) < 1
    grey = np.random.default_rng(0).normal(0, 5, shape) + 100 * mask
    return Volume(grey.astype(np.float32), Grid(shape, np.eye(4)), True, True), mask


@pytest.mark.parametrize("flat", [(1, 16, 16), (16, 1, 16), (16, 16, 1)])
def test_a_slice_among_volumes_costs_them_nothing(flat: tuple[int, int, int]) -> None:
    volume, mask = ball((16, 16, 16))
    plane, cut = ball(flat)
    cases = GoldCases(
        [GoldCase.of(plane, [("ball", cut)], "a"), GoldCase.of(volume, [("ball", mask)], "b")]
    )
    (of_volume,) = cases.agreements(volume, [("ball", mask)])
    (of_plane,) = cases.agreements(plane, [("ball", cut)])
    assert (*of_volume, *of_plane) == (1, 0)
    assert of_volume[1] > 0.9
    assert of_plane[0] > 0.9


def test_kept_cases_say_the_same_and_name_nobody(cases: GoldCases, tmp_path: Path) -> None:
    path = tmp_path / "gold.npz"
    cases.save(path)
    again = GoldCases.load(path)
    image, mask = blob_volume(7)
    assert again.compare(image, [("blob", mask)]) == cases.compare(image, [("blob", mask)])
    assert all(case.subject == "" for case in again.cases)
    twice = tmp_path / "twice.npz"
    again.save(twice)
    assert twice.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "gold.npz"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not a file of trusted cases"):
        GoldCases.load(path)


def test_large_images_are_reduced(tmp_path: Path) -> None:
    image, mask = blob_volume(2, side=700)
    case = GoldCase.of(image, [("blob", mask)], "p2")
    assert case.reference.image.grid.shape == (256, 256, 1)
    assert case.reference.image.grid.spacing_mm[0] == pytest.approx(700 / 256)
    kept = case.reference.masks["blob"].mean()
    assert kept == pytest.approx(mask.mean(), rel=0.01)
