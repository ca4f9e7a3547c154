"""What 50 and 100 synthetic images with weak labels add to 25 reference cases.

Auto-Generating Weak Labels (Deshpande et al., MIDL 2024, table 2) on a 2D data set such as PH2. The
last fifth of the subjects are the test, as everywhere. A diffusion model learns from the images of
all others and draws 100 images for each of three seeds; it sees no label and no test image. For
each seed a segmenter learns from 25 reference cases drawn by lot and labels its 100 synthetic
images; two further ones learn from the reference cases and the first 50 or all 100 of these. As in
the paper, images are left out in which nothing is found, or of whose masks each has more than 97 %
of one class. All three learn equally long from all of their cases; none is chosen by a validation.

The test is Dice per structure and image against reference labels alone. It is undefined where both
are empty, and such are counted. Intervals are by bootstrap of test subjects over the means of the
three seeds; one diffusion model serves all seeds, so that they do not hold its own chance.

What is finished is kept under `--runs`, and a run that was stopped goes on.

Usage: python -m benchmarks.weak.synthetic_images DATA [--runs FOLDER] [--minutes M] [--size N]
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from segassay.datasets.case import Case, Dataset
from segassay.datasets.opening import open_dataset, open_images
from segassay.datasets.read_case import read_labelled_case
from segassay.datasets.splits import by_lot, split_subjects
from segassay.files.atomic import write_whole
from segassay.files.strict_json import strict_json
from segassay.metrics.agreement import Estimate, bootstrap_by_subject
from segassay.metrics.overlap import dice
from segassay.segment.predict import predict
from segassay.segment.recipe import SegmentationRecipe
from segassay.segment.segmenter import Segmenter
from segassay.segment.train_segmenter import train_segmenter
from segassay.synthesize.make_images import synthesize
from segassay.synthesize.recipe import SynthesisRecipe

HERE = Path(__file__).parents[1]

SEEDS = (0, 1, 2)
REFERENCE = 25
WEAK = (0, 50, 100)
MOST_OF_ONE_CLASS = 0.97

Dices = dict[str, dict[str, float | None]]
"""By test case and structure; `None` where both masks are empty."""


def main() -> None:
    """Draw, train and test what is not finished yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=Path, default=HERE.parent / "runs" / "synthetic_images")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    parser.add_argument("--size", type=int, default=64, help="of the synthetic images")
    parser.add_argument("--minutes", type=float, default=120, help="of the diffusion model")
    parser.add_argument("--patch", type=int, default=128, help="of the segmenters")
    parser.add_argument("--updates", type=int, default=1500, help="of each segmenter")
    parser.add_argument("--network", default="unet", help="of the segmenters")
    options = parser.parse_args()
    dataset = open_dataset(options.data)
    split = split_subjects(dataset.subjects)
    pool = by_lot([c for c in dataset.cases if c.subject_id in {*split.train, *split.tuning}])
    test = [case for case in dataset.cases if case.labels and case.subject_id in split.test]
    diffusion = SynthesisRecipe(size=options.size, minutes=options.minutes)
    folder = options.runs / "synthetic"
    bare = [replace(case, labels=()) for case in pool]
    drawn = synthesize(_part(dataset, bare), diffusion, folder, max(WEAK) * len(SEEDS), say=_say)
    segmenters = SegmentationRecipe.model_validate(
        {
            "network": options.network,
            "patch": options.patch,
            "updates": options.updates,
            "validation": 0,
        }
    )
    found = {
        seed: tested(seed, dataset, pool, test, segmenters, folder, options.runs / f"seed{seed}")
        for seed in SEEDS
    }
    arms = {weak: summed([one[weak] for one in found.values()], test) for weak in WEAK}
    result = {
        "dataset": dataset.name,
        "test_subjects": len({case.subject_id for case in test}),
        "reference": REFERENCE,
        "seeds": SEEDS,
        "diffusion": diffusion.model_dump(mode="json"),
        "too_near_to_a_training_image": drawn.too_near,
        "segmenters": segmenters.model_dump(mode="json"),
        "arms": arms,
        "weak_labels_used": {
            str(seed): {str(n): len(one) for n, one in _used(options.runs, seed).items()}
            for seed in SEEDS
        },
    }
    name = "synthetic_images"
    write_whole(options.out / f"{name}.json", strict_json(result, indent=1).encode() + b"\n")
    write_whole(options.out / f"{name}.md", page(result).encode())


def tested(
    seed: int,
    dataset: Dataset,
    pool: Sequence[Case],
    test: Sequence[Case],
    recipe: SegmentationRecipe,
    synthetic: Path,
    work: Path,
) -> dict[int, Dices]:
    """Return the Dice of every test case for each number of weak labels, by a seed."""
    order = np.random.default_rng(seed).permutation(len(pool))
    reference = [pool[n] for n in order[:REFERENCE]]
    recipe = recipe.model_copy(update={"seed": seed})
    found = {}
    labelled: list[Case] = []
    for weak in WEAK:
        kept = work / f"dice-{weak}.json"
        model = work / f"model-{weak}"
        if weak and not labelled:
            labelled = weak_cases(dataset, seed, work / f"model-{WEAK[0]}", synthetic, work)
        if not kept.exists():
            own = [case for case in labelled if _number(case) - seed * max(WEAK) <= weak]
            if weak:
                told = strict_json([case.case_id for case in own])
                write_whole(work / f"used-{weak}.json", told.encode())
            train_segmenter(_part(dataset, [*reference, *own]), recipe, model, say=_say)
            write_whole(kept, strict_json(dices(model, test)).encode())
        found[weak] = json.loads(kept.read_bytes())
        print(f"seed {seed}, {weak} weak labels: {_mean(found[weak]):.4f}", flush=True)
    return found


def weak_cases(dataset: Dataset, seed: int, model: Path, synthetic: Path, work: Path) -> list[Case]:
    """Label a seed's synthetic images by its coarse model; return those with usable labels."""
    images = open_images(synthetic / "images")
    first, last = seed * max(WEAK), (seed + 1) * max(WEAK)
    own = [case for case in images.cases if first < _number(case) <= last]
    predict(model, replace(images, cases=tuple(own)), work / "labels")
    labelled = open_dataset(images=synthetic / "images", labels=work / "labels")
    wanted = set(dataset.structures)
    usable = []
    for case in labelled.cases:
        masks = [mask for _, mask in read_labelled_case(case).masks()]
        shares = [mask.n_voxels / np.prod(mask.shape) for mask in masks]
        if any(1 - MOST_OF_ONE_CLASS <= share <= MOST_OF_ONE_CLASS for share in shares):
            labels = tuple(ref for ref in case.labels if ref.structure in wanted)
            usable.append(replace(case, labels=labels))
    return usable


def dices(model: Path, test: Sequence[Case]) -> Dices:
    """Return the Dice of a model's masks of every test case against its reference labels."""
    segmenter = Segmenter(model)
    found: Dices = {}
    for case in test:
        opened = read_labelled_case(case)
        drawn = segmenter([opened.image])
        values = {
            ref.structure: dice(np.asarray(mask), np.asarray(drawn[ref.structure]))
            for ref, mask in opened.masks()
        }
        found[case.case_id] = {name: None if np.isnan(v) else v for name, v in values.items()}
    return found


def summed(seeds: Sequence[Dices], test: Sequence[Case]) -> dict[str, object]:
    """Return mean Dice of an arm with an interval by subject, its seeds, and undefined ones."""
    by_seed = np.array(
        [
            [np.nan if v is None else v for case in test for v in one[case.case_id].values()]
            for one in seeds
        ],
        dtype=np.float64,
    )
    subjects = np.array([case.subject_id for case in test for _ in seeds[0][case.case_id]])
    defined = ~np.isnan(by_seed).all(axis=0)
    mean = np.nanmean(by_seed[:, defined], axis=0)
    estimate: Estimate = bootstrap_by_subject(subjects[defined], lambda n: float(mean[n].mean()))
    return {
        "dice": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "by_seed": [float(np.nanmean(one)) for one in by_seed],
        "undefined": int(np.isnan(by_seed).sum()),
    }


def page(result: dict[str, object]) -> str:
    """Return the results as Markdown."""
    arms = result["arms"]
    assert isinstance(arms, dict)
    rows = [
        f"| {REFERENCE} + {weak} | {one['dice']:.3f} ({one['low']:.3f} to {one['high']:.3f}) | "
        + ", ".join(f"{value:.3f}" for value in one["by_seed"])
        + f" | {one['undefined']} |"
        for weak, one in arms.items()
    ]
    return f"""# Synthetic images with weak labels

{result["dataset"]}, {result["test_subjects"]} test subjects, {len(SEEDS)} seeds. Made by
`python -m benchmarks.weak.synthetic_images DATA`; settings stand in `synthetic_images.json`.

| reference + synthetic | mean Dice (95 % interval by subject) | seeds | undefined |
|---|---|---|--:|
{chr(10).join(rows)}
"""


def _part(dataset: Dataset, cases: Sequence[Case]) -> Dataset:
    return replace(dataset, cases=tuple(cases))


def _number(case: Case) -> int:
    return int(case.case_id.rsplit("_", 1)[1])


def _mean(found: Dices) -> float:
    return float(np.mean([v for one in found.values() for v in one.values() if v is not None]))


def _used(runs: Path, seed: int) -> dict[int, list[str]]:
    return {
        weak: json.loads((runs / f"seed{seed}" / f"used-{weak}.json").read_bytes())
        for weak in WEAK
        if weak
    }


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
