"""What labels are trusted in training: from an audit, or from a table of one's own."""

import csv
from math import isnan
from pathlib import Path

from segassay.errors import UsageError
from segassay.records.results import open_results
from segassay.records.scores import ScoreRow
from segassay.types import Remark, Status

_COLUMNS = ("case_id", "structure", "weight")


def read_label_weights(path: Path) -> dict[tuple[str, str], float]:
    """Return weights by case and structure, in [0, 1].

    Args:
        path: The results of an audit, in which a label counts by what `weight_of` says; or a CSV
            file with the columns `case_id`, `structure` and `weight`.

    Raises:
        UsageError: It is neither, or holds something else than weights.
    """
    if path.is_dir():
        return {(row.case_id, row.structure): weight_of(row) for row in open_results(path).rows}
    found: dict[tuple[str, str], float] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                weight = float(row["weight"])
                if not 0 <= weight <= 1:
                    raise UsageError(f"{path.name}: line {number}: a weight lies in [0, 1]")
                found[row["case_id"], row["structure"]] = weight
    except KeyError as error:
        raise UsageError(
            f"{path.name}: no column {error}; expected {', '.join(_COLUMNS)}"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path.name}: no table of weights ({error})") from error
    return found


def weight_of(row: ScoreRow) -> float:
    """Return what a label of an audit counts in training.

    1 minus the probability that it is faulty. An empty label that is right to be empty counts 1;
    one that cannot be used counts 0; one of which nothing is known, or of low confidence, 1 half.
    """
    if row.status is Status.ABSENT_OK:
        return 1.0
    if row.status in (Status.FAILED, Status.INVALID):
        return 0.0
    if not row.remarks.isdisjoint({Remark.RULE_ERROR, Remark.RULE_OVERRIDES}):
        return 0.0
    if isnan(row.p_faulty) or row.status is Status.ABSTAINED:
        return 0.5
    return 1.0 - row.p_faulty
