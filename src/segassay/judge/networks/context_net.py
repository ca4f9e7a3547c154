"""The judge that reads the context: what other labels say stands beside image and mask.

The maps of the context are further channels of crop and field, its numbers a part of the condition,
and the pretrained features of the crop join the second stage. A small head says what error the Dice
of the map is expected to have. All of the context may be missing (zeros): one network serves with
and without.
"""

import torch
from torch import Tensor, nn

from segassay.judge.networks.judge_net import JudgeNet, JudgeNetConfig, expected_dice

_LEAST_ERROR = 1e-3


class ContextNet(JudgeNet):
    """A judge of maps with the context as input. `config` counts its channels."""

    def __init__(self, config: JudgeNetConfig, n_looks: int) -> None:
        super().__init__(config)
        self.looks = nn.Conv2d(n_looks, config.widths[1], 1)
        self.error = nn.Sequential(
            nn.Linear(self.embedding_dim + 1, 64), nn.ReLU(), nn.Linear(64, 1), nn.Softplus()
        )
        for part in self.looks.parameters():
            nn.init.zeros_(part)

    def judge(
        self, crop: Tensor, field: Tensor, condition: Tensor, looks: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Judge a batch.

        Args:
            crop: `(b, 8, n, n)`: five channels of every judge, three of the context.
            field: `(b, 4, f, f)`.
            condition: `(b, condition_dim)`, the context's numbers at its end.
            looks: `(b, n_looks, n / 4, n / 4)`.

        Returns:
            map logits `(b, n, n)`; area outside, presence logit, error type logits and embedding
            as `JudgeNet.forward` gives them; Dice of the map `(b,)`; its expected absolute error
            `(b,)`.
        """
        stages, steer, embedding = self.encode(crop, field, condition, self.looks(looks))
        logits, outside, presence, kind = self.drawn(stages, steer, embedding)
        logits, outside = logits[:, 0].float(), outside.float()
        dice = expected_dice(logits.sigmoid() * crop[:, 4], outside, crop[:, 3])
        known = torch.cat([embedding, dice[:, None].to(embedding)], dim=1).detach()
        error = self.error(known).float()[:, 0].clamp_min(_LEAST_ERROR)
        return logits, outside, presence, kind, embedding, dice, error


class ExportedContext(nn.Module):
    """What the ONNX file holds: probabilities instead of logits."""

    def __init__(self, net: ContextNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, crop: Tensor, field: Tensor, condition: Tensor, looks: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return map `(b, n, n)`, outside, presence, type, embedding and expected error."""
        logits, outside, presence, kind, embedding, _, error = self.net.judge(
            crop, field, condition, looks
        )
        return (
            logits.sigmoid(),
            outside,
            presence.sigmoid(),
            kind.softmax(dim=1),
            embedding,
            error,
        )
