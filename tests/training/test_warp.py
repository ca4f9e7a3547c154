"""Slices are bent with their masks, and nothing is lost on the way."""

import numpy as np

from blobs import blob
from segassay.metrics.overlap import dice
from segassay.training.warp import Warp, warped


def _scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    _, gold = blob(seed)
    return np.where(gold, 200, 20).astype(np.uint8)[None].repeat(3, axis=0), gold


def test_image_and_masks_move_together() -> None:
    moved_far = 0
    for seed in range(20):
        planes, gold = _scene(seed)
        faulty = np.roll(gold, 8, axis=0)
        bent, new_gold, new_mask, frame = warped(
            planes, gold, faulty, faulty, np.random.default_rng(seed)
        )
        assert bent.dtype == np.uint8
        assert dice(bent[1] > 110, new_gold) > 0.97
        assert frame is not None
        assert (frame == new_mask).all()
        assert abs(dice(new_mask, new_gold) - dice(faulty, gold)) < 0.12, (
            "another fault than before"
        )
        moved_far += dice(new_gold, gold) < 0.93
    assert moved_far > 5, "hardly anything was bent"


def test_nothing_given_is_changed_and_the_same_seed_bends_alike() -> None:
    planes, gold = _scene(3)
    before = planes.copy(), gold.copy()
    once, again = (warped(planes, gold, gold, None, np.random.default_rng(5)) for _ in range(2))
    assert (planes == before[0]).all()
    assert (gold == before[1]).all()
    assert (once[0] == again[0]).all()
    assert (once[1] == again[1]).all()
    assert once[3] is None


def test_a_mask_of_one_pixel_is_never_lost() -> None:
    planes, gold = _scene(1)
    for seed in range(200):
        speck = np.zeros_like(gold)
        speck[seed % 80, 17] = True
        _, new_gold, new_mask, _ = warped(planes, gold, speck, speck, np.random.default_rng(seed))
        assert new_mask.any()
        assert new_gold.any()


def test_nothing_folds_over_and_the_middle_stays() -> None:
    ramp = np.arange(60, dtype=np.uint8)
    rows = np.repeat(ramp[:, None], 60, axis=1)
    for seed in range(30):
        bent = Warp((60, 60), (30.0, 30.0), np.random.default_rng(seed)).between(rows[None])[0]
        inner = bent[15:45, 15:45].astype(int)
        assert (np.diff(inner, axis=0) >= 0).all(), "rows changed their order"
        assert abs(int(bent[30, 30]) - 30) < 12


def test_thin_and_empty_images_are_safe() -> None:
    rng = np.random.default_rng(0)
    thin = np.zeros((1, 4, 90), dtype=np.uint8)
    nothing = np.zeros((4, 90), dtype=np.bool_)
    assert warped(thin, nothing, nothing, None, rng)[0] is thin
    planes, gold = _scene(2)
    empty = np.zeros_like(gold)
    bent, new_gold, new_mask, _ = warped(planes, empty, empty, None, rng)
    assert not new_gold.any()
    assert not new_mask.any()
    assert bent.shape == planes.shape
