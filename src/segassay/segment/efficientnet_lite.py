"""EfficientNet-Lite0 (Tan and Le 2019; Lite: no squeeze-excitation, ReLU6), up to its last block.

Dense features of a network trained on photographs tell tissues, organs and lesions apart: the
encoder of judges in context is made of it, and a segmenter may begin with it.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segassay.errors import ModelError

_BN_EPS = 1e-3


class _Stage(NamedTuple):
    kernel: int
    stride: int
    expand: int
    width: int
    blocks: int


_STAGES = (
    _Stage(3, 1, 1, 16, 1),
    _Stage(3, 2, 6, 24, 2),
    _Stage(5, 2, 6, 40, 2),
    _Stage(3, 2, 6, 80, 3),
    _Stage(5, 1, 6, 112, 3),
    _Stage(5, 2, 6, 192, 4),
    _Stage(3, 1, 6, 320, 1),
)
_TAPPED = (2, 4, 6)
"""Stages whose output is the last of its resolution: strides 8, 16 and 32."""

TAPPED_WIDTHS = tuple(_STAGES[n].width for n in _TAPPED)
"""Channels of the three feature maps: 40, 112, 320."""


class _SameConv(nn.Conv2d):
    """Convolution padded as TensorFlow does: of an odd number of pixels the last side has more."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `(b, inputs, h, w)` to `(b, outputs, h / stride, w / stride)`."""
        total = self.kernel_size[0] - self.stride[0]
        before = total // 2
        return super().forward(F.pad(x, (before, total - before, before, total - before)))


def _same_conv(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> _SameConv:
    return _SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False)


class _InvertedResidual(nn.Module):
    """Expand, filter every channel by itself, project (Sandler 2018)."""

    def __init__(self, inputs: int, outputs: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        inner = inputs * stage.expand
        if stage.expand != 1:
            self.expand = nn.Conv2d(inputs, inner, 1, bias=False)
            self.expand_norm = nn.BatchNorm2d(inner, eps=_BN_EPS, momentum=0.01)
        self.filter = _same_conv(inner, inner, stage.kernel, stride, groups=inner)
        self.filter_norm = nn.BatchNorm2d(inner, eps=_BN_EPS, momentum=0.01)
        self.project = nn.Conv2d(inner, outputs, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(outputs, eps=_BN_EPS, momentum=0.01)
        self.expands = stage.expand != 1
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map `(b, inputs, h, w)` to `(b, outputs, h / stride, w / stride)`."""
        y = F.relu6(self.expand_norm(self.expand(x))) if self.expands else x
        y = F.relu6(self.filter_norm(self.filter(y)))
        projected: Tensor = self.project_norm(self.project(y))
        return x + projected if self.is_residual else projected


class EfficientNetLite0(nn.Module):
    """The trunk: stem and sixteen blocks, 3.0 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _same_conv(3, 32, 3, 2)
        self.stem_norm = nn.BatchNorm2d(32, eps=_BN_EPS, momentum=0.01)
        inputs, stages = 32, []
        for stage in _STAGES:
            blocks = []
            for number in range(stage.blocks):
                stride = stage.stride if number == 0 else 1
                blocks.append(_InvertedResidual(inputs, stage.width, stage, stride))
                inputs = stage.width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read a batch.

        Args:
            image: `(b, 3, h, w)`, ImageNet's mean and spread taken out; h and w multiples of 32.

        Returns:
            Features of strides 8, 16 and 32: `(b, 40, h/8, w/8)`, `(b, 112, h/16, w/16)`,
            `(b, 320, h/32, w/32)`.
        """
        x = F.relu6(self.stem_norm(self.stem(image)))
        tapped = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in _TAPPED:
                tapped.append(x)
        return tapped[0], tapped[1], tapped[2]


def load_published(net: EfficientNetLite0, published: Mapping[str, Tensor]) -> None:
    """Give the trunk weights of the published network, whose layers come in the same order.

    Its head and classifier, which stand after the blocks, are left out.

    Raises:
        ModelError: The tensors are not those of an EfficientNet-Lite0.
    """
    own = net.state_dict()
    theirs = {k: v for k, v in published.items() if k.startswith(("_conv_stem", "_bn0", "_blocks"))}
    shapes = [tuple(t.shape) for t in own.values()]
    if [tuple(t.shape) for t in theirs.values()] != shapes:
        raise ModelError("these are not the weights of an EfficientNet-Lite0")
    net.load_state_dict(dict(zip(own, theirs.values(), strict=True)))
    torch.nn.Module.eval(net)
