"""Are planted faults among the worst-scored labels? Held-out subjects, size outliers beside.

One label in ten of every held-out case gets a fault with Dice below .7, the others stay as the
experts drew them. Reported: the share of faults in the worst tenth by score, and by distance from
the median size of the structure (its size outliers, which need no judge). Repeated over seeds.

Usage: python benchmarks/planted_faults.py DATA_ROOT [--judge NAME] [--out docs/results]
"""

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segassay.pipelines.faulty_cases import ExpertCase, plant_fault
from segassay.pipelines.frozen_test import frozen_cases, read_frozen_test
from segassay.scoring import Judge, load_judge
from segassay.types import DEFAULT_JUDGE

SHARE, BELOW, SEEDS = 0.1, 0.7, 10
PAIRS = Path(__file__).with_name("pairs.yaml")


@dataclass(frozen=True, slots=True)
class Scored:
    """One label, clean or faulty, with what the judge says and its size."""

    set_name: str
    case_id: str
    structure: str
    true: float
    recipe: str
    score: float
    size: float


def main() -> None:
    """Score every held-out label clean and faulty once, then draw which ones are faulty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default=DEFAULT_JUDGE)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    judge = load_judge(options.judge)
    clean, faulty = [], []
    for entry in read_frozen_test(PAIRS).sets:
        for expert in frozen_cases(entry, options.data):
            pairs = score_case(expert, judge)
            clean += [pair[0] for pair in pairs]
            faulty += [pair[1] for pair in pairs]
        print(entry.name, len(clean), flush=True)
    found = compare(clean, faulty)
    result = {"judge": judge.model_id, "n_labels": len(clean), "found": found}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "planted_faults.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "planted_faults.md").write_text(as_markdown(result))


def as_markdown(result: dict[str, Any]) -> str:
    """Write the result as a page."""
    lines = [
        f"# Planted faults found by {result['judge']}",
        "",
        f"{result['n_labels']} labels of held-out subjects; one in ten, drawn {SEEDS} times, "
        f"was replaced by a faulty one (Dice below {BELOW}). Share of faults in the worst "
        "tenth of the labels, by score and by distance from the structure's median size. Made by "
        "`python benchmarks/planted_faults.py DATA_ROOT`.",
        "",
        "| set | by score | range over draws | by size outlier |",
        "|---|---|---|---|",
    ]
    for name, found in result["found"].items():
        low, high = found["by_score_range_over_draws"]
        lines.append(
            f"| {name} | {found['by_score']:.2f} | {low:.2f} to {high:.2f} "
            f"| {found['by_size_outlier']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def score_case(expert: ExpertCase, judge: Judge) -> list[tuple[Scored, Scored]]:
    """Score every structure of a case as it is and with one fault."""
    rng = np.random.default_rng(abs(hash_of(expert.case.case_id)))
    found = []
    for structure, mask in expert.masks.items():
        for _ in range(20):
            recipe, dice, bad = plant_fault(
                expert, structure, rng, target=float(rng.uniform(0.05, BELOW))
            )
            if 0 < dice < BELOW and bad.any():
                break
        labels = [(structure, mask), (structure, bad)]
        good_score, bad_score = judge.score_labels(expert.image, labels, modality=expert.modality)
        place = (expert.set_name, expert.case.case_id, structure)
        found.append(
            (
                Scored(*place, 1.0, "untouched", good_score.value, float(mask.sum())),
                Scored(*place, dice, recipe, bad_score.value, float(bad.sum())),
            )
        )
    return found


def compare(clean: list[Scored], faulty: list[Scored]) -> dict[str, Any]:
    """Draw which labels are faulty, many times, and count those in the worst tenth."""
    by_set: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        bad = np.zeros(len(clean), dtype=np.bool_)
        bad[rng.choice(len(clean), size=round(SHARE * len(clean)), replace=False)] = True
        rows = [f if is_bad else c for c, f, is_bad in zip(clean, faulty, bad, strict=True)]
        scores = np.nan_to_num(np.array([row.score for row in rows]), nan=0.0)
        odd = oddness(rows)
        by_set["all"]["score"].append(found_share(scores, bad))
        by_set["all"]["size"].append(found_share(-odd, bad))
        for name in {row.set_name for row in rows}:
            own = np.array([row.set_name == name for row in rows])
            if own.sum() >= 20 and bad[own].any():
                by_set[name]["score"].append(found_share(scores[own], bad[own]))
                by_set[name]["size"].append(found_share(-odd[own], bad[own]))
    return {
        name: {
            "by_score": round(float(np.mean(found["score"])), 3),
            "by_size_outlier": round(float(np.mean(found["size"])), 3),
            "by_score_range_over_draws": [
                round(float(np.min(found["score"])), 3),
                round(float(np.max(found["score"])), 3),
            ],
            "draws": len(found["score"]),
        }
        for name, found in by_set.items()
    }


def oddness(rows: list[Scored]) -> np.ndarray:
    """Return robust distances of log size from the structure's median, faults included."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        groups[row.set_name, row.structure].append(number)
    odd = np.zeros(len(rows))
    for numbers in groups.values():
        sizes = np.log([rows[n].size for n in numbers])
        spread = max(1.4826 * float(np.median(np.abs(sizes - np.median(sizes)))), 0.05)
        odd[numbers] = np.abs(sizes - np.median(sizes)) / spread
    return odd


def found_share(values: np.ndarray, bad: np.ndarray) -> float:
    """Return the share of the bad labels among the lowest tenth of the values."""
    n_worst = max(1, round(SHARE * len(values)))
    worst = np.argsort(values, kind="stable")[:n_worst]
    return float(bad[worst].sum() / bad.sum())


def hash_of(text: str) -> int:
    """Return a number for a text, the same in every process."""
    return int.from_bytes(text.encode()[-7:], "big")


if __name__ == "__main__":
    main()
