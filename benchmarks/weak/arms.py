"""What weak labels are worth: segmenters trained with and without them, on subjects never seen.

usage: arms.py DATA OUT [--sets ph2 acdc jsrt hc18] [--gold 25 10] [--seeds 0 1 2]
       [--judge SET=FOLDER ...] [--prompt SET=FOLDER ...] [--minutes 4] [--networks unet-lite0 unet]

Of each set a fifth of the subjects are for testing, N are the reference, the rest have no labels.
Arms: `reference` alone; `unfiltered`: with the masks that boxes round the coarse masks prompt, as
Auto-Generate-WLs has it; `gated`: with the labels of `segassay weak`; `weighted`: the same by their
weights; `true`: with the true labels of the rest. Judge and promptable segmenter must have seen
nothing of the set: give those of `leave_set_out.py` and `make_prompt_small.py --without-fold`.
Every training is one file in OUT; what is there is not made again.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.design.make_encoder import tell
from segassay.datasets.case import Case, Dataset
from segassay.datasets.opening import open_dataset
from segassay.datasets.read_case import read_labelled_case
from segassay.datasets.splits import natural_key
from segassay.images.io import read_image
from segassay.images.label_ref import LabelRef
from segassay.judge.scoring import load_judge
from segassay.segment.recipe import read_segmentation_recipe
from segassay.segment.segmenter import Segmenter
from segassay.segment.train_segmenter import train_segmenter
from segassay.weak.candidates import mask_dice
from segassay.weak.make_labels import (
    WeakSettings,
    candidate_path,
    make_weak_labels,
    weak_dataset,
)
from segassay.weak.promptable.prompt_small import PromptSmall

SETS = {
    "ph2": "ph2",
    "acdc": "nnUNet_raw/Dataset027_ACDC",
    "jsrt": "jsrt",
    "hc18": "hc18",
}
ARMS = ("reference", "unfiltered", "gated", "weighted", "true")
_TEST, _MOST = 0.2, 100
"""Share of the subjects that test, and most images without labels."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A data set in three parts by subject."""

    reference: Dataset
    rest: Dataset
    test: Dataset

    @classmethod
    def of(cls, dataset: Dataset, n: int, seed: int) -> "Parts":
        """Deal: the test subjects are the same for every seed."""
        subjects = sorted({c.subject_id for c in dataset.cases if c.labels}, key=natural_key)
        n_test = round(_TEST * len(subjects))
        fixed = np.random.default_rng(0).permutation(len(subjects))
        test = {subjects[k] for k in fixed[:n_test]}
        left = [subjects[k] for k in fixed[n_test:]]
        order = np.random.default_rng((seed, n)).permutation(len(left))
        gold, rest = ([left[k] for k in some] for some in (order[:n], order[n : n + _MOST]))
        return cls(*(_of(dataset, some) for some in (gold, rest, test)))


def _of(dataset: Dataset, subjects: Sequence[str] | set[str]) -> Dataset:
    return replace(dataset, cases=tuple(c for c in dataset.cases if c.subject_id in subjects))


def main() -> None:
    """Run what is not there yet, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--gold", type=int, nargs="+", default=[25, 10])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--networks", nargs="+", default=["unet-lite0", "unet"])
    parser.add_argument("--judge", nargs="+", required=True, metavar="SET=FOLDER")
    parser.add_argument("--prompt", nargs="+", required=True, metavar="SET=FOLDER")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--patch", type=int, default=128)
    given = parser.parse_args()
    for seed in given.seeds:
        for n in given.gold:
            for name in given.sets:
                for network in given.networks:
                    run(given, name, n, seed, network)
    rows = [json.loads(path.read_text()) for path in sorted(given.out.glob("*/*.json"))]
    (given.out / "arms.md").write_text(page(rows))


def run(given: argparse.Namespace, name: str, n: int, seed: int, network: str) -> None:
    """Train and test all arms of one draw."""
    out = given.out / f"{name}-{n}-{seed}-{network}"
    if all((out / f"{arm}.json").exists() for arm in ARMS):
        return
    parts = Parts.of(open_dataset(given.data / SETS[name]), n, seed)
    judge, prompt = (
        dict(one.split("=", 1) for one in some) for some in (given.judge, given.prompt)
    )
    recipe = read_segmentation_recipe(
        None, network=network, patch=given.patch, minutes=given.minutes, updates=10**6, seed=seed
    )
    how = WeakSettings(recipe, keep_candidates=True)
    bare = replace(parts.rest, cases=tuple(replace(c, labels=()) for c in parts.rest.cases))
    result = make_weak_labels(
        bare,
        parts.reference,
        out / "weak",
        how,
        judge=load_judge(judge[name]),
        segmenters=[PromptSmall(Path(prompt[name]))],
        say=tell,
    )
    tell(json.dumps(result.to_json()))
    gold = {case.subject_id for case in parts.reference.cases}
    for arm, (dataset, weights) in training_sets(parts, bare, out / "weak").items():
        path = out / f"{arm}.json"
        if path.exists():
            continue
        found = train_segmenter(
            dataset, recipe, out / arm, weights=weights, validating=gold, say=tell
        )
        dices = tested(Segmenter(found.folder), parts.test)
        row = {
            "set": name,
            "gold": n,
            "seed": seed,
            "network": network,
            "arm": arm,
            "cases": len(dataset.cases),
            "updates": found.updates,
            "validation": None if np.isnan(found.dice) else found.dice,
            "dice": dices,
        }
        path.write_text(json.dumps(row, indent=0) + "\n")
        tell(f"{out.name} {arm}: {np.mean(list(dices.values())):.4f}")


def training_sets(
    parts: Parts, bare: Dataset, weak: Path
) -> dict[str, tuple[Dataset, Mapping[tuple[str, str], float]]]:
    """Return what each arm learns from."""
    gated, weights = weak_dataset(weak, bare, parts.reference)
    cases = parts.reference.cases
    return {
        "reference": (parts.reference, {}),
        "unfiltered": (replace(gated, cases=(*cases, *_prompted(bare, weak))), {}),
        "gated": (gated, {}),
        "weighted": (gated, weights),
        "true": (replace(gated, cases=(*cases, *parts.rest.cases)), {}),
    }


def _prompted(bare: Dataset, weak: Path) -> list[Case]:
    """Return the images with what boxes round the coarse masks prompted; none where none was."""
    found = []
    names = sorted(path.name for path in (weak / "candidates" / "prompt-small-box").iterdir())
    for case in bare.cases:
        paths = {name: candidate_path(weak, "prompt-small:box", name, case) for name in names}
        refs = tuple(
            LabelRef(name, path, source="weak") for name, path in paths.items() if path.exists()
        )
        if refs:
            found.append(replace(case, labels=refs))
    return found


def tested(segmenter: Segmenter, test: Dataset) -> dict[str, float]:
    """Return the mean Dice over the structures of each test case; a missed structure counts 0."""
    found = {}
    for case in test.cases:
        read = read_labelled_case(case)
        drawn = segmenter([read.image, *(read_image(path) for path in case.images[1:])])
        dices = [
            mask_dice(drawn[ref.structure], mask)
            for ref, mask in read.masks()
            if mask and ref.structure in drawn
        ]
        if dices:
            found[case.case_id] = round(float(np.mean(dices)), 4)
    return found


def page(rows: list[dict[str, Any]]) -> str:
    """Return mean test Dice by set, reference cases and network, over seeds, as Markdown."""
    keys = sorted({(r["set"], r["gold"], r["network"]) for r in rows})
    lines = [
        "# What weak labels are worth",
        "",
        "Mean Dice of test subjects, over seeds. `closed`: which part of what true labels add",
        "the gated and weighted ones do.",
        "",
        "| set | reference | network | seeds | " + " | ".join(ARMS) + " | closed |",
        "|---|--:|---|--:|" + "--:|" * (len(ARMS) + 1),
    ]
    for name, n, network in keys:
        own = [r for r in rows if (r["set"], r["gold"], r["network"]) == (name, n, network)]
        means = {}
        for arm in ARMS:
            some = [np.mean(list(r["dice"].values())) for r in own if r["arm"] == arm]
            means[arm] = float(np.mean(some)) if some else float("nan")
        room = means["true"] - means["reference"]
        closed = (means["weighted"] - means["reference"]) / room if room > 0.005 else float("nan")
        seeds = len({r["seed"] for r in own})
        cells = " | ".join(f"{means[arm]:.3f}" for arm in ARMS)
        lines.append(f"| {name} | {n} | {network} | {seeds} | {cells} | {closed:.0%} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
