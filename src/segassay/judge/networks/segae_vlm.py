"""The idea of the SegAE paper (Chen, Li, Yuille, Zhou, arXiv 2601.14406), as a small network.

A vision transformer sees image and mask, a text tower reads the structure's name and a sentence
about it, and an MLP with attention answers with one number, the Dice of the slice. What differs
from the paper, and why: `docs/concepts/segae-vlm.md`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segassay.judge.networks.attention import AttentionBlock, AttentionPool
from segassay.judge.networks.text_tower import NameTable, row_of
from segassay.vocabulary.vector import NAME_DIM


@dataclass(frozen=True, slots=True)
class SegaeVlmConfig:
    """Sizes. `crop_px` must be a multiple of 12, `field_px` of 16, `dim` of `heads`."""

    crop_channels: int
    field_channels: int
    condition_dim: int
    crop_px: int = 96
    field_px: int = 64
    dim: int = 160
    depth: int = 6
    heads: int = 5
    text_dim: int = 128


class SegaeVlm(nn.Module):
    """See the module's text. `forward` gives raw outputs; `ExportedSegaeVlm` what is exported."""

    def __init__(self, config: SegaeVlmConfig, names: NameTable) -> None:
        super().__init__()
        self.config, self.names = config, names
        dim, told = config.dim, config.text_dim + config.condition_dim - NAME_DIM
        self.crop_stem = _stem(config.crop_channels, (32, 64), dim, last=3)
        self.field_stem = _stem(config.field_channels, (16, 32, 64), dim, last=2)
        n_tokens = (config.crop_px // 12) ** 2 + (config.field_px // 16) ** 2
        self.place = nn.Parameter(0.02 * torch.randn(n_tokens, dim))
        self.tell = nn.Linear(told, dim)
        self.blocks = nn.ModuleList(AttentionBlock(dim, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(dim)
        self.pool = AttentionPool(dim, told, config.heads)
        self.gate = nn.Linear(2 * dim + told, 2 * dim)
        self.hidden = nn.Sequential(nn.Linear(2 * dim + told, dim), nn.GELU())
        self.answers = nn.Linear(dim, 3)

    def forward(
        self, crop: Tensor, field: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Judge a batch; arguments as for `judge.networks.judge_net.JudgeNet`.

        Returns:
            Dice logit `(b,)`; area of the true mask in units of the crop's area `(b,)`, at least
            0; presence logit `(b,)`; embedding `(b, dim)`.
        """
        return self.judge(crop, field, condition, self.names(condition[:, :NAME_DIM]))

    def judge(
        self, crop: Tensor, field: Tensor, condition: Tensor, text: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Judge a batch with its text vectors `(b, text_dim)` at hand; see `forward`."""
        told = torch.cat([text, condition[:, NAME_DIM:]], dim=1)
        seen = torch.cat([_tokens(self.crop_stem(crop)), _tokens(self.field_stem(field))], dim=1)
        x = torch.cat([self.tell(told)[:, None], seen + self.place], dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        both = torch.cat([self.pool(x, told), x.mean(dim=1)], dim=1)
        gated = both * self.gate(torch.cat([both, told], dim=1)).sigmoid()
        embedding = self.hidden(torch.cat([gated, told], dim=1))
        score, size, presence = self.answers(embedding).unbind(dim=1)
        return score, F.softplus(size - 2.0), presence, embedding


class ExportedSegaeVlm(nn.Module):
    """What the ONNX file holds: the text vectors instead of the tower, Dice instead of logits."""

    keys: Tensor
    vectors: Tensor

    def __init__(self, net: SegaeVlm) -> None:
        super().__init__()
        self.net = net
        with torch.no_grad():
            self.register_buffer("keys", net.names.keys.clone())
            self.register_buffer("vectors", net.names.every_vector().clone())

    def forward(
        self, crop: Tensor, field: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return Dice `(b,)`, size `(b,)`, presence `(b,)` and embedding."""
        text = self.vectors[row_of(condition[:, :NAME_DIM], self.keys)]
        score, size, presence, embedding = self.net.judge(crop, field, condition, text)
        return score.sigmoid(), size, presence.sigmoid(), embedding


def _stem(inputs: int, widths: tuple[int, ...], dim: int, *, last: int) -> nn.Sequential:
    """Halve the picture once per width, then cut it into tokens of `last` pixels a side.

    Convolutions in front let a small transformer learn from little data (Xiao 2021).
    """
    layers: list[nn.Module] = []
    for before, width in zip((inputs, *widths), widths, strict=False):
        layers += [nn.Conv2d(before, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], dim, last, last))


def _tokens(picture: Tensor) -> Tensor:
    """Turn `(b, dim, h, w)` into `(b, h * w, dim)`."""
    return picture.flatten(2).transpose(1, 2)
