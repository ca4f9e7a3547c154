"""Draw the README's picture: a fault planted in a test subject of HC18, and what the judge says.

Usage: python docs/pictures/found_fault.py DATA_ROOT
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from segassay.data.readers import open_dataset
from segassay.data.splits import split_subjects
from segassay.pipelines.faulty_cases import plant_fault, read_expert_case
from segassay.records.run import now
from segassay.records.scores import ScoreRow
from segassay.report.figures import draw_exhibit, pixels_of
from segassay.report.model import Exhibit
from segassay.scoring import load_judge
from segassay.types import Modality

SUBJECT, SEED, DICE = -3, 2, 0.7
OUT = Path(__file__).with_name("found_fault.png")


def main(root: Path) -> None:
    """Plant, judge, draw."""
    dataset = open_dataset(root / "hc18")
    subject = split_subjects(dataset.subjects).test[SUBJECT]
    case = next(c for c in dataset.cases if c.subject_id == subject)
    expert = read_expert_case("hc18", case, Modality.ULTRASOUND)
    recipe, dice, mask = plant_fault(expert, "fetal_head", np.random.default_rng(SEED), dice=DICE)
    judge = load_judge()
    score = judge.score_volume(
        expert.image, mask, structure="fetal_head", modality=Modality.ULTRASOUND
    )
    suggestion = judge.suggest_volume(
        expert.image, mask, structure="fetal_head", modality=Modality.ULTRASOUND
    )
    row = ScoreRow(
        case_id=case.case_id,
        subject_id=subject,
        structure="fetal_head",
        label_path=case.labels[0].path.name,
        status=score.status,
        scored_at=now(),
    )
    exhibit = Exhibit(
        row,
        suggestion.index,
        suggestion.image,
        suggestion.mask,
        suggestion.suggested,
        suggestion.error,
        suggestion.pixel_mm,
    )
    pictures = draw_exhibit(exhibit)
    sides = [pixels_of(pictures.outlines), pixels_of(pictures.error)]
    gap = np.full((sides[0].shape[0], 12, 3), 255, dtype=np.uint8)
    Image.fromarray(np.concatenate([sides[0], gap, sides[1]], axis=1)).save(OUT)
    sys.stdout.write(f"{recipe}: true Dice {dice:.2f}, score {score.value:.2f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
