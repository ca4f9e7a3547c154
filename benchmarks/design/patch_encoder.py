"""The encoder of the context: a pretrained trunk, and its features joined to one vector a patch."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segassay.segment.efficientnet_lite import TAPPED_WIDTHS, EfficientNetLite0

_WEIGHTS = (0.7, 1.0, 0.5)
"""What features of strides 8, 16 and 32 weigh in a patch's vector."""

RAW_WIDTH = sum(TAPPED_WIDTHS)
"""Numbers of a patch before they are projected: 472."""


class PatchEncoder(nn.Module):
    """Pictures to patches. `mean` and `matrix` project 472 numbers to the first components."""

    def __init__(self, n_components: int) -> None:
        super().__init__()
        self.trunk = EfficientNetLite0()
        self.mean: Tensor
        self.matrix: Tensor
        self.register_buffer("mean", torch.zeros(RAW_WIDTH))
        self.register_buffer("matrix", torch.eye(RAW_WIDTH)[:, :n_components].contiguous())

    def raw(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Return patches `(b, patches, 472)` before projection, and summaries `(b, 112)`."""
        tapped = self.trunk(picture)
        size = tapped[0].shape[-2:]
        parts = [
            weight * F.normalize(F.interpolate(t, size=size, mode="bilinear"), dim=1)
            for t, weight in zip(tapped, _WEIGHTS, strict=True)
        ]
        summary = F.normalize(tapped[1].mean(dim=(2, 3)), dim=1)
        return torch.cat(parts, dim=1).flatten(2).transpose(1, 2), summary

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Read a batch.

        Args:
            picture: `(b, 3, n, n)` as `judge.context.looks.picture` prepares it, n a multiple of
                32.

        Returns:
            patches `(b, (n / 8)², components)` and summaries `(b, 112)`, each of length 1.
        """
        dense, summary = self.raw(picture)
        return F.normalize((dense - self.mean) @ self.matrix, dim=2), summary
