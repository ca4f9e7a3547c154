"""What segmenters say of a case, packed so that only sizeable answers are kept."""

import numpy as np
import torch
from numpy.typing import NDArray

from segassay.corruption.network_masks import NetworkMasks
from segassay.training.error_networks.architectures import Segmenter
from segassay.training.error_networks.square_slices import SquareCase, with_neighbours
from segassay.training.error_networks.train_network import standardise

_LEAST = 64
"""Slices whose probability stays below 64/255 everywhere are kept as empty."""

_AT_ONCE = 32


@torch.no_grad()
def predict_case(
    net: Segmenter,
    set_name: str,
    case: SquareCase,
    *,
    precise: bool = False,
    dropout: bool = False,
) -> NDArray[np.uint8]:
    """Return probabilities `(structure, slice, n, n)` of a whole case as bytes.

    `precise` computes with 32 bits instead of 16: slower, and alike on other processors but for
    the last bit. `dropout` leaves dropout on (Monte Carlo dropout, Gal and Ghahramani 2016).
    """
    net.prepare(set_name, dropout=dropout)
    slices = range(len(case.planes))
    seen = standardise(
        np.stack([with_neighbours(case.planes, k) for k in slices]).astype(np.float32)
    )
    planes = torch.from_numpy(seen).contiguous(memory_format=torch.channels_last)
    parts = []
    for some in torch.split(planes, _AT_ONCE):
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            logits = net(some, set_name)
        parts.append((255 * logits.float().sigmoid()).round().byte().numpy())
    return np.concatenate(parts).transpose(1, 0, 2, 3)


def keep_sizeable(
    networks: tuple[str, ...],
    structures: tuple[str, ...],
    answers: list[NDArray[np.uint8]],
    gold: NDArray[np.bool_],
) -> NetworkMasks:
    """Pack the answers of several networks, each `(structure, slice, n, n)`, for one case."""
    places, kept, dices = [], [], []
    for number, probability in enumerate(answers):
        for structure, index in np.argwhere(probability.max(axis=(2, 3)) >= _LEAST):
            picture, true = probability[structure, index], gold[structure, index]
            places.append((number, structure, index))
            kept.append(picture)
            mask = picture > 127
            total = mask.sum() + true.sum()
            dices.append(2 * (mask & true).sum() / total if total else 0.0)
    size = gold.shape[-1]
    return NetworkMasks(
        networks,
        structures,
        np.array(places, dtype=np.int32).reshape(-1, 3),
        np.stack(kept) if kept else np.zeros((0, size, size), dtype=np.uint8),
        np.array(dices, dtype=np.float32),
    )
