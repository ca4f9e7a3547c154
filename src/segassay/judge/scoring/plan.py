"""What the judge looks at for one label: slices, boxes and network inputs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from segassay.geometry.resample import Box
from segassay.images.mask import Mask
from segassay.images.slicing import Sampling, SliceSample, choose_slices, spread_slices
from segassay.judge.context.context_inputs import ContextInput
from segassay.judge.engines.onnx_engine import JudgeAnswers
from segassay.judge.estimates.aggregate import SliceSums
from segassay.judge.estimates.surface import outline_lengths
from segassay.judge.inputs.mask_parts import FINE, Window, fineness, windows
from segassay.judge.inputs.preprocess import (
    JudgeInput,
    JudgePreprocess,
    PlaneStack,
    untold,
    whole_image,
)
from segassay.types import Modality

_EMPTY = 10
"""Slices that are looked at when the mask is empty."""

_LEAST_SHARE = 0.5
"""No slice is framed more tightly than this share of the mask's largest in-plane extent."""


_LOOKS_TWICE = 3
"""The rule of framing that looks at pictures twice, and at fine masks in parts."""

_CLOSER, _WIDER = 0.78, 1.44
"""Sides of the two boxes through which a picture is then seen, in sides of the usual one."""

_PARTS = ((3.3, 3), (FINE, 2))
"""From which fineness on a mask is seen in how many parts along a side, finest first. In parts of
the first kind alone; in those of the second, and as a whole beside."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelPlan:
    """One label made ready for the network: `samples` and `inputs` belong together.

    `pixel_mm` is the size of a pixel (row, column), (1, 1) where it is unknown. `known` marks the
    pixels whose label is known, `None` for all: slices without any are not looked at and stand for
    nothing, and in the others sums run over known pixels. `contexts` belong to the inputs, where
    the judge reads any. `windows` belong to the samples, where some of these are parts of a slice;
    `None` for one that is a whole slice.
    """

    planes: Mask
    areas: NDArray[np.int64]
    samples: tuple[SliceSample, ...]
    inputs: tuple[JudgeInput, ...]
    pixel_mm: tuple[float, float]
    known: NDArray[np.bool_] | None = None
    contexts: tuple[ContextInput, ...] = ()
    windows: tuple[Window | None, ...] = ()

    def area(self, index: int) -> float:
        """Return how many pixels of the mask sample `index` stands for."""
        window, at = self._window(index), self.samples[index].index
        if window is None:
            return float(self.areas[at])
        return float(np.count_nonzero(window.of(self.planes.plane(at))))

    def _window(self, index: int) -> Window | None:
        return self.windows[index] if self.windows else None

    def known_share(self, index: int) -> tuple[NDArray[np.float32] | float, float]:
        """Return what is known of sample `index`: a share for every cell of its crop, and outside.

        Outside it is the known share of the slice's pixels beyond the crop. Of a part nothing
        counts that is not in its window.
        """
        window, seen = self._window(index), self.inputs[index]
        if window is not None:
            every = np.ones(self.planes.shape[1:], dtype=np.bool_)
            known = every if self.known is None else self.known[self.samples[index].index]
            plane = window.of(known)
            cells = seen.cut(plane[None].astype(np.float32))[0] / np.maximum(seen.crop[4], 1e-6)
            return np.clip(cells, 0.0, 1.0), 0.0
        if self.known is None:
            return 1.0, 1.0
        plane = self.known[self.samples[index].index]
        inside = seen.cut(plane[None].astype(np.float32))[0]
        within = seen.pixels_per_cell * float(inside.sum())
        beyond = plane.size - seen.pixels_per_cell * float(seen.crop[4].sum())
        share = (float(np.count_nonzero(plane)) - within) / beyond if beyond >= 1 else 0.0
        cells = inside / np.maximum(seen.crop[4], 1e-6)
        return np.clip(cells, 0.0, 1.0), min(max(share, 0.0), 1.0)

    @property
    def n_voxels(self) -> int:
        """Voxels of the mask."""
        return int(self.areas.sum())


def plan_label(
    stack: PlaneStack,
    mask: Mask,
    preprocess: JudgePreprocess,
    sampling: Sampling,
    *,
    name: str | None,
    modality: Modality | None,
    only: int | None = None,
) -> LabelPlan:
    """Choose slices of a mask `(i, j, k)` and prepare them; `only` looks at that one slice.

    A judge whose `frame_rule` says so sees the mask of a picture twice, from closer and from
    farther away, since there is no second slice to even its errors out: two samples of one slice.
    A fine mask without a name that it knows it sees in parts.
    """
    planes = mask.as_planes(stack.axis)
    areas = planes.areas
    usable = np.arange(len(planes))
    if stack.known is not None:
        usable = np.flatnonzero(stack.known.any(axis=(1, 2)))
    if only is not None:
        samples = [SliceSample(only, 1.0, beyond=False)]
    elif areas.any():
        samples = choose_slices(areas[usable], sampling)
    else:
        samples = spread_slices(len(usable), _EMPTY)
    if only is None:
        samples = [replace(sample, index=int(usable[sample.index])) for sample in samples]
    boxes = _boxes(stack, planes, areas, samples, preprocess)
    parts: list[Window | None] = [None] * len(samples)
    looks_twice = preprocess.frame_rule == _LOOKS_TWICE and not stack.is_3d
    if looks_twice and only is None and areas.any():
        (sample,), (box,) = samples, boxes
        whole = [_resized(box, by) for by in (_CLOSER, _WIDER)]
        parts, boxes = [None, None], whole
        if name is None:  # of a structure that it knows by name it learned what wholes look like
            parts, boxes = _framed_parts(
                planes.plane(sample.index), whole, stack.pixel_mm, preprocess
            )
        weights = _weights(parts)
        samples = [replace(sample, weight=sample.weight * weight) for weight in weights]
    inputs = tuple(
        preprocess(stack, planes.plane(s.index), s.index, box, name=name, modality=modality)
        for s, box in zip(samples, boxes, strict=True)
    )
    if name is None and not preprocess.tells_nameless:
        inputs = tuple(untold(seen) for seen in inputs)
    return LabelPlan(
        planes,
        areas,
        tuple(samples),
        inputs,
        stack.pixel_mm,
        stack.known,
        windows=tuple(parts) if any(parts) else (),
    )


def _framed_parts(
    mask: NDArray[np.bool_],
    whole: list[Box],
    pixel_mm: tuple[float, float],
    preprocess: JudgePreprocess,
) -> tuple[list[Window | None], list[Box]]:
    """Return through which boxes the mask of a picture is seen, and which part each stands for."""
    fine = fineness(mask)
    n_parts = next((n for least, n in _PARTS if fine >= least), 0)
    found = windows(mask, n_parts) if n_parts else []
    boxes = [preprocess.frame_part(one.of(mask), pixel_mm) for one in found]
    if found and n_parts == _PARTS[0][1]:
        return list(found), boxes
    return [*found, *[None for _ in whole]], [*boxes, *whole]


def _weights(parts: Sequence[Window | None]) -> list[float]:
    """Let what is seen of the whole count once, and its parts together as much, in sum 1."""
    n_whole = parts.count(None)
    share = 0.5 if 0 < n_whole < len(parts) else 1.0
    return [share if one is not None else share / n_whole for one in parts]


def slice_sums(plan: LabelPlan, answers: JudgeAnswers) -> list[SliceSums]:
    """Turn the network's answers for one plan into sums in image pixels."""
    sums = []
    for n, (sample, seen) in enumerate(zip(plan.samples, plan.inputs, strict=True)):
        inside, outside = plan.known_share(n)
        probability = answers.map[n] * seen.crop[4] * inside
        n_cells = probability.size
        beyond = float(answers.outside[n]) * outside
        true = (float(probability.mean()) + beyond) * n_cells * seen.pixels_per_cell
        marked = seen.crop[3] * inside
        overlap = float((probability * seen.crop[3]).sum()) * seen.pixels_per_cell
        area = plan.area(n)
        cell_mm = sqrt(seen.pixels_per_cell * plan.pixel_mm[0] * plan.pixel_mm[1])
        sums.append(
            SliceSums(
                sample.index,
                sample.weight,
                sample.beyond,
                area,
                min(overlap, area, true),
                true,
                float(answers.presence[n]),
                float((probability * (1 - probability)).sum()) * seen.pixels_per_cell,
                answers.embedding[n],
                *outline_lengths(marked, probability, cell_mm),
                nan if answers.error is None else float(answers.error[n]),
            )
        )
    return sums


def _boxes(
    stack: PlaneStack,
    planes: Mask,
    areas: NDArray[np.int64],
    samples: Sequence[SliceSample],
    preprocess: JudgePreprocess,
) -> list[Box]:
    """Frame every sample; a slice without mask is seen through the nearest filled one's box."""
    filled = np.flatnonzero(areas)
    if not filled.size:
        return [whole_image(planes.shape[1:], stack.pixel_mm)] * len(samples)
    least = _LEAST_SHARE * _largest_extent(planes.inside, stack.pixel_mm)
    boxes = []
    for sample in samples:
        nearest = filled[np.argmin(np.abs(filled - sample.index))]
        boxes.append(preprocess.frame(planes.plane(int(nearest)), stack.pixel_mm, least_mm=least))
    return boxes


def _resized(box: Box, by: float) -> Box:
    row, column = (box.top + box.bottom) / 2, (box.left + box.right) / 2
    height, width = by * (box.bottom - box.top) / 2, by * (box.right - box.left) / 2
    return Box(row - height, row + height, column - width, column + width)


def _largest_extent(planes: NDArray[np.bool_], pixel: tuple[float, float]) -> float:
    """Return the largest height or width of the mask in any slice, in millimetres."""
    extents = [
        _spans(np.asarray(planes.any(axis=2))).max() * pixel[0],
        _spans(np.asarray(planes.any(axis=1))).max() * pixel[1],
    ]
    return float(max(extents))


def _spans(profile: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the distance from the first to the last set entry of each row, 0 for empty rows."""
    first = profile.argmax(axis=1)
    last = profile.shape[1] - profile[:, ::-1].argmax(axis=1)
    return np.asarray(np.where(profile.any(axis=1), last - first, 0), dtype=np.intp)
