"""Small segmentation networks whose mistakes a judge learns from: MONAI's, a head per data set.

They are not products: trained for minutes on some subjects, they are used on the others, early and
late, so that the judge meets the errors that networks make and no formula imitates.
"""

from collections.abc import Callable, Iterable, Mapping

import torch
from monai.networks.nets import AttentionUnet, BasicUNet, BasicUNetPlusPlus, SegResNet
from torch import Tensor, nn

FEATURES = 16
"""Channels that every trunk gives to the heads."""

NEIGHBOURS = {
    "unet": 0,
    "unet_dropout": 0,
    "unet_plus_plus": 0,
    "attention_unet": 1,
    "seg_resnet": 0,
}
"""Slices that a kind of network sees on either side of the one it segments: 0 is 2D, 1 is 2.5D."""


def _unet() -> nn.Module:
    net: nn.Module = BasicUNet(2, 1, FEATURES, features=(16, 16, 32, 64, 128, 16), norm="batch")
    return net


def _unet_dropout() -> nn.Module:
    features = (16, 16, 32, 64, 128, 16)
    net: nn.Module = BasicUNet(2, 1, FEATURES, features=features, norm="batch", dropout=0.1)
    return net


def _unet_plus_plus() -> nn.Module:
    net: nn.Module = BasicUNetPlusPlus(2, 1, FEATURES, features=(8, 8, 16, 32, 64, 8), norm="batch")
    return net


def _attention_unet() -> nn.Module:
    net: nn.Module = AttentionUnet(2, 3, FEATURES, channels=(16, 32, 64, 128), strides=(2, 2, 2))
    return net


def _seg_resnet() -> nn.Module:
    net: nn.Module = SegResNet(
        2,
        init_filters=8,
        in_channels=1,
        out_channels=FEATURES,
        blocks_down=(1, 1, 2, 2),
        blocks_up=(1, 1, 1),
        norm=("BATCH", {}),
    )
    return net


SEGMENTERS: dict[str, Callable[[], nn.Module]] = {
    "unet": _unet,
    "unet_dropout": _unet_dropout,
    "unet_plus_plus": _unet_plus_plus,
    "attention_unet": _attention_unet,
    "seg_resnet": _seg_resnet,
}

NEVER_TRAINED_ON = "seg_resnet"
"""The architecture whose errors only the frozen test holds; no judge may meet them in training."""


class Segmenter(nn.Module):
    """One trunk for all data sets and a 1x1 head for each: which labels exist is known per set.

    A batch comes from one set, so the running averages of batch normalisation would mix dermoscopy
    with MRI and fit neither. Every set has averages of its own, taken by `settle`.

    Args:
        kind: A key of `SEGMENTERS`.
        heads: Number of structures of each data set.
    """

    def __init__(self, kind: str, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.kind = kind
        self.trunk = SEGMENTERS[kind]()
        self.heads = nn.ModuleDict({name: nn.Conv2d(FEATURES, n, 1) for name, n in heads.items()})
        for name in heads:
            for number, norm in enumerate(self._norms()):
                zeros = torch.zeros(norm.num_features)
                self.register_buffer(f"mean_{name}_{number}", zeros)
                self.register_buffer(f"spread_{name}_{number}", zeros + 1)

    def _norms(self) -> list[nn.BatchNorm2d]:
        return [part for part in self.trunk.modules() if isinstance(part, nn.BatchNorm2d)]

    @torch.no_grad()
    def settle(self, set_name: str, batches: Iterable[Tensor]) -> None:
        """Take the averages of a set from some batches of its slices `(b, 3, n, n)`."""
        norms = self._norms()
        kept = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
        self.train()
        for planes in batches:
            self(planes, set_name)
        for number, norm in enumerate(norms):
            norm.momentum = kept[number]
            mean, spread = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
            self.get_buffer(f"mean_{set_name}_{number}").copy_(mean)
            self.get_buffer(f"spread_{set_name}_{number}").copy_(spread)

    def prepare(self, set_name: str, *, dropout: bool = False) -> None:
        """Make ready to segment images of one set; with `dropout` every answer is another draw."""
        for number, norm in enumerate(self._norms()):
            norm.running_mean = self.get_buffer(f"mean_{set_name}_{number}").clone()
            norm.running_var = self.get_buffer(f"spread_{set_name}_{number}").clone()
        self.eval()
        for part in self.trunk.modules():
            if isinstance(part, nn.Dropout | nn.Dropout2d):
                part.train(dropout)

    def forward(self, planes: Tensor, set_name: str) -> Tensor:
        """Map `(b, 3, n, n)`, slice and neighbours, to logits `(b, structures, n, n)`."""
        seen = planes if NEIGHBOURS[self.kind] else planes[:, 1:2]
        features = self.trunk(seen)
        if isinstance(features, list):  # UNet++ answers with a list, also without deep supervision
            features = features[-1]
        logits: Tensor = self.heads[set_name](torch.relu(features))
        return logits
