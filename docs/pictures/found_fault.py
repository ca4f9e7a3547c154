"""Draw the README's picture: a fault planted in a test subject of HC18, and what the judge says.

Usage: python docs/pictures/found_fault.py DATA_ROOT
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segassay.data.readers import open_dataset
from segassay.data.splits import split_subjects
from segassay.pipelines.faulty_cases import plant_fault, read_expert_case
from segassay.scoring import Suggestion, load_judge
from segassay.types import Modality

SUBJECT, SEED, DICE = -3, 2, 0.7
OUT = Path(__file__).with_name("found_fault.png")
LABEL, EXPECTED, WRONG = (230, 159, 0), (86, 180, 233), (213, 62, 79)
WIDTH = 360


def main(root: Path) -> None:
    """Plant, judge, draw."""
    dataset = open_dataset(root / "hc18")
    subject = split_subjects(dataset.subjects).test[SUBJECT]
    case = next(c for c in dataset.cases if c.subject_id == subject)
    expert = read_expert_case("hc18", case, Modality.ULTRASOUND)
    rng = np.random.default_rng(SEED)
    faults = (plant_fault(expert, "fetal_head", rng) for _ in range(100))
    recipe, dice, mask = next(fault for fault in faults if abs(fault[1] - DICE) < 0.05)
    judge = load_judge()
    score = judge.score_volume(
        expert.image, mask, structure="fetal_head", modality=Modality.ULTRASOUND
    )
    suggestion = judge.suggest_volume(
        expert.image, mask, structure="fetal_head", modality=Modality.ULTRASOUND
    )
    sides = draw(suggestion)
    gap = np.full((sides[0].shape[0], 12, 3), 255)
    picture = np.concatenate([sides[0], gap, sides[1]], axis=1)
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(OUT)
    sys.stdout.write(f"{recipe}: true Dice {dice:.2f}, score {score.value:.2f}\n")


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
    """Bring a slice to the picture's width."""
    height = round(WIDTH * plane.shape[0] / plane.shape[1])
    picture = Image.fromarray(np.asarray(plane, dtype=np.float32))
    return np.asarray(picture.resize((WIDTH, height), Image.Resampling.BILINEAR))


def edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a line of two pixels around a mask."""
    inside = enlarged(mask) > 0.5
    padded = np.pad(inside, 1)
    return inside & ~(padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
