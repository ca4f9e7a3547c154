"""The loss of a segmenter: labels and voxels count by their weight, unknown voxels not at all."""

import torch
from torch import Tensor
from torch.nn import functional as F

_SMOOTH = 1e-5


def weighted_dice(p: Tensor, target: Tensor, weight: Tensor, known: Tensor) -> Tensor:
    """Return 1 - Dice over a batch, mean over the structures that any label of it has.

    Args:
        p: Probabilities `(b, s, ...)`.
        target: 0 or 1, of the same shape.
        weight: `(b, s)`, what each label is trusted, 0 for none.
        known: `(b, 1, ...)` or `(b, s, ...)` in [0, 1], 0 where nobody labelled.

    Returns:
        A number in [0, 1]; 0 where no label has a weight. Sums run over the whole batch (batch
        Dice of nnU-Net), so that patches without the structure count, too.
    """
    w = weight.reshape(*weight.shape, *[1] * (p.ndim - 2)) * known
    axes = [0, *range(2, p.ndim)]
    both = (w * p * target).sum(axes)
    either = (w * (p + target)).sum(axes)
    lost = 1 - (2 * both + _SMOOTH) / (either + _SMOOTH)
    some = (weight > 0).any(dim=0).to(p.dtype)
    return (lost * some).sum() / some.sum().clamp(min=1)


def segmentation_loss(
    logits: Tensor, target: Tensor, weight: Tensor, known: Tensor, *, exclusive: bool
) -> Tensor:
    """Return Dice loss and cross-entropy of a batch.

    Args:
        logits: `(b, s, ...)`, or with `exclusive` `(b, 1 + s, ...)`, background first.
        target: 0 or 1, `(b, s, ...)`.
        weight: `(b, s)`, in [0, 1].
        known: What a voxel counts, in [0, 1], 0 where nobody labelled: `(b, 1, ...)` for all
            structures alike, or `(b, s, ...)`.
        exclusive: Whether every voxel has one structure or background: Dice + CE. Else Dice +
            0.5 BCE, every structure for itself (Auto-Generate-WLs, section 4.2).
    """
    if not exclusive:
        dice = weighted_dice(torch.sigmoid(logits), target, weight, known)
        w = weight.reshape(*weight.shape, *[1] * (logits.ndim - 2)) * known
        entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return dice + 0.5 * (w * entropy).sum() / w.expand_as(entropy).sum().clamp(min=1)
    said = F.log_softmax(logits, dim=1)
    dice = weighted_dice(said[:, 1:].exp(), target, weight, known)
    background = (1 - target.sum(dim=1, keepdim=True)).clamp(min=0)
    spread = weight.reshape(*weight.shape, *[1] * (logits.ndim - 2)) * known
    # A voxel counts by the label that claims it; background by what the labels around it are worth.
    voxel = (spread * target).sum(dim=1, keepdim=True) + background * spread.mean(1, keepdim=True)
    entropy = -(said * torch.cat([background, target], dim=1)).sum(dim=1, keepdim=True)
    return dice + (voxel * entropy).sum() / voxel.sum().clamp(min=1)
