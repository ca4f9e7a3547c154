"""A judge in a module of one's own under Lightning Fabric: devices and precision are Fabric's.

The same `training_step` serves in a `LightningModule`: `QualityLoss` is a module like any other.

Usage: python examples/fabric_module.py
"""

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from segassay import QualityLoss, load_judge


class Segmenter(nn.Module):
    """A network with the loss that it learns by."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 5, padding=2)
        )
        self.quality = QualityLoss(load_judge("judge-small"))

    def training_step(self, labelled: Tensor, truth: Tensor, unlabelled: Tensor) -> Tensor:
        """Return the loss of a batch."""
        loss = F.binary_cross_entropy_with_logits(self.network(labelled), truth)
        return loss + 0.1 * self.quality(unlabelled, self.network(unlabelled).sigmoid())

    def forward(self, labelled: Tensor, truth: Tensor, unlabelled: Tensor) -> Tensor:
        """Fabric watches over `forward`."""
        return self.training_step(labelled, truth, unlabelled)


def main(updates: int = 20) -> tuple[float, float]:
    """Train; return the first and the last loss."""
    fabric = Fabric(accelerator="auto", devices=1)
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    mask = ((rows - 24) ** 2 + (columns - 22) ** 2 < 81).float().expand(4, 1, 48, 48)
    image = 0.5 * torch.randn(4, 1, 48, 48) + 3 * mask
    module = Segmenter()
    optimizer = torch.optim.Adam(module.network.parameters(), 1e-2)
    module, optimizer = fabric.setup(module, optimizer)
    image, mask = fabric.to_device(image), fabric.to_device(mask.contiguous())
    losses = []
    for _ in range(updates):
        loss = module(image[:1], mask[:1], image[1:])
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses[0], losses[-1]


if __name__ == "__main__":
    first, last = main()
    print(f"loss {first:.3f}, in the end {last:.3f}")
