"""A judge in a plain PyTorch loop: pseudo-labels by their quality, and the quality as a loss.

Usage: python examples/plain_pytorch.py
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segassay import QualityLoss, load_judge, quality_weights


def discs(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Bright discs on noise, `(n, 1, 48, 48)`, and where they are."""
    made = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    at = torch.randint(14, 34, (n, 2), generator=made)
    masks = (rows - at[:, :1, None]) ** 2 + (columns - at[:, 1:, None]) ** 2 < 64
    return 0.5 * torch.randn(n, 1, 48, 48, generator=made) + 3 * masks[:, None], masks[
        :, None
    ].float()


def main(updates: int = 20) -> float:
    """Train on two labelled and eight unlabelled images; return the judged quality at the end."""
    labelled, truth = discs(2, seed=0)
    unlabelled, _ = discs(8, seed=1)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 5, padding=2))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)

    quality = QualityLoss(load_judge("judge-small"))
    for _ in range(updates):
        loss = F.binary_cross_entropy_with_logits(network(labelled), truth)
        logits = network(unlabelled)
        pseudo = (logits.detach() > 0).float()
        judged = quality.judge(unlabelled, pseudo)
        each = F.binary_cross_entropy_with_logits(logits, pseudo, reduction="none").mean((2, 3))
        loss = loss + 0.25 * (quality_weights(judged.value) * each).sum()
        loss = loss + 0.01 * quality(unlabelled, logits.sigmoid())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = quality.judge(unlabelled, (network(unlabelled) > 0).float()).value
    return float(found.nanmean())


if __name__ == "__main__":
    print(f"judged quality of what is drawn on unlabelled images: {main():.3f}")
