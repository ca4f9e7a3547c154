"""Voxels that a judge takes for wrong count less in training."""

from pathlib import Path

import numpy as np
import pytest

from conftest import write_picture
from segassay.datasets.case import Dataset
from segassay.datasets.opening import open_dataset
from segassay.errors import UsageError
from segassay.judge.scoring import load_judge
from segassay.segment.doubtful_voxels import doubt_by
from segassay.segment.examples import Patches, prepare, survey
from segassay.segment.recipe import SegmentationRecipe


def one_too_large(root: Path) -> Dataset:
    """A bright disc, in a mask that has a bar of background beside it."""
    rows, columns = np.mgrid[:64, :64]
    disc = (rows - 32) ** 2 + (columns - 24) ** 2 < 100
    bar = (rows > 28) & (rows < 36) & (columns > 36) & (columns < 60)
    image = np.random.default_rng(0).normal(90, 4, (64, 64)) + 90 * disc
    write_picture(root / "images" / "a.png", image.clip(0, 255).astype(np.uint8))
    write_picture(root / "masks" / "disc" / "a.png", 255 * (disc | bar).astype(np.uint8))
    return open_dataset(root)


def test_voxels_of_a_patch_count_as_they_are_right(tmp_path: Path) -> None:
    data = one_too_large(tmp_path)
    recipe = SegmentationRecipe(patch=64)
    found = survey(data, recipe, (), say=lambda _: None)
    plain = prepare(data.cases[0], found, {})
    doubted = prepare(data.cases[0], found, {}, doubt_by(load_judge("judge-small"), data))
    patches = Patches([plain, doubted], found.structures, found.preprocessing, 0.0)
    centre = (0, 32, 32)
    known, weighed = (patches.cut(one, centre).known for one in (plain, doubted))
    assert known.min() == 1
    assert weighed.shape == (1, 64, 64)
    assert weighed[0, 30:34, 44:56].mean() < 0.5
    assert weighed[0, 30:34, 20:28].mean() > 0.9


def test_judges_that_draw_nothing_are_refused(tmp_path: Path) -> None:
    judge = load_judge(str(Path(__file__).parents[2] / "weights" / "segae-vlm"))
    with pytest.raises(UsageError):
        doubt_by(judge, one_too_large(tmp_path))
