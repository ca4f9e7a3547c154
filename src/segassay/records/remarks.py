"""What is remarked on a score: kinds for programs to ask for, sentences for people to read.

This is the only place where a `Remark` becomes words; nothing may match those words.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import polars as pl
from pydantic import BeforeValidator, PlainSerializer

from segassay.types import Remark

SENTENCES: dict[Remark, str] = {
    Remark.MASK_EMPTY: "the mask is empty",
    Remark.SEEN_BUT_EMPTY: "the mask is empty, but {structure} seems to be in the image "
    "(probability {presence:.2f})",
    Remark.NOT_SEEN: "{structure} does not seem to be in the image (probability {presence:.2f})",
    Remark.BOTH_EMPTY: "mask and reference are both empty",
    Remark.FEW_VOXELS: "the mask is too small to be judged (size {n_voxels})",
    Remark.WIDE_INTERVAL: "low confidence: the interval is {width:.2f} wide",
    Remark.NO_INTERVAL: "this kind of judge gives no interval",
    Remark.NO_NAME: "no structure name given",
    Remark.NAME_REQUIRED: "this judge gives no score without a name that it knows",
    Remark.NEVER_LEARNED: "the judge did not learn {structure!r} in such images, so the name was "
    "not used",
    Remark.NEVER_TESTED: "the judge was not tested on this structure",
    Remark.OUT_OF_DOMAIN: "the judge's scores do not follow simulated errors in this data set",
    Remark.COMPARED: "compared with labels of other cases",
    Remark.IN_CONTEXT: "judged in the context of labels of {subjects}",
    Remark.IN_REFERENCE_CONTEXT: "judged in the context of reference labels of {subjects}",
    Remark.FEW_SUBJECTS: "no guarantee: the judge was tested on only {subjects}",
    Remark.SIMULATED_ERRORS_ONLY: "tested on simulated errors only",
    Remark.STRUCTURE_DIFFERS: "low confidence: labels of this structure score {here:.2f} here "
    "(median), where correct ones are expected to score {expected:.2f}: they follow another "
    "protocol, or the judge does not know such images",
    Remark.HARD_STRUCTURE: "reference labels of this structure scored {score:.2f} in the judge's "
    "tests",
    Remark.TRAINED_ON_IMAGE: "the judge was trained on this image",
    Remark.IMPORTED: "imported model",
    Remark.OTHER_MODALITY: "this judge was made for {expected}, the image is {found}",
    Remark.NOT_HOUNSFIELD: "this judge was made for CT in Hounsfield units, the image has no "
    "value below 0",
    Remark.NOT_AXIAL: "this judge was made for axial slices",
    Remark.FIRST_CHANNEL: "scored on the first of {n_channels} channels",
    Remark.INTERNAL_ERROR: "{error}",
    Remark.ALL_VALUES: "{file} holds {n_values} values and no {column} is given: all count",
    Remark.RULE_OVERRIDES: "the rule {rule} leaves no doubt: at most {cap:.2f}, where the judge "
    "alone said {score:.2f}",
    Remark.RULE_ERROR: "faulty by the rule {rule}, whatever the score",
    Remark.ALL_IGNORED: "every voxel has the ignore label, so there is nothing to judge",
}

UNKNOWN_DATA = frozenset({Remark.OUT_OF_DOMAIN, Remark.NEVER_LEARNED, Remark.NO_NAME})
"""Remarks on labels that the judge does not know: their scores were calibrated on other data."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark in words, or with `remark` `None` words that limit nothing."""

    remark: Remark | None
    text: str


def comment(remark: Remark, **values: object) -> Comment:
    """Put a remark into words; `values` are what its sentence asks for."""
    return Comment(remark, SENTENCES[remark].format(**values))


def text_of(comments: Iterable[Comment]) -> str:
    """Return comments as one line of text; empty without any."""
    return "; ".join(one.text for one in comments)


def remarks_of(comments: Iterable[Comment]) -> frozenset[Remark]:
    """Return the remarks among comments."""
    return frozenset(one.remark for one in comments if one.remark is not None)


def joined(remarks: Iterable[Remark]) -> str:
    """Return remarks as a cell of a table: their names in order, blanks between."""
    return " ".join(sorted(remarks))


def split(cell: Any) -> Any:
    """Return the names in a cell of a table; what is no text is left as it is."""
    return frozenset(cell.split()) if isinstance(cell, str) else cell


Remarks = Annotated[frozenset[Remark], BeforeValidator(split), PlainSerializer(joined)]
"""Remarks as a field of a pydantic model: a set in Python, a cell of names when written."""


def remarked(*remarks: Remark) -> pl.Expr:
    """Return whether rows of a score table have any of some remarks."""
    names = "|".join(map(re.escape, sorted(remarks)))
    return pl.col("remarks").str.contains(rf"(?:^| )(?:{names})(?: |$)")


def with_remarks(
    cells: pl.Series, change: Callable[[frozenset[Remark]], Iterable[Remark]]
) -> pl.Series:
    """Return cells with the remarks that `change` makes of those they hold; few cells differ."""
    unlike = cells.unique()
    new = [joined(change(split(cell))) for cell in unlike]
    return cells.replace_strict(unlike, new, return_dtype=pl.String)


def reasons(*texts: pl.Expr) -> pl.Expr:
    """Join texts of rows as sentences of one reason; empty ones are left out."""
    return (
        pl.concat_list(pl.when(text != "").then(text) for text in texts)
        .list.drop_nulls()
        .list.join("; ")
    )
