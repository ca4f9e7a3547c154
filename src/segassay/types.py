"""Words that every layer shares: severities, statuses, modalities, exit codes."""

from collections.abc import Callable
from enum import IntEnum, StrEnum

Say = Callable[[str], None]
"""Tells a person, in a line, how far a long computation is."""


class Severity(StrEnum):
    """How bad a finding is. An error makes the label unusable as it stands."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Status(StrEnum):
    """What became of one label.

    `scored`: the score holds. `absent_ok`: the mask is empty and the structure is not in the
    image. `absent_suspect`: the mask is empty but the structure seems to be there. `abstained`:
    scored, but the judge does not trust itself. `invalid`: the label cannot be judged as it is
    (other grid, fractional values). `failed`: a file could not be read.
    """

    SCORED = "scored"
    ABSENT_OK = "absent_ok"
    ABSENT_SUSPECT = "absent_suspect"
    ABSTAINED = "abstained"
    INVALID = "invalid"
    FAILED = "failed"


class Modality(StrEnum):
    """Kind of image. `OTHER` is known to be none of the rest; unknown is `None`, not `OTHER`."""

    CT = "ct"
    MR = "mr"
    XRAY = "xray"
    ULTRASOUND = "ultrasound"
    DERMOSCOPY = "dermoscopy"
    OTHER = "other"


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
    INTERRUPTED = 130


REVIEW_BELOW = 0.8
"""Labels scored below this are worth a look; only a way to show numbers, never stored."""

DEFAULT_JUDGE = "judge-small"
"""The judge that is asked where no other is named."""
