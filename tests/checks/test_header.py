import gzip
import struct
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from check_views import FILE
from conftest import write_nifti
from segassay.checks.base import FileView
from segassay.checks.file_rules.header import axis_order, float_storage, header_forms, scaled_values
from segassay.images.formats.nifti_header import HeaderFacts
from segassay.images.formats.registry import header_facts
from segassay.types import Severity

LABELS = np.zeros((10, 12, 14), dtype=np.uint8)
LABELS[3:6, 4:8, 5:9] = 1
LPS = np.diag([-1.0, -1.0, 3.0, 1.0])


def of_file(path: Path, image: Path | None = None) -> FileView:
    label, other = header_facts(path), header_facts(image or path)
    assert label is not None
    return replace(FILE, header=label, image_header=other)


def write_forms(path: Path, sform: NDArray[np.float64], qform: NDArray[np.float64]) -> Path:
    image = nib.Nifti1Image(LABELS, sform)
    image.set_sform(sform, code=1)
    image.set_qform(qform, code=1)
    nib.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_facts_of_a_header(tmp_path: Path, name: str) -> None:
    facts = header_facts(write_nifti(tmp_path / name, LABELS, LPS))
    assert facts is not None
    assert (facts.shape, facts.dtype, facts.axes) == ((10, 12, 14), "uint8", "LPS")
    assert (facts.slope, facts.intercept) == (1.0, 0.0)
    assert facts.sform is not None
    assert facts.qform is not None
    np.testing.assert_allclose(facts.sform, LPS)
    np.testing.assert_allclose(facts.qform, LPS)


def test_no_facts_of_pictures_and_broken_files(tmp_path: Path) -> None:
    broken = tmp_path / "broken.nii.gz"
    for content in (b"", b"\x1f\x8b\x08", b"not gzip", b"\0" * 400):
        broken.write_bytes(content)
        facts = header_facts(broken)
        assert facts is None or isinstance(facts, HeaderFacts)
    assert header_facts(tmp_path / "absent.nii") is None
    assert header_facts(tmp_path / "picture.png") is None


def test_a_clean_file_and_one_without_a_header_draw_nothing(tmp_path: Path) -> None:
    clean = of_file(write_nifti(tmp_path / "a.nii.gz", LABELS))
    for check in (header_forms, axis_order, float_storage, scaled_values):
        assert check(clean) == []
        assert check(FILE) == []


def test_forms_that_disagree(tmp_path: Path) -> None:
    moved = LPS.copy()
    moved[0, 3] += 7
    (finding,) = header_forms(of_file(write_forms(tmp_path / "a.nii.gz", LPS, moved)))
    assert finding.severity is Severity.WARNING
    assert finding.evidence["distance_mm"] == pytest.approx(7)
    rounded = LPS.copy()
    rounded[0, 3] += 0.05
    assert header_forms(of_file(write_forms(tmp_path / "b.nii.gz", LPS, rounded))) == []


def test_a_form_that_no_body_can_have_is_told_by_name(tmp_path: Path) -> None:
    write_forms(tmp_path / "a.nii.gz", LPS, LPS)
    packed = gzip.decompress((tmp_path / "a.nii.gz").read_bytes())
    flat = bytearray(packed)
    struct.pack_into("<f", flat, 76 + 4 * 3, 0.0)  # pixdim[3], the distance of slices in the qform
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(flat)))
    (finding,) = header_forms(of_file(tmp_path / "b.nii.gz"))
    assert finding.evidence == {"unusable": ["qform"]}
    assert header_forms(of_file(tmp_path / "a.nii.gz")) == []


def test_one_form_cannot_disagree(tmp_path: Path) -> None:
    image = nib.Nifti1Image(LABELS, LPS)
    image.set_sform(LPS, code=1)
    image.set_qform(None, code=0)
    nib.save(image, tmp_path / "a.nii.gz")
    assert header_forms(of_file(tmp_path / "a.nii.gz")) == []


def test_axes_stored_another_way_in_the_same_place(tmp_path: Path) -> None:
    image = write_nifti(tmp_path / "image.nii.gz", LABELS, LPS)
    turned = LPS.copy()
    turned[0] = [1.0, 0, 0, -9.0]
    label = write_nifti(tmp_path / "label.nii.gz", LABELS[::-1], turned)
    (finding,) = axis_order(of_file(label, image))
    assert finding.evidence == {"axes": "RPS", "image_axes": "LPS"}
    assert axis_order(of_file(image, image)) == []


def test_whole_numbers_as_floats(tmp_path: Path) -> None:
    view = of_file(write_nifti(tmp_path / "a.nii.gz", LABELS.astype(np.float64)))
    (finding,) = float_storage(view)
    assert finding.severity is Severity.INFO
    assert "float64" in finding.message
    assert float_storage(replace(view, max_fraction=0.5)) == []  # label_values tells that


def test_a_scale_factor(tmp_path: Path) -> None:
    """Written into the file's bytes: nibabel chooses the factor anew on saving."""
    plain = tmp_path / "b.nii"
    nib.save(nib.Nifti1Image(LABELS, LPS), plain)
    raw = bytearray(plain.read_bytes())
    raw[112:116] = np.float32(2.0).tobytes()
    plain.write_bytes(bytes(raw))
    (finding,) = scaled_values(of_file(plain))
    assert finding.evidence == {"slope": 2.0, "intercept": 0.0}
