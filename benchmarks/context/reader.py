"""A judge that reads what the context says: three more maps, a field more, numbers, and looks."""
import math, pickle, sys, time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
import numpy as np, torch
from torch import Tensor, nn
from torch.nn import functional as F
from common import *
from segassay.data.preprocess import CONDITION_DIM, JudgePreprocess, PlaneStack, untold
from segassay.data.letterbox import letterbox
from segassay.context.looks import GRID, grid_box
from segassay.geometry.resample import Box, BoxResampler
from segassay.models.judge_net import JudgeNetConfig
from segassay.models.context_net import ContextNet, corrected
from segassay.training.context_worlds import *
from segassay.context.votes import N_NUMBERS, PATCHES
from segassay.training.pairs import PairDraw, Pair, _answers, _FLIPPED
from segassay.training.settings import PairRecipe, LossRecipe
from segassay.training.loss import judge_loss, LossParts
from segassay.vocabulary.names import mirrored

N_EXTRA = N_NUMBERS + 3
LOOKS_PX = 24

class ContextPair(NamedTuple):
    pair: Pair
    maps: np.ndarray      # (3, n, n) vote, spread, trust in the crop
    field: np.ndarray     # (1, 64, 64) vote over the whole slice
    numbers: np.ndarray   # (N_EXTRA,)
    looks: np.ndarray     # (d, 24, 24)

def context_inputs(worlds, row, s, w, mask, pixel, box, pre, flip, use):
    """Cut the context's maps of one slice as its crop is cut."""
    shape = mask.shape
    gb = grid_box(box, shape, pixel)
    cut = BoxResampler.to_square((GRID, GRID), gb, pre.crop_px)
    wide = BoxResampler.to_square((GRID, GRID), Box(0, GRID, 0, GRID), pre.field_px)
    small = BoxResampler.to_square((GRID, GRID), gb, LOOKS_PX)
    looks = worlds.looks[row]
    looks = looks[..., ::-1] if flip else looks
    looks = small(looks.astype(np.float32))
    numbers = np.zeros(N_EXTRA, np.float32)
    if not use:
        return np.zeros((3, pre.crop_px, pre.crop_px), np.float32), np.zeros((1, pre.field_px, pre.field_px), np.float32), numbers, looks
    g = np.stack([worlds.votes[row, s, w], worlds.spread[row, s, w], worlds.trust[row, w]]).reshape(3, GRID, GRID).astype(np.float32) / 255
    g = g[..., ::-1] if flip else g
    own = letterbox(shape, pixel, GRID)(mask[None].astype(np.float32))[0]
    p = g[0]
    numbers[:N_NUMBERS] = worlds.numbers[row, s, w]
    numbers[N_NUMBERS] = 1
    numbers[N_NUMBERS + 1] = 2 * (p * own).sum() / max(p.sum() + own.sum(), 1e-3)
    numbers[N_NUMBERS + 2] = np.clip(np.log2((p.sum() + 0.5) / (own.sum() + 0.5)) / 4, -1, 1)
    return cut(g), wide(g[:1]), numbers, looks

class ContextPairDraw(PairDraw):
    def __init__(self, sets, worlds, preprocess, recipe, *, without=0.2, smooth=None):
        super().__init__(sets, preprocess, recipe)
        self.worlds, self.without = worlds, without
    def _finish(self, place, candidate, rng):
        name = place.structure if self._is_named(place) else None
        planes, gold, mask, framed_by = self._views(place, candidate, rng)
        flip = place.store.recipe.plane != "sagittal" and rng.random() < _FLIPPED[place.store.recipe.mirror]
        if flip:
            planes, gold, mask = planes[..., ::-1], gold[:, ::-1], mask[:, ::-1]
            framed_by = None if framed_by is None else framed_by[:, ::-1]
            name = None if name is None else mirrored(name)
        if not candidate.name_needed and rng.random() < self._recipe.name_dropout: name = None
        is_untold = name is None and rng.random() < self._recipe.untold
        stack = self._stack(place.case, planes, rng, any_tones=is_untold)
        box = self._box(place, framed_by, stack, rng)
        modality = place.case.modality
        if rng.random() < self._recipe.modality_dropout: modality = None
        seen = self._preprocess(stack, mask, 1 if stack.is_3d else 0, box, name=name, modality=modality)
        if is_untold: seen = untold(seen)
        W = self.worlds[place.store.recipe.name]
        row, s = W.rows[place.case.case_id, candidate.index], W.structures.index(place.structure)
        w = int(rng.integers(W.votes.shape[2]))
        use = rng.random() >= self.without and W.numbers[row, s, w, 0] > 0
        extra = context_inputs(W, row, s, w, mask, stack.pixel_mm, box, self._preprocess, flip, use)
        return ContextPair(_answers(seen, gold, mask), *extra)

class Batch(NamedTuple):
    crop: Tensor; field: Tensor; condition: Tensor; looks: Tensor
    gold: Tensor; outside: Tensor; dice: Tensor; presence: Tensor; kind: Tensor

def collate(pairs):
    t = torch.from_numpy
    return Batch(
        crop=t(np.stack([np.concatenate([p.pair.seen.crop, p.maps]) for p in pairs])),
        field=t(np.stack([np.concatenate([p.pair.seen.field, p.field]) for p in pairs])),
        condition=t(np.stack([np.concatenate([p.pair.seen.condition, p.numbers]) for p in pairs])),
        looks=t(np.stack([p.looks for p in pairs]).astype(np.float32)),
        gold=t(np.stack([p.pair.gold for p in pairs])),
        outside=torch.tensor([p.pair.outside for p in pairs], dtype=torch.float32),
        dice=torch.tensor([p.pair.dice for p in pairs], dtype=torch.float32),
        presence=torch.tensor([p.pair.presence for p in pairs], dtype=torch.float32),
        kind=torch.tensor([p.pair.kind for p in pairs]))

class Reader(ContextNet):
    def __init__(self, widths=(16, 32, 64, 128), n_looks=64):
        super().__init__(JudgeNetConfig(5 + 3, 3 + 1, CONDITION_DIM + N_EXTRA, widths), n_looks)
    def scored(self, b):
        logits, outside, presence, kind, _, dice, shift, doubt = self.judge(b.crop, b.field, b.condition, b.looks)
        return logits, outside, presence, kind, dice, corrected(dice, shift), doubt

def start_from(net, path):
    from safetensors.torch import load_file
    old, new = load_file(path), net.state_dict()
    for k, v in old.items():
        if new[k].shape == v.shape: new[k] = v
        elif k == "stem.weight": new[k][:, :5] = v; new[k][:, 5:] = 0
        elif k == "look.0.weight": new[k][:, :3] = v; new[k][:, 3:] = 0
        elif k == "know.0.weight":
            new[k][:, :CONDITION_DIM] = v[:, :CONDITION_DIM]; new[k][:, CONDITION_DIM:CONDITION_DIM + N_EXTRA] = 0; new[k][:, CONDITION_DIM + N_EXTRA:] = v[:, CONDITION_DIM:]
        else: raise ValueError((k, v.shape, new[k].shape))
    net.load_state_dict(new)

def loss_of(net, b):
    logits, outside, presence, kind, dice, head, spread = net.scored(b)
    seen = b.crop[:, 4]
    ce = (F.binary_cross_entropy_with_logits(logits, b.gold, reduction="none") * seen).mean() / seen.mean()
    filled = b.kind >= 0; n = filled.sum().clamp_min(1); true = b.dice.nan_to_num()
    dl = (dice - true).abs()[filled].sum() / n
    hl = (head - true).abs()[filled].sum() / n
    nl = ((head.detach() - true).abs() / spread + spread.log())[filled].sum() / n  # Laplace
    ol = (torch.log1p(10 * outside) - torch.log1p(10 * b.outside)).abs().mean()
    pl = F.binary_cross_entropy_with_logits(presence.float(), b.presence)
    kl = F.cross_entropy(kind.float(), b.kind, ignore_index=-1, reduction="sum") / n
    return ce + dl + hl + 0.03 * nl + 0.2 * ol + 0.2 * pl + 0.1 * kl, (ce, dl, hl)
