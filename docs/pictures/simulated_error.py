"""Draw the README's picture: a simulated error in a label of a phantom, and what the judge says.

Usage: python docs/pictures/simulated_error.py
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segassay.corruption.phantoms.simple_phantom import LABELS, SPACING_MM, make_phantom
from segassay.judge.inputs.arrays_and_files import image_volume
from segassay.judge.scoring import Suggestion, load_judge
from segassay.metrics.overlap import dice
from segassay.types import Modality

SEED, STRUCTURE = 3, "liver"
WINDOW = slice(6, 102), slice(8, 136)
"""The body, in rows and columns of the slice."""
OUT = Path(__file__).with_suffix(".png")
LABEL, EXPECTED, WRONG = (230, 159, 0), (86, 180, 233), (213, 62, 79)
WIDTH = 360


def main() -> None:
    """Cut a part out of a correct label, score it, draw it."""
    phantom = make_phantom(SEED)
    reference = phantom.labels == LABELS[STRUCTURE]
    label = cut(reference)
    image = phantom.image.astype(np.float32)
    judge = load_judge()
    score = judge.score(image, label, STRUCTURE, SPACING_MM, "ct")
    index = int(np.argmax((label ^ reference).sum(axis=(0, 1))))
    volume = image_volume(image, SPACING_MM)
    seen = judge.suggest_volume(
        volume, label, structure=STRUCTURE, modality=Modality.CT, index=index
    )
    sides = draw(seen)
    gap = np.full((sides[0].shape[0], 12, 3), 255)
    picture = np.concatenate([sides[0], gap, sides[1]], axis=1)
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(OUT)
    sys.stdout.write(f"true Dice {dice(label, reference):.2f}, score {score.value:.2f} ")
    sys.stdout.write(f"({score.low:.2f} to {score.high:.2f})\n")


def cut(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take the front third of a mask away."""
    rows = np.flatnonzero(mask.any(axis=(0, 2)))
    less = mask.copy()
    less[:, rows[2 * len(rows) // 3] :] = False
    return less


def draw(seen: Suggestion) -> list[NDArray[np.float32]]:
    """Return both sides: outlines, and the label with the error map."""
    grey = np.repeat(enlarged(seen.image)[..., None] * 255, 3, axis=2)
    likely = np.clip((enlarged(seen.error) - 0.1) / 0.9, 0, 1)[..., None] * 0.75
    lines, heat = grey.copy(), grey * (1 - likely) + likely * np.array(WRONG)
    lines[edge(seen.suggested)] = EXPECTED
    lines[edge(seen.mask)] = LABEL
    heat[edge(seen.mask)] = 255
    return [lines, heat]


def enlarged(plane: NDArray[np.generic]) -> NDArray[np.float32]:
    """Bring the body in a slice to the picture's width."""
    body = np.asarray(plane, dtype=np.float32)[WINDOW]
    height = round(WIDTH * body.shape[0] / body.shape[1])  # pixels are square
    picture = Image.fromarray(body)
    return np.asarray(picture.resize((WIDTH, height), Image.Resampling.BILINEAR))


def edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a line of two pixels around a mask."""
    inside = enlarged(mask) > 0.5
    padded = np.pad(inside, 1)
    return inside & ~(padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:])


if __name__ == "__main__":
    main()
