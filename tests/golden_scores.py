"""Inputs of the golden scores, and what the shipped judges say of them.

`python tests/golden_scores.py` renews the kept values: only where a change of scores is meant, and
with the reason in the commit.
"""

import json
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.phantoms.simple_phantom import LABELS, SPACING_MM, make_phantom
from segassay.judge.scoring import Judge, Score, load_judge

JUDGES = ("judge-base", "judge-context", "judge-open", "judge-small", "judge-v0", "segae-vlm")
KEPT = Path(__file__).with_suffix(".json")

Mask = NDArray[np.bool_]


def golden_scores(judge: Judge) -> dict[str, Score]:
    """Return ten scores: a CT phantom, a small MR volume, an ultrasound and a colour picture."""
    return {**_of_ct(judge), **_of_mr(judge), **_of_pictures(judge)}


def summary(score: Score) -> dict[str, str | float | None]:
    """Return what is kept of a score; NaN, which JSON does not have, becomes `None`."""
    numbers = {
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "presence": score.presence,
        "expected_volume_error": score.expected_volume_error,
    }
    kept = {key: None if isnan(x) else round(float(x), 6) for key, x in numbers.items()}
    return {**kept, "status": str(score.status), "error_type": score.error_type}


def _of_ct(judge: Judge) -> dict[str, Score]:
    phantom = make_phantom(3)
    masks = {name: phantom.labels == value for name, value in LABELS.items()}
    labels = {
        "ct liver": ("liver", masks["liver"]),
        "ct spleen shifted by 5 voxels": ("spleen", np.roll(masks["spleen"], 5, axis=0)),
        "ct kidney_left without its lower half": ("kidney_left", _upper_half(masks["kidney_left"])),
        "ct aorta without a name": (None, masks["aorta"]),
        "ct gallbladder empty": ("gallbladder", np.zeros_like(masks["gallbladder"])),
    }
    image = phantom.image.astype(np.float32)
    return {
        what: judge.score(image, mask, name, SPACING_MM, "ct")
        for what, (name, mask) in labels.items()
    }


def _upper_half(mask: Mask) -> Mask:
    planes = np.flatnonzero(mask.any(axis=(0, 1)))
    upper = mask.copy()
    upper[:, :, : planes[len(planes) // 2]] = False
    return upper


def _of_mr(judge: Judge) -> dict[str, Score]:
    mask = _ball((40, 48, 36), (20, 26, 18), (6, 11, 7))
    image = (100 + 60 * mask + np.random.default_rng(1).normal(0, 8, mask.shape)).astype(np.float32)
    larger = _ball(mask.shape, (20, 26, 18), (8, 13, 9))
    name = "hippocampus_anterior"
    return {
        "mr hippocampus": judge.score(image, mask, name, (1.0, 1.0, 1.0), "mr"),
        "mr hippocampus too large": judge.score(image, larger, name, (1.0, 1.0, 1.0), "mr"),
    }


def _of_pictures(judge: Judge) -> dict[str, Score]:
    rng = np.random.default_rng(2)
    head = _ball((160, 220), (80, 110), (46, 60))
    rim = head & ~_ball((160, 220), (80, 110), (42, 56))
    ultrasound = (40 + 25 * head + 120 * rim + rng.normal(0, 12, head.shape)).astype(np.float32)
    spot = _ball((120, 160), (60, 70), (25, 32))
    skin = np.where(spot[..., None], (110, 70, 55), (205, 160, 140))
    skin = np.clip(skin + rng.normal(0, 6, skin.shape), 0, 255).astype(np.uint8)
    return {
        "ultrasound fetal_head": judge.score(ultrasound, head, "fetal_head", None, "ultrasound"),
        "ultrasound, unknown name, elsewhere": judge.score(
            ultrasound, np.roll(head, 40, axis=1), "no_such_structure", None, "ultrasound"
        ),
        "dermoscopy skin_lesion": judge.score(skin, spot, "skin_lesion", None, "dermoscopy"),
    }


def _ball(shape: tuple[int, ...], centre: tuple[float, ...], half_axes: tuple[float, ...]) -> Mask:
    parts = zip(np.indices(shape), centre, half_axes, strict=True)
    return np.asarray(sum(((at - c) / r) ** 2 for at, c, r in parts) < 1)


if __name__ == "__main__":
    kept = {
        name: {what: summary(score) for what, score in golden_scores(load_judge(name)).items()}
        for name in JUDGES
    }
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
