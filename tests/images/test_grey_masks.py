"""Masks stored as grey pictures: cut at half, refused where several structures are lost."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
from numpy.typing import NDArray
from PIL import Image

from check_views import FILE
from segassay.checks.file_rules.pictures import lossy_label
from segassay.errors import ContentError
from segassay.images.formats.grey_masks import levelled
from segassay.images.io import read_labels
from segassay.types import Severity

Grey = NDArray[np.uint8]


def ellipse(rows: float = 18, columns: float = 26) -> NDArray[np.bool_]:
    y, x = np.mgrid[:96, :128]
    return np.asarray(((y - 45) / rows) ** 2 + ((x - 60) / columns) ** 2 < 1)


def jpeg(path: Path, pixels: Grey, quality: int, mode: str = "RGB") -> Path:
    Image.fromarray(pixels).convert(mode).save(path, format="JPEG", quality=quality)
    return path


def area(path: Path) -> int:
    counts = read_labels(path).counts
    assert len(counts) == 2
    return sum(n for value, n in counts.items() if value)


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 85, 95])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(("rows", "value"), [(18, 255), (5, 255), (18, 128), (18, 200)])
def test_a_jpeg_mask_keeps_its_area(
    tmp_path: Path, quality: int, mode: str, rows: float, value: int
) -> None:
    mask = ellipse(rows)
    path = jpeg(tmp_path / "a.jpg", np.asarray(mask * value, np.uint8), quality, mode)
    labels = read_labels(path)
    assert labels.n_greys > 2
    found = labels.volume.array[::-1, ::-1, 0].T > 0
    assert np.count_nonzero(found != mask) <= (0 if quality >= 75 else 0.01 * mask.sum() + 4)


def test_a_jpeg_mask_in_slightly_uneven_channels(tmp_path: Path) -> None:
    colours = np.repeat(ellipse()[..., None] * np.uint8(255), 3, axis=2)
    colours[..., 1] = np.clip(colours[..., 1].astype(int) - 12, 0, 255)
    Image.fromarray(colours).save(tmp_path / "a.jpg", quality=85)
    assert area(tmp_path / "a.jpg") == ellipse().sum()
    colours[..., 1] = 0
    Image.fromarray(colours).save(tmp_path / "b.jpg", quality=85)
    with pytest.raises(ContentError):
        read_labels(tmp_path / "b.jpg")


@pytest.mark.parametrize("quality", [10, 50, 85, 95])
@pytest.mark.parametrize("values", [(127, 255), (50, 255), (200, 255), (1, 2), (1, 3), (60, 120)])
def test_a_jpeg_of_several_structures_is_refused(
    tmp_path: Path, quality: int, values: tuple[int, int]
) -> None:
    labels = np.asarray(ellipse() * values[1], np.uint8)
    labels[68:92, 10:60] = values[0]
    if quality < 50 and max(values) < 16:
        pytest.skip("nothing of it is left")
    with pytest.raises(ContentError):
        read_labels(jpeg(tmp_path / "a.jpg", labels, quality))


def test_a_jpeg_of_two_values_is_nothing_to_tell_of(tmp_path: Path) -> None:
    for value in (0, 255):
        path = jpeg(tmp_path / f"{value}.jpg", np.full((32, 32), value, np.uint8), 85)
        assert read_labels(path).n_greys == 0
        assert set(read_labels(path).counts) == {value}


def soft(kind: str) -> Grey:
    mask = ellipse().astype(float)
    if kind == "smoothed":
        mask = ndi.gaussian_filter(mask, 1.0)
    elif kind == "enlarged":
        mask = ndi.zoom(mask, 4, order=1)
    elif kind == "shrunk":
        mask = mask.reshape(48, 2, 64, 2).mean(axis=(1, 3))
    return np.asarray(np.rint(mask * 255), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["smoothed", "enlarged", "shrunk"])
@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_a_soft_mask_is_cut_at_half(tmp_path: Path, kind: str, ending: str) -> None:
    pixels = soft(kind)
    Image.fromarray(pixels).save(tmp_path / f"a.{ending}")
    labels = read_labels(tmp_path / f"a.{ending}")
    assert labels.n_greys == np.unique(pixels).size
    assert labels.counts[255] == np.count_nonzero(pixels >= 128)
    scale = {"enlarged": 16, "shrunk": 0.25}.get(kind, 1)
    assert labels.counts[255] == pytest.approx(ellipse().sum() * scale, rel=0.03)
    assert labels.counts[255] < np.count_nonzero(pixels)


def maps() -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    few = np.asarray(ellipse() * 3, np.uint8)
    few[70:80, 20:50], few[5:12, 5:12] = 1, 2
    spread = np.asarray(ellipse() * 255, np.uint8)
    for n, value in enumerate((30, 60, 90, 120, 150)):
        spread[70:90, 10 + 12 * n : 18 + 12 * n] = value
    thin = np.zeros((96, 128), np.uint8)
    thin[10:90:8, 5:120], thin[14:90:8, 5:120] = 255, 128
    cells = np.zeros((128, 128), np.uint16)
    for n in range(200):
        y, x = divmod(n, 15)
        cells[y * 9 : y * 9 + 6, x * 8 : x * 8 + 5] = n + 1
    noise = np.clip(rng.normal(90, 15, (96, 128)) + 60 * ellipse(), 0, 255).astype(np.uint8)
    return {"few": few, "spread": spread, "thin": thin, "cells": cells, "picture": noise}


@pytest.mark.parametrize("name", list(maps()))
def test_a_map_of_labels_stays_one(tmp_path: Path, name: str) -> None:
    pixels = maps()[name]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    labels = read_labels(tmp_path / "a.png")
    assert labels.n_greys == 0
    values, counts = np.unique(pixels, return_counts=True)
    assert labels.counts == dict(zip(values.tolist(), counts.tolist(), strict=True))


def test_two_values_are_given_back_as_they_are() -> None:
    for mask in (ellipse() * np.uint8(255), np.zeros((4, 4), np.uint8)):
        assert levelled(mask, lossy=True) is mask
        assert levelled(mask, lossy=False) is mask


def test_jpeg_within_tiff_loses_values_too(tmp_path: Path) -> None:
    labels = np.asarray(ellipse() * 3, np.uint8)
    labels[68:92, 10:60] = 1
    buffer = io.BytesIO()
    Image.fromarray(labels).save(buffer, format="TIFF", compression="jpeg")
    (tmp_path / "a.tif").write_bytes(buffer.getvalue())
    with pytest.raises(ContentError):
        read_labels(tmp_path / "a.tif")


def test_finding_names_how_many_values() -> None:
    (finding,) = lossy_label(replace(FILE, n_greys=83))
    assert finding.severity is Severity.WARNING
    assert finding.evidence == {"values": 83}
    assert lossy_label(FILE) == []
