"""The score table: one row per (case, structure, source). Everything below the waist reads it."""

from datetime import datetime
from math import nan

from pydantic import BaseModel, ConfigDict, Field

from segassay.records.remarks import Remarks
from segassay.types import Status

TABLE_VERSION = 6
"""Version of the table's columns and their meaning; goes up when either changes."""


class ScoreRow(BaseModel):
    """What is known about one label. Scores lie in [0, 1], low = bad, NaN = could not be scored.

    `score` is the expected Dice against a correct reference, `score_lo` and `score_hi` bound a
    90 % interval. `reason` says in words why the status is not `scored`, or what limits the score;
    `remarks` says the same to programs, which never match the words.
    Paths are relative to the data set; nothing of the machine or its user is kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case_id: str = Field(description="The case, one name per image.")
    subject_id: str = Field(description="The patient; several cases may share one.")
    structure: str = Field(description="What the label holds, as in `kidney_left`.")
    source: str = Field(default="label", description="Who made the label, where the set says so.")
    label_path: str = Field(description="The label's file, relative to the data set.")
    label_sha256: str = Field(default="", description="Checksum of that file.")
    mask_sha256: str = Field(
        default="",
        description="Checksum of the label's own voxels and their place, the same in any file; "
        "empty for labels that could not be read or judged, and under pseudonyms.",
    )
    score: float = Field(default=nan, description="Expected Dice, 0 worst, 1 best.")
    score_lo: float = Field(default=nan, description="Lower end of the 90 % interval.")
    score_hi: float = Field(default=nan, description="Upper end of the 90 % interval.")
    p_faulty: float = Field(
        default=nan,
        description="Probability that the label is faulty: that its Dice against a correct label "
        "is below 0.8, hard structures allowed for. 1 where a rule found an error; of an empty "
        "label the probability that the structure is in the image.",
    )
    reference_score: float = Field(
        default=nan,
        description="Median score of reference labels of this structure in the judge's own tests; "
        "NaN if it was never tested on them.",
    )
    judge_score: float = Field(
        default=nan,
        description="What the judge alone said, where a rule that leaves no doubt lowered `score`; "
        "NaN elsewhere.",
    )
    status: Status = Field(description="What became of the label.")
    reason: str = Field(default="", description="Why it is so, or what limits the score.")
    remarks: Remarks = Field(
        default=frozenset(),
        description="What limits the score and what it rests on, by the names of `types.Remark`, "
        "blanks between.",
    )
    error_type: str = Field(
        default="",
        description="`good`, `too_small`, `too_large`, `misplaced` or `wrong_place`; empty without "
        "a score, or where the judge cannot tell.",
    )
    presence: float = Field(
        default=nan, description="Probability that the structure is in the image, 0 to 1."
    )
    worst_slice: int = Field(
        default=-1,
        description="The examined slice with the lowest score, from 0 along the slicing axis of "
        "the volume in RAS+; -1 without one.",
    )
    worst_slice_score: float = Field(default=nan, description="Expected Dice of that slice.")
    n_slices: int = Field(default=0, description="Examined slices that hold mask.")
    n_voxels: int = Field(default=0, description="Voxels of the mask, counted exactly.")
    volume_ml: float = Field(
        default=nan, description="Its volume in millilitres; NaN where the spacing is not known."
    )
    expected_volume_error: float = Field(
        default=nan,
        description="Size of the label minus the expected size of a correct one, as a share of the "
        "latter; below 0 it is too small. NaN where the structure was not found.",
    )
    expected_volume_error_ml: float = Field(
        default=nan,
        description="The same in millilitres; NaN for a single image and without a spacing.",
    )
    expected_area_error_mm2: float = Field(
        default=nan, description="The same of a single image, in square millimetres."
    )
    expected_nsd: float = Field(
        default=nan,
        description="Expected normalised surface Dice at 2 mm (2 pixels without a spacing) in the "
        "planes of examined slices, outlines weighed by length; 0 worst, 1 best; no interval.",
    )
    expected_path_mm: float = Field(
        default=nan,
        description="Length of outline that a correction is expected to redraw, in mm (in pixels "
        "without a spacing): half of what the outlines of label and suggestion do not share at "
        "2 mm, in all slices. NaN without a suggestion.",
    )
    n_context_subjects: int = Field(
        default=0,
        description="Subjects whose labels of the structure were the context of the score; 0 "
        "without a context. `remarks` says whose they were.",
    )
    context_dice: float = Field(
        default=nan,
        description="Dice of the label and what its context says the label should be, on whole "
        "slices; no score: it hangs on the structure how much labels can agree. NaN without one.",
    )
    context_dice_close: float = Field(
        default=nan, description="The same in close-ups of the label; NaN in volumes, too."
    )
    spacing_mm: str = Field(
        default="", description="Voxel size in mm along R, A, S, blanks between; empty if unknown."
    )
    flags: str = Field(
        default="",
        description="Rules that gave the label a warning or an error, blanks between.",
    )
    evidence: str = Field(
        default="",
        description="On how many labels of this structure, unseen in training, the judge was "
        "tested; whether it learned from this image.",
    )
    model_id: str = Field(default="", description="The judge: name, date, checksum of its weights.")
    preprocess: str = Field(default="", description="Fingerprint of the judge's preprocessing.")
    run_id: str = Field(default="", description="The run, as in `manifest.json`.")
    scored_at: datetime = Field(description="When, in UTC.")
