from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage as ndi
from numpy.typing import NDArray

from check_views import FILE, names
from segassay.checks.base import FileView
from segassay.checks.file_rules.values import interpolated_values, label_values, mask_coding
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.types import Severity

HEADER = HeaderFacts((10, 12, 14), "uint8", "RAS", np.eye(4), np.eye(4), None, 1.0, 0.0)


def test_fractional_values() -> None:
    (finding,) = label_values(replace(FILE, max_fraction=0.4))
    assert finding.severity is Severity.ERROR
    assert "up to 0.4 from a whole number" in finding.message
    assert label_values(replace(FILE, max_fraction=1e-5)) == []  # 4.99999 is a 5


def test_undeclared_and_negative_values() -> None:
    (unknown,) = label_values(replace(FILE, counts={0: 1, 1: 5, 7: 3, -1: 2}))
    assert unknown.evidence["values"] == [-1, 7]
    assert "5 voxels" in unknown.message
    assert label_values(replace(FILE, counts={0: 1, 9: 1}, declared=frozenset())) == []


def test_a_mask_of_one_structure_holds_one_value() -> None:
    alone = replace(FILE, structure="liver", declared=frozenset())
    assert label_values(replace(alone, counts={0: 9, 255: 4})) == []
    assert (
        label_values(replace(alone, counts={0: 9})) == []
    )  # empty masks have a check of their own
    (grey,) = label_values(replace(alone, counts={0: 9, 254: 1, 255: 4}))
    assert grey.severity is Severity.WARNING
    assert "254, 255; all count as liver" in grey.message


def test_a_file_of_background_only() -> None:
    (finding,) = label_values(replace(FILE, counts={0: 1000}))
    assert names([finding], Severity.WARNING) == {"label_values"}
    assert "background only" in finding.message


def test_255_where_1_is_meant() -> None:
    mask = {0: 900, 255: 100}
    (declared,) = mask_coding(replace(FILE, counts=mask))
    assert declared.severity is Severity.WARNING
    assert declared.evidence == {"value": 255}
    alone = replace(FILE, structure="liver", declared=frozenset(), counts=mask)
    (nifti,) = mask_coding(replace(alone, header=HEADER))
    assert nifti.severity is Severity.INFO
    assert mask_coding(alone) == []  # a picture
    assert mask_coding(replace(FILE, counts={0: 9, 2: 1}, declared=frozenset({1, 2}))) == []
    assert mask_coding(FILE) == []


def blobs(values: tuple[int, ...]) -> NDArray[np.int32]:
    """Balls that touch, and one inside another, with the given values."""
    at = np.indices((30, 30, 30))
    array = np.zeros((30, 30, 30), dtype=np.int32)
    for n, value in enumerate(values):
        array[((at - np.array([10 + 5 * n, 15, 15])[:, None, None, None]) ** 2).sum(0) < 40] = value
    return array


def of_array(array: NDArray[np.int32]) -> FileView:
    values, counts = np.unique(array, return_counts=True)
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    return replace(FILE, array=lambda: array, counts=found, declared=frozenset())


@pytest.mark.parametrize("values", [(1, 5), (2, 4, 9), (1, 3)])
@pytest.mark.parametrize("zoom", [1.5, 2.0, 2.5])
def test_a_label_resampled_as_an_image(values: tuple[int, ...], zoom: float) -> None:
    clean = blobs(values)
    assert interpolated_values(of_array(clean)) == []
    nearest = ndi.zoom(clean, zoom, order=0)
    assert interpolated_values(of_array(nearest)) == []
    linear = np.rint(ndi.zoom(clean.astype(np.float64), zoom, order=1)).astype(np.int32)
    (finding,) = interpolated_values(of_array(linear))
    assert finding.severity is Severity.ERROR
    assert finding.evidence["share"] > 0.45


def test_files_that_cannot_show_it_are_silent() -> None:
    clean = of_array(blobs((1, 5)))
    assert interpolated_values(replace(clean, structure="liver")) == []
    assert interpolated_values(replace(clean, array=None)) == []
    assert interpolated_values(of_array(np.array([[[0, 1, 2, 3]]], dtype=np.int32))) == []
