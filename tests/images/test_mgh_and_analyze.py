"""FreeSurfer's volumes, NIfTI pairs and Analyze: the right way round, and refused in one line."""

import gzip
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from conftest import write_nifti
from segassay.auditing.views import image_view
from segassay.checks.file_rules.image import image_header
from segassay.datasets.case import Case
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import read_case
from segassay.errors import ContentError, ReadError
from segassay.images.formats.registry import is_readable, stem_of
from segassay.images.io import read_image, read_labels
from segassay.types import Severity

ARRAY = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
TURNED = np.array([[0, -1.5, 0, 9], [0, 0, 2.0, -4], [3.0, 0, 0, 7], [0, 0, 0, 1]])
PLAIN = np.array([[-1.5, 0, 0, 9], [0, -2.0, 0, -4], [0, 0, 3.0, 7], [0, 0, 0, 1]])
KINDS: dict[str, Any] = {
    ".mgz": nib.MGHImage,
    ".mgh": nib.MGHImage,
    ".img": nib.Nifti1Pair,
    ".img.gz": nib.Nifti1Pair,
}


@pytest.mark.parametrize("ending", list(KINDS))
@pytest.mark.parametrize("affine", [TURNED, PLAIN])
def test_voxels_lie_where_nifti_has_them(tmp_path: Path, ending: str, affine: Any) -> None:
    nib.save(KINDS[ending](ARRAY.astype(np.int32), affine), tmp_path / f"a{ending}")
    expected = read_image(write_nifti(tmp_path / "b.nii.gz", ARRAY, affine))
    found = read_image(tmp_path / f"a{ending}")
    np.testing.assert_array_equal(found.array, expected.array)
    np.testing.assert_allclose(found.grid.affine, expected.grid.affine, atol=1e-5)
    assert found.anatomical
    assert found.spacing_known
    labels = read_labels(tmp_path / f"a{ending}")
    assert labels.counts == dict.fromkeys(range(ARRAY.size), 1)
    assert stem_of(tmp_path / f"a{ending}") == "a"
    assert is_readable(tmp_path / f"a{ending}")


def test_a_second_nifti_pair_and_scaled_values(tmp_path: Path) -> None:
    nib.save(nib.Nifti2Pair(ARRAY, PLAIN), tmp_path / "a.img")
    assert read_image(tmp_path / "a.img").array.max() == ARRAY.size - 1
    pair = nib.Nifti1Pair(ARRAY, PLAIN)
    pair.header.set_slope_inter(2.0, -10.0)
    nib.save(pair, tmp_path / "b.img")
    found = read_image(tmp_path / "b.img").array[::-1, ::-1]
    np.testing.assert_allclose(found, ARRAY * 2.0 - 10)


@pytest.mark.parametrize("kind", [nib.AnalyzeImage, nib.Spm99AnalyzeImage])
def test_analyze_says_that_it_knows_no_orientation(tmp_path: Path, kind: Any) -> None:
    image = kind(ARRAY, np.diag([-1.5, 2.0, 3.0, 1.0]))
    nib.save(image, tmp_path / "a.img")
    (tmp_path / "a.mat").unlink(missing_ok=True)
    volume = read_image(tmp_path / "a.img")
    assert not volume.anatomical
    assert volume.spacing_known
    assert volume.grid.spacing_mm == pytest.approx((1.5, 2.0, 3.0))
    assert sorted(volume.array.ravel().tolist()) == list(range(ARRAY.size))
    files = read_case(Case("a", "a", (tmp_path / "a.img",)))
    (finding,) = image_header(image_view(files, volume))
    assert finding.severity is Severity.WARNING
    assert finding.evidence == {"orientation": False}


def test_freesurfer_volume_that_states_no_place(tmp_path: Path) -> None:
    nib.save(nib.MGHImage(ARRAY.astype(np.int32), PLAIN), tmp_path / "a.mgh")
    data = bytearray((tmp_path / "a.mgh").read_bytes())
    data[28:30] = b"\0\0"
    (tmp_path / "a.mgh").write_bytes(bytes(data))
    volume = read_image(tmp_path / "a.mgh")
    assert not volume.anatomical
    assert not volume.spacing_known
    assert volume.array.max() == ARRAY.size - 1


@pytest.mark.parametrize("ending", list(KINDS))
def test_bad_files_are_one_line(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{ending}"
    with pytest.raises(ReadError):
        read_image(path)
    nib.save(KINDS[ending](np.zeros((30, 30, 30), np.float32), PLAIN), path)
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:cut])
        with pytest.raises(ReadError):
            read_image(path)
    path.write_bytes(whole)
    monkeypatch.setattr("segassay.files.memory_limits.memory_bytes", lambda: 100_000)
    with pytest.raises(ContentError):
        read_image(path)
    monkeypatch.undo()
    nib.save(KINDS[ending](np.zeros((3, 4, 5, 2), np.float32), PLAIN), path)
    with pytest.raises(ContentError):
        read_image(path)


def test_headers_that_promise_what_cannot_be(tmp_path: Path) -> None:
    nib.save(nib.MGHImage(ARRAY.astype(np.int32), PLAIN), tmp_path / "a.mgh")
    whole = bytearray((tmp_path / "a.mgh").read_bytes())
    for place, data in ((4, b"\x7f\xff\xff\xff" * 3), (0, b"\0\0\0\x09"), (20, b"\0\0\0\x63")):
        broken = bytes(whole[:place]) + data + bytes(whole[place + len(data) :])
        for name, content in (("b.mgh", broken), ("b.mgz", gzip.compress(broken))):
            (tmp_path / name).write_bytes(content)
            with pytest.raises((ReadError, ContentError)):
                read_image(tmp_path / name)
    nib.save(nib.Nifti1Pair(ARRAY, PLAIN), tmp_path / "p.img")
    header = (tmp_path / "p.hdr").read_bytes()
    for text in (b"", b"x" * 348, header[:200], header[:40] + b"\x07\x00" + b"\xff\x7f" * 7):
        (tmp_path / "p.hdr").write_bytes(text + header[len(text) :] if len(text) > 200 else text)
        with pytest.raises((ReadError, ContentError)):
            read_image(tmp_path / "p.img")


@pytest.mark.parametrize("ending", [".mgz", ".img"])
def test_folders_of_them_are_data_sets(tmp_path: Path, ending: str) -> None:
    for folder, values in (("images", ARRAY), ("labels", ARRAY % 3)):
        (tmp_path / folder).mkdir()
        nib.save(KINDS[ending](values.astype(np.int32), PLAIN), tmp_path / folder / f"s{ending}")
    (tmp_path / "labels.json").write_text(json.dumps({"liver": 1, "spleen": 2}))
    apart = open_dataset(images=tmp_path / "images", labels=tmp_path / "labels")
    for dataset in (open_dataset(tmp_path), apart):
        (case,) = dataset.cases
        assert dataset.unmatched == ()
        assert (case.case_id, len(case.labels)) == ("s", 2)
        read = read_case(case)
        assert not isinstance(read.image, Exception)
        assert not any(isinstance(labels, Exception) for labels in read.labels.values())
