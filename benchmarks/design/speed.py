"""How much faster than the published loop: the judge beside Quality Sentinel, in the same run.

All score the same masks of a phantom from image and mask in memory to one number per mask. The
reference runs as released: torch in single precision, one slice at a time, ten slices at most; its
weights are random here, which costs the same time. Beside it the same loop on ONNX Runtime, one
slice at a time and all slices of a mask at once: what is gained without changing the method. The
judge runs on its default engine, and on OpenVINO where that is installed. Every ratio is the median
of ratios within a round, so that a busy machine spoils it least; all use the same cores. On a
machine with other work compare processor time on one core: `OMP_NUM_THREADS=1 ... --clock cpu`.

Usage: python -m benchmarks.design.speed [--judge NAME] [--rounds N] [--clock wall|cpu]
"""

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from segassay.corruption.phantoms.simple_phantom import LABELS, SPACING_MM, Phantom, make_phantom
from segassay.judge.engines.sentinel_engine import SentinelEngine
from segassay.judge.inputs.arrays_and_files import image_volume
from segassay.judge.inputs.sentinel_input import sentinel_input, sentinel_slices
from segassay.judge.networks.quality_sentinel import TEXT_DIM, QualitySentinelNet
from segassay.judge.networks.sentinel_export import export_sentinel
from segassay.judge.scoring import Judge, load_judge
from segassay.types import DEFAULT_JUDGE, Engine

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
REFERENCE = "quality_sentinel"
FAST = "judge_openvino"

Floats = NDArray[np.float32]
Predict = Callable[[Floats, Floats], Floats]


def main() -> None:
    """Time all in turn and print how much faster the judge is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", default=DEFAULT_JUDGE)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    options = parser.parse_args()
    name, clock = options.judge, CLOCKS[options.clock]
    phantom = make_phantom(1)
    net = QualitySentinelNet().eval()
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sentinel.onnx"
        export_sentinel(net, path)
        engine = SentinelEngine(path, threads=threads)
    judges = {"judge": load_judge(name, threads=threads)}
    if importlib.util.find_spec("openvino") is not None:
        judges[FAST] = load_judge(name, threads=threads, engine=Engine.OPENVINO)
    ways: dict[str, Callable[[], object]] = {
        **{key: partial(judge_all, judge, phantom) for key, judge in judges.items()},
        "quality_sentinel": lambda: sentinel_all(on_torch(net), phantom, at_once=1),
        "quality_sentinel_onnx": lambda: sentinel_all(engine, phantom, at_once=1),
        "quality_sentinel_onnx_batched": lambda: sentinel_all(engine, phantom, at_once=10),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for judge in judges.values():
        judge_all(judge, phantom)  # OpenVINO prepares itself for every number of slices once
    for _ in range(options.rounds):
        for key, way in ways.items():
            times[key].append(seconds(way, clock))
            print(key, round(times[key][-1], 3), file=sys.stderr, flush=True)
    runs_on = {key: judge.runs_on for key, judge in judges.items()}
    told = {**summary(times, threads), "clock": options.clock, "runs_on": runs_on}
    print(json.dumps(told, indent=1))


def summary(times: dict[str, list[float]], threads: int) -> dict[str, object]:
    """Return median milliseconds per mask, and how much faster the judge is than each loop."""
    n = len(LABELS)
    loops = {key: key.replace(REFERENCE, "ratio") for key in times if key.startswith(REFERENCE)}
    ratios = {name: ratio(times[key], times["judge"]) for key, name in loops.items()}
    if FAST in times:
        ratios["ratio_openvino"] = ratio(times[REFERENCE], times[FAST])
    return {
        "masks": n,
        **{f"{k}_ms_per_mask": round(1000 * statistics.median(t) / n, 1) for k, t in times.items()},
        **ratios,
        "threads": threads,
    }


def ratio(slow: list[float], fast: list[float]) -> float:
    """Return the median of two ways' ratios within a round."""
    return round(statistics.median(s / f for s, f in zip(slow, fast, strict=True)), 1)


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return how long a piece of work takes."""
    start = clock()
    work()
    return clock() - start


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
        chosen = sentinel_slices(mask.sum(axis=(1, 2)))
        answers: list[float] = []
        for n in range(0, len(chosen), at_once):
            seen = np.stack([sentinel_input(planes[k], mask[k]) for k in chosen[n : n + at_once]])
            text = np.zeros((len(seen), TEXT_DIM), dtype=np.float32)
            answers += predict(seen, text).tolist()
        means.append(float(np.mean(answers)))
    return means


if __name__ == "__main__":
    main()
