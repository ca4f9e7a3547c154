"""What an image may be changed to without its expert mask becoming wrong."""

import numpy as np

from segassay.training.samples.augment import any_tone_curve, augment_bytes, shading
from segassay.training.samples.recolour import recolour


def _organ() -> tuple[np.ndarray, np.ndarray]:
    planes = np.full((3, 60, 80), 90, dtype=np.uint8)
    mask = np.zeros(planes.shape, dtype=np.bool_)
    mask[:, 20:40, 30:50] = True
    planes[mask] = 120
    return planes, mask


def test_recolouring_changes_the_structure_and_leaves_the_rest() -> None:
    planes, mask = _organ()
    before = planes.copy()
    inside = []
    for seed in range(40):
        changed = recolour(planes, [mask], np.random.default_rng(seed))
        assert changed.dtype == np.uint8
        inside.append(float(changed[:, 25:35, 35:45].mean()))
        far = np.ones(mask.shape, dtype=np.bool_)
        far[:, 15:45, 25:55] = False
        assert (changed[far] == 90).all()
    assert (planes == before).all(), "the stored image itself was changed"
    assert np.std(inside) > 25
    assert min(inside) < 90 < max(inside), "never darker than what is around it"


def test_recolouring_an_empty_mask_or_at_the_rim_is_safe() -> None:
    planes, mask = _organ()
    rng = np.random.default_rng(0)
    assert (recolour(planes, [np.zeros_like(mask)], rng) == planes).all()
    assert (recolour(planes, [np.ones_like(mask)], rng)).shape == planes.shape


def test_shading_drifts_slowly_and_stays_positive() -> None:
    for seed in range(20):
        field = shading((50, 70), np.random.default_rng(seed))
        assert field.shape == (50, 70)
        assert (field > 0).all()
        assert np.abs(np.diff(np.log(field), axis=0)).max() < 0.1
        assert np.ptp(field) > 0.01


def test_any_tones_turn_the_order_of_dark_and_bright_and_keep_borders() -> None:
    planes, mask = _organ()
    turned = kept = 0
    for seed in range(40):
        table = any_tone_curve(np.random.default_rng(seed))
        assert table.shape == (256,)
        assert 0 <= table.min() < table.max() <= 1
        turned += bool((np.diff(table) < 0).any() and (np.diff(table) > 0).any())
        kept += bool(abs(table[120] - table[90]) > 0.02)
    assert turned > 20
    assert kept > 30
    changed = augment_bytes(planes, np.random.default_rng(1), any_tones=True)
    assert changed.shape == planes.shape
    assert np.isfinite(changed[mask]).all()
