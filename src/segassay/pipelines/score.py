"""One image and one mask."""

from pathlib import Path

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
