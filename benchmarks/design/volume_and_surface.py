"""Expected volume error, surface Dice and error type against the true ones, on the frozen test.

Asks the judge about all pairs of up to `--cases` cases of every set, evenly spread over the set's
list. Rows are kept per case under `runs/volume_and_surface`, so a stopped run continues. Beside the
judge, on the same labels: the score (an expected Dice) taken for the surface Dice, the mean of the
structure on other subjects, and for the volume its usual size on other subjects. How much of the
error of the expected surface Dice comes from looking at slices in their own plane alone is measured
with the true masks: surface Dice of the planes against that of the volume.

Usage: python -m benchmarks.design.volume_and_surface DATA_ROOT [--judge NAME] [--cases 6] [--kept]
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.design.volume_and_surface_figures import summarise, write_markdown
from benchmarks.frozen_test.frozen import HERE, RUNS, Frozen, Row, kept_rows
from benchmarks.frozen_test.frozen_pairs import FrozenPair, FrozenSet
from benchmarks.sheet.sheet_rows import place
from segassay.corruption.faulty_cases import ExpertCase
from segassay.images.slicing import as_planes, pixel_mm, slicing_axis
from segassay.judge.documents.error_types import error_type
from segassay.judge.scoring import Judge, load_judge
from segassay.metrics.evaluation import plain
from segassay.metrics.overlap import NSD_MM, surface_areas
from segassay.types import DEFAULT_JUDGE

Mask = NDArray[np.bool_]


def main() -> None:
    """Judge what is not judged yet, then summarise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default=DEFAULT_JUDGE)
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--kept", action="store_true", help="only cases judged before")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    frozen, judge = Frozen(options.data), load_judge(options.judge)
    folder = RUNS / "volume_and_surface" / f"{judge.model_id}-v{frozen.test.version}"
    rows: list[Row] = []
    for entry in frozen.test.sets:
        for case_id in spread(list(entry.cases), options.cases):
            path = folder / f"{entry.name}-{case_id}.json"
            if path.exists() or not options.kept:
                rows += kept_rows(path, partial(judged, frozen, entry, case_id, judge))
    found = {
        "judge": judge.model_id,
        "test_version": frozen.test.version,
        "cases": dict(Counter(s for s, _ in dict.fromkeys((r["set"], r["case"]) for r in rows))),
        **summarise(rows),
    }
    stem = options.out / "volume_and_surface"
    stem.with_suffix(".json").write_text(json.dumps(plain(found), indent=1) + "\n")
    write_markdown(found, stem.with_suffix(".md"))


def spread(names: Sequence[str], count: int) -> list[str]:
    """Return up to `count` names, evenly spread over the list."""
    chosen = np.linspace(0, len(names) - 1, min(count, len(names)))
    return [names[int(n)] for n in chosen]


def judged(frozen: Frozen, entry: FrozenSet, case_id: str, judge: Judge) -> list[Row]:
    """Return one row per pair of a case: what is true of the mask, and what the judge says."""
    expert = frozen.expert(entry, case_id)
    pairs = frozen.pairs(entry, expert)
    labels = [(p.structure, p.mask) for p in pairs]
    scores = judge.score_labels(expert.image, labels, modality=expert.modality)
    return [
        {
            **place(expert, "volume_and_surface", p.structure),
            "recipe": p.recipe,
            "origin": p.origin,
            "seed": p.seed,
            **truth(p, expert),
            "value": s.value,
            "expected_nsd": s.expected_nsd,
            "expected_volume_error": s.expected_volume_error,
            "expected_type": s.error_type,
            "presence": s.presence,
        }
        for p, s in zip(pairs, scores, strict=True)
    ]


def truth(pair: FrozenPair, expert: ExpertCase) -> Row:
    """Return what the expert's mask says of a pair; sizes are in voxels."""
    gold = expert.masks[pair.structure]
    size, right = int(pair.mask.sum()), int(gold.sum())
    both = int((pair.mask & gold).sum())
    return {
        "dice": pair.dice,
        "nsd": pair.nsd,
        "nsd_in_plane": nsd_in_plane(pair.mask, gold, expert),
        "volume_error": (size - right) / right,
        "error_type": error_type(pair.dice, right - both, size - both),
        "size": size * expert.image.grid.voxel_ml,
        "right_size": right * expert.image.grid.voxel_ml,
    }


def nsd_in_plane(mask: Mask, gold: Mask, expert: ExpertCase) -> float:
    """Return the surface Dice of all slices, each in its own plane, at full resolution."""
    axis = slicing_axis(expert.image.grid)
    pixel = pixel_mm(expert.image.grid, axis)
    counts = [
        surface_areas(a, b, pixel, tolerance_mm=NSD_MM)
        for a, b in zip(as_planes(mask, axis), as_planes(gold, axis), strict=True)
    ]
    agreeing, total = np.sum(counts, axis=0)
    return float(agreeing / total)


if __name__ == "__main__":
    main()
