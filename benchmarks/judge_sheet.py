"""The judge's sheet on the frozen test: one command, all figures, baselines in the same run.

Judges every pair of `benchmarks/pairs.yaml` and writes `judge.json`, `judge.png` and `judge.md`.
Rows are kept per case, so a stopped run continues. Two runs give the same figures.

Beside the judge, on the same labels: the same network with the image blacked out (mask only), the
mean true Dice of the structure on the other subjects, and the distance from the usual size.

Usage: python benchmarks/judge_sheet.py DATA_ROOT [--judge judge-v0] [--out docs/results]
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sheet_text import draw, write_markdown

from segassay.data.corruption.volume import LabelledPlanes, slicewise
from segassay.data.slicing import as_planes, from_planes, slicing_axis
from segassay.metrics.agreement import auroc, pearson
from segassay.metrics.baselines import mean_of_structure, size_oddness
from segassay.metrics.overlap import dice
from segassay.metrics.summary import JudgedLabels, agreement, mean_over_groups, reliability
from segassay.pipelines.faulty_cases import ExpertCase
from segassay.pipelines.frozen_test import (
    UNTOUCHED,
    FrozenPair,
    FrozenTest,
    frozen_cases,
    frozen_pairs,
    read_frozen_test,
)
from segassay.scoring import Judge, load_judge
from segassay.vocabulary.names import mirrored

HERE = Path(__file__).parent
SWEEP = tuple(np.round(np.arange(0.1, 0.96, 0.05), 2))
Row = dict[str, Any]


def main() -> None:
    """Judge what is not judged yet, then summarise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default="judge-v0")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    parser.add_argument("--work", type=Path, default=HERE.parent / "runs" / "sheet")
    options = parser.parse_args()
    judge = load_judge(options.judge)
    test = read_frozen_test(HERE / "pairs.yaml")
    work = options.work / f"{judge.model_id}-v{test.version}"
    work.mkdir(parents=True, exist_ok=True)
    rows = [row for entry in test.sets for row in set_rows(test, entry, options.data, judge, work)]
    sheet = {"judge": judge.model_id, "test_version": test.version, **summarise(rows)}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "judge.json").write_text(json.dumps(sheet, indent=1) + "\n")
    write_markdown(sheet, options.out / "judge.md")
    draw([r for r in rows if r["test"] == "pair"], sheet, options.out / "judge.png")


def set_rows(test: FrozenTest, entry: Any, data: Path, judge: Judge, work: Path) -> Iterator[Row]:
    """Return the rows of one set; cases judged before are read back."""
    for case_id in entry.cases:
        path = work / f"{entry.name}-{case_id}.json"
        if not path.exists():
            only = entry.model_copy(update={"cases": {case_id: entry.cases[case_id]}})
            (expert,) = frozen_cases(only, data)
            path.write_text(json.dumps(case_rows(test, expert, judge)))
            print(entry.name, case_id, flush=True)
        yield from json.loads(path.read_text())


def case_rows(test: FrozenTest, expert: ExpertCase, judge: Judge) -> list[Row]:
    """Judge all pairs of a case, with image and without, and the same masks by wrong names."""
    pairs = [p for name in expert.masks for p in frozen_pairs(test, expert, name)]
    labels = [(p.structure, p.mask) for p in pairs]
    scores = judge.score_labels(expert.image, labels, modality=expert.modality)
    black = replace(expert.image, array=np.zeros_like(expert.image.array))
    blind = judge.score_labels(black, labels, modality=expert.modality)
    rows = [
        {
            **place(expert, "pair", p.structure),
            "recipe": p.recipe,
            "unseen": p.unseen,
            "seed": p.seed,
            "true": p.dice,
            "nsd": p.nsd,
            "size": int(p.mask.sum()),
            "value": s.value,
            "low": s.low,
            "high": s.high,
            "status": s.status.value,
            "mask_only": b.value,
        }
        for p, s, b in zip(pairs, scores, blind, strict=True)
    ]
    return [*rows, *wrong_name_rows(expert, judge, pairs), *sweep_rows(expert, judge)]


def place(expert: ExpertCase, test: str, structure: str) -> Row:
    """Return the columns that say where a row comes from."""
    return {
        "test": test,
        "set": expert.set_name,
        "subject": f"{expert.set_name}/{expert.case.subject_id}",
        "case": expert.case.case_id,
        "structure": structure,
    }


def wrong_name_rows(expert: ExpertCase, judge: Judge, pairs: list[FrozenPair]) -> list[Row]:
    """Judge expert masks under the name of another structure that is in the image, too."""
    gold = {p.structure: p.mask for p in pairs if p.recipe == UNTOUCHED}
    swaps = [(wrong, right) for right in gold for wrong in gold if wrong != right]
    masks = [(wrong, gold[right]) for wrong, right in swaps]
    scores = judge.score_labels(expert.image, masks, modality=expert.modality) if masks else []
    return [
        {
            **place(expert, "wrong_name", wrong),
            "mask_of": right,
            "close": wrong == mirrored(right) or touching(gold[wrong], gold[right]),
            "true": dice(gold[wrong], gold[right]),
            "value": score.value,
        }
        for (wrong, right), score in zip(swaps, scores, strict=True)
    ]


def touching(a: Any, b: Any) -> bool:
    """Whether a mask touches another one by a face."""
    moved = (np.roll(a, step, axis) for axis in range(3) for step in (-1, 1))
    return any(bool((m & b).any()) for m in moved)


def sweep_rows(expert: ExpertCase, judge: Judge) -> list[Row]:
    """Erode and dilate the abdominal labels step by step, as the papers do on BTCV."""
    if expert.set_name != "btcv":
        return []
    axis = slicing_axis(expert.image.grid)
    rows = []
    for structure, mask in expert.masks.items():
        label = LabelledPlanes(as_planes(expert.image.array, axis), as_planes(mask, axis))
        for family in ("erosion", "dilation"):
            rng = np.random.default_rng(0)
            bad = [from_planes(slicewise(label, family, float(t), rng), axis) for t in SWEEP]
            filled = [m for m in bad if m.any()]
            labels = [(structure, m) for m in filled]
            scores = judge.score_labels(expert.image, labels, modality=expert.modality)
            rows += [
                {
                    **place(expert, family, structure),
                    "true": dice(m, mask),
                    "value": s.value,
                }
                for m, s in zip(filled, scores, strict=True)
            ]
    return rows


def columns(rows: list[Row]) -> JudgedLabels:
    """Turn rows into columns; rows without a score are left out, and counted by the caller."""
    kept = [row for row in rows if not np.isnan(row["value"])]

    def text(key: str) -> Any:
        return np.array([row[key] for row in kept], dtype=np.str_)

    def number(key: str) -> Any:
        return np.array([row.get(key, np.nan) for row in kept], dtype=np.float64)

    return JudgedLabels(
        number("value"),
        number("low"),
        number("high"),
        number("true"),
        text("subject"),
        text("set"),
        text("structure"),
    )


def summarise(rows: list[Row]) -> Row:
    """Compute every figure of the sheet."""
    pairs = [r for r in rows if r["test"] == "pair" and not np.isnan(r["value"])]
    labels = columns(pairs)
    faulty = [r for r in pairs if r["recipe"] != UNTOUCHED]
    sets = sorted({r["set"] for r in pairs})
    return {
        "pooled": agreement(labels),
        "over_sets": mean_over_groups(labels),
        "by_set": {n: agreement(labels.where(labels.group == n), n_draws=200) for n in sets},
        "reliability": reliability(labels),
        "unseen_families": agreement(columns([r for r in faulty if r["unseen"]])),
        "trained_families": agreement(columns([r for r in faulty if not r["unseen"]])),
        "baselines": baselines(pairs, labels),
        "untouched": untouched(pairs),
        "by_size": by_size(pairs),
        "wrong_name": wrong_name(rows),
        "sweeps": {
            family: agreement(columns([r for r in rows if r["test"] == family]))
            for family in ("erosion", "dilation")
        },
        "network_errors": None,
    }


def baselines(pairs: list[Row], labels: JudgedLabels) -> Row:
    """Score the same labels by things that do not look at the image."""
    blind = np.array([r["mask_only"] for r in pairs])
    sizes = np.array([r["size"] for r in pairs], dtype=np.float64)
    clean = np.array([r["recipe"] == UNTOUCHED for r in pairs])
    return {
        name: {**mean_over_groups(labels.with_value(v)), **agreement(labels.with_value(v))}
        for name, v in (
            ("mask_only", blind),
            ("mean_of_structure", mean_of_structure(labels)),
            ("size_outlier", -size_oddness(sizes, labels, clean)),
        )
    }


def untouched(pairs: list[Row]) -> Row:
    """Return what the judge says of expert labels as they are."""
    clean = [r for r in pairs if r["recipe"] == UNTOUCHED]
    keys = sorted({(r["set"], r["structure"]) for r in clean})
    medians = {
        f"{name}/{structure}": round(
            float(
                np.median(
                    [r["value"] for r in clean if (r["set"], r["structure"]) == (name, structure)]
                )
            ),
            3,
        )
        for name, structure in keys
    }
    values = np.array([r["value"] for r in pairs])
    bad = np.array([r["true"] < 0.9 for r in pairs])
    judged = np.array([r["recipe"] == UNTOUCHED or r["true"] < 0.9 for r in pairs])
    return {
        "n": len(clean),
        "median": round(float(np.median([r["value"] for r in clean])), 4),
        "worst_structure": min(medians.items(), key=lambda item: item[1]),
        "median_by_structure": medians,
        "auroc_against_faults_below_0.9": round(auroc(values[judged], bad[judged]), 4),
    }


def by_size(pairs: list[Row]) -> Row:
    """Return Pearson by thirds of the expert mask's size within all pairs."""
    clean = {(r["case"], r["structure"]): r["size"] for r in pairs if r["recipe"] == UNTOUCHED}
    sizes = np.array([clean.get((r["case"], r["structure"]), r["size"]) for r in pairs])
    ends = np.quantile(sizes, (1 / 3, 2 / 3))
    third = np.digitize(sizes, ends)
    labels = columns(pairs)
    return {
        name: round(pearson(labels.value[third == n], labels.true[third == n]), 4)
        for n, name in enumerate(("smallest third", "middle third", "largest third"))
    }


def wrong_name(rows: list[Row]) -> Row:
    """Return how well right names are told from wrong ones on the same expert masks."""
    right = np.array([r["value"] for r in rows if r["test"] == "pair" and r["recipe"] == UNTOUCHED])
    found: Row = {}
    for name, close in (("another structure", False), ("left-right and touching", True)):
        wrong = [r["value"] for r in rows if r["test"] == "wrong_name" and r["close"] is close]
        values = np.concatenate([right, np.array(wrong, dtype=np.float64)])
        bad = np.arange(len(values)) >= len(right)
        keep = ~np.isnan(values)
        found[name] = {"n": len(wrong), "auroc": round(auroc(values[keep], bad[keep]), 4)}
    return found


if __name__ == "__main__":
    main()
