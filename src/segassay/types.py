"""Words that every layer shares: severities, statuses, modalities, exit codes."""

import os
import re
from collections.abc import Callable
from enum import IntEnum, StrEnum

Say = Callable[[str], None]
"""Tells a person, in a line, how far a long computation is."""

Progress = Callable[[str, int, int, str], None]
"""Told how far a long command is: phase, what of it is done, what there is, what was done last.

A phase begins with what is done already, mostly nothing, and an empty name. Each is of a kind of
its own, so that its end can only be told from itself.
"""


def ignore_progress(phase: str, done: int, total: int, name: str) -> None:
    """Be told of progress where nobody wants to know."""
    del phase, done, total, name


def say_nothing(line: str) -> None:
    """Be told where nobody wants to know."""
    del line


def counted(n: int, one: str, several: str = "") -> str:
    """Return a number with its noun.

    >>> counted(1, "case"), counted(2, "case"), counted(2, "series", "series")
    ('1 case', '2 cases', '2 series')
    """
    return f"{n} {one if n == 1 else several or one + 's'}"


def percent(share: float) -> str:
    """Return a probability in [0, 1] as a whole percentage; it is certain only where it is.

    >>> percent(0.934), percent(0.9999), percent(1.0), percent(0.0001)
    ('93 %', 'over 99 %', '100 %', 'under 1 %')
    """
    if 0 < share < 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


class Severity(StrEnum):
    """How bad a finding is. An error makes the label unusable as it stands."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Its place among all, rising with how bad it is: 0, 1, 2."""
        return list(Severity).index(self)


class Status(StrEnum):
    """What became of one label.

    `scored`: the score holds. `absent_ok`: the mask is empty and the structure is not in the
    image. `absent_suspect`: the mask is empty but the structure seems to be there. `abstained`:
    scored, but the judge does not trust itself. `invalid`: the label cannot be judged as it is
    (other grid, fractional values). `failed`: a file could not be read, or
    a bug of segassay's own came between, see `Remark.INTERNAL_ERROR`.
    """

    SCORED = "scored"
    ABSENT_OK = "absent_ok"
    ABSENT_SUSPECT = "absent_suspect"
    ABSTAINED = "abstained"
    INVALID = "invalid"
    FAILED = "failed"


class Remark(StrEnum):
    """What limits a score, or what it rests on; a score has any number of them.

    Programs ask for these; the sentences for people, with their numbers, are `records.remarks`.
    """

    MASK_EMPTY = "mask_empty"
    """The label holds no voxel, so it has no Dice."""
    SEEN_BUT_EMPTY = "seen_but_empty"
    """The label is empty, and the structure seems to be in the image."""
    NOT_SEEN = "not_seen"
    """The label is empty, and the structure does not seem to be in the image."""
    BOTH_EMPTY = "both_empty"
    """Mask and reference are both empty (evaluation only)."""
    FEW_VOXELS = "few_voxels"
    """The label is too small to be judged."""
    WIDE_INTERVAL = "wide_interval"
    """The 90 % interval is so wide that the score says little."""
    NO_INTERVAL = "no_interval"
    """This kind of judge gives no interval."""
    NO_NAME = "no_name"
    """No structure name was given."""
    NAME_REQUIRED = "name_required"
    """This kind of judge gives no score without a name that it knows."""
    NEVER_LEARNED = "never_learned"
    """The judge did not learn this structure in such images; the name was not used."""
    NEVER_TESTED = "never_tested"
    """The judge was not tested on this structure."""
    OUT_OF_DOMAIN = "out_of_domain"
    """The judge's scores do not follow simulated errors in this data set."""
    COMPARED = "compared"
    """Labels of other cases of the data set had a part in the score."""
    IN_CONTEXT = "in_context"
    """Labels of other subjects, for which nobody vouches, were the context of the score."""
    IN_REFERENCE_CONTEXT = "in_reference_context"
    """Reference labels of other subjects, which the judge was fitted to, were its context."""
    FEW_SUBJECTS = "few_subjects"
    """The judge was tested on too few subjects to guarantee its intervals."""
    SIMULATED_ERRORS_ONLY = "simulated_errors_only"
    """The judge was tested on simulated errors, not on the predictions of a network."""
    STRUCTURE_DIFFERS = "structure_differs"
    """Most labels of this structure score far lower here than in the judge's tests."""
    HARD_STRUCTURE = "hard_structure"
    """Correct labels of this structure scored low in the judge's tests, too."""
    TRAINED_ON_IMAGE = "trained_on_image"
    """The judge was trained on this very image."""
    IMPORTED = "imported"
    """The judge is a published model that was imported."""
    OTHER_MODALITY = "other_modality"
    """The judge was made for another kind of image."""
    NOT_HOUNSFIELD = "not_hounsfield"
    """The judge expects Hounsfield units, and the image does not hold any."""
    NOT_AXIAL = "not_axial"
    """The judge was made for axial slices."""
    FIRST_CHANNEL = "first_channel"
    """The image has several channels; the first was used."""
    ALL_VALUES = "all_values"
    """The mask file holds several values and none was named: all counted as mask."""
    RULE_OVERRIDES = "rule_overrides"
    """A rule that leaves no doubt limits the score; `judge_score` is what the judge alone said."""
    RULE_ERROR = "rule_error"
    """A rule found an error in the label, so it is faulty whatever its score."""
    ALL_IGNORED = "all_ignored"
    """Every voxel of the image has the data set's ignore label: nothing is known to be judged."""
    INTERNAL_ERROR = "internal_error"
    """A bug of segassay's own kept the label from being scored; the files may be fine."""


class Modality(StrEnum):
    """Kind of image. `OTHER` is known to be none of the rest; unknown is `None`, not `OTHER`.

    Other spellings are understood: `Modality("MRI")` is `Modality.MR`, see `modality_of`.
    """

    CT = "ct"
    MR = "mr"
    XRAY = "xray"
    ULTRASOUND = "ultrasound"
    DERMOSCOPY = "dermoscopy"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "Modality | None":
        if not isinstance(value, str):
            return None
        return cls.OTHER if value.strip().lower() == cls.OTHER else modality_of(value)


_MODALITY_WORDS = {
    Modality.CT: ("ct", "cta", "cbct", "hu"),
    Modality.MR: (
        "mr",
        "mri",
        "t1",
        "t2",
        "flair",
        "t1w",
        "t2w",
        "t1gd",
        "adc",
        "dwi",
        "lge",
        "cine",
    ),
    Modality.XRAY: ("xray", "x-ray", "xr", "cr", "dx", "radiograph"),
    Modality.ULTRASOUND: ("us", "ultrasound"),
    Modality.DERMOSCOPY: ("dermoscopy", "dermatoscopy"),
}


def modality_of(text: str) -> Modality | None:
    """Recognise a modality in free text such as "CT", "MRI" or "T1w"; `None` if none is named."""
    words = re.findall(r"[a-z0-9-]+", text.lower())
    for modality, known in _MODALITY_WORDS.items():
        if any(word in known for word in words):
            return modality
    return None


class Engine(StrEnum):
    """What runs a judge's network.

    `onnx`: ONNX Runtime in single precision, the same scores on every machine. `openvino`: in
    bfloat16 where the processor has it, faster, scores differ by what `docs/how-to/speed.md` says.
    """

    ONNX = "onnx"
    OPENVINO = "openvino"


class ExitCode(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    CASES_FAILED = 3
    GATE = 4
    MODEL = 5
    INCOMPLETE = 6
    INTERRUPTED = 130


REVIEW_BELOW = 0.8
"""Labels scored below this are worth a look; only a way to show numbers, never stored."""

DEFAULT_JUDGE = os.environ.get("SEGASSAY_JUDGE", "judge-context")
"""The judge that is asked where no other is named; a lab may set its own for all."""

DEFAULT_BASE = "judge-small"
"""What `fit`, `learn` and `calibrate` begin with where no other is named."""
