"""`train seg` beside a plain MONAI training at equal updates: Dice and patches per second.

usage: monai_example.py DATA OUT [--set nnUNet_raw/Dataset027_ACDC] [--updates 1000] [--patch 160]
       [--seed 0]

The MONAI side is written as its tutorials write one: cached volumes, `RandCropByPosNegLabeld` that
cuts 2D patches, `BasicUNet` of the same width, `DiceCELoss`, AdamW with a cosine, sliding windows.
Same subjects to learn from and to test on, same patches per update, one process, no worker.
"""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader, list_data_collate
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    LoadImaged,
    NormalizeIntensityd,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandGaussianNoised,
    RandRotated,
    RandScaleIntensityd,
    ScaleIntensityRangePercentilesd,
    Spacingd,
    SqueezeDimd,
)

from benchmarks.design.make_encoder import tell
from segassay.datasets.case import Dataset
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import read_labelled_case
from segassay.datasets.splits import natural_key
from segassay.metrics.overlap import dice
from segassay.segment.examples import survey
from segassay.segment.recipe import SegmentationRecipe, read_segmentation_recipe
from segassay.segment.segmenter import Segmenter
from segassay.segment.train_segmenter import train_segmenter

_TEST = 0.25
_BOTH = ["image", "label"]


def main() -> None:
    """Train both and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", default="nnUNet_raw/Dataset027_ACDC")
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--patch", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    dataset = open_dataset(given.data / given.set)
    subjects = sorted({case.subject_id for case in dataset.cases}, key=natural_key)
    order = np.random.default_rng(given.seed).permutation(len(subjects))
    held = {subjects[k] for k in order[: round(_TEST * len(subjects))]}
    learn, test = (
        replace(dataset, cases=tuple(c for c in dataset.cases if (c.subject_id in held) is inside))
        for inside in (False, True)
    )
    recipe = read_segmentation_recipe(
        None, updates=given.updates, patch=given.patch, validation=0.0, seed=given.seed
    )
    found = {
        "set": given.set,
        "updates": given.updates,
        "test_cases": len(test.cases),
        "monai": by_monai(learn, test, recipe),
        "train_seg": by_train_seg(learn, test, recipe, given.out / f"model{given.seed}"),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / f"monai{given.seed}.json").write_text(json.dumps(found, indent=1) + "\n")
    tell(json.dumps(found))


def by_train_seg(
    learn: Dataset, test: Dataset, recipe: SegmentationRecipe, out: Path
) -> dict[str, float]:
    """Train and test our segmenter; the time is that of the whole command but for reading."""
    begun = time.monotonic()
    survey(learn, recipe, (), say=tell)
    reading = 2 * (time.monotonic() - begun)  # it reads every case twice
    begun = time.monotonic()
    found = train_segmenter(learn, recipe, out, say=tell)
    seconds = time.monotonic() - begun - reading
    segmenter = Segmenter(found.folder)
    dices = []
    for case in test.cases:
        read = read_labelled_case(case)
        drawn = segmenter([read.image])
        dices += [dice(*mask.beside(drawn[ref.structure])) for ref, mask in read.masks()]
    return _figures(dices, seconds, recipe)


def by_monai(learn: Dataset, test: Dataset, recipe: SegmentationRecipe) -> dict[str, float]:
    """Train and test as MONAI's tutorials do."""
    torch.manual_seed(recipe.seed)
    spacing = survey(learn, recipe, (), say=tell).preprocessing.spacing_mm or (1.0, 1.0)
    ready = [
        LoadImaged(_BOTH),
        EnsureChannelFirstd(_BOTH),
        Spacingd(_BOTH, pixdim=(*spacing[::-1], -1.0), mode=("bilinear", "nearest")),
        ScaleIntensityRangePercentilesd("image", 0.1, 99.9, 0, 1, clip=True),
        NormalizeIntensityd("image"),
    ]
    side = recipe.patch_px[0]
    drawn = [
        RandCropByPosNegLabeld(
            _BOTH,
            label_key="label",
            spatial_size=(side, side, 1),
            num_samples=1,
            allow_smaller=True,
        ),
        SqueezeDimd(_BOTH, dim=-1),
        RandFlipd(_BOTH, prob=0.5, spatial_axis=0),
        RandFlipd(_BOTH, prob=0.5, spatial_axis=1),
        RandRotated(_BOTH, range_x=0.5, prob=0.3, mode=("bilinear", "nearest")),
        RandScaleIntensityd("image", 0.2, prob=0.5),
        RandGaussianNoised("image", prob=0.2, std=0.1),
    ]
    files = [
        {"image": str(case.images[0]), "label": str(case.labels[0].path)} for case in learn.cases
    ]
    loader = DataLoader(
        CacheDataset(files, Compose([*ready, *drawn]), progress=False),
        batch_size=recipe.batch,
        shuffle=True,
        collate_fn=list_data_collate,
        drop_last=True,
    )
    values = sorted({value for ref in learn.cases[0].labels for value in ref.values or ()})
    w = recipe.width
    features = (w, w, 2 * w, 4 * w, 8 * w, w)
    net = BasicUNet(2, 1, 1 + max(values), features=features, norm="batch")
    net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), recipe.learning_rate, weight_decay=1e-4)
    falls = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.updates)
    loss = DiceCELoss(to_onehot_y=True, softmax=True, batch=True)
    begun, updates = time.monotonic(), 0
    while updates < recipe.updates:
        for batch in loader:
            image = _padded(batch["image"].as_tensor(), side)
            label = _padded(batch["label"].as_tensor(), side)
            optimizer.zero_grad()
            value = loss(net(image.contiguous(memory_format=torch.channels_last)), label)
            value.backward()
            optimizer.step()
            falls.step()
            updates += 1
            if updates == recipe.updates:
                break
    seconds = time.monotonic() - begun
    return _figures(_tested(net.eval(), test, Compose(ready[:2]), ready[2:], side), seconds, recipe)


def _padded(image: torch.Tensor, side: int) -> torch.Tensor:
    """Pad images that are smaller than a patch."""
    down, along = (max(0, side - n) for n in image.shape[-2:])
    return torch.nn.functional.pad(image, (0, along, 0, down))


@torch.no_grad()
def _tested(
    net: torch.nn.Module, test: Dataset, load: Compose, ready: list[Any], side: int
) -> list[float]:
    """Segment test volumes slice by slice; Dice on the voxels of the file, as for ours."""
    dices = []
    for case in test.cases:
        plain: Mapping[str, Any] = load(
            {"image": str(case.images[0]), "label": str(case.labels[0].path)}
        )
        seen = Compose(ready)(dict(plain))
        slices = _padded(seen["image"].as_tensor()[0].permute(2, 0, 1)[:, None], side)
        said = sliding_window_inference(slices, (side, side), 8, net, overlap=0.5)
        rows, columns = seen["image"].shape[1:3]
        p = torch.softmax(said, 1)[..., :rows, :columns]
        whole = plain["label"].shape[1:3]
        p = torch.nn.functional.interpolate(p, size=tuple(whole), mode="bilinear")
        label = p.argmax(1).permute(1, 2, 0).numpy()
        true = plain["label"].numpy()[0]
        for ref in case.labels:
            both = [np.isin(one, ref.values or ()) for one in (label, true)]
            dices.append(dice(both[0], both[1]))
    return dices


def _figures(dices: list[float], seconds: float, recipe: SegmentationRecipe) -> dict[str, float]:
    return {
        "dice": round(float(np.nanmean(dices)), 4),
        "patches_per_second": round(recipe.updates * recipe.batch / seconds, 2),
    }


if __name__ == "__main__":
    main()
