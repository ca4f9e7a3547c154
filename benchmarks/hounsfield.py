"""Does the judge say the same in Hounsfield units and after an 8-bit export?

The CT `totalsegmentator/s0001` is scored in HU and after a BTCV-like export (soft-tissue window,
each slice stretched to 0..255 by itself): every non-empty mask as it is and with four planted
faults. The masks are a model's output; only the difference between the two scores matters.

Usage: python benchmarks/hounsfield.py DATA_ROOT [--judge judge-v0] [--out docs/results]
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from segassay.data.case import Case, LabelRef
from segassay.data.volume import Volume
from segassay.metrics.agreement import pearson
from segassay.pipelines.faulty_cases import ExpertCase, plant_fault, read_expert_case
from segassay.scoring import Judge, load_judge
from segassay.types import Modality

FAULTS = 4
LEAST_VOXELS = 100


def main() -> None:
    """Score every mask twice and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default="judge-v0")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    judge = load_judge(options.judge)
    expert = read_s0001(options.data / "totalsegmentator" / "s0001")
    units, export = scores(expert, judge)
    difference = np.abs(units - export)
    result = {
        "judge": judge.model_id,
        "image": "totalsegmentator/s0001",
        "structures": len(expert.masks),
        "masks": len(units),
        "mean_absolute_difference": round(float(difference.mean()), 4),
        "mean_difference": round(float((units - export).mean()), 4),
        "largest_difference": round(float(difference.max()), 4),
        "pearson": round(pearson(units, export), 4),
    }
    (options.out / "hounsfield.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def read_s0001(folder: Path) -> ExpertCase:
    """Read the CT with its non-empty masks."""
    files = sorted((folder / "segmentations").glob("*.nii.gz"))
    labels = tuple(LabelRef(f.name.removesuffix(".nii.gz"), f) for f in files)
    case = Case("s0001", "s0001", (folder / "ct.nii.gz",), labels)
    expert = read_expert_case("totalsegmentator", case, Modality.CT)
    masks = {name: mask for name, mask in expert.masks.items() if mask.sum() >= LEAST_VOXELS}
    return replace(expert, masks=masks)


def exported(image: Volume) -> Volume:
    """Return the image as BTCV's public 8-bit copy would hold it, slice by slice."""
    array = np.clip(image.array, -160.0, 240.0)
    low = array.min(axis=(0, 1), keepdims=True)
    high = array.max(axis=(0, 1), keepdims=True)
    grey = np.rint(255 * (array - low) / np.maximum(high - low, 1e-6))
    return replace(image, array=grey.astype(np.float32))


def scores(expert: ExpertCase, judge: Judge) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of the same masks on both images."""
    rng = np.random.default_rng(0)
    labels = []
    for structure, mask in expert.masks.items():
        labels.append((structure, mask))
        for _ in range(FAULTS):
            _, _, bad = plant_fault(expert, structure, rng)
            if bad.any():
                labels.append((structure, bad))
    both = [
        judge.score_labels(image, labels, modality=Modality.CT)
        for image in (expert.image, exported(expert.image))
    ]
    units, export = ([score.value for score in part] for part in both)
    return np.array(units), np.array(export)


if __name__ == "__main__":
    main()
