"""Does a judge say the same of an image with more pixels?

Images of the frozen test and their masks are enlarged in the plane, as scanners and X-ray tables
deliver them, and judged as before the release that counts them as reduced (`largest_px`), and
since. What is to be seen in a crop does not change, so neither should the score.

Usage: python -m benchmarks.design.resolution DATA_ROOT [--judge judge-small] [--cases 6] [--every
       4]
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from benchmarks.frozen_test.frozen import HERE, Frozen, Row
from segassay.geometry.grid import Grid
from segassay.images.volume import Volume
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.judge.scoring import Judge, judge_of
from segassay.metrics.agreement import mean_absolute_error, pearson
from segassay.types import DEFAULT_JUDGE

ENLARGED = {"jsrt": (1, 2, 6), "ph2": (1, 2, 6), "hc18": (1, 2, 4), "btcv": (1, 2), "acdc": (1, 2)}
"""Sets of the test, with how many times as many pixels a side gets."""

_NO_LIMIT = 10**6


def main() -> None:
    """Judge, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default=DEFAULT_JUDGE)
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    frozen = Frozen(options.data)
    folder = open_judge(find_judge(options.judge))
    limits = {"largest_px": _NO_LIMIT, "largest_slice_px": _NO_LIMIT}
    seen = folder.meta.preprocess.model_copy(update=limits)
    unlimited = folder.meta.model_copy(update={"preprocess": seen})
    judges = {"before": judge_of(replace(folder, meta=unlimited)), "since": judge_of(folder)}
    rows = [
        row
        for name, factors in ENLARGED.items()
        for row in judged_set(frozen, name, factors, judges, options)
    ]
    found = {
        "judge": judges["since"].model_id,
        "test_version": frozen.test.version,
        "cases": options.cases,
        "every": options.every,
        "rows": rows,
    }
    (options.out / "resolution.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.out / "resolution.md").write_text(page(found))


def judged_set(
    frozen: Frozen,
    name: str,
    factors: tuple[int, ...],
    judges: dict[str, Judge],
    options: argparse.Namespace,
) -> list[Row]:
    """Return a row for every enlargement of a set."""
    (entry,) = (e for e in frozen.test.sets if e.name == name)
    experts = [frozen.expert(entry, case_id) for case_id in list(entry.cases)[: options.cases]]
    every = [frozen.pairs(entry, expert)[:: options.every] for expert in experts]
    pairs = [[pair for pair in asked if pair.mask.any()] for asked in every]
    found = []
    for factor in factors:
        said: dict[str, list[float]] = {way: [] for way in judges}
        for expert, asked in zip(experts, pairs, strict=True):
            image = enlarged(expert.image, factor)
            labels = [(pair.structure, finer(pair.mask, factor)) for pair in asked]
            for way, judge in judges.items():
                scores = judge.score_labels(image, labels, modality=expert.modality)
                said[way] += [score.value for score in scores]
        true = [float(pair.dice) for asked in pairs for pair in asked]
        found.append(
            {"set": name, "factor": factor, "pixels": max(image.array.shape[:2])}
            | {way: figures(true, values) for way, values in said.items()}
        )
        print(found[-1], flush=True)
    return found


def enlarged(image: Volume, factor: int) -> Volume:
    """Return an image with `factor` times as many pixels along both in-plane axes."""
    zoom = (factor, factor, 1)
    array = ndi.zoom(image.array.astype(np.float32), zoom, order=1, grid_mode=True, mode="nearest")
    affine = image.grid.affine @ np.diag([1 / factor, 1 / factor, 1, 1])
    grid = Grid(array.shape, affine)
    return replace(image, array=array, grid=grid)


def finer(mask: NDArray[np.bool_], factor: int) -> NDArray[np.bool_]:
    """Return a mask with `factor` times as many pixels along both in-plane axes."""
    return mask.repeat(factor, axis=0).repeat(factor, axis=1)


def figures(true: list[float], values: list[float]) -> dict[str, Any]:
    """Return how a judge's scores agree with true Dice."""
    a, b = np.array(values), np.array(true)
    return {"n": len(true), "pearson": pearson(a, b), "mae": mean_absolute_error(a, b)}


def page(found: dict[str, Any]) -> str:
    """Write the table."""
    lines = [
        "# Images of more pixels",
        "",
        "Images of the frozen test with their masks, enlarged in the plane (linearly, so they show",
        f"nothing new), judged by {found['judge']}. *Before*: the network is told the number of",
        "pixels as it is. *Since*: an image of more than 400 pixels along a side, or a slice of a",
        "volume of more than 260, counts as one of so many. Every",
        f"{found['every']}th mask of at most {found['cases']} cases per set. Made by",
        "`python -m benchmarks.design.resolution`; why: ADR 0021.",
        "",
        "| set | pixels a side | masks | Pearson, before | since | MAE, before | since |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['set']} | {r['pixels']} | {r['since']['n']} | {r['before']['pearson']:.3f} "
        f"| {r['since']['pearson']:.3f} | {r['before']['mae']:.3f} | {r['since']['mae']:.3f} |"
        for r in found["rows"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
