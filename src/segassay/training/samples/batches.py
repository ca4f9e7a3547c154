"""Pairs as batches of tensors.

Drawing a pair costs as much as learning from it, so every pair is shown more than once: batches
are taken at random from a pool in which fresh pairs replace the oldest (data echoing, Choi 2019).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from segassay.training.samples.training_pairs import Pair, PairDraw

Drawn = TypeVar("Drawn")
Batch = TypeVar("Batch")


class PairBatch(NamedTuple):
    """A batch of `b` pairs; shapes as in `judge.inputs.preprocess.JudgeInput` with `b` in front.

    Where judges read the context, its maps follow in `crop`, its field in `field`, its numbers in
    `condition`; `looks` are the features, `(b, 0)` where there are none.
    """

    crop: Tensor
    field: Tensor
    condition: Tensor
    gold: Tensor
    outside: Tensor
    dice: Tensor
    presence: Tensor
    kind: Tensor
    looks: Tensor


def collate(pairs: list[Pair]) -> PairBatch:
    """Stack pairs into float32 tensors (`kind`: int64)."""
    contexts = [p.context for p in pairs if p.context is not None]
    crops, fields, conditions = (
        [getattr(p.seen, part) for p in pairs] for part in ("crop", "field", "condition")
    )
    if contexts:
        crops = [np.concatenate(c) for c in zip(crops, (c.maps for c in contexts), strict=True)]
        fields = [np.concatenate(f) for f in zip(fields, (c.field for c in contexts), strict=True)]
        numbers = (c.numbers for c in contexts)
        conditions = [np.concatenate(n) for n in zip(conditions, numbers, strict=True)]
    none = np.zeros((len(pairs), 0), dtype=np.float32)
    return PairBatch(
        crop=torch.from_numpy(np.stack(crops)),
        field=torch.from_numpy(np.stack(fields)),
        condition=torch.from_numpy(np.stack(conditions)),
        gold=torch.from_numpy(np.stack([p.gold for p in pairs])),
        outside=torch.tensor([p.outside for p in pairs], dtype=torch.float32),
        dice=torch.tensor([p.dice for p in pairs], dtype=torch.float32),
        presence=torch.tensor([p.presence for p in pairs], dtype=torch.float32),
        kind=torch.tensor([p.kind for p in pairs]),
        looks=torch.from_numpy(np.stack([c.looks for c in contexts]) if contexts else none),
    )


class EchoPool:
    """A ring of the latest pairs.

    Every batch takes in `batch / echo` fresh pairs and shows `batch` random ones, so a pair is
    shown `echo` times on average while it is in the ring.
    """

    def __init__(self, fresh: Iterator[PairBatch], batch: int, *, size: int) -> None:
        self._fresh, self._batch = fresh, batch
        first = next(fresh)
        self._room = max(size, batch)
        self._pool = [torch.empty((self._room, *t.shape[1:]), dtype=t.dtype) for t in first]
        self._end = 0
        self._put(first)
        while self._end < min(8 * batch, self._room):
            self._put(next(fresh))

    def __call__(self, rng: np.random.Generator) -> PairBatch:
        """Take fresh pairs in and return a batch."""
        self._put(next(self._fresh))
        filled = min(self._end, self._room)
        chosen = torch.from_numpy(rng.choice(filled, size=self._batch, replace=False))
        return PairBatch(*(t[chosen] for t in self._pool))

    def _put(self, pairs: PairBatch) -> None:
        places = torch.arange(self._end, self._end + len(pairs.dice)) % self._room
        for kept, new in zip(self._pool, pairs, strict=True):
            kept[places] = new
        self._end += len(places)


class _Stream(IterableDataset[Batch]):
    def __init__(
        self,
        draw: Callable[[np.random.Generator], Drawn],
        join: Callable[[list[Drawn]], Batch],
        batch: int,
        seed: tuple[int, ...],
    ) -> None:
        self._draw, self._join, self._batch, self._seed = draw, join, batch, seed

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        worker = info.id if info is not None else 0
        rng = np.random.default_rng((*self._seed, worker))
        while True:
            yield self._join([self._draw(rng) for _ in range(self._batch)])


def fresh_batches(
    draw: PairDraw, batch: int, *, seed: tuple[int, ...], workers: int
) -> Iterator[PairBatch]:
    """Return endless batches of new pairs, see `joined_batches`."""
    return joined_batches(draw, collate, batch, seed=seed, workers=workers)


def joined_batches(
    draw: Callable[[np.random.Generator], Drawn],
    join: Callable[[list[Drawn]], Batch],
    batch: int,
    *,
    seed: tuple[int, ...],
    workers: int,
) -> Iterator[Batch]:
    """Return endless batches: `join` of `batch` new draws.

    Every worker and every restart has its own seed. `workers` are processes beside this one. With
    two cores 0 is fastest: the network's threads wait for one another, and a third process makes
    them wait longer.
    """

    def one_thread(_: int) -> None:
        """Leave the cores to the network."""
        torch.set_num_threads(1)

    loader = DataLoader(
        _Stream(draw, join, batch, seed),
        batch_size=None,
        num_workers=workers,
        worker_init_fn=one_thread,
        prefetch_factor=4 if workers else None,
    )
    return iter(loader)
