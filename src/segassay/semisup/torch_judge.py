"""A judge inside a training loop: batches of masks on the device, with gradients.

The same network as in the judge's ONNX file, on the same inputs: `judge.inputs.preprocess` said
once more in tensors, for many masks at once (`docs/how-to/semi-supervised.md`). What a score of an
audit has besides is left out: context and peers, correction of a fitted judge, intervals, the
calibration for structures that it never learned, slices beyond the ends of a structure, and the
closer looks at parts of fine masks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segassay.errors import ModelError, UsageError
from segassay.images.slicing import Sampling
from segassay.judge.documents.description import JudgeKind
from segassay.judge.inputs.preprocess import (
    CONDITION_DIM,
    CROP_CHANNELS,
    FIELD_CHANNELS,
    SCALE_DIM,
    JudgePreprocess,
)
from segassay.judge.networks.judge_net import JudgeNet, JudgeNetConfig
from segassay.judge.networks.onnx_file import folded_state
from segassay.judge.scoring import Judge, load_judge
from segassay.types import DEFAULT_BASE, Modality
from segassay.vocabulary.vector import NAME_DIM, name_vector

FEWEST_PIXELS = 5
"""A mask of fewer counts as empty, as for every judge."""

_SLICES_OF_A_BLOCK = 3
_LEAST_SHARE = 0.5
_LOOKS_TWICE, _CLOSER_AND_WIDER = 3, (0.78, 1.44)
"""As in `judge.scoring.plan`: least extent that is framed, and the rule that looks twice."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of the images besides their pixels.

    Attributes:
        modality: Their kind, `None` if unknown.
        pixel_mm: Size of a pixel (row, column) in millimetres; `None` if unknown.
        thickness_mm: Distance of the slices of a volume; `None` if unknown.
        in_volume: Whether images are slices or blocks of volumes rather than pictures.
    """

    modality: Modality | None = None
    pixel_mm: tuple[float, float] | None = None
    thickness_mm: float | None = None
    in_volume: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a judge says of masks `(b, s)`.

    Attributes:
        dice: Expected Dice in [0, 1], low = bad; NaN for empty masks.
        value: The same, calibrated as the judge's scores are; without a gradient.
        presence: Probability in [0, 1] that the structure is in the image. NaN where the judge does
            not know the structure by name: then nobody measured what it is worth.
    """

    dice: Tensor
    value: Tensor
    presence: Tensor

    @property
    def absent_ok(self) -> Tensor:
        """Whether a mask is empty and rightly so, `(b, s)`: the structure is not seen, either."""
        return self.dice.isnan() & (self.presence < 0.5)


class TorchJudge(nn.Module):
    """A judge of maps as a frozen torch module; move it to a device like any other.

    Weights and normalisations never change, whatever `train` or an optimizer wants.
    """

    conditions: Tensor
    knots: Tensor

    def __init__(
        self,
        judge: Judge | str | Path = DEFAULT_BASE,
        structures: Sequence[str | None] = (None,),
        scene: Scene | None = None,
    ) -> None:
        """Load the network.

        Args:
            judge: From `load_judge`, or its name or folder. It must draw maps without a context, as
                judge-small and judges fitted with `fit --full` do.
            structures: Name of the structure in every channel of the masks; `None` to judge
                without a name. Names that the judge does not know are judged without.
            scene: What is known of the images.

        Raises:
            ModelError: Its file holds another network.
            UsageError: It is of another kind.
        """
        super().__init__()
        judge = judge if isinstance(judge, Judge) else load_judge(str(judge))
        meta, self.scene = judge.folder.meta, scene or Scene()
        if meta.kind is not JudgeKind.MAP or meta.recipe is None or not meta.recipe.widths:
            raise UsageError(
                f"{judge.folder.path.name}: a judge of kind {meta.kind.value!r} cannot be asked in "
                f"training; give one that draws maps without a context, such as {DEFAULT_BASE}"
            )
        self.net = JudgeNet(
            JudgeNetConfig(CROP_CHANNELS, FIELD_CHANNELS, CONDITION_DIM, meta.recipe.widths)
        )
        try:
            self.net.load_state_dict(folded_state(self.net, judge.folder.onnx))
        except (KeyError, RuntimeError) as error:
            raise ModelError.of_version(judge.folder.path, error) from error
        self.model_id = judge.model_id
        self.settings = JudgePreprocess(**meta.preprocess.model_dump())
        self.sampling = None if meta.sampling is None else Sampling(**meta.sampling.model_dump())
        self.structures = tuple(structures)
        names = [judge.named(name, self.scene.modality) for name in self.structures]
        self.known = tuple(name.known is not None for name in names)
        kinds = [None if name.is_unknown else self.scene.modality for name in names]
        rows = [
            _condition(name.known, kind, self.settings)
            for name, kind in zip(names, kinds, strict=True)
        ]
        self.register_buffer("conditions", torch.from_numpy(np.stack(rows)), persistent=False)
        curve = judge.folder.calibration
        straight = curve is None or judge.folder.adapter is not None
        knots = [[0.0, 1.0], [0.0, 1.0]] if straight else [curve.raw, curve.expected]  # type: ignore[union-attr]
        self.register_buffer("knots", torch.tensor(knots, dtype=torch.float32), persistent=False)
        self.requires_grad_(requires_grad=False)
        self.eval()

    def train(self, mode: bool = True) -> "TorchJudge":
        """Stay as it is: a judge that learned on would no longer be the one that was tested."""
        del mode
        return super().train(mode=False)

    def forward(
        self, image: Tensor, masks: Tensor, *, soft: bool = False, full_gradient: bool = False
    ) -> Judged:
        """Judge the masks of a batch of images.

        Args:
            image: `(b, c, h, w)` in display orientation, any scale of grey values: of one channel,
                or of three, the slice below, the slice, and the slice above. HU must be cut to a
                window before. Or blocks `(b, 1, d, h, w)`, of which three slices that hold a mask
                are looked at.
            masks: Probabilities or 0 and 1, `(b, s, h, w)` or `(b, s, d, h, w)`, a channel for each
                of `structures`. What lies above 0.5 is the mask that is judged.
            soft: Whether `dice` is that of the probabilities m, with a gradient:
                `2 Σ p m / (Σ p + outside + Σ m)`, where p, the judge's map of the right mask, comes
                from the mask above 0.5 and has none. By default that of the mask above 0.5.
            full_gradient: With `soft`, whether the network is given the probabilities and the
                gradient flows through it, too (QG-SSL, equation 5): it never saw such masks.

        Returns:
            For each mask, `(b, s)`.

        Raises:
            UsageError: Images and masks do not belong together.
        """
        self._require(image, masks)
        with torch.autocast(image.device.type, enabled=False):
            image, masks = image.detach().float(), masks.float()
            flat = masks.flatten(2)
            sizes = (flat.detach() > 0.5).sum(2)
            filled = sizes >= FEWEST_PIXELS
            asked = filled | torch.tensor(self.known, device=image.device)
            cases, names = asked.nonzero(as_tuple=True)
            dice = torch.full(filled.shape, torch.nan, device=image.device)
            presence = dice.clone()
            if len(cases):
                if not soft:
                    masks = (masks.detach() > 0.5).float()
                found, seen = self._judged(
                    image, masks, cases, names, full_gradient=soft and full_gradient
                )
                presence[cases, names] = seen
                some = filled[cases, names]
                dice = dice.index_put((cases[some], names[some]), found[some])
        unnamed = torch.tensor(self.known, device=image.device).logical_not()
        presence[:, unnamed] = torch.nan
        return Judged(dice, self._calibrated(dice.detach()), presence)

    @torch.no_grad()
    def errors(self, image: Tensor, masks: Tensor) -> Tensor:
        """Return the probability that a pixel of a mask is wrong, `(b, s, h, w)` in [0, 1].

        0 beyond what the judge looks at, and for empty masks. Pictures and slices alone; arguments
        as in `forward`.
        """
        self._require(image, masks)
        if image.ndim != 4:
            raise UsageError(f"images {tuple(image.shape)}: expected slices (b, 1 or 3, h, w)")
        hard = masks.detach() > 0.5
        wrong = torch.zeros(masks.shape, device=masks.device)
        cases, names = (hard.flatten(2).sum(2) >= FEWEST_PIXELS).nonzero(as_tuple=True)
        if len(cases):
            own = hard[cases, names].float()
            looks = [
                self._look(image.float()[cases], own, own, names, by, full_gradient=False)
                for by in self._factors
            ]
            expected = torch.stack([one.pasted for one in looks]).mean(0)
            inside = torch.stack([one.inside for one in looks]).amin(0) > 0.5
            wrong[cases, names] = torch.where(inside, (expected - own).abs(), 0.0).clamp(0, 1)
        return wrong

    @property
    def _factors(self) -> tuple[float, ...]:
        """Sides of the boxes that a mask is seen through, in units of the usual one."""
        twice = self.settings.frame_rule == _LOOKS_TWICE and not self.scene.in_volume
        return _CLOSER_AND_WIDER if twice else (1.0,)

    def _require(self, image: Tensor, masks: Tensor) -> None:
        fits = (
            image.ndim == masks.ndim
            and image.ndim in (4, 5)
            and image.shape[0] == masks.shape[0]
            and image.shape[2:] == masks.shape[2:]
            and image.shape[1] in ((1, 3) if image.ndim == 4 else (1,))
            and masks.shape[1] == len(self.structures)
        )
        if not fits:
            raise UsageError(
                f"images {tuple(image.shape)} and masks {tuple(masks.shape)}: expected "
                f"(b, 1 or 3, h, w) and (b, {len(self.structures)}, h, w), or blocks with a depth"
            )

    def _judged(
        self, image: Tensor, masks: Tensor, cases: Tensor, names: Tensor, *, full_gradient: bool
    ) -> tuple[Tensor, Tensor]:
        """Return Dice and presence of the masks `(n,)` that cases and names point at."""
        soft = masks[cases, names]
        least = None
        n = 1
        planes = image[cases]
        if image.ndim == 5:
            planes, soft, least, n = _slices_of(planes[:, 0], soft)
            names = names.repeat_interleave(n)
        hard = (soft.detach() > 0.5).float()
        looks = [
            self._look(planes, hard, soft, names, by, least, full_gradient=full_gradient)
            for by in self._factors
        ]
        area = soft.sum((1, 2))
        overlap = torch.stack([one.overlap for one in looks]).mean(0)
        true = torch.stack([one.true for one in looks]).mean(0)
        presence = torch.stack([one.presence for one in looks]).mean(0)
        area, overlap, true = (one.reshape(-1, n).sum(1) for one in (area, overlap, true))
        dice = (2 * overlap / (true + area).clamp_min(1e-6)).clamp(max=1.0)
        return dice, presence.reshape(-1, n).mean(1)

    def _look(
        self,
        planes: Tensor,
        hard: Tensor,
        soft: Tensor,
        names: Tensor,
        by: float,
        least: Tensor | None = None,
        *,
        full_gradient: bool,
    ) -> "_Look":
        """Look at masks `(n, h, w)` of slices `(n, 1 or 3, h, w)` through boxes `by` the usual."""
        pixel = self.scene.pixel_mm or (1.0, 1.0)
        set_ = self.settings
        box = _boxes(hard, pixel, set_, by, least)
        whole = _boxes(torch.zeros_like(hard), pixel, set_, 1.0, None)
        cut = _Cut.of(box, hard.shape[1:], set_.crop_px)
        wide = _Cut.of(whole, hard.shape[1:], set_.field_px)
        marked = cut(soft[:, None])[:, 0]
        given = soft if full_gradient else hard
        with torch.set_grad_enabled(full_gradient and torch.is_grad_enabled()):
            shown = planes if planes.shape[1] == 3 else planes.expand(-1, 3, -1, -1)
            mask_in = cut(given[:, None])
            pictures = _standardised(cut(shown), cut.coverage, set_.clip)
            crop = torch.cat([pictures, mask_in, cut.coverage[:, None]], dim=1)
            middle = planes[:, planes.shape[1] // 2][:, None]
            field = torch.cat(
                [
                    _standardised(wide(middle), wide.coverage, set_.clip),
                    wide(given[:, None]),
                    _frames(box, whole, set_.field_px)[:, None],
                ],
                dim=1,
            )
            condition = self._conditions(box, names, mask_in, hard.shape[1:], pixel)
            logits, outside, presence, _, embedding = self.net(crop, field, condition)
            p = self.net.expected_map(logits, embedding) * cut.coverage
        cells = (box[:, 1] - box[:, 0]) * (box[:, 3] - box[:, 2])
        cells = cells.float() / set_.crop_px**2
        true = (p.mean((1, 2)) + outside) * set_.crop_px**2 * cells
        overlap = (p * marked).sum((1, 2)) * cells
        area = soft.sum((1, 2))
        overlap = torch.minimum(torch.minimum(overlap, area), true)
        drawn = self.net.expected_map(logits, embedding)
        return _Look(overlap, true, presence.sigmoid(), drawn, cut)

    def _conditions(
        self,
        box: Tensor,
        names: Tensor,
        mask_in: Tensor,
        shape: Sequence[int],
        pixel: tuple[float, float],
    ) -> Tensor:
        """Write the vectors `(n, CONDITION_DIM)` of `judge.inputs.preprocess.condition_vector`."""
        set_, scene = self.settings, self.scene
        largest = set_.largest_slice_px if scene.in_volume else set_.largest_px
        reduction = min(1.0, largest / max(shape))
        side = box[:, 1] - box[:, 0]
        fineness = (side * reduction / set_.crop_px).log2()
        known = scene.pixel_mm is not None
        thickness = scene.thickness_mm if known and scene.in_volume else None
        told = torch.tensor([self.known[n] or set_.tells_nameless for n in names.tolist()])
        told = told.to(box.device)
        nothing = torch.zeros_like(side)
        scale = torch.stack(
            [
                torch.where(told, (side * pixel[0] / 100).log2() if known else nothing, 0.0),
                torch.where(told, 0.0 if thickness is None else log2(thickness / 5), 0.0) + nothing,
                (told & known).to(side.dtype),
                nothing + float(scene.in_volume),
                torch.where(told, fineness, fineness.clamp(max=0)),
            ],
            dim=1,
        ).float()
        share = mask_in.mean((1, 2, 3))[:, None]
        return torch.cat([self.conditions[names], scale, share], dim=1)

    def _calibrated(self, raw: Tensor) -> Tensor:
        """Return expected Dice of raw scores on the judge's curve; NaN stays NaN."""
        x, y = self.knots[0], self.knots[1]
        at = torch.searchsorted(x, raw.nan_to_num().contiguous(), right=True)
        at = at.clamp(1, len(x) - 1)
        share = (raw - x[at - 1]) / (x[at] - x[at - 1]).clamp_min(1e-9)
        return y[at - 1] + share.clamp(0, 1) * (y[at] - y[at - 1])


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What the network says of masks `(n,)`: areas in pixels, and its map in the crop."""

    overlap: Tensor
    true: Tensor
    presence: Tensor
    map: Tensor
    cut: "_Cut"

    @property
    def pasted(self) -> Tensor:
        """The map on the pixels of the slices, `(n, h, w)`."""
        return self.cut.paste(self.map)

    @property
    def inside(self) -> Tensor:
        """How much of every pixel lies in the crop."""
        return self.cut.paste(torch.ones_like(self.map))


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """`geometry.resample.BoxResampler` for a batch: a box of its own for every image.

    `rows` `(n, out, h)` and `columns` `(n, out, w)` are dense: images in training are small.
    """

    rows: Tensor
    columns: Tensor
    coverage: Tensor

    @classmethod
    def of(cls, box: Tensor, shape: Sequence[int], n_out: int) -> "_Cut":
        """Prepare the cut of boxes `(n, 4)` (top, bottom, left, right)."""
        rows = _axis_weights(box[:, 0], box[:, 1], shape[0], n_out)
        columns = _axis_weights(box[:, 2], box[:, 3], shape[1], n_out)
        return cls(rows, columns, rows.sum(2)[:, :, None] * columns.sum(2)[:, None, :])

    def __call__(self, images: Tensor) -> Tensor:
        """Resample `(n, c, h, w)` to `(n, c, out, out)`; zero outside of the image."""
        return self.rows[:, None] @ images @ self.columns[:, None].mT

    def paste(self, crops: Tensor) -> Tensor:
        """Spread crops `(n, out, out)` back over their images `(n, h, w)`; zero outside the box."""
        rows, columns = (_normalised(weights.mT) for weights in (self.rows, self.columns))
        return rows @ crops @ columns.mT


def _normalised(weights: Tensor) -> Tensor:
    total = weights.sum(2, keepdim=True)
    return weights / total.where(total > 1e-6, 1.0)


def _axis_weights(low: Tensor, high: Tensor, n_in: int, n_out: int) -> Tensor:
    """Return the weights `(n, n_out, n_in)` of `geometry.resample.axis_resampler`.

    A triangle round the middle of every output pixel, its sum over all pixels of an endless axis 1:
    the rows of this one sum to what of them lies inside the image.
    """
    step = (high - low)[:, None] / n_out
    support = step.clamp_min(1.0)
    at = low[:, None] + (torch.arange(n_out, device=low.device) + 0.5) * step - 0.5
    pixels = torch.arange(n_in, device=low.device, dtype=low.dtype)
    weights = (1 - (pixels - at[:, :, None]).abs() / support[:, :, None]).clamp_min(0)
    past = at - at.floor()
    n_before, n_after = (support - past).ceil(), (support + past).ceil() - 1
    total = n_before - (n_before * past + n_before * (n_before - 1) / 2) / support
    total = total + n_after - (n_after * (n_after + 1) / 2 - n_after * past) / support
    return (weights / total[:, :, None]).float()


def _boxes(
    hard: Tensor,
    pixel: tuple[float, float],
    settings: JudgePreprocess,
    by: float,
    least: Tensor | None,
) -> Tensor:
    """Return boxes `(n, 4)` round masks `(n, h, w)`, as `JudgePreprocess.frame` places them.

    Of an empty mask the whole image. Double precision: boxes decide which pixels are averaged.
    """
    exact = torch.float32 if hard.device.type == "mps" else torch.float64
    (top, bottom), (left, right) = (_ends(hard.amax(axis), exact) for axis in (2, 1))
    height, width = (bottom - top) * pixel[0], (right - left) * pixel[1]
    side = torch.maximum(height, width)
    if least is not None:
        side = torch.maximum(side, least.to(exact))
    side = (settings.crop_factor * side).clamp_min(settings.min_pixels * min(pixel)) * by
    rows, columns = (top + bottom) / 2, (left + right) / 2
    h, w = hard.shape[1:]
    empty = hard.amax((1, 2)) == 0
    side = side.where(~empty, max(h * pixel[0], w * pixel[1]))
    rows, columns = rows.where(~empty, h / 2), columns.where(~empty, w / 2)
    half_r, half_c = side / pixel[0] / 2, side / pixel[1] / 2
    return torch.stack([rows - half_r, rows + half_r, columns - half_c, columns + half_c], dim=1)


def _ends(profile: Tensor, exact: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return where the filled part of profiles `(n, length)` begins and ends; all if empty."""
    first = profile.argmax(1).to(exact)
    last = profile.shape[1] - profile.flip(1).argmax(1).to(exact)
    return first, last


def _standardised(planes: Tensor, coverage: Tensor, clip: float) -> Tensor:
    """As `JudgePreprocess.standardise`, for planes `(n, c, k, k)` and coverage `(n, k, k)`."""
    inside = (coverage > 0.5).to(planes.dtype)[:, None]
    n = inside.sum((2, 3), keepdim=True).clamp_min(1)
    values = planes / coverage[:, None].clamp_min(0.5)
    mean = (values * inside).sum((2, 3), keepdim=True) / n
    values = (values - mean) * inside
    spread = (values.square().sum((2, 3), keepdim=True) / n).sqrt()
    flat = spread < 1e-6 * mean.abs().clamp_min(1.0)
    return (values / spread.where(~flat, torch.inf)).clamp(-clip, clip)


def _frames(box: Tensor, whole: Tensor, n_out: int) -> Tensor:
    """Draw where the crops lie on the whole slices, `(n, n_out, n_out)`, 1 inside."""
    steps = (torch.arange(n_out, device=box.device, dtype=box.dtype) + 0.5) / n_out
    inside = []
    for low, high in ((0, 1), (2, 3)):
        at = whole[:, low, None] + steps * (whole[:, high] - whole[:, low])[:, None]
        inside.append((at >= box[:, low, None]) & (at < box[:, high, None]))
    return (inside[0][:, :, None] & inside[1][:, None, :]).float()


def _slices_of(blocks: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    """Choose slices, evenly over those that hold a mask; of an empty one over the block.

    Args:
        blocks: `(n, d, h, w)`.
        masks: Of the same shape.

    Returns:
        Slices with their neighbours `(n * k, 3, h, w)`, their masks `(n * k, h, w)`, the least
        extent to frame `(n * k,)` in pixels, and k.
    """
    n, d = blocks.shape[:2]
    k = min(_SLICES_OF_A_BLOCK, d)
    hard = masks.detach() > 0.5
    filled = hard.any(3).any(2)
    filled = torch.where(filled.any(1, keepdim=True), filled, torch.ones_like(filled))
    rank = filled.cumsum(1) - 1
    last = rank[:, -1:]
    wanted = ((torch.arange(k, device=blocks.device) + 0.5) / k * (last + 1)).long().clamp(max=last)
    index = ((rank[:, None] == wanted[:, :, None]) & filled[:, None]).int().argmax(2)
    cases = torch.arange(n, device=blocks.device)[:, None]
    around = [blocks[cases, (index + by).clamp(0, d - 1)] for by in (-1, 0, 1)]
    extents = torch.stack([_extent(hard.any(2)), _extent(hard.any(3))]).amax(0)
    least = (_LEAST_SHARE * extents)[:, None].expand(-1, k).flatten()
    return torch.stack(around, dim=2).flatten(0, 1), masks[cases, index].flatten(0, 1), least, k


def _extent(profiles: Tensor) -> Tensor:
    """Return the longest extent of the filled parts of profiles `(n, d, length)`."""
    first, last = _ends(profiles.flatten(0, 1).float(), torch.float32)
    spans = (last - first).where(profiles.flatten(0, 1).any(1), 0.0)
    longest: Tensor = spans.reshape(profiles.shape[:2]).amax(1)
    return longest


def _condition(name: str | None, kind: Modality | None, settings: JudgePreprocess) -> Any:
    """Return name and modality as the judge is told them; the scale is added by image."""
    modalities = tuple(Modality)
    told = np.zeros(CONDITION_DIM - SCALE_DIM - NAME_DIM, dtype=np.float32)
    hidden = name is None and not settings.tells_nameless
    told[-1 if kind is None or hidden else modalities.index(kind)] = 1.0
    return np.concatenate([name_vector(name), told])
