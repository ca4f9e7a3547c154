"""One image and one mask."""

from pathlib import Path

from segassay.data.readers.value_names import read_names
from segassay.errors import UsageError
from segassay.scoring import Score, load_judge
from segassay.types import Engine, Modality
from segassay.vocabulary.names import canonical_name


def score_pair(
    image: Path,
    mask: Path,
    *,
    structure: str | None,
    modality: Modality | None,
    judge: str,
    engine: Engine = Engine.ONNX,
    label: str | None = None,
    names: Path | None = None,
) -> Score:
    """Score one mask file against one image file.

    `label` is what of the mask is meant, a value or a name, and `names` a file that gives names
    values, where none lies beside the mask. Errors are those of `scoring.Judge.score`, and
    `DatasetError` for broken names.
    """
    loaded = load_judge(judge, engine=engine)
    if label is None or names is None or label.strip().lstrip("-").isdecimal():
        return loaded.score(image, mask, structure=structure, modality=modality, label=label)
    values = read_names(names).labels
    chosen = values.get(canonical_name(label))
    if chosen is None:
        raise UsageError(f"{names.name}: names no {label!r}; there are {', '.join(values)}")
    return loaded.score(image, mask, structure or label, modality=modality, label=chosen)
