"""One row per pair of mask and gold: what is true of the mask, and what a judge said of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from math import nan
from pathlib import Path
from typing import Any

from segassay.files.atomic import write_whole
from segassay.records.remarks import joined, split
from segassay.records.table import csv_bytes
from segassay.types import Remark, Status

_UNUSABLE = (Status.FAILED, Status.INVALID)


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """One row of `scores.csv` of an evaluation; all scores lie in [0, 1], low = bad, NaN = none.

    `row` counts the table's rows from 1. Paths stand as in the table, of absolute ones only the
    file's name. `true_dice` is NaN for a row that could not be used and where mask and gold are
    both empty; `true_nsd` is the surface Dice at 2 mm, weighed by area, NaN without millimetres.
    `score` is NaN for an empty mask; `expected_volume_error` and `expected_nsd` are those of
    `ScoreRow`.
    `mask_only` is the judge's score with the image blacked out; `mean_of_structure` and
    `size_outlier` are the other baselines, made when all rows are there.
    `extra` holds the table's further columns.
    """

    row: int
    case_id: str
    subject_id: str
    set_name: str
    structure: str
    image: str
    mask: str
    gold: str
    status: Status
    reason: str = ""
    remarks: frozenset[Remark] = frozenset()
    true_dice: float = nan
    true_nsd: float = nan
    score: float = nan
    score_lo: float = nan
    score_hi: float = nan
    mask_only: float = nan
    mean_of_structure: float = nan
    size_outlier: float = nan
    error_type: str = ""
    presence: float = nan
    n_voxels: int = 0
    n_gold_voxels: int = 0
    volume_ml: float = nan
    expected_volume_error: float = nan
    expected_nsd: float = nan
    trained_on: bool = False
    evidence: str = ""
    model_id: str = ""
    preprocess: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether all files of the row could be read and lie on one grid."""
        return self.status not in _UNUSABLE

    def to_json(self) -> dict[str, Any]:
        """Return plain data for a line of a shard."""
        return {**asdict(self), "remarks": joined(self.remarks)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "JudgedPair":
        """Rebuild a row from a line of a shard."""
        remarks = frozenset(map(Remark, split(data["remarks"])))
        numbers = {f.name for f in fields(cls) if f.type is float}
        plain: dict[str, Any] = {
            k: nan if v is None and k in numbers else v for k, v in data.items()
        }
        return cls(**{**plain, "status": Status(data["status"]), "remarks": remarks})


def write_judged_pairs(rows: Sequence[JudgedPair], path: Path) -> None:
    """Write rows as CSV; further columns of the table follow ours.

    One that is named like one of ours gets `given_` in front.

    Raises:
        OSError: The folder cannot be written.
    """
    own: dict[str, type] = {
        f.name: f.type if f.type in (int, float, bool) else str
        for f in fields(JudgedPair)
        if f.name != "extra"
    }
    others = {name: f"given_{name}" if name in own else name for row in rows for name in row.extra}
    columns = {**own, **dict.fromkeys(others.values(), str)}
    plain = [
        {**{others[name]: text for name, text in row.extra.items()}, **row.to_json()}
        for row in rows
    ]
    write_whole(path, csv_bytes(plain, columns))
