"""Simulated CT of the abdomen: reproducible, plausible, and different from subject to subject."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.ndimage as ndi

from segassay.corruption.abdomen.enhancement import random_tissues
from segassay.corruption.abdomen.fields import random_field
from segassay.corruption.abdomen.shapes import Ellipsoid, ellipsoids, tube
from segassay.corruption.abdomen.space import SHAPE, SPACING_MM, random_space, through_slices
from segassay.corruption.abdomen.subject import LABELS, Subject, make_subject
from segassay.metrics.overlap import dice

SEEDS = (1, 2, 3, 4)
MILLILITRES = {
    "spleen": (60, 350),
    "kidney_right": (70, 280),
    "kidney_left": (70, 280),
    "gallbladder": (8, 80),
    "liver": (850, 2200),
    "stomach": (120, 700),
    "aorta": (20, 110),
    "inferior_vena_cava": (20, 120),
    "pancreas": (25, 140),
}
# A label's median against that of a thin shell outside: the least difference of any subject, HU.
CONTRAST_HU = {
    "spleen": 60,
    "kidney_right": 60,
    "kidney_left": 60,
    "liver": 60,
    "aorta": 60,
    "inferior_vena_cava": 40,
    "pancreas": 20,
}


@pytest.fixture(scope="module")
def subjects() -> list[Subject]:
    return [make_subject(seed) for seed in SEEDS]


def test_a_seed_gives_one_subject(subjects: list[Subject]) -> None:
    again = make_subject(SEEDS[0])
    np.testing.assert_array_equal(again.image, subjects[0].image)
    np.testing.assert_array_equal(again.labels, subjects[0].labels)


def test_every_structure_is_there_in_one_piece(subjects: list[Subject]) -> None:
    for subject in subjects:
        assert set(np.unique(subject.labels)) == {0, *LABELS.values()}
        assert [ndi.label(subject.labels == v)[1] for v in LABELS.values()] == [1] * len(LABELS)


def test_volumes_are_plausible(subjects: list[Subject]) -> None:
    assert set(MILLILITRES) == set(LABELS)
    for subject in subjects:
        for name, (least, most) in MILLILITRES.items():
            volume = np.count_nonzero(subject.labels == LABELS[name]) * np.prod(SPACING_MM) / 1000
            assert least < volume < most, name


def test_organs_stand_out(subjects: list[Subject]) -> None:
    for subject in subjects:
        for name, least in CONTRAST_HU.items():
            mask = subject.labels == LABELS[name]
            shell = ndi.binary_dilation(mask, iterations=2) & ~ndi.binary_dilation(mask)
            inside, outside = (np.median(subject.image[part]) for part in (mask, shell))
            assert abs(inside - outside) > least, name


def test_bile_is_darker_than_liver(subjects: list[Subject]) -> None:
    for subject in subjects:
        bile, liver = (subject.labels == LABELS[name] for name in ("gallbladder", "liver"))
        assert np.median(subject.image[bile]) < np.median(subject.image[liver]) - 30


def test_organs_lie_where_they_belong(subjects: list[Subject]) -> None:
    """RAS+: the liver to the right of the spleen, kidneys on their sides, the liver's lower."""
    for subject in subjects:
        middle = {
            name: np.array(ndi.center_of_mass(subject.labels == value))
            for name, value in LABELS.items()
        }
        for right, left in (
            ("liver", "spleen"),
            ("kidney_right", "kidney_left"),
            ("inferior_vena_cava", "aorta"),
        ):
            assert middle[right][0] > middle[left][0]
        assert middle["stomach"][1] > middle["kidney_left"][1]
        assert middle["liver"][2] > middle["kidney_right"][2]


def test_subjects_differ_but_not_by_everything(subjects: list[Subject]) -> None:
    for one, two in pairwise(subjects):
        for value in LABELS.values():
            assert dice(one.labels == value, two.labels == value) < 0.95
        liver = LABELS["liver"]
        assert dice(one.labels == liver, two.labels == liver) > 0.5
        assert (
            abs(one.image[one.labels == liver].mean() - two.image[two.labels == liver].mean()) > 1
        )


def test_image_is_that_of_a_scanner(subjects: list[Subject]) -> None:
    for subject in subjects:
        image = subject.image.astype(float)
        assert image[2, -2].mean() < -950
        assert np.mean(image > 250) > 0.002
        liver = ndi.binary_erosion(subject.labels == LABELS["liver"], iterations=3)
        noise = image - ndi.gaussian_filter(image, (3, 3, 0))
        assert 4 < noise[liver].std() < 30
        pairs = liver[1:] & liver[:-1]
        assert np.corrcoef(noise[1:][pairs], noise[:-1][pairs])[0, 1] > 0.2


def test_grid_is_centred_and_right_handed(subjects: list[Subject]) -> None:
    subject = subjects[0]
    assert subject.image.shape == subject.labels.shape == SHAPE
    middle = subject.affine @ [*(np.array(SHAPE) - 1) / 2, 1]
    np.testing.assert_allclose(middle, (0, 0, 0, 1), atol=1e-9)
    assert np.linalg.det(subject.affine[:3, :3]) == pytest.approx(np.prod(SPACING_MM))


def test_fields_are_smooth_and_of_unit_spread() -> None:
    field = random_field(np.random.default_rng(0), (60, 60, 60), (2.0, 2.0, 2.0), 8.0)
    assert field.dtype == np.float32
    assert abs(field.mean()) < 0.15
    assert field.std() == pytest.approx(1, abs=0.1)
    assert np.abs(np.diff(field, axis=0)).std() < 0.4


def test_a_block_holds_all_of_its_box() -> None:
    space = random_space(np.random.default_rng(3))
    low, high = np.array((-40.0, -20.0, 5.0)), np.array((10.0, 30.0, 42.0))
    inside = np.ones(space.at.shape[1:], dtype=bool)
    for axis, least, most in zip(space.at, low, high, strict=True):
        inside &= (axis >= least) & (axis <= most)
    block = space.block(low, high)
    assert np.count_nonzero(inside[block]) == np.count_nonzero(inside) > 0
    assert block[2].start % 2 == 0
    assert block[2].stop % 2 == 1
    nowhere = space.block(low + 5000, high + 5000)
    assert space.coordinates(nowhere).size == 0


def test_slabs_cover_the_grid_once() -> None:
    space = random_space(np.random.default_rng(3))
    seen = np.zeros(space.at.shape[1:], dtype=int)
    for slab in space.slabs():
        seen[slab] += 1
    assert (seen == 1).all()


def test_distance_to_an_ellipsoid() -> None:
    ellipsoid = Ellipsoid((10.0, 0.0, 0.0), (20.0, 10.0, 5.0), (0.0, 0.0, 90.0))
    at = np.array([(10, 20, 0), (10, 23, 0), (0, 0, 0), (10, 0, 5), (10, 0, 0)], dtype=np.float32)
    found = ellipsoid.distance(at.T)
    np.testing.assert_allclose(found[:4], (0, 3, 0, 0), atol=1e-4)
    assert found[4] <= 0


def test_shapes_have_their_volume() -> None:
    space = random_space(np.random.default_rng(5))
    fine_mm = np.prod(SPACING_MM) / 2
    ball = Ellipsoid((0.0, 0.0, 0.0), (30.0, 30.0, 30.0))
    alone = np.count_nonzero(ball.in_space(space).distance < 0) * fine_mm
    assert alone == pytest.approx(4 / 3 * np.pi * 30**3, rel=0.35)
    both = ellipsoids(space, (ball, Ellipsoid((0.0, 0.0, 0.0), (10.0, 10.0, 10.0))), 5)
    assert np.count_nonzero(both.distance < 0) * fine_mm == pytest.approx(alone, rel=0.02)
    pipe = tube(space, ((0.0, 0.0, -40.0), (0.0, 0.0, 0.0), (0.0, 0.0, 40.0)), 8.0)
    volume = np.count_nonzero(pipe.distance < 0) * fine_mm
    assert volume == pytest.approx(np.pi * 64 * 80 + 4 / 3 * np.pi * 512, rel=0.35)


def test_slices_show_the_mean_over_their_thickness() -> None:
    fine = np.array([0, 0, 0, 1, 2], dtype=np.float32).reshape(1, 1, 5)
    np.testing.assert_allclose(through_slices(fine), [[[0, 1]]])


def test_contrast_medium_reaches_tissues_in_their_order() -> None:
    for seed in range(20):
        tissue = random_tissues(np.random.default_rng(seed))
        assert tissue["aorta"] > tissue["liver"] > tissue["fluid"] > tissue["fat"] > tissue["lung"]
        assert tissue["cortex"] >= tissue["medulla"]
