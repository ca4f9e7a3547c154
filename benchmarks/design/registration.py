"""How well labels of registered peers say where a label should be, and what that costs.

The labels of ten subjects of a set (as many as there are, if fewer) are laid over images of the
set, those of the image's own subject left out, and their mean is compared with the image's
reference label: once as they are, once with one label in four moved by a third of its size, where
beliefs in the peers weigh the mean. Both are Dice of what is covered of every patch of every
slice, as a judge reads it (`judge.comparison.registered`). No judge has a part in it. Seconds are
of a processor, on one core: OMP_NUM_THREADS=1.

Usage: python -m benchmarks.design.registration DATA_ROOT [--sets NAME ...] [--images 10]
       [--ways quick full] [--clean]
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.faulty_cases import ExpertCase, read_expert_case
from segassay.datasets.opening import open_dataset
from segassay.images.slicing import as_planes
from segassay.judge.comparison.atlas import QUICK, Registration
from segassay.judge.comparison.gold_cases import GoldCase
from segassay.judge.comparison.peers import Peers
from segassay.judge.context.looks import shares_of
from segassay.judge.context.votes import soft_dice
from segassay.judge.inputs.preprocess import PlaneStack, plane_stack

BoolArray = NDArray[np.bool_]

SETS = {
    "btcv": "nnUNet_raw/Dataset101_BTCV",
    "acdc": "nnUNet_raw/Dataset027_ACDC",
    "chaos": "chaos_t2",
    "hippocampus": "Task04_Hippocampus",
}
WAYS = {
    "full": Registration(),
    "quick": QUICK,
    "quick, 10 steps": replace(QUICK, steps=10),
    "quick, wider": replace(QUICK, smooth=1.0),
}
_MOST_PEERS, _MOST_CASES = 10, 20
_WRONG = 0.25


@dataclass(frozen=True, slots=True)
class Found:
    """Mean Dice over images and structures, and seconds an image and for making the peers."""

    dice: float
    image_seconds: float
    peers_seconds: float
    labels: int


def main() -> None:
    """Measure all ways in turn on every set, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="*", choices=sorted(SETS), default=list(SETS))
    parser.add_argument("--ways", nargs="*", choices=sorted(WAYS), default=["full", "quick"])
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--clean", action="store_true", help="leave the wrong labels out")
    options = parser.parse_args()
    for name in options.sets:
        cases = first_of_subjects(name, options.data / SETS[name])
        for wrong in (0.0,) if options.clean else (0.0, _WRONG):
            for way in options.ways:
                found = measured(cases, WAYS[way], wrong, options.images)
                numbers = {k: round(getattr(found, k), 4) for k in found.__slots__}
                print(json.dumps({"set": name, "wrong": wrong, "way": way, **numbers}), flush=True)


def first_of_subjects(name: str, folder: Path) -> list[ExpertCase]:
    """Read the first case of each of the first subjects of a set."""
    first = {case.subject_id: case for case in reversed(open_dataset(folder).cases)}
    chosen = [first[subject] for subject in sorted(first)[:_MOST_CASES]]
    return [read_expert_case(name, case, None) for case in chosen]


def measured(cases: Sequence[ExpertCase], way: Registration, wrong: float, n_images: int) -> Found:
    """Lay the first cases, of whose labels some are wrong, over images, the last ones first."""
    rng = np.random.default_rng(1)
    given = [
        GoldCase.of(
            case.image,
            [(n, moved(m, rng) if rng.random() < wrong else m) for n, m in case.masks.items()],
            case.case.subject_id,
        )
        for case in cases[:_MOST_PEERS]
    ]
    start = time.process_time()
    peers = Peers(given, way)
    made, seconds, dices = time.process_time() - start, 0.0, []
    images = cases[::-1][:n_images]
    for case in images:
        stack = plane_stack(case.image)
        start = time.process_time()
        laid = peers.propagated_labels(case.image, stack, subject=case.case.subject_id)
        seconds += time.process_time() - start
        expected = {name: label.expected for name, label in laid.items()}
        dices += dices_of(expected, case.masks, stack)
    return Found(float(np.mean(dices)), seconds / len(images), made, len(dices))


def dices_of(
    expected: Mapping[str, NDArray[np.float32]], masks: Mapping[str, BoolArray], stack: PlaneStack
) -> list[float]:
    """Return the Dice of what is expected of each structure with its reference label."""
    found = []
    for name, shares in expected.items():
        if name in masks and masks[name].any():
            planes = as_planes(masks[name], stack.axis)
            true = np.stack([shares_of(plane, stack.pixel_mm) for plane in planes])
            found.append(float(soft_dice(shares.ravel(), true.ravel())))
    return found


def moved(mask: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Move a mask by a third of its size along the axis of most voxels or the one after."""
    filled = np.argwhere(mask)
    if not filled.size:
        return mask
    axis = int(rng.choice(np.argsort(mask.shape)[-2:]))
    size = int(np.ptp(filled[:, axis])) + 1
    return np.roll(mask, int(rng.choice((-1, 1))) * max(1, round(size / 3)), axis=axis)


if __name__ == "__main__":
    main()
