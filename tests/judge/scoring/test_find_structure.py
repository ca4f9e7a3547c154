"""Where a structure is expected, asked without the label: what is drawn overlaps the true place."""

from pathlib import Path

import numpy as np
import pytest

from segassay.corruption.phantoms.simple_phantom import LABELS, SPACING_MM, make_phantom
from segassay.images.io import read_image, read_labels
from segassay.images.slicing import as_planes, slicing_axis
from segassay.judge.inputs.arrays_and_files import image_volume
from segassay.judge.scoring import Judge
from segassay.metrics.overlap import dice
from segassay.types import Modality


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("kind", ["shifted", "empty"])
def test_the_right_place_is_found_whatever_the_label(judge: Judge, seed: int, kind: str) -> None:
    phantom = make_phantom(seed)
    volume = image_volume(phantom.image, SPACING_MM)
    true = phantom.labels == LABELS["liver"]
    label = np.zeros_like(true) if kind == "empty" else np.roll(true, 40, axis=0)
    found = judge.find_structure(volume, label, structure="liver", modality=Modality.CT)
    assert found is not None
    assert dice(found.suggested, as_planes(true, 2)[found.index]) > 0.8
    assert np.array_equal(found.mask, as_planes(label, 2)[found.index])
    other = judge.find_structure(volume, true, structure="liver", modality=Modality.CT)
    assert other is not None
    assert np.array_equal(other.suggested, found.suggested)


def test_a_slice_can_be_asked_for(judge: Judge) -> None:
    phantom = make_phantom(3)
    volume = image_volume(phantom.image, SPACING_MM)
    true = phantom.labels == LABELS["liver"]
    found = judge.find_structure(volume, true, structure="liver", modality=None, index=20)
    assert found is not None
    assert found.index == 20


def test_nothing_is_found_without_a_name_or_in_an_empty_image(judge: Judge) -> None:
    phantom = make_phantom(3)
    volume = image_volume(phantom.image, SPACING_MM)
    label = phantom.labels == LABELS["liver"]
    for name in (None, "never heard of"):
        assert judge.find_structure(volume, label, structure=name, modality=None) is None
    blank = image_volume(np.zeros_like(phantom.image), SPACING_MM)
    assert judge.find_structure(blank, label, structure="liver", modality=None) is None


def test_shifted_labels_of_real_pictures(judge: Judge, shared_data: Path) -> None:
    """Of heads held out of training, at least nine in ten are drawn where they are."""
    folder = shared_data / "hc18"
    masks = sorted((folder / "masks" / "fetal_head").iterdir())[-20:]
    overlaps = []
    for path in masks:
        volume = read_image(folder / "images" / path.name)
        true = read_labels(path).volume.array > 0
        shifted = np.roll(true, [n // 2 for n in true.shape[:2]], (0, 1))
        found = judge.find_structure(
            volume, shifted, structure="fetal_head", modality=Modality.ULTRASOUND
        )
        plane = as_planes(true, slicing_axis(volume.grid))[0]
        overlaps.append(0.0 if found is None else dice(found.suggested, plane))
    assert np.mean(np.array(overlaps) > 0.3) >= 0.9, overlaps
