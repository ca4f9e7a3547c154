"""What scores are worth on data that a judge never saw, from judged labels of such data.

Each data set was judged by a judge of the same recipe that had learned from none of it. Intervals
are conformal across data sets: these are what is exchangeable, not their labels.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ReadError, UsageError
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.calibration.out_of_domain import Unfamiliar
from segassay.judge.documents.description import JudgeKind
from segassay.judge.documents.judge_folder import (
    UNFAMILIAR,
    find_judge,
    open_judge,
    write_checksums,
    write_document,
)
from segassay.records.context_ranks import FEWEST_LABELS, ranked_in_context

Floats = NDArray[np.float64]

_PARTS = 8
_FEWEST_SETS, _FEWEST_LABELS = 8, 40
_COVERED = 0.85


@dataclass(frozen=True, slots=True)
class UnseenLabel:
    """A label of a data set that the judge asked had not seen: its true Dice, and raw scores.

    `context` and `alone` are the expected Dice with and without the context of the set's other
    labels, before calibration, each with the judge's own doubt of it; `votes` and `close` are the
    Dice of the mask and what the context says, on whole slices and in close-ups, NaN without any.
    """

    set: str
    structure: str
    dice: float
    context: float
    context_doubt: float
    alone: float
    alone_doubt: float
    votes: float
    close: float


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
                UnseenLabel(row["set"], row["structure"], *(float(row[name]) for name in names[2:]))
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
            ([row.context for row in rows], [row.context_doubt for row in rows]),
        )
    )
    return alone, context


def ranks_of(rows: Sequence[UnseenLabel], scores: Floats) -> Floats:
    """Rank scores of labels of one data set `(n,)` as an audit does, structure by structure."""
    found = scores.copy()
    for structure in {row.structure for row in rows}:
        own = [n for n, row in enumerate(rows) if row.structure == structure]
        if len(own) >= FEWEST_LABELS:
            whole = np.array([rows[n].votes for n in own])
            close = np.array([rows[n].close for n in own])
            found[own] = ranked_in_context(scores[own], whole, close)
    return found


def _ranked(rows: Sequence[UnseenLabel], said: Floats) -> Floats:
    """Rank scores, given with their intervals `(n, 3)`, as `with_context_ranks` does."""
    scores = ranks_of(rows, said[:, 0]).clip(0.0, 1.0)
    low, high = np.minimum(said[:, 1], scores), np.maximum(said[:, 2], scores)
    return np.stack([scores, low, high], axis=1)


def across_sets(rows: Sequence[UnseenLabel]) -> AcrossSets:
    """Measure scores as an audit gives them, each data set by a calibration made without it.

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
            said = _ranked(own, np.array([made(row.context, row.context_doubt) for row in own]))
            value, low, high = said.T
            true = np.array([row.dice for row in own])
            covered[name] = float(((low <= true) & (true <= high)).mean())
            widths += (high - low).tolist()
            errors += np.abs(value - true).tolist()
    shares = np.array(list(covered.values()))
    return AcrossSets(
        coverage=float(shares.mean()),
        sets_covered=float((shares >= _COVERED).mean()),
        median_width=float(np.median(widths)),
        mae=float(np.mean(errors)),
        by_set=dict(sorted(covered.items())),
    )
