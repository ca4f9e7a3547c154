"""One image and one mask."""

from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import Any

from segassay.scoring import Score, load_judge
from segassay.types import Engine, Modality


def score_pair(
    image: Path,
    mask: Path,
    *,
    structure: str | None,
    modality: Modality | None,
    judge: str,
    engine: Engine = Engine.ONNX,
) -> Score:
    """Score one mask file against one image file; errors as in `scoring.Judge.score`."""
    loaded = load_judge(judge, engine=engine)
    return loaded.score(image, mask, structure=structure, modality=modality)


def score_json(score: Score) -> dict[str, Any]:
    """Return a score as plain data; what is not a number becomes `None`, as JSON has it."""
    data = asdict(score)
    data["status"], data["remarks"] = score.status.value, sorted(score.remarks)
    return {key: None if _is_nan(value) else value for key, value in data.items()}


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and isnan(value)
