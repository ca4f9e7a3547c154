"""Found regions as a training set: real pixels, no names, drawn from like any other set."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")

from segassay.data.preprocess import JudgePreprocess
from segassay.training.pairs import PairDraw
from segassay.training.regions import region_set
from segassay.training.settings import PairRecipe, RegionRecipe, SetRecipe
from segassay.training.store import StoredCase, StoredSet, coded_label
from segassay.types import Modality


def stored(n_slices: int, side: int) -> StoredSet:
    """A set of one case: discs of other brightness in every slice, one of them labelled."""
    rows, columns = np.mgrid[:side, :side] / side
    disc = (rows - 0.4) ** 2 + (columns - 0.35) ** 2 < 0.15**2
    other = (rows - 0.7) ** 2 + (columns - 0.7) ** 2 < 0.12**2
    rng = np.random.default_rng(1)
    planes = 90 + 70 * disc - 50 * other + rng.normal(0, 5, (n_slices, side, side))
    label = np.repeat(disc[None].astype(np.uint8), n_slices, axis=0)
    case = StoredCase(
        set_name="discs",
        case_id="c",
        subject_id="s",
        voxels_sha256="0" * 64,
        modality=Modality.MR,
        planes=planes.astype(np.uint8),
        pixel_mm=(0.5, 0.5),
        thickness_mm=2.0,
        spacing_known=True,
        maps=(label,),
        labels={"liver": coded_label(0, label, {0: 0, 1: 1}, (1,), (0.5, 0.5))},
    )
    return StoredSet.of(SetRecipe(name="discs", modality=Modality.MR), (case,))


@pytest.mark.parametrize(("n_slices", "n_planes"), [(6, 3), (1, 1)])
def test_regions_are_of_the_images_and_have_no_names(n_slices: int, n_planes: int) -> None:
    found = region_set(RegionRecipe(images=4), (stored(n_slices, 384),), seed=3)
    assert not found.recipe.named
    assert len(found.cases) == 4
    for case in found.cases:
        assert case.planes.shape == (n_planes, 192, 192)
        assert case.pixel_mm == (1.0, 1.0)
        assert case.modality is None
        assert case.subject_id == "s"
        assert all(label.filled.size == n_planes for label in case.labels.values())
        middle = n_planes // 2
        rows, columns = np.mgrid[:192, :192] / 192
        disc = (rows - 0.4) ** 2 + (columns - 0.35) ** 2 < 0.15**2
        masks = [case.mask(name, middle) for name in case.labels]
        assert max(2 * (m & disc).sum() / (m.sum() + disc.sum()) for m in masks) > 0.9


def test_pairs_are_drawn_from_them() -> None:
    found = region_set(RegionRecipe(images=3), (stored(6, 200),), seed=3)
    draw = PairDraw((found,), JudgePreprocess(), PairRecipe())
    rng = np.random.default_rng(0)
    pairs = [draw(rng) for _ in range(24)]
    dices = [pair.dice for pair in pairs if not np.isnan(pair.dice)]
    assert min(dices) < 0.5 < max(dices) <= 1
    assert all(np.isfinite(pair.seen.crop).all() for pair in pairs)
