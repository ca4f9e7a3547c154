"""Labels in pictures: a missed or misplaced structure is shown where the judge expects it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from conftest import write_nifti, write_phantoms
from report_samples import row
from segassay.auditing.exhibits import make_exhibits
from segassay.corruption.phantoms.simple_phantom import LABELS, make_phantom
from segassay.datasets.opening import open_dataset
from segassay.images.slicing import as_planes
from segassay.judge.scoring import Judge
from segassay.metrics.overlap import dice
from segassay.report.model import Exhibit, Place
from segassay.types import Status

LIVER = LABELS["liver"]


def changed(labels: np.ndarray, how: str) -> np.ndarray:
    """The labels with the liver missing, or moved within its slices, or to slices beyond it."""
    liver = labels == LIVER
    rest = np.where(liver, 0, labels)
    if how == "missing":
        return rest
    moved = np.roll(liver, 45, axis=0) if how == "shifted" else np.roll(liver, -14, axis=2)
    return np.where(moved, LIVER, rest).astype(labels.dtype)


@pytest.fixture
def exhibit_of(tmp_path: Path, judge: Judge) -> Callable[..., Exhibit]:
    def make(how: str, score: float = 0.02, **options: object) -> Exhibit:
        root = write_phantoms(tmp_path / how, [3])
        phantom = make_phantom(3)
        write_nifti(root / "labels" / "p3.nii.gz", changed(phantom.labels, how), phantom.affine)
        case = open_dataset(root).cases[0]
        shown = [row(case.case_id, score, **options)]
        (found,) = make_exhibits(shown, {case.case_id: case}, judge, {})
        return found

    return make


def expected_overlap(found: Exhibit) -> float:
    """Dice of the outline drawn in the first picture and the true liver of that slice."""
    true = as_planes(make_phantom(3).labels == LIVER, 2)[found.slices[0].index]
    assert found.slices[0].suggested is not None
    return dice(found.slices[0].suggested, true)


def test_a_miss_is_shown_where_it_is_expected(exhibit_of: Callable[..., Exhibit]) -> None:
    found = exhibit_of(
        "missing", score=float("nan"), status=Status.ABSENT_SUSPECT, worst_slice=-1, error_type=""
    )
    assert found.place is Place.FOUND
    assert expected_overlap(found) > 0.8
    assert not found.slices[0].mask.any()


def test_a_wrong_place_is_shown_beside_the_right_one(exhibit_of: Callable[..., Exhibit]) -> None:
    found = exhibit_of("shifted", error_type="wrong_place", worst_slice=20)
    assert found.place is Place.FOUND
    assert found.slices[0].index == 20
    assert found.slices[0].mask.any()
    assert expected_overlap(found) > 0.8


def test_the_right_place_is_looked_for_on_other_slices(
    exhibit_of: Callable[..., Exhibit],
) -> None:
    found = exhibit_of("lowered", error_type="wrong_place", worst_slice=2)
    assert found.place is Place.FOUND
    assert expected_overlap(found) > 0.8
    assert any(view.index == 2 and view.mask.any() for view in found.slices)


def test_an_unknown_place_is_said_to_be_unknown(
    exhibit_of: Callable[..., Exhibit], judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(judge), "expected_place", lambda *_: None)
    assert exhibit_of("shifted", error_type="wrong_place", worst_slice=20).place is Place.UNKNOWN


def test_a_label_that_is_merely_bad_is_shown_as_it_is(exhibit_of: Callable[..., Exhibit]) -> None:
    assert exhibit_of("shifted", error_type="misplaced", worst_slice=20).place is Place.AT_LABEL
