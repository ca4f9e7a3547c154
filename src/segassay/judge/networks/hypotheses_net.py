"""A judge that draws several masks that could each be the true one, with a weight for each.

A single map holds the probability of every pixel alone; where a whole part of a structure is in
doubt it cannot say whether its pixels are right together. Whole hypotheses can.
"""

import torch
from torch import Tensor, nn

from segassay.judge.networks.judge_net import JudgeNet, JudgeNetConfig


class HypothesesNet(JudgeNet):
    """`JudgeNet` with `n_maps` maps and a weight for each."""

    n_maps = 4

    def __init__(self, config: JudgeNetConfig) -> None:
        super().__init__(config)
        self.trust = nn.Linear(self.embedding_dim, self.n_maps)

    def hypotheses(
        self, crop: Tensor, field: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Judge a batch; arguments as for `forward`.

        Returns:
            map logits `(b, n_maps, n, n)`; logits of the maps' weights `(b, n_maps)`; area outside
            the crop `(b,)`, presence logit `(b,)` and error type logits `(b, 5)` as of `forward`.
        """
        logits, outside, presence, kind, embedding = self(crop, field, condition)
        return logits, self.trust(embedding), outside, presence, kind

    def expected_map(self, logits: Tensor, embedding: Tensor) -> Tensor:
        """Return the mean of the hypotheses `(b, n, n)`: what the ONNX file holds."""
        weights = self.trust(embedding).softmax(dim=1)
        return torch.einsum("bk,bkhw->bhw", weights, logits.sigmoid())
