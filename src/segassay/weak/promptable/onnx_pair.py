"""Encoder and decoder as two ONNX files: MobileSAM, EfficientSAM, MedficientSAM, SAM 2 and others.

What a pair is, its files tell: the decoder by the names of its inputs, the encoder by the shape of
its image. The encoder runs once for each slice, the decoder once for each prompt, since most pairs
are exported for a batch of one. Needs neither torch nor transformers.

| decoder's inputs | from | places are |
|---|---|---|
| `point_coords`, `point_labels` | SAM's own export, MobileSAM, SAM 2 | pixels of the square |
| `batched_point_coords`, `batched_point_labels` | EfficientSAM | pixels of the slice |
| `boxes` | MedficientSAM | shares of the slice's longer side |

| encoder's image | shown |
|---|---|
| `(1, 3, n, n)` | the square of n pixels that the recipe makes |
| `(1, 3, any, any)`, decoder of EfficientSAM | the slice as it is, in [0, 1] |
| `(any, any, 3)` | 0 to 255, longer side the square's; beside an `original_size`: as it is |
| `(n, n, 3)` | the square that the recipe makes, channels last |
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ModelError
from segassay.judge.engines.network import open_on
from segassay.types import Engine
from segassay.weak.promptable.pixels import (
    Frame,
    Recipe,
    as_bytes,
    resized_bytes,
    show,
    sigmoid,
)
from segassay.weak.promptable.protocol import PromptKind, require_kind
from segassay.weak.prompts import Floats, Prompt

Array = NDArray[Any]

_DTYPES = {
    f"tensor({name})": np.dtype(dtype)
    for name, dtype in {
        "float": "float32",
        "float16": "float16",
        "double": "float64",
        **{kind: kind for kind in ("int64", "int32", "int16", "uint8", "int8", "uint16")},
    }.items()
}
_STRIDE = 16
"""Pixels of a SAM's square for one row of its embedding."""

_USUAL_SIZE = 1024


@dataclass(frozen=True, slots=True)
class _Port:
    """An input: its name, its shape (`None` where any length goes) and the numbers it takes."""

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, part: Any) -> "_Port":
        """Take down what a session says of an input."""
        shape = tuple(n if isinstance(n, int) and n > 0 else None for n in part.shape)
        return cls(part.name, shape, _DTYPES.get(part.type, np.dtype("float32")))

    def array(self, values: Any) -> Array:
        """Return values as this input takes them."""
        return np.ascontiguousarray(values, dtype=self.dtype)


def _only(ports: Iterable[_Port], word: str, but: str = " ") -> _Port | None:
    """Return the first input whose name holds a word, and not another one."""
    names = ((port, port.name.lower()) for port in ports)
    return next((port for port, name in names if word in name and but not in name), None)


class OnnxPair:
    """An encoder and a decoder, opened; see `protocol.PromptableSegmenter`."""

    def __init__(
        self,
        encoder: Path,
        decoder: Path,
        name: str,
        *,
        recipe: Recipe | None = None,
        kinds: Sequence[PromptKind] = tuple(PromptKind),
        engine: Engine = Engine.ONNX,
        threads: int | None = None,
    ) -> None:
        """Open two files and find out what they are.

        Args:
            encoder: From image to embedding.
            decoder: From embedding and prompt to masks.
            name: How results name the pair.
            recipe: What the encoder must be shown; by default it is told by the decoder's inputs.
            kinds: What it learned from; of these it has what its decoder takes.
            engine: What runs them.
            threads: Cores to use; all that this process may use by default.

        Raises:
            ModelError: A file cannot be loaded, or the two are no pair that is understood.
            MissingExtraError: The engine is not installed.
        """
        self.name = name
        self._encoder = open_on(engine, encoder, threads=threads)
        self._decoder = open_on(engine, decoder, threads=threads)
        self._image, self._original = self._understand_encoder()
        decoding = [_Port.of(part) for part in self._decoder.get_inputs()]
        self._points = _only(decoding, "coord")
        self._labels = _only(decoding, "label")
        self._boxes = _only(decoding, "box")
        self._has_mask = _only(decoding, "has_mask")
        self._mask = _only(decoding, "mask", but="has_mask")
        self._decoder_size = _only(decoding, "size")
        prompting = {self._points, self._labels, self._boxes, self._has_mask, self._mask}
        rest = [port for port in decoding if port not in prompting | {self._decoder_size}]
        self._embeddings = self._matched(rest)
        if self._boxes is None and (self._points is None or self._labels is None):
            raise self._not_understood("the decoder takes neither points with labels nor boxes")
        self._batched = self._points is not None and len(self._points.shape) == 4
        if self._batched and None not in self._image.shape[2:]:
            raise self._not_understood(f"an EfficientSAM that takes {self._image.shape} alone")
        self.recipe = recipe or self._usual_recipe(rest)
        grids = [port.shape[-1] for port, _ in self._embeddings if port.shape[-1]]
        self._grid = min(grids, default=_USUAL_SIZE // _STRIDE)
        self._size = self._size_of_square()
        self._masks, self._scores = self._outputs()
        self.kinds = tuple(kind for kind in self._kinds() if kind in kinds)
        if not self.kinds:
            raise self._not_understood(f"the decoder takes no {' nor '.join(kinds)}")

    def open_slice(self, image: Floats) -> "PairSlice":
        """Embed a slice `(rows, columns, 3)` in [0, 1]."""
        pixels, frame = self._shown(image)
        feeds = {self._image.name: self._image.array(pixels)}
        if self._original is not None:
            feeds[self._original.name] = self._original.array(image.shape[:2])
        found = self._run(self._encoder, None, feeds)
        names = [part.name for part in self._encoder.get_outputs()]
        by_name = dict(zip(names, found, strict=True))
        return PairSlice(
            self, frame, {port.name: port.array(by_name[a]) for port, a in self._embeddings}
        )

    def decode(
        self, embedding: dict[str, Array], frame: Frame, prompt: Prompt, kind: PromptKind
    ) -> Floats:
        """Return the probabilities `(rows, columns)` of one prompt on the slice."""
        feeds = {**embedding, **self._prompt_feeds(frame, prompt, kind)}
        if self._decoder_size is not None:
            feeds[self._decoder_size.name] = self._decoder_size.array(frame.shape)
        wanted = [self._masks] + ([self._scores] if self._scores else [])
        answers = self._run(self._decoder, wanted, feeds)
        found = [np.asarray(one, dtype=np.float32) for one in answers]
        logits = found[0].reshape(-1, *found[0].shape[-2:])
        best = int(found[1].reshape(-1)[: len(logits)].argmax()) if self._scores else 0
        whole = logits[best : best + 1]
        if whole.shape[1:] == frame.shape:
            return sigmoid(whole[0])
        if whole.shape[2] > frame.size:  # finer than the square that prompts are given in
            frame = Frame.of(frame.shape, whole.shape[2], squash=self.recipe.squashes)
        return sigmoid(frame.back(whole)[0])

    def _run(self, session: Any, wanted: list[str] | None, feeds: dict[str, Array]) -> list[Array]:
        try:
            answers: list[Array] = session.run(wanted, feeds)
        except Exception as error:  # the engines' errors share no class
            why = " ".join(str(error).split())[:200]
            raise self._not_understood(f"it refuses what it is given ({why})") from error
        return answers

    def _understand_encoder(self) -> tuple[_Port, _Port | None]:
        ports = [_Port.of(part) for part in self._encoder.get_inputs()]
        original = _only(ports, "size")
        images = [port for port in ports if port is not original]
        if len(images) != 1 or not (_channels_first(images[0]) or _channels_last(images[0])):
            inputs = ", ".join(f"{port.name} {port.shape}" for port in ports)
            raise self._not_understood(f"the encoder takes {inputs}")
        return images[0], original

    def _matched(self, ports: Sequence[_Port]) -> list[tuple[_Port, str]]:
        """Find the encoder's output for every embedding: of its name, or the only one there is."""
        outputs = [part.name for part in self._encoder.get_outputs()]
        if len(ports) == len(outputs) == 1:
            return [(ports[0], outputs[0])]
        missing = [port.name for port in ports if port.name not in outputs]
        if missing or not ports:
            raise self._not_understood(
                f"the decoder takes {', '.join(missing) or 'no embedding'}, and the encoder gives "
                f"{', '.join(outputs)}"
            )
        return [(port, port.name) for port in ports]

    def _usual_recipe(self, embeddings: Sequence[_Port]) -> Recipe:
        if self._points is None:
            return Recipe.MEDFICIENT
        return Recipe.SAM2 if len(embeddings) > 1 else Recipe.SAM

    def _size_of_square(self) -> int:
        """Return the encoder's own size, or that of a SAM with this embedding."""
        rows = self._image.shape[-2] if _channels_first(self._image) else self._image.shape[0]
        return rows or _STRIDE * self._grid

    def _outputs(self) -> tuple[str, str | None]:
        """Choose the decoder's masks, small where there are such, and the scores of them."""
        names = [part.name for part in self._decoder.get_outputs()]
        masks = _named(names, "mask") or (names if len(names) == 1 else _named(names, "logit"))
        scores = _named(names, "iou") or _named(names, "score")
        if not masks:
            raise self._not_understood(f"the decoder gives {', '.join(names)}, none a mask")
        small = _named(masks, "low_res")
        chosen = small if small and not self._batched else masks
        return chosen[0], next((name for name in scores if name != chosen[0]), None)

    def _kinds(self) -> tuple[PromptKind, ...]:
        if self._points is None:
            return (PromptKind.BOX,)
        kinds = [] if self._room() == 1 else [PromptKind.BOX]
        if kinds and self._mask is not None and self._has_mask is not None:
            kinds.append(PromptKind.MASK)
        return (*kinds, PromptKind.POINTS)

    def _room(self) -> int | None:
        """Return how many points the decoder takes; `None` for any number."""
        return self._points.shape[-2] if self._points is not None else None

    def _shown(self, image: Floats) -> tuple[Array, Frame]:
        """Prepare a slice for the encoder, and say where it lies in the decoder's square."""
        shape = (image.shape[0], image.shape[1])
        if self._batched and None in self._image.shape[2:]:
            return image.transpose(2, 0, 1)[None], Frame(shape, shape, max(shape))
        if _channels_last(self._image) and None in self._image.shape[:2]:
            frame = Frame.of(shape, self._size, squash=self.recipe.squashes)
            if self._original is not None:
                return as_bytes(image), frame
            return resized_bytes(image, frame.inner), frame
        pixels, frame = show(image, self.recipe, self._size)
        return pixels.transpose(1, 2, 0) if _channels_last(self._image) else pixels[None], frame

    def _prompt_feeds(self, frame: Frame, prompt: Prompt, kind: PromptKind) -> dict[str, Array]:
        if self._points is None or self._labels is None:
            if self._boxes is None:
                return {}
            box = np.array(prompt.box)[[1, 0, 3, 2]] / max(frame.shape)
            return {self._boxes.name: self._boxes.array(box.reshape(_shape_of(self._boxes, 4)))}
        xy, labels = self._places(frame, prompt, kind)
        lead = (1, 1) if self._batched else (1,)
        feeds = {
            self._points.name: self._points.array(xy.reshape(*lead, -1, 2)),
            self._labels.name: self._labels.array(labels.reshape(*lead, -1)),
        }
        if self._mask is not None:
            side = self._mask.shape[-1] or 4 * self._grid
            empty = np.zeros((1, side, side), dtype=np.float32)
            shown = frame.mask_logits([prompt], side) if kind is PromptKind.MASK else empty
            feeds[self._mask.name] = self._mask.array(shown[None])
        if self._has_mask is not None:
            shape = [n or 1 for n in self._has_mask.shape]
            told = np.full(shape, float(kind is PromptKind.MASK))
            feeds[self._has_mask.name] = self._has_mask.array(told)
        return feeds

    def _places(self, frame: Frame, prompt: Prompt, kind: PromptKind) -> tuple[Floats, Floats]:
        """Return points `(n, 2)` and labels `(n,)`: 1 inside, 0 outside, 2 and 3 corners, -1 none.

        What was exported from SAM wants one point of none beside points without a box.
        """
        if kind is PromptKind.POINTS:
            xy, told = frame.points([prompt])[0], [1, *[0] * len(prompt.outside)]
        else:
            xy, told = frame.boxes([prompt]).reshape(2, 2), [2, 3]
        labels = np.array(told, dtype=np.float32)
        room = self._room() or len(xy) + (kind is PromptKind.POINTS and not self._batched)
        missing = max(0, room - len(xy))
        xy = np.pad(xy[:room], ((0, missing), (0, 0)))
        return xy, np.pad(labels[:room], (0, missing), constant_values=-1)

    def _not_understood(self, what: str) -> ModelError:
        return ModelError(
            f"{self.name}: this pair of ONNX files is not understood: {what}; export it as SAM, "
            "EfficientSAM or MedficientSAM are"
        )


@dataclass(frozen=True, slots=True, eq=False)
class PairSlice:
    """A slice with its embedding; see `protocol.OpenedSlice`."""

    _pair: OnnxPair
    _frame: Frame
    _embedding: dict[str, Array]

    def draw(self, prompts: Sequence[Prompt], kind: PromptKind) -> Floats:
        """Return probabilities `(prompts, rows, columns)`.

        Raises:
            UsageError: The pair does not take this kind.
        """
        require_kind(self._pair, kind)
        drawn = np.zeros((len(prompts), *self._frame.shape), dtype=np.float32)
        for one, out in zip(prompts, drawn, strict=True):
            out[:] = self._pair.decode(self._embedding, self._frame, one, kind)
        return drawn


def find_pair(folder: Path) -> tuple[Path, Path] | None:
    """Return the encoder and the decoder of a folder, by "encoder" and "decoder" in their names.

    `None` if the folder holds no ONNX file.

    Raises:
        ModelError: It holds some, but not one of each.
    """
    files = sorted(folder.glob("*.onnx"))
    if not files:
        return None
    found = [[f for f in files if word in f.name.lower()] for word in ("encoder", "decoder")]
    if [len(part) for part in found] != [1, 1] or found[0] == found[1]:
        names = ", ".join(file.name for file in files[:6])
        raise ModelError(
            f"{folder.name}: holds {names}; expected one *encoder*.onnx and one *decoder*.onnx"
        )
    return found[0][0], found[1][0]


def _named(names: Iterable[str], word: str) -> list[str]:
    return [name for name in names if word in name.lower()]


def _channels_first(port: _Port) -> bool:
    return len(port.shape) == 4 and port.shape[1] == 3


def _channels_last(port: _Port) -> bool:
    return len(port.shape) == 3 and port.shape[2] == 3


def _shape_of(port: _Port, count: int) -> list[int]:
    """Return the shape in which a port takes `count` numbers: its own, single axes kept."""
    known = [n or 1 for n in port.shape]
    return known if int(np.prod(known)) == count else [*[1] * (len(known) - 1), count]
