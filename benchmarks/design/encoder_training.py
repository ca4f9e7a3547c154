"""The encoder of the context learns by what patches are alike, where labels are to be drawn.

Published weights know photographs. Trunk and projection learn on: slices of a few subjects of one
data set are drawn, and each one's labels are voted on by the others', as in use
(`judge.context.votes`, `judge.context.closeups`). The votes should draw them. Voting has no
parameters, so nothing is learned of single structures or data sets but how tissue is matched with
tissue. (Segmentation from a few labelled images by matching features: Wang et al., PANet, ICCV
2019.)
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.design.patch_encoder import PatchEncoder
from segassay.judge.context.closeups import CLOSE_VOTING
from segassay.judge.context.looks import GRID, SIDE_PX, picture
from segassay.judge.context.votes import Voting
from segassay.judge.inputs.letterbox import letterbox
from segassay.training.material.context_worlds import slices_of
from segassay.training.material.store import StoredSet
from segassay.types import Say

_FINE = 2 * GRID
"""Cells along a side in which labels are kept: close-ups look closer than the grid of patches."""

_PER_CASE, _PER_SET = 6, 60
"""Slices of a case and of a set that are learned from."""

_SUBJECTS = 4
"""Whose slices vote on one another in a draw."""

_STRUCTURES = 3
"""Structures that are voted on in a draw, at most: that which slices are drawn for, and others."""

_QUERIES = 256
"""Patches of each slice that are voted on in a draw; all others vote."""

_DRAWS = 2
"""Draws of a step."""

_TRUNK_RATE, _PROJECTION_RATE, _DECAY = 2e-4, 1e-3, 1e-4
_WARM_UP, _LEAST = 0.03, 0.02
_SAVED_S = 300.0
_SMALLEST = 0.15
"""Patches that a label has to cover for its votes to be asked about."""


@dataclass(frozen=True, slots=True, eq=False)
class SliceSet:
    """Slices of one data set as the encoder sees them, `n` slices, `s` structures.

    `pictures` `(n, 3, SIDE_PX, SIDE_PX)` half precision, `shares` `(n, s, _FINE, _FINE)` bytes,
    `labelled` `(n, s)`: whether somebody labelled the structure there; `subjects` `(n,)` and
    `levels` `(n,)`: whose a slice is, and its place along its volume.
    """

    name: str
    pictures: NDArray[np.float16]
    shares: NDArray[np.uint8]
    labelled: NDArray[np.bool_]
    subjects: NDArray[np.str_]
    levels: NDArray[np.float32]

    @classmethod
    def of(cls, store: StoredSet) -> "SliceSet":
        """Prepare slices of a set, evenly."""
        names = list(store.holders)
        every = [
            (n, i) for n, c in enumerate(store.cases) for i in slices_of(c, _PER_CASE).tolist()
        ]
        step = max(1, -(-len(every) // _PER_SET))
        chosen = every[step // 2 :: step]
        shape = (len(chosen), len(names))
        pictures = np.zeros((len(chosen), 3, SIDE_PX, SIDE_PX), dtype=np.float16)
        shares = np.zeros((*shape, _FINE, _FINE), dtype=np.uint8)
        labelled = np.zeros(shape, dtype=np.bool_)
        for n, (number, index) in enumerate(chosen):
            case = store.cases[number]
            seen = case.planes[index] if case.colours is None else case.colours
            pictures[n] = picture(seen, case.pixel_mm)
            for s, name in enumerate(names):
                label = case.labels.get(name)
                if label is None or label.areas[index] < 0:
                    continue
                labelled[n, s] = True
                mask = case.mask(name, index)
                lay = letterbox((mask.shape[0], mask.shape[1]), case.pixel_mm, _FINE)
                covered = lay(mask[None].astype(np.float32))[0]
                shares[n, s] = np.rint(255 * np.clip(covered, 0, 1))
        return cls(
            store.recipe.name,
            pictures,
            shares,
            labelled,
            np.array([store.cases[n].subject_id for n, _ in chosen]),
            np.array(
                [i / max(len(store.cases[n].planes) - 1, 1) for n, i in chosen], dtype=np.float32
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """Slices of different subjects that vote on one another.

    `pictures` `(b, 3, SIDE_PX, SIDE_PX)`, `shares` `(b, s, patches)`, `labelled` `(b, s)`. With
    `close` each is seen through the box of its label.
    """

    pictures: Tensor
    shares: Tensor
    labelled: Tensor
    close: bool


def draw_episode(shown: SliceSet, rng: np.random.Generator, *, augmented: bool) -> Episode | None:
    """Draw slices of up to four subjects that hold one structure; `None` where fewer than two do.

    Half of the draws are seen as whole slices, half through boxes round the label. With
    `augmented` boxes and brightness vary from slice to slice, and all are mirrored in half of them.
    """
    n_structures = shown.labelled.shape[1]
    chosen = int(rng.integers(n_structures))
    filled = np.flatnonzero(shown.shares[:, chosen].any(axis=(1, 2)))
    rows = _of_subjects(shown, filled, rng)
    if len(rows) < 2:
        return None
    both = [s for s in range(n_structures) if s != chosen and shown.labelled[rows, s].all()]
    names = [chosen, *rng.permutation(both)[: _STRUCTURES - 1].tolist()]
    pictures = torch.from_numpy(shown.pictures[rows].astype(np.float32))
    shares = torch.from_numpy(shown.shares[rows][:, names].astype(np.float32) / 255)
    labelled = torch.from_numpy(shown.labelled[rows][:, names].astype(np.float32))
    close, flip = bool(rng.random() < 0.5), -1 if augmented and rng.random() < 0.5 else 1
    extent = rng.uniform(1.7, 3.0)
    boxes = torch.stack(
        [
            _box(one[0].numpy() if close else None, extent, flip, rng, augmented=augmented)
            for one in shares
        ]
    )
    size = (len(rows), 1, SIDE_PX, SIDE_PX)
    at = F.affine_grid(boxes, list(size), align_corners=False)
    pictures = F.grid_sample(pictures, at, align_corners=False)
    on_grid = F.affine_grid(boxes, [len(rows), 1, GRID, GRID], align_corners=False)
    kept = shares if close else F.avg_pool2d(shares, _FINE // GRID)
    shares = F.grid_sample(kept, on_grid, align_corners=False).flatten(2)
    if augmented:
        pictures = torch.stack([_recoloured(one, rng) for one in pictures])
    return Episode(pictures, shares, labelled, close)


def _of_subjects(shown: SliceSet, rows: NDArray[np.intp], rng: np.random.Generator) -> list[int]:
    """Take slices of different subjects; of volumes such as lie at similar places."""
    if not rows.size:
        return []
    order = rng.permutation(rows)
    away = np.abs(shown.levels[order] - shown.levels[order[0]]) + 0.15 * rng.random(len(order))
    away[0] = -1
    first: dict[str, int] = {}
    for row in order[np.argsort(away, kind="stable")].tolist():
        first.setdefault(str(shown.subjects[row]), row)
    return list(first.values())[:_SUBJECTS]


def _box(
    label: NDArray[np.float32] | None,
    extent: float,
    flip: int,
    rng: np.random.Generator,
    *,
    augmented: bool,
) -> Tensor:
    """Return the affine map `(2, 3)` of what a slice is seen through, its own or a label's box."""
    row, column, scale, turn = 0.0, 0.0, 1.0, 0.0
    if label is not None and (label > 0.2).any():
        rows, columns = (np.flatnonzero((label > 0.2).any(axis=axis)) for axis in (1, 0))
        row, column = ((ends[0] + ends[-1] + 1) / _FINE - 1 for ends in (rows, columns))
        longest = max(int(ends[-1] - ends[0]) + 1 for ends in (rows, columns))
        scale = float(np.clip(extent * longest / _FINE, 0.2, 1.0))
    if augmented:
        scale *= math.exp(rng.normal(0, 0.12))
        row, column = (x + rng.normal(0, 0.06) * scale for x in (row, column))
        turn = rng.normal(0, 0.12)
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    return torch.tensor([[cos * flip, -sin, column], [sin * flip, cos, row]], dtype=torch.float32)


def _recoloured(one: Tensor, rng: np.random.Generator) -> Tensor:
    """Vary contrast, brightness, noise and sharpness of a picture; sometimes invert it."""
    if rng.random() < 0.2:
        return one
    one = one * math.exp(rng.normal(0, 0.25)) + rng.normal(0, 0.25)
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(0, 0.25), tuple(one.shape))
        one = one + torch.from_numpy(noise.astype(np.float32))
    if rng.random() < 0.2:
        one = F.avg_pool2d(one[None], 3, 1, 1)[0]
    return -one if rng.random() < 0.15 else one


def expected_shares(
    features: Tensor, drawn: Episode, queries: Tensor, distances: Tensor, voting: Voting
) -> Tensor:
    """Let the labels of all other slices vote on each slice, as `judge.context.votes` does.

    Args:
        features: `(b, patches, d)` of length 1.
        drawn: What they are of.
        queries: Patches that are voted on, `(q,)`.
        distances: `(patches, patches)` squared distances of their places, in widths.
        voting: Temperature and cost of places.

    Returns:
        `(b, s, q)`.
    """
    n, n_patches, _ = features.shape
    cost = 1 + voting.place * distances[queries]
    found = []
    for own in range(n):
        others = [k for k in range(n) if k != own]
        keys = features[others].flatten(0, 1)
        weights = (features[own][queries] @ keys.T - cost.repeat(1, n - 1)) / voting.temperature
        labelled = drawn.labelled[others][..., None].expand(-1, -1, n_patches)
        said = torch.stack([drawn.shares[others] * labelled, labelled])
        sums, total = torch.einsum("qk,xks->xqs", weights.exp(), said.transpose(2, 3).flatten(1, 2))
        found.append((sums / (total + 1e-6)).T)
    return torch.stack(found)


def drawing_loss(expected: Tensor, shares: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """Return soft Dice loss and cross entropy of votes `(b, s, q)`, and the Dice of each label."""
    said = expected.clamp(1e-4, 1 - 1e-4)
    entropy = -(shares * said.log() + (1 - shares) * (1 - said).log()).mean(2)
    dice = (2 * (said * shares).sum(2) + 0.5) / (said.sum(2) + shares.sum(2) + 0.5)
    asked = labelled * (shares.sum(2) > _SMALLEST)
    loss = ((1 - dice + entropy) * asked).sum() / asked.sum().clamp(min=1)
    return loss, dice.detach()[asked > 0]


class EncoderTraining:
    """Trains an encoder; a stopped training goes on where it was last saved."""

    def __init__(
        self,
        net: PatchEncoder,
        sets: Sequence[SliceSet],
        checkpoint: Path,
        *,
        minutes: float,
        seed: int = 0,
        say: Say,
    ) -> None:
        self._net, self._sets, self._checkpoint, self._say = net, sets, checkpoint, say
        self._minutes, self._rng = minutes, np.random.default_rng(seed)
        # Norms keep their statistics: a few slices of one set would not do as a batch.
        net.eval()
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._matrix = nn.Parameter(net.matrix.clone())
        self._shift = nn.Parameter(torch.zeros(net.matrix.shape[1]))
        trunk = list(net.trunk.parameters())
        self._learned = [*trunk, self._matrix, self._shift]
        self._rates = (_TRUNK_RATE, _PROJECTION_RATE)
        self._optimizer = torch.optim.AdamW(
            [{"params": trunk}, {"params": [self._matrix, self._shift]}], weight_decay=_DECAY
        )
        self._distances = place_distances()
        self._seconds, self._steps = 0.0, 0

    def run(self) -> PatchEncoder:
        """Train, and return the encoder with what it learned."""
        self._resume()
        last, saved, told = time.monotonic(), self._seconds, []
        while self._seconds < 60 * self._minutes:
            share = self._seconds / (60 * self._minutes)
            warm = min(1.0, share / _WARM_UP)
            rate = warm * (_LEAST + (1 - _LEAST) * 0.5 * (1 + math.cos(math.pi * share)))
            for group, most in zip(self._optimizer.param_groups, self._rates, strict=True):
                group["lr"] = most * rate
            told.append(self._step())
            now = time.monotonic()
            self._seconds, last = self._seconds + now - last, now
            if self._seconds - saved > _SAVED_S:
                self._save()
                saved = self._seconds
                self._say(f"{saved / 60:.0f} min, {self._steps} steps, loss {np.nanmean(told):.3f}")
                told = []
        self._save()
        return self._finished()

    def _step(self) -> float:
        """Learn from two draws; return their mean loss, NaN where nothing could be drawn."""
        self._optimizer.zero_grad()
        losses = []
        for _ in range(_DRAWS):
            shown = self._sets[int(self._rng.integers(len(self._sets)))]
            drawn = draw_episode(shown, self._rng, augmented=True)
            if drawn is None:
                continue
            queries = torch.from_numpy(self._rng.permutation(GRID * GRID)[:_QUERIES].copy())
            expected = self._votes(drawn, queries)
            loss, _ = drawing_loss(expected, drawn.shares[..., queries], drawn.labelled)
            (loss / _DRAWS).backward()  # type: ignore[no-untyped-call]
            losses.append(float(loss.detach()))
        if losses:
            nn.utils.clip_grad_norm_(self._learned, 1.0)
            self._optimizer.step()
        self._steps += 1
        return float(np.mean(losses)) if losses else math.nan

    def _votes(self, drawn: Episode, queries: Tensor) -> Tensor:
        seen = drawn.pictures.contiguous(memory_format=torch.channels_last)
        dense, _ = self._net.raw(seen)
        features = F.normalize((dense - self._net.mean) @ self._matrix + self._shift, dim=2)
        near, whole = CLOSE_VOTING, Voting()
        how = Voting(near.temperature, near.place) if drawn.close else whole
        return expected_shares(features, drawn, queries, self._distances, how)

    def _finished(self) -> PatchEncoder:
        """Return the encoder with projection and shift; the shift becomes a part of the mean."""
        with torch.no_grad():
            shift = self._shift @ torch.linalg.pinv(self._matrix)
            self._net.matrix.copy_(self._matrix)
            self._net.mean.sub_(shift)
        return self._net

    def _save(self) -> None:
        fresh = self._checkpoint.with_suffix(".new")
        kept = {
            "net": self._net.state_dict(),
            "matrix": self._matrix.detach(),
            "shift": self._shift.detach(),
            "optimizer": self._optimizer.state_dict(),
            "seconds": self._seconds,
            "steps": self._steps,
        }
        torch.save(kept, fresh)
        fresh.replace(self._checkpoint)

    def _resume(self) -> None:
        if not self._checkpoint.exists():
            return
        kept = torch.load(self._checkpoint, weights_only=True)
        self._net.load_state_dict(kept["net"])
        with torch.no_grad():
            self._matrix.copy_(kept["matrix"])
            self._shift.copy_(kept["shift"])
        self._optimizer.load_state_dict(kept["optimizer"])
        self._seconds, self._steps = kept["seconds"], kept["steps"]
        self._rng = np.random.default_rng((self._steps, 1))
        self._say(f"going on after {self._seconds / 60:.0f} minutes")


def place_distances() -> Tensor:
    """Return the squared distances of the places of patches, `(patches, patches)`, in widths."""
    at = (torch.arange(GRID) + 0.5) / GRID
    places = torch.cartesian_prod(at, at)
    return torch.cdist(places, places) ** 2


@torch.no_grad()
def vote_dice(net: PatchEncoder, sets: Sequence[SliceSet], n_draws: int = 4) -> dict[str, float]:
    """Return the mean Dice of votes and labels, of whole slices and of close-ups.

    The same draws of every set each time, as the slices are.
    """
    distances, every = place_distances(), torch.arange(GRID * GRID)
    found: dict[str, list[float]] = {"whole": [], "close": []}
    for shown in sets:
        rng = np.random.default_rng(1)
        for _ in range(n_draws):
            drawn = draw_episode(shown, rng, augmented=False)
            if drawn is None:
                continue
            features, _ = net(drawn.pictures)
            how = Voting(CLOSE_VOTING.temperature, CLOSE_VOTING.place) if drawn.close else Voting()
            expected = expected_shares(features, drawn, every, distances, how)
            _, dice = drawing_loss(expected, drawn.shares, drawn.labelled)
            if len(dice):
                found["close" if drawn.close else "whole"].append(float(dice.mean()))
    return {kind: round(float(np.mean(some)), 4) for kind, some in found.items() if some}
