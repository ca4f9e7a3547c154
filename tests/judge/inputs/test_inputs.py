"""What callers hand to a judge: colours or slices, numbers or none, spellings of a modality."""

import json
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segassay.errors import ContentError, GeometryError, SegassayError, UsageError
from segassay.judge.inputs.arrays_and_files import image_and_mask
from segassay.judge.scoring import Judge
from segassay.types import Modality, Status

STACK = np.arange(6 * 5 * 3, dtype=np.float32).reshape(6, 5, 3)


@pytest.mark.parametrize("n", [3, 4])
def test_a_thin_stack_is_a_volume_where_its_mask_is_one(n: int) -> None:
    stack = np.arange(6 * 5 * n, dtype=np.float32).reshape(6, 5, n)
    volume, mask = image_and_mask(stack, stack > 50)
    assert volume.grid.shape == mask.shape == (6, 5, n)
    np.testing.assert_array_equal(volume.array, stack)
    np.testing.assert_array_equal(mask, stack > 50)


def test_a_picture_in_colours_has_a_flat_mask() -> None:
    flat = np.zeros((6, 5), dtype=bool)
    flat[1, 2] = True
    for mask in (flat, flat[..., None]):
        volume, voxels = image_and_mask(STACK.astype(np.uint8), mask)
        assert volume.grid.shape == voxels.shape == (5, 6, 1)
        assert np.argwhere(voxels).tolist() == [[2, 4, 0]]
    square = np.zeros((6, 6, 3))
    _, voxels = image_and_mask(square, np.eye(6, dtype=bool, k=1)[..., None])
    np.testing.assert_array_equal(voxels[..., 0], np.eye(6, k=1).T[::-1, ::-1] != 0)


def test_where_the_mask_does_not_tell_spacing_or_the_caller_does() -> None:
    other = np.zeros((4, 4, 2), dtype=bool)
    with pytest.raises(ContentError):
        image_and_mask(STACK, other)
    hints: list[dict[str, Any]]
    hints = [{"spacing_mm": (1, 1, 2)}, {"spacing_mm": (1, 1)}, {"channels_last": True}]
    for hint in hints:
        with pytest.raises(GeometryError):
            image_and_mask(STACK, other, **hint)
    as_slices, _ = image_and_mask(STACK, STACK > 3, channels_last=False)
    assert as_slices.grid.shape == (6, 5, 3)
    with pytest.raises(GeometryError):
        image_and_mask(STACK, STACK > 3, channels_last=True)
    with pytest.raises(ContentError):
        image_and_mask(np.zeros((6, 5, 2)), np.zeros((6, 5)), channels_last=True)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (STACK, np.where(STACK > 9, np.nan, 0)),
        (STACK, np.where(STACK > 9, np.inf, 0)),
        (STACK, (STACK > 9).astype(str)),
        (STACK, (STACK > 9).astype(object)),
        (STACK, (STACK > 9).astype(complex)),
        (STACK, None),
        (STACK, [[1, 2], [3]]),
        (STACK.astype(complex), STACK > 9),
        (np.zeros(STACK.shape, "M8[s]"), STACK > 9),
        (np.zeros(STACK.shape, "m8[s]"), STACK > 9),
        (np.zeros(STACK.shape, [("R", "u1"), ("G", "u1")]), STACK > 9),
        (STACK.astype(str), STACK > 9),
        (np.full(STACK.shape, np.nan), STACK > 9),
    ],
)
def test_what_holds_no_real_numbers_is_refused(image: Any, mask: Any) -> None:
    with pytest.raises(ContentError):
        image_and_mask(image, mask)


@pytest.mark.parametrize(
    "spacing",
    [(np.nan,) * 3, (0, 1, 1), (-1, 1, 1), (1, 1, np.inf), 5, ("a", "b", "c"), (1, 1), (), "mm"],
)
def test_a_spacing_that_is_none_is_refused(spacing: Any, judge: Judge) -> None:
    with pytest.raises(ContentError):
        image_and_mask(STACK, STACK > 9, spacing)
    with pytest.raises(SegassayError):
        judge.score(STACK, STACK > 9, spacing_mm=spacing)


@pytest.mark.parametrize("name", ["a\0.nii.gz", "a\0.png", "a\0.nrrd", "a\0", "a\0/b.nii.gz"])
def test_a_path_that_cannot_be_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SegassayError):
        image_and_mask(str(tmp_path / name), STACK > 9)
    with pytest.raises(SegassayError):
        image_and_mask(STACK, Path(name))


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("CT", Modality.CT),
        ("ct", Modality.CT),
        ("MRI", Modality.MR),
        ("T1w", Modality.MR),
        ("us", Modality.ULTRASOUND),
        ("Ultrasound", Modality.ULTRASOUND),
        ("X-Ray", Modality.XRAY),
        ("CR", Modality.XRAY),
        ("Other", Modality.OTHER),
    ],
)
def test_spellings_of_a_modality(text: str, modality: Modality) -> None:
    assert Modality(text) is modality


@pytest.mark.parametrize("text", ["xyz", "", "  ", 3, None])
def test_an_unknown_modality_is_refused(text: Any, judge: Judge) -> None:
    with pytest.raises(ValueError, match="Modality"):
        Modality(text)
    if text is not None:
        with pytest.raises(UsageError):
            judge.score(STACK, STACK > 9, modality=text)


def test_a_score_is_plain_json(judge: Judge) -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(40, 40, 12)).astype(np.float32)
    mask = np.zeros(image.shape, dtype=bool)
    mask[10:30, 10:30, 3:9] = True
    score = judge.score(image, mask, "liver", (2, 2, 2), "CT")
    data = score.to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data | {"slices": list(data["slices"])}
    assert all(type(s.score) is float and type(s.index) is int for s in score.slices)
    assert data["status"] == score.status.value
    assert data["slices"][0]["score"] == score.slices[0].score
    assert 0 < score.p_faulty < 1
    assert data["p_faulty"] == score.p_faulty
    empty = judge.score(image, ~mask & mask, "liver")
    assert empty.status is not Status.SCORED
    assert isnan(empty.value)
    assert empty.to_dict()["value"] is None
    absent = replace(empty, status=Status.ABSENT_SUSPECT, presence=0.75)
    assert absent.p_faulty == absent.to_dict()["p_faulty"] == 0.75
    json.dumps(empty.to_dict(), allow_nan=False)
