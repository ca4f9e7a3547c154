"""Quality Sentinel (Chen, Zhou, Yuille, arXiv 2406.00327), built anew from its published design.

A ResNet-50 on CT slice and mask, steered by a CLIP vector of the structure's name, that answers
with one number: the slice's Dice. The SegAE repository is the same network. Kept as a baseline:
its parts carry the released names, so that a released state dictionary loads as it is.
"""

import torch
from monai.networks.nets.resnet import resnet50
from torch import Tensor, nn
from torch.nn import functional as F

TEXT_DIM = 512
_FEATURES, _HIDDEN = 2048, 50


class QualitySentinelNet(nn.Module):
    """The published network. `net.conv1`, `net.bn1` and `net.fc` are stored but never used."""

    def __init__(self) -> None:
        super().__init__()
        self.net = resnet50(
            pretrained=False,
            spatial_dims=2,
            n_input_channels=3,
            num_classes=1000,
            conv1_t_stride=2,
            bias_downsample=False,
        )
        self.conv1 = nn.Conv2d(2, 64, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(64)
        self.fc1 = nn.Linear(_FEATURES, _HIDDEN)
        self.fc2 = nn.Linear(_HIDDEN, 1)
        self.attention1 = nn.Linear(_FEATURES + TEXT_DIM, _FEATURES)
        self.attention2 = nn.Linear(_FEATURES + TEXT_DIM, _HIDDEN)

    def forward(self, slices: Tensor, text: Tensor) -> Tensor:
        """Predict the Dice of slices.

        Args:
            slices: `(b, 2, 256, 256)`, CT and mask as `judge.inputs.sentinel_input` prepares them.
            text: `(b, 512)`, the CLIP vector of the structure's name, not normalised.

        Returns:
            `(b,)`; linear, so it can leave [0, 1].
        """
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(slices))), 3, 2, 1)
        for stage in (self.net.layer1, self.net.layer2, self.net.layer3, self.net.layer4):
            x = stage(x)
        features = x.mean(dim=(2, 3))
        both = torch.cat([features, text], dim=1)
        hidden = self.fc1(self.attention1(both) * features)
        answer: Tensor = self.fc2(self.attention2(both) * hidden)[:, 0]
        return answer
