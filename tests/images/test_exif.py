"""Pictures with an EXIF orientation: read upright, with masks drawn before or after turning."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from check_views import FILE, image
from segassay.auditing.views import file_view, image_view
from segassay.checks.all_checks import check_image
from segassay.checks.file_rules.pictures import exif_orientation, label_exif
from segassay.datasets.case import Case
from segassay.datasets.read_case import read_case
from segassay.images.formats.raster import turned
from segassay.images.io import read_image, read_label, read_labels
from segassay.images.label_ref import LabelRef
from segassay.types import Severity

Picture = NDArray[np.uint8]
ALL = range(1, 9)
KINDS = ("png", "tif", "jpg")


def oblong(rows: int = 48, columns: int = 32) -> Picture:
    """A picture, as it should be seen, that is unlike itself in every turn."""
    picture = np.full((rows, columns), 40, dtype=np.uint8)
    picture[8:16, 8:24] = 200
    picture[16:40, 8:16] = 120
    return picture


def stored(upright: Picture, orientation: int) -> Picture:
    """The pixels that a camera stores so that viewers show `upright`."""
    return turned(upright, {6: 8, 8: 6}.get(orientation, orientation))


def write(path: Path, pixels: Picture, orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    best: dict[str, Any] = {"quality": 100} if path.suffix == ".jpg" else {}
    Image.fromarray(pixels).save(path, exif=exif, **best)
    return path


def as_seen(path: Path) -> NDArray[np.float32]:
    """What is read, `(row, column)`."""
    return np.asarray(read_image(path).array[::-1, ::-1, 0].T)


@pytest.mark.parametrize("orientation", ALL)
def test_turning_is_what_viewers_do(orientation: int) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", exif=exif)
    seen = ImageOps.exif_transpose(Image.open(buffer))
    np.testing.assert_array_equal(turned(pixels, orientation), np.asarray(seen))
    np.testing.assert_array_equal(turned(stored(pixels, orientation), orientation), pixels)


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(48, 32), (40, 40)])
def test_a_picture_is_read_upright(
    tmp_path: Path, orientation: int, kind: str, shape: tuple[int, int]
) -> None:
    upright = oblong(*shape)
    path = write(tmp_path / f"a.{kind}", stored(upright, orientation), orientation)
    assert np.abs(as_seen(path) - upright).max() <= (3 if kind == "jpg" else 0)
    assert read_image(path).exif == orientation


@pytest.mark.parametrize("orientation", ALL)
@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_fits_however_it_was_drawn(tmp_path: Path, orientation: int, kind: str) -> None:
    """On the upright picture, on the stored pixels, or saved with the camera's tag."""
    upright = oblong()
    mask = np.asarray((upright == 200) * 255, dtype=np.uint8)
    volume = read_image(write(tmp_path / f"a.{kind}", stored(upright, orientation), orientation))
    masks = {
        "upright": write(tmp_path / "upright.png", mask),
        "tagged": write(tmp_path / f"tagged.{kind}", stored(mask, orientation), orientation),
    }
    if orientation > 4:  # else no shape tells
        masks["stored"] = write(tmp_path / "stored.png", stored(mask, orientation))
        masks["wrong"] = write(tmp_path / f"wrong.{kind}", mask, orientation)
    for name, path in masks.items():
        ref = LabelRef("lesion", path)
        labels = read_label(ref, volume)
        found = np.asarray(labels.mask(ref))[::-1, ::-1, 0].T
        np.testing.assert_array_equal(found, mask > 0, err_msg=name)
        by = {"upright": 1, "wrong": 1}.get(name, orientation)
        assert labels.volume.exif == by


def test_a_tag_that_says_nothing_turns_nothing(tmp_path: Path) -> None:
    for orientation in (0, 9, 255):
        path = write(tmp_path / f"{orientation}.png", oblong(), orientation)
        np.testing.assert_array_equal(as_seen(path), oblong())
    path = tmp_path / "broken.jpg"
    Image.fromarray(oblong()).save(path, exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", quality=100)
    assert as_seen(path).shape == oblong().shape
    assert read_labels(tmp_path / "0.png").exif == 1


def test_finding_says_what_the_shape_cannot_tell() -> None:
    slices = np.random.default_rng(0).normal(size=(1, 8, 6)).astype(np.float32)
    for orientation in ALL:
        findings = exif_orientation(replace(image(slices), exif=orientation))
        assert len(findings) == (orientation > 1)
        for finding in findings:
            assert finding.severity is Severity.WARNING
            assert finding.evidence == {"orientation": orientation, "shape_tells": orientation > 4}
    square = replace(image(slices[:, :6]), exif=6)
    assert exif_orientation(square)[0].evidence["shape_tells"] is False


def test_case_tells_of_both(tmp_path: Path) -> None:
    upright = oblong()
    picture = write(tmp_path / "a.jpg", stored(upright, 6), 6)
    mask = write(tmp_path / "m.png", stored(np.asarray((upright > 100) * 255, np.uint8), 6))
    ref = LabelRef("lesion", mask)
    files = read_case(Case("a", "a", (picture,), (ref,)))
    (file,) = files.labels
    volume, labels = files.image, file.content
    assert not isinstance(volume, Exception)
    assert not isinstance(labels, Exception)
    view = image_view(files, volume)
    assert "exif_orientation" in {f.check for f in check_image(view)}
    (finding,) = label_exif(file_view([ref], file, labels, view, frozenset()))
    assert finding.evidence == {"orientation": 1, "turned": 6}
    assert label_exif(FILE) == []
