"""A judge that reads the context, trained for a few updates on pictures of one bright ellipse."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blobs import blob

RECIPE = """
name: tiny
network: context
context: {encoder: ENCODER, n_looks: 5}
updates: 4
batch: 8
pool: 32
widths: [8, 16]
precision: 32-true
calibration_labels: 60
pairs: {network: 0.4}
data:
  - name: blobs
    images: set/images
    labels: set/masks
    predictions: set/predictions
    modality: ultrasound
"""


def write_set(root: Path, n: int, *, first: int = 0, stem: str = "p") -> Path:
    """Write pictures with masks by structure and, for half of them, a network's predictions."""
    for part in ("images", "masks/blob", "predictions/blob"):
        (root / part).mkdir(parents=True)
    for number in range(first, first + n):
        name = f"{stem}{number}.png"
        grey, inside = blob(number)
        Image.fromarray(grey.astype(np.uint8)).save(root / "images" / name)
        mask = np.asarray(255 * inside, dtype=np.uint8)
        Image.fromarray(mask).save(root / "masks" / "blob" / name)
        if number % 2:
            moved = np.roll(mask, 9, axis=1)
            Image.fromarray(moved).save(root / "predictions" / "blob" / name)
    return root


def write_encoder(path: Path) -> None:
    """Write an encoder of one layer: eight random features of each patch, and their overall mean.

    What a judge in context does with features is what tests are about; the one in use, a hundred
    times larger, would take most of their time.
    """
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F

    from segassay.judge.networks.onnx_file import write_onnx

    class OneLayer(nn.Module):
        """What `judge.engines.context_engine` asks of an encoder."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 112, 8, 8)
            self.matrix = nn.Parameter(torch.randn(112, 8))

        def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
            """Return patches `(b, 1024, 8)` and summaries `(b, 112)`, each of length 1."""
            dense = self.layer(picture).relu()
            patches = dense.flatten(2).transpose(1, 2) @ self.matrix
            return F.normalize(patches, dim=2), F.normalize(dense.mean(dim=(2, 3)), dim=1)

    torch.manual_seed(0)
    names = (("picture",), ("patches", "summary"))
    write_onnx(OneLayer().eval(), (torch.zeros(2, 3, 256, 256),), path, names=names)


def train_tiny(root: Path) -> Path:
    """Train a judge for a few updates and return its folder; its data lie in `root / "set"`."""
    from segassay.training.train_judge import train_judge

    write_set(root / "set", 20)
    write_encoder(root / "encoder.onnx")
    recipe = root / "tiny.yaml"
    recipe.write_text(RECIPE.replace("ENCODER", str(root / "encoder.onnx")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "segassay.training.learning.loop._TUNING_PAIRS", 32
        )  # a thousand take a minute
        made = train_judge(recipe, root, root / "out", say=lambda _: None)
    if made is None:
        raise RuntimeError("the training of the tiny judge was interrupted")
    return made.folder
