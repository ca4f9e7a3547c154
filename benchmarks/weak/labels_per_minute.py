"""How many labels a minute a promptable segmenter draws, and what memory it takes at most.

Every segmenter works in a process of its own, through `open_promptable`, on the middle slice of
each image of a folder: the slice is embedded once, then a label is drawn for each of a few boxes.
Random weights of a published configuration cost the same time as the published ones; they are saved
and opened as these are. Labels per minute count from when the segmenter is open. On a machine with
other work compare processor time on one core: `OMP_NUM_THREADS=1 ... --clock cpu`.

Usage: python -m benchmarks.weak.labels_per_minute IMAGES [--spec SPEC ...] [--random NAME ...]
    [--images N] [--labels N] [--engine onnx|openvino] [--clock wall|cpu]
    [--out FILE]
"""

import argparse
import json
import multiprocessing
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segassay.extras import offline_transformers
from segassay.images.io import read_image
from segassay.images.slicing import as_planes, slicing_axis
from segassay.judge.engines.onnxruntime_session import usable_cores
from segassay.types import Engine
from segassay.weak.promptable.open_promptable import open_promptable
from segassay.weak.prompts import Floats, Prompt, prompts

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}

_SAM2_AT_512 = {
    "vision_config": {"backbone_feature_sizes": [[128, 128], [64, 64], [32, 32]]},
    "prompt_encoder_config": {"image_size": 512},
}
RANDOM: dict[str, tuple[str, dict[str, Any]]] = {
    "sam-vit-b": ("Sam", {}),
    "medsam-vit-b": ("Sam", {}),
    "sam2-hiera-tiny": ("Sam2", {}),
    "medsam2-hiera-tiny": ("Sam2", _SAM2_AT_512),
}
"""Published configurations: transformers' own defaults, MedSAM2's at 512 pixels."""


def main() -> None:
    """Time all in turn, and print or write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--spec", action="append", default=[])
    parser.add_argument("--random", action="append", default=[], choices=sorted(RANDOM))
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--labels", type=int, default=3, help="labels on each image")
    parser.add_argument("--engine", choices=list(Engine), default=Engine.ONNX)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    paths = [p for p in sorted(options.folder.iterdir()) if p.is_file()][: options.images]
    with tempfile.TemporaryDirectory() as folder:
        random = [save_random(name, Path(folder)) for name in options.random]
        rows = [
            apart(measure, spec, paths, options.labels, Engine(options.engine), options.clock)
            for spec in (*options.spec, *random)
        ]
    text = json.dumps(rows, indent=1, allow_nan=False)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def save_random(name: str, root: Path) -> str:
    """Save random weights of a published configuration as transformers does; return their spec."""
    return str(apart(_save_random, name, root))


def _save_random(name: str, root: Path) -> str:
    kind, config = RANDOM[name]
    with offline_transformers(extra="sam") as transformers:
        model = getattr(transformers, f"{kind}Model")(
            getattr(transformers, f"{kind}Config")(**config)
        )
        model.save_pretrained(root / name)
    return str(root / name)


def apart(function: Any, *arguments: Any) -> Any:
    """Call a function in a process of its own, so that its peak of memory is its own, too."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def measure(
    spec: str, paths: list[Path], n_labels: int, engine: Engine, clock: str
) -> dict[str, Any]:
    """Open a segmenter and draw on every image; returns one row of figures."""
    now = CLOCKS[clock]
    start = now()
    segmenter = open_promptable(spec, engine=engine)
    opened = now() - start
    looked, drawn, labels = 0.0, 0.0, 0
    for image, places in slices(paths, n_labels):
        start = now()
        seen = segmenter.open_slice(image)
        looked += now() - start
        start = now()
        labels += len(seen.draw(places, segmenter.kinds[0]))
        drawn += now() - start
    return {
        "segmenter": Path(spec).name,
        "clock": clock,
        "runs_on": type(segmenter).__name__,
        "images": len(paths),
        "labels": labels,
        "seconds_to_open": round(opened, 2),
        "seconds_per_slice": round(looked / len(paths), 3),
        "seconds_per_label": round(drawn / max(labels, 1), 3),
        "labels_per_minute": round(60 * labels / (looked + drawn), 1),
        "peak_mib": peak_mib(),
        "cores": usable_cores(),
        "torch_threads": torch.get_num_threads(),
    }


def slices(paths: list[Path], n_labels: int) -> Iterator[tuple[Floats, list[Prompt]]]:
    """Return the middle slice of each image `(rows, columns, 3)` in [0, 1], and places on it."""
    for path in paths:
        volume = read_image(path)
        planes = as_planes(volume.array, slicing_axis(volume.grid))
        plane = np.asarray(planes[len(planes) // 2], dtype=np.float32)
        low, high = np.percentile(plane, [0.5, 99.5])
        grey = ((plane - low) / max(high - low, 1e-6)).clip(0, 1).astype(np.float32)
        yield (
            np.repeat(grey[..., None], 3, axis=2),
            places_on(grey.shape[0], grey.shape[1], n_labels),
        )


def places_on(rows: int, columns: int, n: int) -> list[Prompt]:
    """Return `n` discs in a row, each as a prompt."""
    y, x = np.indices((rows, columns))
    p = np.zeros((rows, columns), dtype=np.float32)
    radius = min(rows / 4, columns / (3 * n))
    for k in range(n):
        middle = (k + 0.5) * columns / n
        p[(y - rows / 2) ** 2 + (x - middle) ** 2 <= radius**2] = 1
    return prompts(p)


def peak_mib() -> int | None:
    """Return the largest memory of this process so far; `None` where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) // 1024 if found else None


if __name__ == "__main__":
    main()
