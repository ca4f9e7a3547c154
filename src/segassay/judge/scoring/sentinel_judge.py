"""Quality Sentinel and SegAE, as released or trained here: a number per slice, their mean.

Faithful to the published inference, so its known faults stay: only slices with mask are looked at,
a missing slice or a missed end is not seen, the mean of slice Dice is called the label's, and
nothing tells how far off it may be. What a released score cannot tell is said with each of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from segassay.errors import ModelError
from segassay.images.intensity import robust_ends
from segassay.images.mask import Mask
from segassay.images.slicing import as_planes, slicing_axis
from segassay.judge.documents.judge_folder import JudgeFolder
from segassay.judge.engines.sentinel_engine import Floats, SentinelEngine
from segassay.judge.inputs.preprocess import fingerprint
from segassay.judge.inputs.sentinel_input import sentinel_input, sentinel_slices
from segassay.judge.scoring.judge import FEWEST_VOXELS, Judge
from segassay.judge.scoring.query import AskedImage, AskedLabel, Named
from segassay.judge.scoring.result import Score, SliceScore
from segassay.records.remarks import Comment, comment, remarks_of, text_of
from segassay.types import Engine, Modality, Remark, Status

_AXIAL = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """An image as slices `(slice, row, column)` along `axis`, and its values of black and white."""

    planes: NDArray[Any]
    axis: int
    ends: tuple[float, float]


class SentinelJudge(Judge):
    """A judge that answers with a number: no interval, no suggestion, no view of empty masks."""

    suggests: ClassVar[bool] = False

    def __init__(
        self, folder: JudgeFolder, *, threads: int | None = None, engine: Engine = Engine.ONNX
    ) -> None:
        super().__init__(folder, engine=engine)
        meta = folder.meta
        self._window = meta.preprocess.window_hu
        rows = {name: n for n, name in enumerate(meta.structures)}
        try:
            text = np.load(folder.path / "text.npy", allow_pickle=False)
        except (ValueError, OSError, EOFError, MemoryError) as error:
            raise ModelError.of_version(folder.path, error) from error
        if text.dtype != np.float32 or text.ndim != 2 or len(text) != len(rows):
            raise ModelError(
                f"{folder.path.name}: text.npy holds {text.dtype} {text.shape}; expected a float32 "
                f"row for each of its {len(rows)} structures; import it again"
            )
        self._imported = meta.imported is not None
        self._rows, self._text = rows, text
        self._engine = SentinelEngine(folder.onnx, threads=threads, engine=engine)
        self.preprocess = fingerprint(meta.preprocess.model_dump())

    def scores(self, labels: Sequence[AskedLabel]) -> list[Score]:
        """Score labels of one image; there may be none."""
        if not labels:
            return []
        image = labels[0].image
        seen, doubts = self._seen(image), [] if self._window is None else _doubts_about(image)
        return [self._score(seen, label, doubts) for label in labels]

    def worst(self, label: AskedLabel) -> int:
        """Return the examined slice with the lowest score, the middle one if none was examined."""
        (score,) = self.scores([label])
        worst = score.worst_slice
        return worst.index if worst is not None else len(label.image.stack.planes) // 2

    def evidence(self, name: Named) -> tuple[Comment, ...]:
        """Say whether the model comes from elsewhere, and on how many labels it was tested here."""
        imported = (comment(Remark.IMPORTED),) if self._imported else ()
        return (*imported, *super().evidence(name))

    def _seen(self, image: AskedImage) -> _Seen:
        """Take slices in Hounsfield units, or, without a window, between the image's own ends."""
        if self._window is None:
            stack = image.stack
            planes = stack.every()
            return _Seen(planes, stack.axis, robust_ends(planes))
        axis = slicing_axis(image.volume.grid)
        low, high = self._window
        return _Seen(as_planes(image.volume.array, axis), axis, (low, high))

    def _score(self, seen: _Seen, label: AskedLabel, doubts: list[Comment]) -> Score:
        name, n_voxels = label.name, label.mask.n_voxels
        if not n_voxels:
            return self._answer(name, Status.ABSTAINED, (comment(Remark.MASK_EMPTY),))
        if name.known is None:
            reasons = (*name.comments, comment(Remark.NAME_REQUIRED))
            return self._answer(name, Status.ABSTAINED, reasons)
        if n_voxels < FEWEST_VOXELS:
            doubts = [*doubts, comment(Remark.FEW_VOXELS, n_voxels=n_voxels)]
        chosen, areas, answers = self._examined(seen, name.known, label.mask)
        return self._answer(
            name,
            Status.ABSTAINED if doubts else Status.SCORED,
            (*doubts, comment(Remark.NO_INTERVAL)),
            value=_cut(answers.mean()),
            slices=tuple(
                SliceScore(index, _cut(answer), area)
                for index, answer, area in zip(chosen, answers, areas, strict=True)
            ),
        )

    def _examined(
        self, image: _Seen, structure: str, mask: Mask
    ) -> tuple[list[int], list[int], Floats]:
        """Return up to ten slices, the mask's areas there, and what the network answers."""
        outlines = mask.as_planes(image.axis)
        areas = outlines.areas
        chosen = sentinel_slices(areas)
        seen = np.stack(
            [sentinel_input(image.planes[k], outlines.plane(k), image.ends) for k in chosen]
        )
        text = np.repeat(self._text[[self._rows[structure]]], len(chosen), axis=0)
        return chosen, [int(areas[k]) for k in chosen], self._engine(seen, text)

    def _answer(
        self,
        name: Named,
        status: Status,
        reasons: tuple[Comment, ...],
        *,
        value: float = nan,
        slices: tuple[SliceScore, ...] = (),
    ) -> Score:
        evidence = self.evidence(name)
        return Score(
            value=value,
            status=status,
            reason=text_of(reasons),
            remarks=remarks_of((*reasons, *evidence)),
            slices=slices,
            evidence=text_of(evidence),
            model_id=self.model_id,
            preprocess=self.preprocess,
        )


def _cut(answer: np.floating[Any]) -> float:
    """Bring an answer, which is linear, into the range of a score."""
    return min(max(float(answer), 0.0), 1.0)


def _doubts_about(asked: AskedImage) -> list[Comment]:
    """Say why an image is not what the network was made for; empty if it seems to be."""
    image, modality = asked.volume, asked.modality
    doubts = []
    if modality not in (None, Modality.CT):
        doubts.append(comment(Remark.OTHER_MODALITY, expected="CT", found=modality))
    elif float(image.array.min()) >= 0:
        doubts.append(comment(Remark.NOT_HOUNSFIELD))
    if slicing_axis(image.grid) != _AXIAL:
        doubts.append(comment(Remark.NOT_AXIAL))
    return doubts
