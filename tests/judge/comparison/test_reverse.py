"""Reverse classification accuracy on phantoms, where the truth is known."""

from dataclasses import replace
from math import isnan

import numpy as np
import pytest
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.corruption.phantoms.simple_phantom import LABELS, SPACING_MM, Phantom, make_phantom
from segassay.errors import ContentError, GeometryError
from segassay.images.volume import Volume
from segassay.judge.comparison.reverse_accuracy import Reference, ReverseAccuracy
from segassay.judge.inputs.arrays_and_files import image_volume
from segassay.metrics.overlap import dice

BoolArray = NDArray[np.bool_]


def masks_of(phantom: Phantom) -> dict[str, BoolArray]:
    return {name: phantom.labels == value for name, value in LABELS.items()}


def reference(seed: int) -> Reference:
    phantom = make_phantom(seed)
    return Reference(f"p{seed}", image_volume(phantom.image, SPACING_MM), masks_of(phantom))


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(1)


@pytest.fixture(scope="module")
def image(phantom: Phantom) -> Volume:
    return image_volume(phantom.image, SPACING_MM)


@pytest.fixture(scope="module")
def itself() -> ReverseAccuracy:
    return ReverseAccuracy([reference(1)])


def test_the_image_itself_as_reference_gives_the_true_dice(
    itself: ReverseAccuracy, image: Volume, phantom: Phantom
) -> None:
    gold = masks_of(phantom)
    bad = {
        "liver": ndi.binary_erosion(gold["liver"], iterations=3),
        "spleen": np.roll(gold["spleen"], 5, axis=1),
        "kidney_left": gold["kidney_left"],
    }
    scores = itself.score_labels(image, list(bad.items()))
    for score, (name, mask) in zip(scores, bad.items(), strict=True):
        assert score.value == pytest.approx(dice(mask, gold[name]), abs=0.03)
        assert score.reason == ""
        assert score.by_reference == {"p1": score.value}


def test_a_shifted_copy_is_laid_over(
    itself: ReverseAccuracy, image: Volume, phantom: Phantom
) -> None:
    by = (9, -6, 2)
    moved = np.roll(phantom.image, by, axis=(0, 1, 2))
    gold = masks_of(phantom)["liver"]
    good, left_behind = np.roll(gold, by, axis=(0, 1, 2)), gold
    shifted = image_volume(moved, SPACING_MM)
    scores = itself.score_labels(shifted, [("liver", good), ("liver", left_behind)])
    assert scores[0].value > 0.95
    assert scores[1].value == pytest.approx(dice(good, gold), abs=0.03)


def test_the_best_of_several_references_counts_and_faults_are_ranked(
    image: Volume, phantom: Phantom
) -> None:
    three = ReverseAccuracy([reference(seed) for seed in (2, 3, 4)])
    gold = masks_of(phantom)["liver"]
    faulty = [gold, *(ndi.binary_erosion(gold, iterations=n) for n in (3, 6))]
    scores = three.score_labels(image, [("liver", mask) for mask in faulty])
    values = [score.value for score in scores]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[2] + 0.2
    for score in scores:
        assert set(score.by_reference) == {"p2", "p3", "p4"}
        assert score.value == max(score.by_reference.values())


def test_without_mask_or_reference_there_is_a_reason_and_no_number(
    itself: ReverseAccuracy, image: Volume, phantom: Phantom
) -> None:
    liver = masks_of(phantom)["liver"]
    empty, unknown = itself.score_labels(
        image, [("liver", np.zeros_like(liver)), ("thymus", liver)]
    )
    assert isnan(empty.value)
    assert empty.reason == "the mask is empty"
    assert isnan(unknown.value)
    assert "'thymus'" in unknown.reason
    (nobody,) = ReverseAccuracy([]).score_labels(image, [("liver", liver)])
    assert isnan(nobody.value)
    assert itself.score_labels(image, []) == []


def test_pictures_are_judged_by_pictures(itself: ReverseAccuracy, image: Volume) -> None:
    rows, columns = np.indices((90, 120))
    disc = (rows - 40) ** 2 + (columns - 55) ** 2 < 25**2
    seen = image_volume(np.where(disc, 180.0, 60.0) + 10 * np.sin(columns / 9))
    mask = disc.T[::-1, ::-1, None]
    judge = ReverseAccuracy([Reference("disc", seen, {"lesion": mask})])
    half = mask & (np.arange(120)[:, None, None] < 65)
    whole, cut = judge.score_labels(seen, [("lesion", mask), ("lesion", half)])
    assert whole.value == pytest.approx(1)
    assert cut.value == pytest.approx(dice(half, mask), abs=0.02)
    with pytest.raises(GeometryError, match="2D; the image is 3D"):
        judge.score_labels(image, [("lesion", np.ones(image.grid.shape, dtype=np.bool_))])


def test_masks_of_another_grid_are_refused(itself: ReverseAccuracy, image: Volume) -> None:
    with pytest.raises(GeometryError, match=r"liver: shape \(3, 3, 3\)"):
        itself.score_labels(image, [("liver", np.ones((3, 3, 3), dtype=np.bool_))])


def test_references_that_cannot_be_used_are_refused(image: Volume, phantom: Phantom) -> None:
    masks = masks_of(phantom)
    one = Reference("a", image, {"liver": masks["liver"]})
    with pytest.raises(ContentError, match="'a' comes twice"):
        ReverseAccuracy([one, one])
    with pytest.raises(ContentError, match="reference b: holds no label"):
        ReverseAccuracy([Reference("b", image, {"liver": np.zeros_like(masks["liver"])})])
    with pytest.raises(GeometryError, match=r"reference c, liver: shape \(2, 2, 2\)"):
        ReverseAccuracy([Reference("c", image, {"liver": np.ones((2, 2, 2), dtype=np.bool_)})])


def test_an_image_without_content_still_gives_a_number(image: Volume, phantom: Phantom) -> None:
    flat = replace(image, array=np.zeros_like(image.array))
    (score,) = ReverseAccuracy([reference(2)]).score_labels(
        flat, [("liver", masks_of(phantom)["liver"])]
    )
    assert 0 <= score.value <= 1
