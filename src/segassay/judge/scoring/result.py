"""What the judge says about a label."""

from dataclasses import asdict, dataclass
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.records.p_faulty import p_faulty
from segassay.records.remarks import UNKNOWN_DATA
from segassay.records.usual import Usual
from segassay.types import Remark, Status


@dataclass(frozen=True, slots=True)
class SliceScore:
    """Expected Dice of one examined slice.

    `index` counts along the slicing axis of the RAS+ volume (0 for a 2D image); `n_pixels` is the
    mask's area there. Low = bad.
    """

    index: int
    score: float
    n_pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How good a label is.

    Attributes:
        value: Expected Dice against a correct reference in [0, 1], low = bad. NaN for an empty
            mask, which has no Dice: `status` says whether it should be empty.
        low: Lower end of the 90 % interval; NaN with `value`, and from judges without intervals.
        high: Upper end of it.
        status: `scored`, `absent_ok`, `absent_suspect` or `abstained`.
        reason: Why the status is what it is, or what limits the score; empty if nothing does.
        remarks: The same for programs, and what `evidence` says of the judge.
        reference_score: Median score of reference labels of the structure in the judge's own
            tests; NaN where there were none, and for a judge that was fitted since.
        slices: The examined slices that hold mask.
        presence: Probability that the structure is in the image at all; NaN from judges that do not
            tell.
        error_type: One of `judge.documents.error_types.ERROR_TYPES`; empty for an empty mask and
            from judges that do not tell.
        evidence: How many labels of this structure, unseen in training, the judge was tested on.
        model_id: Name and version of the judge.
        preprocess: Fingerprint of its preprocessing.
        doubt: Part of the label's size that the judge is in two minds about, 0 to 1/2; intervals
            widen with it.
        expected_volume_error: Size of the label minus the expected size of a correct one, as a
            share of the latter; below 0 the label is too small. NaN for an empty mask, where the
            structure is not found (`presence` below one half), and from judges that tell no size.
        expected_volume_error_ml: The same in millilitres; NaN for a single image, too, and without
            a spacing.
        expected_area_error_mm2: The same of a single image, in square millimetres.
        expected_nsd: Normalised surface Dice at 2 mm (2 pixels without a spacing) that the judge
            expects, in [0, 1], low = bad; of the outlines in the examined slices, weighed by their
            length, so faces of the volume along the slicing axis do not count. It has no interval
            and is not calibrated.
            NaN for an empty mask and from judges that draw none.
        expected_path_mm: Length of outline that a correction is expected to redraw, in mm (pixels
            without a spacing), in all slices: half of what the outlines of mask and suggestion do
            not share at 2 mm. NaN where `expected_nsd` is.
        n_context_subjects: Subjects whose labels of the structure were the context of this score;
            0 where there was none. `remarks` says whose they were.
        context_dice: Dice of the label and what the context says it should be, on whole slices; NaN
            without a context.
        context_dice_close: The same in close-ups of the label; NaN in volumes, too.
    """

    value: float = nan
    low: float = nan
    high: float = nan
    status: Status
    reason: str
    remarks: frozenset[Remark] = frozenset()
    reference_score: float = nan
    slices: tuple[SliceScore, ...] = ()
    presence: float = nan
    error_type: str = ""
    evidence: str
    model_id: str
    preprocess: str
    doubt: float = 0.0
    expected_volume_error: float = nan
    expected_volume_error_ml: float = nan
    expected_area_error_mm2: float = nan
    expected_nsd: float = nan
    expected_path_mm: float = nan
    n_context_subjects: int = 0
    context_dice: float = nan
    context_dice_close: float = nan

    @property
    def worst_slice(self) -> SliceScore | None:
        """The examined slice with the lowest score; `None` for an empty mask."""
        return min(self.slices, key=lambda s: s.score, default=None)

    @property
    def p_faulty(self) -> float:
        """Probability that the label is faulty, in [0, 1], see `records.p_faulty`.

        It is held against reference labels in the judge's tests alone: an audit, which knows the
        other labels of the structure and what rules found, may tell otherwise. Of an empty mask the
        probability that the structure is in the image; NaN without either.
        """
        if self.status in (Status.ABSENT_OK, Status.ABSENT_SUSPECT):
            return self.presence
        usual = Usual((), self.reference_score)
        unknown = not UNKNOWN_DATA.isdisjoint(self.remarks)
        return float(p_faulty(self.value, self.low, self.high, usual, unknown=unknown))

    def to_dict(self) -> dict[str, Any]:
        """Return the score as plain data that `json.dumps` takes; NaN becomes `None`."""
        data: dict[str, Any] = {**asdict(self), "p_faulty": self.p_faulty}
        data["status"], data["remarks"] = self.status.value, sorted(self.remarks)
        data["slices"] = [{k: _json_number(v) for k, v in s.items()} for s in data["slices"]]
        return {key: _json_number(value) for key, value in data.items()}


def _json_number(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


@dataclass(frozen=True, slots=True, eq=False)
class Suggestion:
    """One slice with the judge's correction, in display orientation `(row, column)`.

    Attributes:
        index: Slice along the slicing axis of the RAS+ volume.
        image: The slice, scaled to [0, 1].
        mask: The label as it is.
        suggested: The mask that the judge expects; outside its crop the label is kept.
        error: Probability that a pixel of the label is wrong, in [0, 1]; 0 outside the crop.
        pixel_mm: Size of a pixel (row, column); (1, 1) where it is unknown.
    """

    index: int
    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    suggested: NDArray[np.bool_]
    error: NDArray[np.float32]
    pixel_mm: tuple[float, float]
