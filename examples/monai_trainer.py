"""A judge in MONAI's `SupervisedTrainer`; needs pytorch-ignite, which MONAI's engines ask for.

Usage: python examples/monai_trainer.py
"""

from typing import Any

import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedTrainer
from monai.losses import DiceLoss
from monai.networks.nets import BasicUNet

from segassay import QualityLoss, load_judge


class GuidedUpdate:
    """What the trainer does with a batch: Dice loss, and what the judge says of what is drawn."""

    def __init__(self) -> None:
        self.dice = DiceLoss(sigmoid=True)
        self.quality = QualityLoss(load_judge("judge-small"))

    def __call__(self, engine: Any, batch: dict[str, torch.Tensor]) -> dict[str, float]:
        """Update the engine's network; the judge needs the image and no label."""
        device = engine.state.device
        image, label = batch["image"].to(device), batch["label"].to(device)
        engine.network.train()
        logits = engine.network(image)
        loss = self.dice(logits, label) + 0.1 * self.quality.to(device)(image, logits.sigmoid())
        engine.optimizer.zero_grad()
        loss.backward()
        engine.optimizer.step()
        return {"loss": float(loss.detach())}


def main(epochs: int = 5) -> float:
    """Train on one batch of discs; return the last loss."""
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    mask = ((rows - 24) ** 2 + (columns - 22) ** 2 < 81).float()[None]
    images = [0.5 * torch.randn(1, 48, 48) + 3 * mask for _ in range(4)]
    network = BasicUNet(2, 1, 1, features=(8, 8, 16, 16, 16, 8))
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=DataLoader(
            Dataset([{"image": image, "label": mask} for image in images]), batch_size=4
        ),
        network=network,
        optimizer=torch.optim.Adam(network.parameters(), 1e-2),
        loss_function=DiceLoss(sigmoid=True),
        iteration_update=GuidedUpdate(),
    )
    trainer.run()
    return float(trainer.state.output["loss"])


if __name__ == "__main__":
    print(f"loss {main():.3f}")
