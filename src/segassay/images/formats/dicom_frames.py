"""Frames of one DICOM object on their grid, also a sheared one, as a tilted gantry leaves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_OFF = 0.05
"""Share of the step between slices, or of a pixel, by which a frame may lie off its place."""

_OFF_MM = 0.01
"""Rounding of positions in millimetres."""

_MOST_BETWEEN = 20
"""Slices that may be missing between any two frames: a SEG object leaves out empty ones."""

_SAME_DIRECTION = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Where the frames of an object lie; millimetres in DICOM's axes (left, back, head).

    `places` are the centres of the frames' first pixels, `turn` the directions along rows and along
    columns, `pixel_mm` the size of a pixel (row, column), `size` rows and columns. `segments` are
    the numbers of the segments that frames belong to, 0 for none.
    """

    places: NDArray[np.float64]
    turn: NDArray[np.float64]
    pixel_mm: tuple[float, float]
    thick_mm: float
    size: tuple[int, int]
    segments: tuple[int, ...]

    @classmethod
    def of(cls, data: Any) -> Self:
        """Read the groups of every frame, shared ones where a frame has none of its own.

        Raises:
            AttributeError, KeyError, ValueError: They do not tell where frames lie.
        """
        shared = data.SharedFunctionalGroupsSequence[0]
        frames = data.PerFrameFunctionalGroupsSequence

        def group(frame: Any, name: str) -> Any:
            """Return a frame's own group, or the shared one."""
            return (frame.get(name) or shared.get(name))[0]

        def of_all(name: str, what: str) -> NDArray[np.float64]:
            """Return what a group says, of every frame."""
            return np.array([getattr(group(f, name), what) for f in frames], dtype=np.float64)

        turns = of_all("PlaneOrientationSequence", "ImageOrientationPatient")
        sizes = of_all("PixelMeasuresSequence", "PixelSpacing")
        if np.ptp(turns, axis=0).max() > _SAME_DIRECTION or np.ptp(sizes, axis=0).max() > 1e-4:
            raise ValueError("frames of several directions or pixel sizes")
        measures = group(frames[0], "PixelMeasuresSequence")
        return cls(
            of_all("PlanePositionSequence", "ImagePositionPatient"),
            turns[0].reshape(2, 3),
            (float(sizes[0][0]), float(sizes[0][1])),
            float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 1.0),
            (int(data.Rows), int(data.Columns)),
            tuple(_segment_of(frame) for frame in frames),
        )


def stacked(
    frames: Frames, pixels: NDArray[Any], own: Sequence[int] | None = None
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Put frames `(frame, row, column)` into one array.

    The array begins at the lowest of all frames and ends at the highest. Those of its slices that
    no frame belongs to are 0. `own` picks frames; they lie on the grid of all.

    Returns:
        The array `(column, row, slice)` and its affine, in DICOM's axes.

    Raises:
        ValueError: The frames do not lie at even distances, or two at one place.
    """
    steps, step = _even_steps(frames)
    chosen = range(len(steps)) if own is None else own
    if len({steps[n] for n in chosen}) < len(chosen):
        raise ValueError("two frames at one place")
    array = np.zeros((*frames.size[::-1], max(steps) + 1), dtype=pixels.dtype)
    for n in chosen:
        array[..., steps[n]] = pixels[n].T
    affine = np.eye(4)
    affine[:3, 0] = frames.turn[0] * frames.pixel_mm[1]
    affine[:3, 1] = frames.turn[1] * frames.pixel_mm[0]
    affine[:3, 2] = step
    affine[:3, 3] = frames.places[steps.index(0)]
    return array, affine


def _even_steps(frames: Frames) -> tuple[list[int], NDArray[np.float64]]:
    """Return how many steps each frame lies from the lowest one, and the step in mm."""
    normal = np.cross(*frames.turn)
    heights = frames.places @ normal
    lowest, highest = int(heights.argmin()), int(heights.argmax())
    away = heights - heights[lowest]
    gaps = np.diff(np.sort(away))
    gaps = gaps[gaps > _OFF_MM]
    if not gaps.size:
        return [0] * len(away), normal * frames.thick_mm
    tolerance = _OFF * min(gaps.min(), *frames.pixel_mm)
    for between in range(1, _MOST_BETWEEN + 1):
        steps = np.rint(away / (gaps.min() / between)).astype(int)
        step = (frames.places[highest] - frames.places[lowest]) / steps[highest]
        off = frames.places - frames.places[lowest] - steps[:, None] * step
        if np.abs(off).max() <= max(tolerance, _OFF_MM):
            return steps.tolist(), step
    raise ValueError("frames do not lie at even distances; resample the series and export again")


def _segment_of(frame: Any) -> int:
    found = frame.get("SegmentIdentificationSequence")
    return int(found[0].ReferencedSegmentNumber) if found else 0
