"""The score table: one row per (case, structure, source). Everything below the waist reads it."""

from datetime import datetime
from math import nan

from pydantic import BaseModel, ConfigDict, Field

from segassay.types import Status

TABLE_VERSION = 1
"""Version of the table's columns and their meaning; goes up when either changes."""


class ScoreRow(BaseModel):
    """What is known about one label. Scores lie in [0, 1], low = bad, NaN = could not be scored.

    `score` is the expected Dice against a correct reference, `score_lo` and `score_hi` bound a
    90 % interval. `reason` says in words why the status is not `scored`, or what limits the score.
    Paths are relative to the data set; nothing of the machine or its user is kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case_id: str
    subject_id: str
    structure: str
    source: str = "label"
    label_path: str
    label_sha256: str = ""
    score: float = Field(default=nan)
    score_lo: float = Field(default=nan)
    score_hi: float = Field(default=nan)
    status: Status
    reason: str = ""
    error_type: str = ""
    presence: float = Field(default=nan)
    worst_slice: int = -1
    worst_slice_score: float = Field(default=nan)
    n_slices: int = 0
    n_voxels: int = 0
    volume_ml: float = Field(default=nan)
    spacing_mm: str = ""
    flags: str = ""
    evidence: str = ""
    model_id: str = ""
    preprocess: str = ""
    run_id: str = ""
    scored_at: datetime
