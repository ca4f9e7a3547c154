"""What every promptable segmenter can do: look at a slice once, then draw for any prompts on it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segassay.errors import UsageError
from segassay.weak.prompts import Prompt

Floats = NDArray[np.float32]


class PromptKind(StrEnum):
    """What of a prompt is given to the segmenter."""

    BOX = "box"
    POINTS = "points"
    MASK = "mask"


class OpenedSlice(Protocol):
    """A slice that a segmenter has looked at: what costs time is done."""

    def draw(self, prompts: Sequence[Prompt], kind: PromptKind) -> Floats:
        """Draw what each prompt points at.

        Args:
            prompts: Places on this slice, in its pixels; may be empty.
            kind: One of the segmenter's kinds.

        Returns:
            Probabilities `(prompts, rows, columns)` in [0, 1] on the pixels of the slice.
        """


class PromptableSegmenter(Protocol):
    """Draws what a prompt points at."""

    @property
    def name(self) -> str:
        """How results name it."""

    @property
    def kinds(self) -> tuple[PromptKind, ...]:
        """What it takes of a prompt, the best first."""

    def open_slice(self, image: Floats) -> OpenedSlice:
        """Look at a slice.

        Args:
            image: `(rows, columns, 3)` in [0, 1]: red, green, blue, or a grey slice three times,
                its tones already those of a display (a CT in the window of its structure).
        """


def require_kind(segmenter: PromptableSegmenter, kind: PromptKind) -> None:
    """Refuse a kind of prompt that a segmenter does not take.

    Raises:
        UsageError: It is none of the segmenter's kinds.
    """
    if kind not in segmenter.kinds:
        raise UsageError(f"{segmenter.name}: takes {', '.join(segmenter.kinds)}, not {kind}")
