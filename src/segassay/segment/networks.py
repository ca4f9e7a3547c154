"""Segmentation networks: MONAI's, and a U-Net on the judge's pretrained encoder."""

from typing import Any

import torch
from monai.networks.nets import (
    AttentionUnet,
    BasicUNet,
    BasicUNetPlusPlus,
    DynUNet,
    SegResNet,
)
from torch import Tensor, nn
from torch.nn import functional as F

from segassay.segment.efficientnet_lite import EfficientNetLite0
from segassay.segment.recipe import SegmentationRecipe

_LITE_WIDTHS = (16, 24, 40, 112, 320)
"""Channels of EfficientNet-Lite0 at strides 2, 4, 8, 16 and 32."""


def build_network(recipe: SegmentationRecipe, inputs: int, maps: int) -> nn.Module:
    """Build a network from patches `(b, inputs, *patch)` to logits `(b, maps, *patch)`."""
    if recipe.network == "unet-lite0":
        return LiteUNet(inputs, maps, recipe.width)
    return _Last(_monai(recipe, inputs, maps))


def _monai(recipe: SegmentationRecipe, inputs: int, maps: int) -> Any:
    axes, w = recipe.axes, recipe.width
    norm = "batch" if axes == 2 else "instance"
    features = (w, w, 2 * w, 4 * w, 8 * w, w)
    match recipe.network:
        case "unet":
            return BasicUNet(axes, inputs, maps, features=features, norm=norm)
        case "unet++":
            return BasicUNetPlusPlus(axes, inputs, maps, features=features, norm=norm)
        case "attention-unet":
            channels = (w, 2 * w, 4 * w, 8 * w, 16 * w)
            return AttentionUnet(axes, inputs, maps, channels=channels, strides=(2,) * 4)
        case "dynunet":
            return DynUNet(
                axes,
                inputs,
                maps,
                kernel_size=[3] * 5,
                strides=[1, 2, 2, 2, 2],
                upsample_kernel_size=[2] * 4,
                filters=[w, 2 * w, 4 * w, 8 * w, min(16 * w, 320)],
                norm_name=norm,
            )
        case _:
            return SegResNet(axes, init_filters=w, in_channels=inputs, out_channels=maps)


class _Last(nn.Module):
    """Gives the last answer of networks that give several, as UNet++ does."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Map patches to logits."""
        said = self.net(x)
        last: Tensor = said[-1] if isinstance(said, list | tuple) else said
        return last


class LiteUNet(nn.Module):
    """EfficientNet-Lite0 and a decoder with skips at every stride.

    The encoder's normalisations keep the averages they came with: batches are small. `prompts` are
    channels after the image's that say what to segment. The encoder sees the image as it did when
    it was pretrained; a second stem, which begins at zero, adds what they say.
    """

    def __init__(self, inputs: int, maps: int, width: int, prompts: int = 0) -> None:
        super().__init__()
        self.inputs = inputs
        self.encoder = EfficientNetLite0()
        self.prompt_stem: nn.Module | None = None
        if prompts:
            stem = self.encoder.stem
            self.prompt_stem = type(stem)(prompts, stem.out_channels, 3, 2, bias=False)
            nn.init.zeros_(self.prompt_stem.weight)
        self.into: nn.Module = nn.Identity()
        if inputs != 3:  # begins as the grey picture, or the slice in the middle
            into = nn.Conv2d(inputs, 3, 1, bias=False)
            nn.init.zeros_(into.weight)
            with torch.no_grad():
                into.weight[:, inputs // 2] = 1
            self.into = into
        widths = [width * n for n in (1, 1, 2, 4, 8)]
        self.bottom = _block(_LITE_WIDTHS[-1], widths[-1])
        self.ups = nn.ModuleList(
            _block(widths[n + 1] + _LITE_WIDTHS[n], widths[n]) for n in reversed(range(4))
        )
        self.last = _block(widths[0] + inputs + prompts, widths[0])
        self.head = nn.Conv2d(widths[0], maps, 1)

    def train(self, mode: bool = True) -> "LiteUNet":
        """Train all but the averages of the encoder."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Map patches to logits `(b, maps, h, w)`.

        Args:
            x: `(b, inputs + prompts, h, w)`, sides multiples of 32.
        """
        skips = self._features(x)
        y = self.bottom(skips[-1])
        for up, skip in zip(self.ups, reversed(skips[:-1]), strict=True):
            y = up(torch.cat([_doubled(y), skip], dim=1))
        logits: Tensor = self.head(self.last(torch.cat([_doubled(y), x], dim=1)))
        return logits

    def _features(self, x: Tensor) -> list[Tensor]:
        net = self.encoder
        y = net.stem(self.into(x[:, : self.inputs]))
        if self.prompt_stem is not None:
            y = y + self.prompt_stem(x[:, self.inputs :])
        y = F.relu6(net.stem_norm(y))
        taken = []
        for number, stage in enumerate(net.stages):
            y = stage(y)
            if number in (0, 1, 2, 4, 6):
                taken.append(y)
        return taken


def _block(inputs: int, outputs: int) -> nn.Module:
    layers: list[nn.Module] = []
    for n in (inputs, outputs):
        layers += [nn.Conv2d(n, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]
        layers += [nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
