"""One image and one mask."""

from pathlib import Path

from segassay.datasets.discovery.value_names import read_names
from segassay.errors import UsageError
from segassay.judge.scoring import Judge, Score
from segassay.types import Modality
from segassay.vocabulary.names import canonical_name


def score_pair(
    image: Path,
    mask: Path,
    *,
    judge: Judge,
    structure: str | None = None,
    modality: Modality | None = None,
    label: str | None = None,
    names: Path | None = None,
    context: Path | None = None,
) -> Score:
    """Score one mask file against one image file.

    `label` is what of the mask is meant, a value or a name, and `names` a file that gives names
    values, where none lies beside the mask. `context` is a data set whose labels are the context.
    Errors are those of `scoring.Judge.score` and `scoring.Judge.with_context`.

    Raises:
        DatasetError: The file of names is broken.
        UsageError: The value has no such name, or no label of the context is one of this structure.
    """
    asked = judge if context is None else judge.with_context(context)
    chosen: str | int | tuple[int, ...] | None = label
    if label is not None and names is not None and not label.strip().lstrip("-").isdecimal():
        values = read_names(names).labels
        chosen = values.get(canonical_name(label))
        if chosen is None:
            raise UsageError(f"{names.name}: names no {label!r}; there are {', '.join(values)}")
        structure = structure or label
    score = asked.score(image, mask, structure=structure, modality=modality, label=chosen)
    if context is not None and not score.n_context_subjects:
        what = "the structure has no name" if structure is None else f"no label of {structure!r}"
        raise UsageError(
            f"{context.name}: says nothing of this label: {what}; give one of "
            f"{', '.join(asked.context_structures)} by --structure, or leave --context out"
        )
    return score
