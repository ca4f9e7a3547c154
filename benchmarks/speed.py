"""How much faster than the published loop: the judge beside Quality Sentinel, in the same run.

All score the same masks of a phantom from image and mask in memory to one number per mask. The
reference runs as released: torch in single precision, one slice at a time, ten slices at most; its
weights are random here, which costs the same time. Beside it the same loop on ONNX Runtime, one
slice at a time and all slices of a mask at once: what is gained without changing the method.

Usage: python benchmarks/speed.py [--judge NAME]
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from segassay.data.phantom import LABELS, SPACING_MM, Phantom, make_phantom
from segassay.data.sentinel_input import sentinel_input, sentinel_slices
from segassay.engines.sentinel_engine import SentinelEngine
from segassay.models.quality_sentinel import TEXT_DIM, QualitySentinelNet
from segassay.scoring import Judge, load_judge
from segassay.scoring.inputs import image_volume
from segassay.training.sentinel_export import export_sentinel
from segassay.types import DEFAULT_JUDGE

ROUNDS = 3

Floats = NDArray[np.float32]
Predict = Callable[[Floats, Floats], Floats]


def main() -> None:
    """Time all in turn and print how much faster the judge is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", default=DEFAULT_JUDGE)
    judge = load_judge(parser.parse_args().judge)
    phantom = make_phantom(1)
    net = QualitySentinelNet().eval()
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sentinel.onnx"
        export_sentinel(net, path)
        engine = SentinelEngine(path, threads=threads)
    ways: dict[str, Callable[[], object]] = {
        "judge": lambda: judge_all(judge, phantom),
        "quality_sentinel": lambda: sentinel_all(on_torch(net), phantom, at_once=1),
        "quality_sentinel_onnx": lambda: sentinel_all(engine, phantom, at_once=1),
        "quality_sentinel_onnx_batched": lambda: sentinel_all(engine, phantom, at_once=10),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            times[name].append(seconds(way))
    print(json.dumps(summary(times, threads), indent=1))


def summary(times: dict[str, list[float]], threads: int) -> dict[str, object]:
    """Return median milliseconds per mask, and ratios to the judge within the same round."""
    n = len(LABELS)
    ratios = {
        name: round(
            statistics.median(t / o for t, o in zip(theirs, times["judge"], strict=True)), 1
        )
        for name, theirs in times.items()
        if name != "judge"
    }
    return {
        "masks": n,
        **{f"{k}_ms_per_mask": round(1000 * statistics.median(t) / n, 1) for k, t in times.items()},
        "ratio": ratios.pop("quality_sentinel"),
        **{f"ratio_{name}": ratio for name, ratio in ratios.items()},
        "threads": threads,
    }


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


def on_torch(net: QualitySentinelNet) -> Predict:
    """Return the network as released, arrays in and arrays out."""

    @torch.no_grad()
    def predict(slices: Floats, text: Floats) -> Floats:
        """Predict the Dice of slices."""
        answers: Floats = net(torch.from_numpy(slices), torch.from_numpy(text)).numpy()
        return answers

    return predict


def sentinel_all(predict: Predict, phantom: Phantom, *, at_once: int) -> list[float]:
    """Score all masks as the reference does: up to ten slices, mean over slices."""
    planes = phantom.image.transpose(2, 1, 0)
    means = []
    for value in LABELS.values():
        mask = phantom.labels.transpose(2, 1, 0) == value
        chosen = sentinel_slices(mask)
        answers: list[float] = []
        for n in range(0, len(chosen), at_once):
            seen = np.stack([sentinel_input(planes, mask, k) for k in chosen[n : n + at_once]])
            text = np.zeros((len(seen), TEXT_DIM), dtype=np.float32)
            answers += predict(seen, text).tolist()
        means.append(float(np.mean(answers)))
    return means


if __name__ == "__main__":
    main()
