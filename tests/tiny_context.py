"""A judge that reads the context, trained for a few updates on pictures of one bright ellipse."""

from pathlib import Path

import numpy as np
from PIL import Image

from blobs import blob

RECIPE = """
name: tiny
network: context
context: {encoder: ENCODER, n_looks: 5}
updates: 4
batch: 8
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


def train_tiny(root: Path) -> Path:
    """Train a judge for a few updates and return its folder; its data lie in `root / "set"`."""
    import torch

    from benchmarks.design.patch_encoder import PatchEncoder
    from segassay.judge.networks.onnx_file import write_onnx
    from segassay.training.train_judge import train_judge

    write_set(root / "set", 20)
    torch.manual_seed(0)
    encoder = PatchEncoder(8).eval()
    names = (("picture",), ("patches", "summary"))
    write_onnx(encoder, (torch.zeros(2, 3, 256, 256),), root / "encoder.onnx", names=names)
    recipe = root / "tiny.yaml"
    recipe.write_text(RECIPE.replace("ENCODER", str(root / "encoder.onnx")))
    made = train_judge(recipe, root, root / "out", say=lambda _: None)
    if made is None:
        raise RuntimeError("the training of the tiny judge was interrupted")
    return made.folder
