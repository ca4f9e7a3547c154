"""How much faster than the published loop: the judge beside Quality Sentinel, in the same run.

Both score the same masks of a phantom from image and mask in memory to one number per mask. The
reference runs as released: torch in single precision, one slice at a time, ten slices at most; its
weights are random here, which costs the same time.

Usage: python benchmarks/speed.py [--judge judge-v0]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from segassay.data.phantom import LABELS, SPACING_MM, Phantom, make_phantom
from segassay.data.sentinel_input import sentinel_input, sentinel_slices
from segassay.models.quality_sentinel import TEXT_DIM, QualitySentinelNet
from segassay.scoring import Judge, load_judge
from segassay.scoring.inputs import image_volume

ROUNDS = 3


def main() -> None:
    """Time both in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", default="judge-v0")
    judge = load_judge(parser.parse_args().judge)
    phantom = make_phantom(1)
    reference = QualitySentinelNet().eval()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: judge_all(judge, phantom)))
        theirs.append(seconds(lambda: sentinel_all(reference, phantom)))
    n = len(LABELS)
    result = {
        "masks": n,
        "judge_ms_per_mask": round(1000 * statistics.median(ours) / n, 1),
        "quality_sentinel_ms_per_mask": round(1000 * statistics.median(theirs) / n, 1),
        "ratio": round(statistics.median(t / o for t, o in zip(theirs, ours, strict=True)), 1),
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(result, indent=1))


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def judge_all(judge: Judge, phantom: Phantom) -> list[float]:
    """Score all masks of a phantom with the judge."""
    image = image_volume(phantom.image, SPACING_MM)
    labels = [(name, phantom.labels == value) for name, value in LABELS.items()]
    return [score.value for score in judge.score_labels(image, labels, modality=None)]


@torch.no_grad()
def sentinel_all(net: QualitySentinelNet, phantom: Phantom) -> list[float]:
    """Score all masks with the reference: slice by slice, mean over slices."""
    planes = phantom.image.transpose(2, 1, 0)
    text = torch.zeros(1, TEXT_DIM)
    means = []
    for value in LABELS.values():
        mask = phantom.labels.transpose(2, 1, 0) == value
        answers = [
            float(net(torch.from_numpy(sentinel_input(planes, mask, k))[None], text))
            for k in sentinel_slices(mask)
        ]
        means.append(float(np.mean(answers)))
    return means


if __name__ == "__main__":
    main()
