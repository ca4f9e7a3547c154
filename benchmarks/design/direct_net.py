"""The judge's encoder with one number for an answer, to compare with the judge that draws."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segassay.judge.networks.judge_net import JudgeEncoder, JudgeNetConfig


class DirectNet(JudgeEncoder):
    """The encoder of `JudgeNet` without its decoder; Dice, size and presence from the embedding."""

    def __init__(self, config: JudgeNetConfig) -> None:
        super().__init__(config)
        self.answers = nn.Linear(self.embedding_dim, 3)

    def forward(
        self, crop: Tensor, field: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Judge a batch; arguments as for `JudgeNet.forward`.

        Returns:
            the raw answer for Dice `(b,)`: a logit, or Dice itself, as the loss teaches it; area of
            the true mask in units of the crop's area `(b,)`, at least 0; presence logit `(b,)`;
            embedding `(b, embedding_dim)`.
        """
        _, _, embedding = self.encode(crop, field, condition)
        score, size, presence = self.answers(embedding).unbind(dim=1)
        return score, F.softplus(size - 2.0), presence, embedding


class ExportedDirect(nn.Module):
    """What the ONNX file holds: Dice in [0, 1] and probabilities.

    `logit` says that the network's raw answer is a logit; otherwise it is Dice and is only limited.
    """

    def __init__(self, net: DirectNet, *, logit: bool) -> None:
        super().__init__()
        self.net, self.logit = net, logit

    def forward(
        self, crop: Tensor, field: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return Dice `(b,)`, size `(b,)`, presence `(b,)` and embedding."""
        score, size, presence, embedding = self.net(crop, field, condition)
        dice = score.sigmoid() if self.logit else torch.clamp(score, 0.0, 1.0)
        return dice, size, presence.sigmoid(), embedding
