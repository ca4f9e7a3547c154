"""Pairs as batches of tensors, drawn by worker processes while the network learns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from segassay.training.pairs import Pair, PairDraw


class PairBatch(NamedTuple):
    """A batch of `b` pairs; shapes as in `data.preprocess.JudgeInput` with `b` in front."""

    crop: Tensor
    field: Tensor
    condition: Tensor
    gold: Tensor
    outside: Tensor
    dice: Tensor
    presence: Tensor
    kind: Tensor


def collate(pairs: list[Pair]) -> PairBatch:
    """Stack pairs into float32 tensors (`kind`: int64)."""
    return PairBatch(
        crop=torch.from_numpy(np.stack([p.seen.crop for p in pairs])),
        field=torch.from_numpy(np.stack([p.seen.field for p in pairs])),
        condition=torch.from_numpy(np.stack([p.seen.condition for p in pairs])),
        gold=torch.from_numpy(np.stack([p.gold for p in pairs])),
        outside=torch.tensor([p.outside for p in pairs]),
        dice=torch.tensor([p.dice for p in pairs]),
        presence=torch.tensor([p.presence for p in pairs]),
        kind=torch.tensor([p.kind for p in pairs]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    """Endless batches; every worker and every restart draws pairs of its own."""

    draw: PairDraw
    batch: int
    seed: tuple[int, ...]

    def __iter__(self) -> Iterator[PairBatch]:
        info = get_worker_info()
        worker = info.id if info is not None else 0
        rng = np.random.default_rng((*self.seed, worker))
        while True:
            yield collate([self.draw(rng) for _ in range(self.batch)])


class _StreamDataset(IterableDataset[PairBatch]):
    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[PairBatch]:
        return iter(self._stream)


def batch_stream(
    draw: PairDraw, batch: int, *, seed: tuple[int, ...], workers: int
) -> DataLoader[PairBatch]:
    """Return endless batches drawn by `workers` processes (0: in this one)."""

    def one_thread(_: int) -> None:
        torch.set_num_threads(1)

    return DataLoader(
        _StreamDataset(_Stream(draw, batch, seed)),
        batch_size=None,
        num_workers=workers,
        worker_init_fn=one_thread,
        prefetch_factor=4 if workers else None,
    )
