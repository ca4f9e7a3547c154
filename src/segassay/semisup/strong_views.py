"""Strong views of a batch: other tones, blur, noise, and boxes exchanged between images.

FixMatch and UniMatch hold what a network says of such a view against what it says of the image as
it is. Nothing is moved: pseudo-labels stay where they are.
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

_GAIN, _SHIFT, _NOISE = 0.5, 0.5, 0.15
_BOX = (0.2, 0.6)
"""Least and largest side of an exchanged box, in sides of the image."""


def draw(shape: tuple[int, ...], like: Tensor, made: Generator) -> Tensor:
    """Draw from [0, 1) on the device of a tensor, the same for every kind of device."""
    return torch.rand(shape, generator=made).to(like.device)


def noisy(image: Tensor, made: Generator, spread: float = 0.1) -> Tensor:
    """Add noise, cut at two spreads, to images of spread 1 (Yu et al., UA-MT, MICCAI 2019)."""
    noise = torch.randn(image.shape, generator=made).clamp(-2, 2).to(image.device)
    return image + spread * noise


def strong_view(image: Tensor, made: Generator) -> Tensor:
    """Change the tones of images `(b, c, ...)` of spread 1, each in its own way.

    Gain from 0.5 to 1.5, shift up to 0.5, one half blurred, noise of 0.15.
    """
    one = (len(image), *[1] * (image.ndim - 1))
    gain = 1 + _GAIN * (2 * draw(one, image, made) - 1)
    shift = _SHIFT * (2 * draw(one, image, made) - 1)
    blurred = draw(one, image, made) < 0.5
    smooth = F.avg_pool2d if image.ndim == 4 else F.avg_pool3d
    changed = torch.where(blurred, smooth(image, 3, 1, 1, count_include_pad=False), image)
    return noisy(gain * changed + shift, made, _NOISE)


def exchanged_box(image: Tensor, made: Generator) -> Tensor:
    """Draw the box that every image gets from another one; 1 inside, `(b, 1, ...)` (CutMix)."""
    sides = image.shape[2:]
    inside = torch.ones((len(image), 1, *sides), device=image.device)
    for axis, n in enumerate(sides):
        share, place = draw((2, len(image)), image, made)
        size = (_BOX[0] + (_BOX[1] - _BOX[0]) * share) * n
        start = place * (n - size)
        at = torch.arange(n, device=image.device) + 0.5
        along = (at >= start[:, None]) & (at < (start + size)[:, None])
        shape = [len(image), 1, *(n if k == axis else 1 for k in range(len(sides)))]
        inside = inside * along.reshape(shape)
    return inside


def mixed(one: Tensor, other: Tensor, box: Tensor) -> Tensor:
    """Put what `other` holds in the box into `one`."""
    return one * (1 - box) + other * box
