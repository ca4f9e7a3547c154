"""Does the judge say the same in Hounsfield units and after an 8-bit export?

The CTs `totalsegmentator` and `dicom` are scored in HU and after a BTCV-like export (soft-tissue
window, each slice stretched to 0..255 by itself): every non-empty mask as it is and with four
planted faults. The masks are a model's output; only the difference between the two scores matters.

Usage: python -m benchmarks.design.hounsfield DATA_ROOT [--judge NAME] [--out docs/results]
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from segassay.corruption.faulty_cases import ExpertCase, plant_fault, read_expert_case
from segassay.datasets.opening import open_dataset
from segassay.images.volume import Volume
from segassay.judge.scoring import Judge, load_judge
from segassay.metrics.agreement import pearson
from segassay.types import DEFAULT_JUDGE, Modality

SETS = ("totalsegmentator", "dicom")
FAULTS = 4
LEAST_VOXELS = 100


def main() -> None:
    """Score every mask twice and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default=DEFAULT_JUDGE)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    judge = load_judge(options.judge)
    images = [compared(expert, judge) for expert in read_cts(options.data)]
    result = {"judge": judge.model_id, "images": images}
    (options.out / "hounsfield.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def read_cts(data: Path) -> list[ExpertCase]:
    """Read the CTs in HU with their masks that are large enough to be judged."""
    found = []
    for name in SETS:
        (case,) = open_dataset(data / name).cases
        expert = read_expert_case(name, case, Modality.CT)
        masks = {n: mask for n, mask in expert.masks.items() if mask.sum() >= LEAST_VOXELS}
        found.append(replace(expert, masks=masks))
    return found


def compared(expert: ExpertCase, judge: Judge) -> dict[str, object]:
    """Score every mask of a CT twice; return how far the two scores are apart."""
    units, export = scores(expert, judge)
    difference = np.abs(units - export)
    return {
        "image": expert.set_name,
        "structures": len(expert.masks),
        "masks": len(units),
        "mean_absolute_difference": round(float(difference.mean()), 4),
        "mean_difference": round(float((units - export).mean()), 4),
        "largest_difference": round(float(difference.max()), 4),
        "pearson": round(pearson(units, export), 4),
    }


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
