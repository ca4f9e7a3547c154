"""`prompt-small`: our own promptable segmenter, run on ONNX Runtime.

A window round the prompt is looked at, so that small structures are seen as large as big ones
(adaptive zoom, arXiv 2510.09499). With points alone nothing tells how large the structure is, and
the whole slice is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ModelError
from segassay.files.checksums import verify_checksums
from segassay.geometry.resample import Box, BoxResampler
from segassay.judge.documents.judge_folder import judge_roots
from segassay.judge.documents.strict_reading import Document, read_document
from segassay.judge.engines.network import Ports, open_network
from segassay.types import Engine
from segassay.weak.promptable.protocol import PromptKind
from segassay.weak.prompts import Prompt

Floats = NDArray[np.float32]

PROMPT_SMALL = "prompt-small"
NETWORK, META, CARD = "prompt.onnx", "prompt.json", "card.md"

CHANNELS = 7
"""Red, green, blue; the box; the point inside; the points outside; the coarse mask."""

SIDE_PX = 160
"""Pixels along a side of a window as the network sees it."""

WINDOW = 1.6
"""How much wider a window is than the longer side of the box."""

_POINT_PX = 4.0
"""Spread of the bell that marks a point in the window."""

_PERCENTILES = (1.0, 99.0)
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)[:, None, None]
_SPREAD = np.array([0.229, 0.224, 0.225], dtype=np.float32)[:, None, None]
_BATCH = 8


class PromptMeta(Document):
    """What a network of this kind is: its format, a name, and how it sees a slice."""

    format: int = 1
    name: str
    side_px: int
    window: float


@dataclass(frozen=True, slots=True)
class PromptView:
    """How a slice and a prompt become what the network sees."""

    side_px: int = SIDE_PX
    window: float = WINDOW

    def box(self, prompt: Prompt, kind: PromptKind) -> Box:
        """Return the square that is looked at, in pixels; it may reach beyond the slice."""
        rows, columns = prompt.component.shape
        top, left, bottom, right = prompt.box
        if kind is PromptKind.POINTS:
            return _square(rows / 2, columns / 2, max(rows, columns))
        side = self.window * max(bottom - top + 1, right - left + 1, 8)
        return _square((top + bottom + 1) / 2, (left + right + 1) / 2, side)

    def __call__(self, image: Floats, prompt: Prompt, kind: PromptKind, seen: Box) -> Floats:
        """Return the network's input `(CHANNELS, side_px, side_px)`.

        Args:
            image: `(rows, columns, 3)` in any range; stretched between the 1st and 99th percentile
                of what is looked at. Outside the slice all channels are 0.
            prompt: The place.
            kind: What of it is shown: the box, the points, or box, points and coarse mask.
            seen: The square that is looked at.
        """
        cut = BoxResampler.to_square((image.shape[0], image.shape[1]), seen, self.side_px)
        given = np.zeros((CHANNELS, self.side_px, self.side_px), dtype=np.float32)
        given[:3] = self._colours(cut(np.moveaxis(image, 2, 0)), cut.coverage)
        if kind is not PromptKind.POINTS:
            top, left, bottom, right = prompt.box
            inside = np.zeros(prompt.component.shape, dtype=np.float32)
            inside[top : bottom + 1, left : right + 1] = 1
            given[3] = cut(inside[None])[0]
        if kind is not PromptKind.BOX:
            given[4] = self._points([prompt.inside], seen)
            given[5] = self._points(prompt.outside, seen)
        if kind is PromptKind.MASK:
            given[6] = cut(prompt.component[None].astype(np.float32))[0]
        return given

    def _colours(self, colours: Floats, coverage: Floats) -> Floats:
        inside = coverage > 0.5
        if not inside.any():
            return np.zeros_like(colours)
        low, high = np.percentile(colours[:, inside], _PERCENTILES)
        stretched = ((colours - low * coverage) / max(float(high - low), 1e-6)).clip(0, 1)
        return np.asarray((stretched - _MEAN * coverage) / _SPREAD * inside, dtype=np.float32)

    def _points(self, points: Sequence[tuple[int, int]], seen: Box) -> Floats:
        """Mark points by bells of height 1; those that lie outside what is seen do not show."""
        at = np.arange(self.side_px) + 0.5
        scale = self.side_px / (seen.bottom - seen.top)
        found = np.zeros((self.side_px, self.side_px), dtype=np.float32)
        for row, column in points:
            down = at - (row + 0.5 - seen.top) * scale
            along = at - (column + 0.5 - seen.left) * scale
            bell = np.exp(-(down[:, None] ** 2 + along[None] ** 2) / (2 * _POINT_PX**2))
            found = np.maximum(found, bell.astype(np.float32))
        return found


class PromptSmall:
    """The segmenter, opened; safe to share between threads."""

    kinds = (PromptKind.MASK, PromptKind.BOX, PromptKind.POINTS)

    def __init__(
        self, folder: Path, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        """Open a folder with `prompt.json`.

        Raises:
            ModelError: It is none, or is damaged.
        """
        verify_checksums(folder, (NETWORK, META, CARD))
        meta = read_document(folder / META, PromptMeta)
        self.name = meta.name
        self.view = PromptView(meta.side_px, meta.window)
        ports = Ports({"window": (CHANNELS, meta.side_px, meta.side_px)}, ("probabilities",))
        self._session = open_network(folder / NETWORK, ports, threads=threads, engine=engine)

    def open_slice(self, image: Floats) -> "_OpenedSlice":
        """Take a slice `(rows, columns, 3)`; each prompt is looked at by itself."""
        return _OpenedSlice(self, image)

    def run(self, windows: Floats) -> Floats:
        """Map inputs `(n, CHANNELS, side_px, side_px)` to probabilities `(n, side_px, side_px)`."""
        return np.concatenate(
            [
                self._session.run(None, {"window": windows[at : at + _BATCH]})[0][:, 0]
                for at in range(0, len(windows), _BATCH)
            ]
        )


@dataclass(frozen=True, slots=True)
class _OpenedSlice:
    segmenter: PromptSmall
    image: Floats

    def draw(self, prompts: Sequence[Prompt], kind: PromptKind) -> Floats:
        """Draw what each prompt points at: `(prompts, rows, columns)` in [0, 1]."""
        shape = (self.image.shape[0], self.image.shape[1])
        if not prompts:
            return np.zeros((0, *shape), dtype=np.float32)
        view = self.segmenter.view
        seen = [view.box(prompt, kind) for prompt in prompts]
        given = [
            view(self.image, prompt, kind, box) for prompt, box in zip(prompts, seen, strict=True)
        ]
        said = self.segmenter.run(np.stack(given))
        return np.stack(
            [
                BoxResampler.to_square(shape, box, view.side_px).paste(one, shape)
                for one, box in zip(said, seen, strict=True)
            ]
        )


def find_prompt_small(name: str = PROMPT_SMALL) -> Path:
    """Return the folder of a network of this kind: in `$SEGASSAY_HOME` or in `segassay-weights`.

    Raises:
        ModelError: Neither has it.
    """
    for root in judge_roots():
        if (root / name / META).is_file():
            return root / name
    raise ModelError(
        f"no promptable segmenter {name!r} in $SEGASSAY_HOME or the segassay-weights package; "
        "give the folder of one, or of SAM, MedSAM or a pair of ONNX files"
    )


def _square(row: float, column: float, side: float) -> Box:
    half = side / 2
    return Box(row - half, row + half, column - half, column + half)
