"""The judge: from image, mask and name to the mask that should be there.

A residual encoder reads the crop; a small second encoder reads the whole slice at low resolution;
both, with name, modality and scale, become one vector that steers every stage (FiLM). A decoder
gives the probability of the true mask at crop resolution. Beside the map: the true mask's area
outside the crop, whether the structure is in the slice at all, and the type of error.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segassay.judge.documents.error_types import ERROR_TYPES


@dataclass(frozen=True, slots=True)
class JudgeNetConfig:
    """Sizes of the judge. `widths` are the channels of the stages, each at half the resolution."""

    crop_channels: int
    field_channels: int
    condition_dim: int
    widths: tuple[int, ...] = (16, 32, 64, 128)
    steer_dim: int = 128


class Steer(nn.Module):
    """Scale and shift channels by a function of the condition (FiLM, Perez 2018)."""

    def __init__(self, steer_dim: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(steer_dim, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, steer: Tensor) -> Tensor:
        """Steer `x` `(b, c, h, w)` by `steer` `(b, steer_dim)`."""
        scale, shift = self.linear(steer)[:, :, None, None].chunk(2, dim=1)
        steered: Tensor = x * (1 + scale) + shift
        return steered


class Block(nn.Module):
    """Two 3x3 convolutions with a steered residual, the first one reducing where asked."""

    def __init__(self, inputs: int, outputs: int, steer_dim: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.steer = Steer(steer_dim, outputs)
        self.short = (
            nn.Identity()
            if stride == 1 and inputs == outputs
            else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        )

    def forward(self, x: Tensor, steer: Tensor) -> Tensor:
        """Map `(b, inputs, h, w)` to `(b, outputs, h / stride, w / stride)`."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.steer(self.norm2(self.conv2(y)), steer)
        return F.relu(y + self.short(x))


class JudgeEncoder(nn.Module):
    """Reads crop, whole slice and condition into features and one embedding."""

    def __init__(self, config: JudgeNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, steer = config.widths, config.steer_dim
        self.look = nn.Sequential(
            nn.Conv2d(config.field_channels, 16, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 48, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(48, 64, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 16, 64), nn.ReLU(),
        )  # fmt: skip
        self.know = nn.Sequential(
            nn.Linear(config.condition_dim + 64, steer),
            nn.ReLU(),
            nn.Linear(steer, steer),
            nn.ReLU(),
        )
        self.stem = nn.Conv2d(config.crop_channels, widths[0], 5, 2, 2)
        self.down = nn.ModuleList(
            Block(widths[max(n - 1, 0)], width, steer, stride=1 if n == 0 else 2)
            for n, width in enumerate(widths)
        )
        self.deepen = nn.ModuleList(Block(width, width, steer) for width in widths)
        self.embedding_dim = widths[-1] + steer

    def encode(
        self, crop: Tensor, field: Tensor, condition: Tensor, beside: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Read a batch; arguments as for `JudgeNet.forward`.

        `beside` `(b, widths[1], n / 4, n / 4)` is added where the second stage begins.

        Returns:
            the features of every stage, the coarsest last; the steering vector `(b, steer_dim)`;
            the embedding `(b, embedding_dim)`.
        """
        steer = self.know(torch.cat([condition, self.look(field)], dim=1))
        x = F.relu(self.stem(crop))
        stages = []
        for number, (entry, second) in enumerate(zip(self.down, self.deepen, strict=True)):
            x = entry(x, steer)
            if number == 1 and beside is not None:
                x = x + beside
            x = second(x, steer)
            stages.append(x)
        return stages, steer, torch.cat([x.mean(dim=(2, 3)), steer], dim=1)


class JudgeNet(JudgeEncoder):
    """See the module's text. `forward` gives raw outputs, `ExportedJudge` what is exported."""

    n_maps = 1

    def __init__(self, config: JudgeNetConfig) -> None:
        super().__init__(config)
        widths, steer = config.widths, config.steer_dim
        self.up = nn.ModuleList(
            Block(widths[n] + widths[n - 1], widths[n - 1], steer)
            for n in range(len(widths) - 1, 0, -1)
        )
        self.paint = nn.Conv2d(widths[0], 4 * self.n_maps, 3, 1, 1)
        self.outside = nn.Linear(self.embedding_dim, 1)
        self.presence = nn.Linear(self.embedding_dim, 1)
        self.kind = nn.Linear(self.embedding_dim, len(ERROR_TYPES))

    def forward(
        self, crop: Tensor, field: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Judge a batch.

        Args:
            crop: `(b, 5, n, n)`, field: `(b, 3, 64, 64)`, condition: `(b, condition_dim)`.
            field: See `crop`.
            condition: See `crop`.

        Returns:
            map logits `(b, n_maps, n, n)`; area outside the crop in units of the crop's area
            `(b,)`, at least 0; presence logit `(b,)`; error type logits `(b, 5)`; embedding
            `(b, embedding_dim)`.
        """
        stages, steer, embedding = self.encode(crop, field, condition)
        return *self.drawn(stages, steer, embedding), embedding

    def drawn(
        self, stages: list[Tensor], steer: Tensor, embedding: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return `forward`'s answers but the embedding, from what `encode` returns."""
        x = stages[-1]
        for block, skip in zip(self.up, reversed(stages[:-1]), strict=True):
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), skip], dim=1), steer)
        logits = F.pixel_shuffle(self.paint(x), 2)
        outside = F.softplus(self.outside(embedding)[:, 0] - 3.0)
        return logits, outside, self.presence(embedding)[:, 0], self.kind(embedding)

    def expected_map(self, logits: Tensor, embedding: Tensor) -> Tensor:
        """Return the probability of the true mask `(b, n, n)` from `forward`'s logits."""
        del embedding  # one map needs no weights
        return logits[:, 0].sigmoid()


class ExportedJudge(nn.Module):
    """What the ONNX file holds: probabilities instead of logits."""

    def __init__(self, net: JudgeNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, crop: Tensor, field: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return map `(b, n, n)`, outside `(b,)`, presence `(b,)`, type `(b, 5)`, embedding."""
        logits, outside, presence, kind, embedding = self.net(crop, field, condition)
        return (
            self.net.expected_map(logits, embedding),
            outside,
            presence.sigmoid(),
            kind.softmax(dim=1),
            embedding,
        )


def expected_dice(probability: Tensor, outside: Tensor, mask: Tensor) -> Tensor:
    """Dice of `mask` against the mask the judge expects: 2 Σpm / (Σp + outside + Σm).

    Args:
        probability: `(b, n, n)`; outside: `(b,)` in units of the crop's area; mask: `(b, n, n)`.
        outside: See `probability`.
        mask: See `probability`.

    Returns:
        `(b,)` in [0, 1]; 0 where the mask is empty. A ratio of expectations, not the expectation
        of the ratio: calibration corrects what that costs.
    """
    both = (probability * mask).mean(dim=(1, 2))
    total = probability.mean(dim=(1, 2)) + outside + mask.mean(dim=(1, 2))
    return 2 * both / total.clamp_min(1e-6)
