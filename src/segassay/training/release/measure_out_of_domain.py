"""What scores are worth on data that a judge never saw, from judged labels of such data.

Each data set was judged by a judge of the same recipe that had learned from none of it. Intervals
are conformal across data sets: these are what is exchangeable, not their labels.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from segassay.errors import ReadError, UsageError
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.calibration.out_of_domain import Unfamiliar, blended_with_close_ups
from segassay.judge.documents.description import JudgeKind
from segassay.judge.documents.judge_folder import (
    UNFAMILIAR,
    find_judge,
    open_judge,
    write_checksums,
    write_document,
)

_PARTS = 8
_FEWEST_SETS, _FEWEST_LABELS = 8, 40
_COVERED = 0.85


@dataclass(frozen=True, slots=True)
class UnseenLabel:
    """A label of a data set that the judge asked had not seen: its true Dice, and raw scores.

    `context` and `alone` are the expected Dice with and without the context of the set's other
    labels, before calibration, each with the judge's own doubt of it; `close` is the Dice of mask
    and close-ups, NaN without any.
    """

    set: str
    dice: float
    context: float
    context_doubt: float
    alone: float
    alone_doubt: float
    close: float

    @property
    def in_context(self) -> float:
        """The score in context as a judge gives it, before calibration."""
        return blended_with_close_ups(self.context, self.close)


@dataclass(frozen=True, slots=True)
class AcrossSets:
    """How calibrated scores in context did, each data set by a calibration made without it.

    Attributes:
        coverage: Share of a set's labels whose Dice lies in the 90 % interval, mean over sets.
        sets_covered: Share of the sets of whose labels at least 85 % do.
        median_width: Of the intervals.
        mae: Mean absolute error of the scores.
        by_set: Coverage of each set.
    """

    coverage: float
    sets_covered: float
    median_width: float
    mae: float
    by_set: dict[str, float]


def calibrate_out_of_domain(judge: str, tables: Sequence[Path]) -> AcrossSets:
    """Write into a judge's folder what its scores are worth on data that it never saw.

    Args:
        judge: Name or folder of a judge that reads the context.
        tables: CSV files with a column for every field of `UnseenLabel`; others are ignored.

    Returns:
        How the scores do across the data sets of the tables.

    Raises:
        UsageError: The judge is of another kind, or the tables hold too little.
        ReadError: A table is missing or not such a table.
    """
    folder = open_judge(find_judge(judge))
    if folder.meta.kind is not JudgeKind.CONTEXT:
        raise UsageError(
            f"{folder.path.name}: a judge of kind {folder.meta.kind.value!r}; only judges "
            "that read the context are calibrated across data sets"
        )
    rows = [row for table in tables for row in read_unseen(table)]
    found = across_sets(rows)
    write_document(folder.path / UNFAMILIAR, fit_unseen(rows).to_document())
    write_checksums(folder.path)
    return found


def read_unseen(path: Path) -> list[UnseenLabel]:
    """Read a table of judged labels.

    Raises:
        ReadError: It is missing, lacks a column, or holds a word for a number.
    """
    names = [field.name for field in fields(UnseenLabel)]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                UnseenLabel(row["set"], *(float(row[name]) for name in names[1:]))
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ReadError(
            f"{path.name}: no table of labels judged by judges that had not seen them "
            f"({type(error).__name__}: {error}); expected the columns {', '.join(names)}"
        ) from error


def fit_unseen(rows: Sequence[UnseenLabel]) -> Unfamiliar:
    """Fit what scores of unknown data are worth, alone and in context; every set counts the same.

    Raises:
        UsageError: Fewer than 40 labels.
    """
    alone, context = _calibrations(rows)
    return Unfamiliar(alone, None, None, context, len({row.set for row in rows}), len(rows))


def _calibrations(rows: Sequence[UnseenLabel]) -> tuple[Calibration, Calibration]:
    """Return what scores are worth alone and in context; every set counts the same."""
    if len(rows) < _FEWEST_LABELS:
        raise UsageError(f"{len(rows)} judged labels; a calibration takes {_FEWEST_LABELS}")
    true, sets = np.array([row.dice for row in rows]), [row.set for row in rows]
    alone, context = (
        Calibration.fit(np.array(raw), np.array(doubt), true, sets)
        for raw, doubt in (
            ([row.alone for row in rows], [row.alone_doubt for row in rows]),
            ([row.in_context for row in rows], [row.context_doubt for row in rows]),
        )
    )
    return alone, context


def across_sets(rows: Sequence[UnseenLabel]) -> AcrossSets:
    """Measure intervals in context, each data set by a calibration made without it.

    Raises:
        UsageError: Fewer than eight data sets.
    """
    names = sorted({row.set for row in rows})
    if len(names) < _FEWEST_SETS:
        raise UsageError(f"{len(names)} data sets; intervals across sets take {_FEWEST_SETS}")
    covered: dict[str, float] = {}
    widths: list[float] = []
    errors: list[float] = []
    for part in range(_PARTS):
        held = set(names[part::_PARTS])
        _, made = _calibrations([row for row in rows if row.set not in held])
        for name in held:
            own = [row for row in rows if row.set == name]
            said = [made(row.in_context, row.context_doubt) for row in own]
            inside = [
                low <= row.dice <= high for row, (_, low, high) in zip(own, said, strict=True)
            ]
            covered[name] = float(np.mean(inside))
            widths += [high - low for _, low, high in said]
            errors += [abs(value - row.dice) for row, (value, _, _) in zip(own, said, strict=True)]
    shares = np.array(list(covered.values()))
    return AcrossSets(
        coverage=float(shares.mean()),
        sets_covered=float((shares >= _COVERED).mean()),
        median_width=float(np.median(widths)),
        mae=float(np.mean(errors)),
        by_set=dict(sorted(covered.items())),
    )
