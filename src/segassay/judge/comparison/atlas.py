"""One image laid over another: the whole first, then closely where trusted labels lie."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from segassay.geometry.affine_fit import AffineMap, Floats, fit_affine, grid_points, warped
from segassay.geometry.demons import demons
from segassay.geometry.resample import resized
from segassay.images.volume import Volume

BoolArray = NDArray[np.bool_]
Window = tuple[slice, ...]

_PERCENTILES = (1.0, 99.0)
_FLAT = 0.05
"""Local variance, in parts of the whole image's, below which contrast counts as noise."""

_TURNS = (-60, -30, 30, 60, 90, 180)
"""Degrees by which a 2D image is turned to begin with: probes are held at any angle."""


@dataclass(frozen=True, slots=True)
class Registration:
    """How images are laid over one another; chosen on training subjects of the shared sets.

    `longest_2d` and `longest_3d` are the pixels along the longest axis of the reduced images;
    `margin` is the share of the labels' extent that is looked at around them; `rough` are the
    factors by which the whole images are reduced for a first affine fit, `bent` those of the
    demons, of which `steps` are made per level; `smooth` is the Gaussian of their field in pixels,
    `nearby` the Gaussian within which they compare contrast rather than brightness. `measured` are
    the points of comparison along the longest axis.
    """

    longest_2d: int = 96
    longest_3d: int = 64
    margin: float = 0.2
    rough: tuple[int, ...] = (8, 4, 2)
    bent: tuple[int, ...] = (4, 2, 1)
    steps: int = 20
    smooth: float = 1.0
    nearby: float = 4.0
    measured: int = 128


QUICK = Registration(rough=(8, 4), bent=(4, 2), smooth=0.7, measured=96)
"""For many images and many cases: a third of the time for nearly as good a mean of ten labels.

The finest level took half of the time; a narrower Gaussian on the next one makes up for it
(`docs/decisions/0034`).
"""


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of 2 or 3 axes, those of one voxel left out, with the size of its voxels."""

    array: Floats
    spacing_mm: NDArray[np.float64]
    spacing_known: bool

    @classmethod
    def of(cls, image: Volume) -> "Picture":
        """Take the axes of a volume that have more than one voxel."""
        keep = [axis for axis, n in enumerate(image.grid.shape) if n > 1]
        array = np.asarray(image.array, dtype=np.float32)
        spacing = np.array(image.grid.spacing_mm)[keep]
        return cls(array.reshape([array.shape[a] for a in keep]), spacing, image.spacing_known)

    @cached_property
    def centre_of_mass(self) -> NDArray[np.float64]:
        """Where its brightness has its middle, in voxels `(d,)`."""
        patch = self.reduced(32)
        weight = (patch.pixels - patch.pixels.min() + 1e-6).ravel()
        points = patch.place(grid_points(patch.pixels.shape)).reshape(patch.pixels.ndim, -1)
        return np.asarray(points @ weight / weight.sum())

    def reduced(self, longest: int) -> "Patch":
        """Return the whole image with at most `longest` pixels along its longest axis, kept."""
        if longest not in self._reduced:
            extent = self.spacing_mm * self.array.shape
            whole = tuple(slice(0, n) for n in self.array.shape)
            self._reduced[longest] = self.patch(whole, extent.max() / longest)
        return self._reduced[longest]

    @cached_property
    def _reduced(self) -> dict[int, "Patch"]:
        return {}

    def at_most(self, longest: int) -> tuple["Picture", AffineMap]:
        """Return it with at most so many voxels along each axis, and the map to its own voxels."""
        shape = [min(n, longest) for n in self.array.shape]
        spacing = self.spacing_mm * self.array.shape / shape
        small = Picture(resized(self.array, shape), spacing, self.spacing_known)
        return small, AffineMap.between(shape, self.array.shape)

    def patch(self, window: Window, step_mm: float) -> "Patch":
        """Return a part of the image with steps of about `step_mm`, never finer than it is."""
        part = self.array[window]
        wanted = np.rint(np.array(part.shape) * self.spacing_mm / step_mm).astype(int)
        shape = [int(n) for n in np.clip(wanted, 1, part.shape)]
        start = np.array([s.start for s in window], dtype=np.float64)
        place = AffineMap(np.eye(len(start)), start).after(AffineMap.between(shape, part.shape))
        small = resized(part, shape)
        return Patch(np.clip(small, *np.percentile(small, _PERCENTILES)), place, step_mm)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A reduced part of an image; `place` leads from its pixels to the image's voxels."""

    pixels: Floats
    place: AffineMap
    step_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Correspondence:
    """Leads from the voxels of one image to those of another: bent inside a patch, then affine.

    `patch` leads from its pixels to voxels along each axis by itself, `field` is how far its pixels
    are moved, `affine` leads on to the other image.
    """

    patch: AffineMap
    field: Floats
    affine: AffineMap

    def __call__(self, axes: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
        """Map a grid of voxels, given by its indices along each axis `(n,)`, to `(d, *n)`.

        Beyond the patch its border's displacement holds.
        """
        pairs = zip(axes, self.patch.shift, np.diag(self.patch.matrix), strict=True)
        pixels = [np.asarray((at - shift) / step, dtype=np.float32) for at, shift, step in pairs]
        bent = self.field
        for axis, at in enumerate(pixels, start=1):
            weights = _interpolation(at, bent.shape[axis])
            bent = np.moveaxis(np.tensordot(weights, bent, axes=(1, axis)), 0, axis)
        return self.affine.after(self.patch)(bent + np.stack(np.meshgrid(*pixels, indexing="ij")))

    def into(self, further: AffineMap) -> "Correspondence":
        """Return the way on to another grid of the second image."""
        return replace(self, affine=further.after(self.affine))


class Overlay:
    """Lays images over `fixed`, most closely in `region`, of which all is prepared once."""

    def __init__(self, fixed: Picture, region: Window, how: Registration) -> None:
        self._fixed, self._how = fixed, how
        self._longest = how.longest_3d if fixed.array.ndim == 3 else how.longest_2d
        extent = np.array([s.stop - s.start for s in region]) * fixed.spacing_mm
        self._close = fixed.patch(region, float(extent.max()) / self._longest)
        self._whole = fixed.reduced(self._longest)
        self._contrast = _contrast(self._close.pixels, how.nearby)

    def __call__(self, moving: Picture) -> Correspondence:
        """Find where the voxels of the fixed image lie in another of as many axes."""
        how, close = self._how, self._close
        starts = _starts(self._fixed, moving)
        rough = _fit(self._whole, moving.reduced(self._longest), starts, levels=how.rough)
        whole = tuple(slice(0, n) for n in moving.array.shape)
        other = moving.patch(whole, close.step_mm)
        affine = _fit(close, other, [rough, *starts], levels=(4, 2))
        inner = other.place.inverse().after(affine).after(close.place)
        laid, _ = warped(other.pixels, inner(grid_points(close.pixels.shape)))
        contrast = _contrast(laid, how.nearby)
        field = demons(
            self._contrast, contrast, levels=how.bent, steps=how.steps, smooth=how.smooth
        )
        return Correspondence(close.place, field, affine)


def around(masks: Sequence[BoolArray], margin: float) -> Window:
    """Return the box of masks of one shape with a margin, a share of its sides, in the image."""
    anywhere = np.any(masks, axis=0)
    window = []
    for axis, n in enumerate(anywhere.shape):
        others = tuple(a for a in range(anywhere.ndim) if a != axis)
        filled = np.flatnonzero(anywhere.any(axis=others))
        more = int(np.ceil(margin * (filled[-1] - filled[0] + 1)))
        window.append(slice(max(0, int(filled[0]) - more), min(n, int(filled[-1]) + 1 + more)))
    return tuple(window)


def _fit(
    fixed: Patch, moving: Patch, starts: Sequence[AffineMap], *, levels: Sequence[int]
) -> AffineMap:
    """Fit an affine map between the voxels of two images on patches of them."""
    back = moving.place.inverse()
    inner = [back.after(start).after(fixed.place) for start in starts]
    found = fit_affine(fixed.pixels, moving.pixels, inner, levels=levels, steps=20)
    return moving.place.after(found).after(fixed.place.inverse())


def _starts(fixed: Picture, moving: Picture) -> list[AffineMap]:
    """Return rough guesses: the same box, the same scale with middles or masses together, turns."""
    box = AffineMap.between(fixed.array.shape, moving.array.shape)
    matrix = box.matrix
    if fixed.spacing_known and moving.spacing_known:
        matrix = np.diag(fixed.spacing_mm / moving.spacing_mm)
    middles = [(np.array(p.array.shape) - 1) / 2 for p in (fixed, moving)]
    masses = [p.centre_of_mass for p in (fixed, moving)]
    same_scale = [AffineMap(matrix, there - matrix @ here) for here, there in (middles, masses)]
    turned = [box.after(_turn(fixed, degrees)) for degrees in _TURNS if fixed.array.ndim == 2]
    return [box, *same_scale, *turned]


def _turn(picture: Picture, degrees: float) -> AffineMap:
    """Turn a 2D image about its middle."""
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    matrix = turn * picture.spacing_mm[None] / picture.spacing_mm[:, None]
    middle = (np.array(picture.array.shape) - 1) / 2
    return AffineMap(matrix, middle - matrix @ middle)


def _interpolation(at: Floats, n: int) -> Floats:
    """Return linear weights `(points, n)` on n pixels in a row; beyond them the last one counts."""
    inside = np.clip(at, 0, n - 1)
    apart = np.abs(inside[:, None] - np.arange(n, dtype=np.float32))
    return np.asarray(np.maximum(0, 1 - apart), dtype=np.float32)


def _contrast(image: Floats, nearby: float) -> Floats:
    """Return an image less its local mean, divided by its local spread; flat parts stay flat."""
    values = (image - image.mean()) / max(float(image.std()), 1e-6)
    values = values - ndi.gaussian_filter(values, nearby)
    spread = np.sqrt(ndi.gaussian_filter(values**2, nearby) + _FLAT)
    return np.asarray(values / spread, dtype=np.float32)
