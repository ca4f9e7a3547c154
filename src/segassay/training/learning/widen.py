"""A wider network that begins where a narrower one ended (Net2WiderNet, Chen 2016).

Every channel of the narrow network becomes several that are equal; what reads them shares its
weights among them, so the wide network answers as the narrow one did. The shares are not equal:
what one sibling gets more the others get less, so that the siblings learn different things.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

_UNEVEN = 0.5
"""Spread of the siblings' shares, as a part of the spread of the weights that they share."""


def widen(
    narrow: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], *, factor: int, seed: int = 0
) -> dict[str, Tensor]:
    """Return the weights of a network whose stages have `factor` times as many channels.

    Args:
        narrow: The weights of the narrow network, by name.
        shapes: What shapes the wide network's weights have, by the same names.
        factor: How many channels one channel becomes; 1 returns the weights as they are.
        seed: Of the uneven shares.

    Raises:
        ValueError: The networks differ in more than the width of their stages, or the one that
            should be wide is the narrower one.
    """
    if factor < 1:
        raise ValueError("the network to start from is wider")
    if set(narrow) != set(shapes):
        raise ValueError(f"weights differ: {', '.join(sorted(set(narrow) ^ set(shapes))[:3])}")
    rng = torch.Generator().manual_seed(seed)
    wide = {name: _wider(tensor, shapes[name], factor, rng) for name, tensor in narrow.items()}
    odd = [name for name, tensor in wide.items() if tensor.shape != shapes[name]]
    if odd:
        raise ValueError(f"{odd[0]}: {tuple(wide[odd[0]].shape)}, not {tuple(shapes[odd[0]])}")
    return wide


def _wider(tensor: Tensor, shape: torch.Size, factor: int, rng: torch.Generator) -> Tensor:
    if tensor.shape == shape or tensor.dim() != len(shape):
        return tensor
    grown = _copied(tensor, _grown(tensor.shape[0], shape[0], factor), factor)
    if tensor.dim() < 2:
        return grown
    n_read = _grown(tensor.shape[1], shape[1], factor)
    return _shared(grown, n_read, factor, rng) if n_read else grown


def _grown(before: int, after: int, factor: int) -> int:
    """Return how many of `before` channels were multiplied so that there are `after`.

    All or none in the stages; in what reads an embedding, those of the stages but not the rest.
    """
    grown, left = divmod(after - before, max(factor - 1, 1))
    if left or not 0 <= grown <= before:
        raise ValueError(f"{before} channels do not grow into {after}")
    return grown


def _copied(tensor: Tensor, n: int, factor: int) -> Tensor:
    """Write each of the first `n` channels `factor` times."""
    return torch.cat([tensor[:n].repeat_interleave(factor, dim=0), tensor[n:]])


def _shared(tensor: Tensor, n: int, factor: int, rng: torch.Generator) -> Tensor:
    """Share the weights of each of the first `n` inputs among the `factor` that it became."""
    read = tensor[:, :n, None] / factor
    uneven = torch.randn(len(tensor), n, factor, *tensor.shape[2:], generator=rng)
    uneven = (uneven - uneven.mean(dim=2, keepdim=True)) * (_UNEVEN * read.std())
    return torch.cat([(read + uneven).flatten(1, 2), tensor[:, n:]], dim=1)
