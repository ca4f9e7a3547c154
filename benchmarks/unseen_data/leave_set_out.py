"""Real predictions of data sets that no judge of the fold ever saw: the test of judging in context.

The sets of the recipe with predictions of their publishers' networks are parted into four folds.
For every fold a judge is trained without its sets; then each of these sets is judged as an audit
would see it, its predictions being the labels and the only context. Beside it, on the same masks:
the same judge without context, a judge that never met these sets, and the votes with nothing
learned. Every fold also does without one group of the sets with reference labels, and without the
small sets that show the same, so that its judge serves `leave_group_out.py`, too; it starts from
the judge that never saw the group, with weights to learn on from (`restore_weights.py`).

The rows are kept as `docs/results/leave_set_out/fold*.csv`, so that they outlive the machine that
made them; `segassay train out-of-domain` fits the corrections of scores of unknown data on them.
What the page says of intervals is measured across sets, each by corrections made without it.

Usage: python -m benchmarks.unseen_data.leave_set_out DATA_ROOT [--recipe FILE] [--minutes M]
       [--baseline NAME]
"""

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path

import numpy as np
import yaml

from benchmarks.frozen_test.frozen import HERE, RUNS, Row
from segassay.corruption.faulty_cases import read_usable_case
from segassay.datasets.case import Case
from segassay.datasets.read_case import read_labelled_case
from segassay.images.slicing import as_planes
from segassay.images.volume import Volume
from segassay.judge.context.looks import shares_of
from segassay.judge.context.votes import soft_dice
from segassay.judge.documents.description import JudgeMeta
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.judge.inputs.arrays_and_files import BoolArray
from segassay.judge.scoring import load_judge
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.metrics.agreement import auroc, pearson
from segassay.metrics.overlap import dice
from segassay.training.material.store import open_recipe
from segassay.training.release.measure_out_of_domain import UnseenLabel, across_sets, ranks_of
from segassay.training.settings import JudgeRecipe, SetRecipe, read_recipe
from segassay.training.train_judge import WORLDS, train_judge
from segassay.types import DEFAULT_JUDGE

ABDOMEN = ("btcv", "chaos_t2", "totalsegmentator", "ct_slices")
HEART = ("acdc", "left_atrium")
PICTURES = ("jsrt", "hc18", "ph2", "busi", "isic2016", "covid_cxr")
BRAIN = ("hippocampus", "oasis")
FOLDS = (
    ("abdomen", ABDOMEN, ("liver", "hepatic", "kidney", "pancrea")),
    ("cardiac", HEART, ("heart", "valves", "echo")),
    ("2d", PICTURES, ("dermoscopy", "cxr", "chest_xray", "paxray")),
    ("brain", BRAIN, ("hippocampus",)),
)
"""What `benchmarks/judges/without-*` never saw, and how small sets of the kind are called."""

FEWEST, LEAST_SPREAD = 8, 0.02
"""Labels of a set, and the standard deviation of their Dice, that a correlation needs."""

_LOW = 0.8
_DRAWS = 500


@dataclass(frozen=True, slots=True)
class Judged:
    """One real prediction: its true Dice, and what was said of it.

    `context` and `alone` are raw scores of the judge of the fold, with its doubt of each; `votes`
    is the Dice of the mask and what the context expects, nothing learned, and `close` the same of
    close-ups.
    """

    set: str
    case: str
    structure: str
    dice: float
    context: float
    context_doubt: float
    alone: float
    alone_doubt: float
    votes: float
    close: float
    baseline: float


def main() -> None:
    """Train and judge what is not there yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", type=Path, default=HERE.parent / "recipes/judge-context.yaml")
    parser.add_argument("--runs", type=Path, default=RUNS / "leave_set_out")
    parser.add_argument("--worlds", type=Path, help="folder of contexts that a training made")
    parser.add_argument("--starts", type=Path, default=RUNS / "restored")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--folds", type=int, nargs="*", default=range(len(FOLDS)))
    parser.add_argument("--baseline", default=DEFAULT_JUDGE)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    given = parser.parse_args()
    recipe = read_recipe(given.recipe)
    rows: list[Judged] = []
    for fold in given.folds:
        path = given.out / "leave_set_out" / f"fold{fold}.csv"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            judge = trained(given, fold)
            sets = left_out(fold, recipe)
            found = list(judged(judge, given.baseline, sets, given.data))
            write_rows(found, path)
        rows += read_rows(path)
    document = summary(rows, given.minutes)
    (given.out / "leave_set_out.json").write_text(json.dumps(document, indent=1) + "\n")
    (given.out / "leave_set_out.md").write_text(page(document))


def left_out(fold: int, recipe: JudgeRecipe) -> list[SetRecipe]:
    """Return the sets with predictions that the judge of a fold is tested on."""
    sets = [s for s in recipe.data if s.predictions is not None]
    return sorted(sets, key=lambda s: s.name)[fold :: len(FOLDS)]


def unseen_by(fold: int, recipe: JudgeRecipe) -> set[str]:
    """Return the names of all sets that the judge of a fold learns nothing from."""
    _, sets, kinds = FOLDS[fold]
    alike = {entry.name for entry in recipe.data if any(kind in entry.name for kind in kinds)}
    return {*sets, *alike, *(entry.name for entry in left_out(fold, recipe))}


def trained(given: argparse.Namespace, fold: int) -> Path:
    """Train the judge of a fold, or go on with it; return its folder."""
    out = given.runs / f"fold{fold}"
    out.mkdir(parents=True, exist_ok=True)
    if given.worlds is not None and not (out / WORLDS).exists():
        (out / WORLDS).symlink_to(given.worlds.resolve(), target_is_directory=True)
    group = FOLDS[fold][0]
    start = given.starts / f"without-{group}"
    if not start.exists():
        restored = (f"recipes/without/{group}-untold.yaml", f"benchmarks/judges/without-{group}")
        sources = [str(HERE.parent / path) for path in restored]
        script = str(HERE / "design" / "restore_weights.py")
        subprocess.run(
            [sys.executable, script, *sources, str(given.data), "-o", str(start)], check=True
        )
    recipe = out / "recipe.yaml"
    values = {
        "like": str(given.recipe.resolve()),
        "name": f"without-fold{fold}",
        "start_from": str(start.resolve()),
        "without": sorted(unseen_by(fold, read_recipe(given.recipe))),
        "minutes": given.minutes,
    }
    recipe.write_text(yaml.safe_dump(values))
    made = train_judge(recipe, given.data, out, say=print, calibrate=False)
    assert made is not None, "one process trains and judges"
    return made.folder


def judged(judge: Path, baseline: str, sets: Sequence[SetRecipe], data: Path) -> Iterator[Judged]:
    """Judge every real prediction of the sets, as an audit of the predictions would see it."""
    asked, known = load_judge(str(judge)), load_judge(baseline)
    assert isinstance(asked, ContextJudge)
    assert isinstance(known, SliceJudge)
    asked = asked.distrusted()  # as an audit has it in images unlike those it was tested on
    for entry in sets:
        if any(entry.name in one.training_subjects for one in metas(judge, baseline)):
            raise SystemExit(f"{entry.name}: a judge learned from it: that would be no test")
        predicted, truth = (cases_of(entry, data, labels) for labels in ("predictions", "labels"))
        in_context = asked.with_memory(asked.reader.gather(list(predicted.values())))
        for case_id, case in predicted.items():
            if case_id not in truth:
                continue
            seen = read_usable_case(entry.name, case, entry.modality)
            right = read_labelled_case(truth[case_id])
            gold = {ref.structure: np.asarray(mask) for ref, mask in right.masks()}
            names = [name for name in seen.masks if name in gold]
            labels = [(name, seen.masks[name]) for name in names]
            kind, subject = entry.modality, case.subject_id
            found = [
                one.measure_labels(seen.image, labels, modality=kind, subject=subject)
                for one in (in_context, asked, known)
            ]
            for name, context, alone, other in zip(names, *found, strict=True):
                if context is None or alone is None or other is None:
                    continue
                yield Judged(
                    entry.name,
                    case_id,
                    name,
                    dice(seen.masks[name], gold[name]),
                    context.raw,
                    context.doubt,
                    alone.raw,
                    alone.doubt,
                    *votes(in_context, seen.image, seen.masks[name], name, subject),
                    other.raw,
                )
        print(entry.name, flush=True)


def metas(*judges: Path | str) -> list[JudgeMeta]:
    """Return what judges say of themselves."""
    return [open_judge(find_judge(str(judge))).meta for judge in judges]


def cases_of(entry: SetRecipe, data: Path, labels: str) -> dict[str, Case]:
    """Return the cases of a set by id, with its expert labels or its predictions."""
    folder = getattr(entry, labels)
    opened = open_recipe(entry.model_copy(update={"labels": folder, "predictions": None}), data)
    return {case.case_id: case for case in opened.cases if case.labels}


def votes(
    judge: ContextJudge, image: Volume, mask: BoolArray, name: str, subject: str
) -> tuple[float, float]:
    """Return how far a 2D mask agrees with what context and close-ups expect; 0 without any."""
    (label,) = judge.asked(image, [(name, mask)], modality=None, subject=subject)
    plane = as_planes(mask, label.image.stack.axis)[0]
    said, close = judge.said(label, 0), judge.said_closely(label, 0, plane)
    own = shares_of(plane, label.image.stack.pixel_mm)
    return (
        0.0 if said is None else float(soft_dice(said.expected, own)),
        0.0 if close is None else float(soft_dice(close.expected, close.shares)),
    )


def write_rows(rows: Sequence[Judged], path: Path) -> None:
    """Write rows as CSV, whole or not at all."""
    fresh = path.with_suffix(".new")
    with fresh.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(field.name for field in fields(Judged))
        table.writerows(astuple(row) for row in rows)
    fresh.replace(path)


def read_rows(path: Path) -> list[Judged]:
    """Read what `write_rows` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Judged(*(f.type(row[f.name]) for f in fields(Judged)))  # type: ignore[operator]
            for row in csv.DictReader(file)
        ]


def figures(rows: Sequence[Judged], kind: str) -> Row:
    """Return the three figures of a way to score, and their 90 % intervals over sets."""
    by_set = {
        name: [r for r in rows if r.set == name] for name in dict.fromkeys(r.set for r in rows)
    }
    rng = np.random.default_rng(0)
    names = list(by_set)
    drawn = [
        three(
            [r for k in rng.integers(len(names), size=len(names)) for r in by_set[names[k]]], kind
        )
        for _ in range(_DRAWS)
    ]
    ends = np.nanquantile(np.array(drawn), (0.05, 0.95), axis=0)
    keys = ("within", "pooled", "auroc")
    found: Row = dict(zip(keys, (round(x, 4) for x in three(rows, kind)), strict=True))
    for n, key in enumerate(keys):
        found[f"{key}_ci"] = [round(float(x), 4) for x in ends[:, n]]
    return found


def three(rows: Sequence[Judged], kind: str) -> tuple[float, float, float]:
    """Return mean Pearson within a set, pooled Pearson, and AUROC of Dice < 0.8."""
    true, value = (np.array([getattr(row, key) for row in rows]) for key in ("dice", kind))
    # A set drawn twice by the bootstrap is one set with its labels twice: its correlation stays.
    names = np.array([row.set for row in rows])
    within = []
    for name in dict.fromkeys(names.tolist()):
        own = names == name
        if own.sum() >= FEWEST and true[own].std() > LEAST_SPREAD:
            within.append(pearson(value[own], true[own]))
    return float(np.mean(within)), pearson(value, true), auroc(value, true < _LOW)


def summary(rows: Sequence[Judged], minutes: float) -> Row:
    """Return all figures of the rows."""
    mean = [replace(row, votes=(row.votes + row.baseline) / 2) for row in rows]
    both = as_ranked(rows)
    return {
        "masks": len(rows),
        "sets": len({row.set for row in rows}),
        "minutes_a_fold": minutes,
        "in_context": figures(both, "context"),
        "network_in_context": figures(rows, "context"),
        "alone": figures(rows, "alone"),
        "baseline": figures(rows, "baseline"),
        "votes": figures(rows, "votes"),
        "close_ups": figures(rows, "close"),
        "mean_of_votes_and_baseline": figures(mean, "votes"),
        "intervals": asdict(across_sets([unseen(row) for row in rows])),
    }


def as_ranked(rows: Sequence[Judged]) -> list[Judged]:
    """Return rows with the scores in context ranked within each set, as an audit does."""
    found = list(rows)
    for name in {row.set for row in rows}:
        own = [n for n, row in enumerate(rows) if row.set == name]
        scores = np.array([rows[n].context for n in own])
        ranked = ranks_of([unseen(rows[n]) for n in own], scores)
        for n, score in zip(own, ranked.tolist(), strict=True):
            found[n] = replace(rows[n], context=score)
    return found


def unseen(row: Judged) -> UnseenLabel:
    """Return a row as corrections are fitted on it."""
    return UnseenLabel(*(getattr(row, field.name) for field in fields(UnseenLabel)))


def page(found: Row) -> str:
    """Return the results as markdown."""
    said = {
        "baseline": "the judge that never met these sets, alone",
        "votes": "votes of the context, nothing learned",
        "close_ups": "votes of close-ups, nothing learned",
        "mean_of_votes_and_baseline": "mean of both",
        "alone": "judge of the fold, without context",
        "network_in_context": "its network, in context",
        "in_context": "**judge of the fold, in context**, ranked within the set as an audit does",
    }
    lines = "\n".join(
        f"| {name} | "
        + " | ".join(_told(found[key], one) for one in ("within", "pooled", "auroc"))
        + " |"
        for key, name in said.items()
    )
    held = found["intervals"]
    return f"""# Real predictions of data sets that the judge never saw

{found["masks"]} masks that somebody's network predicted, of {found["sets"]} small public sets. In
every fold a judge learned for {found["minutes_a_fold"]:g} minutes from all data but the fold's;
each of its sets was then judged as an audit sees it, its predictions being the only context. 90 %
intervals: bootstrap over sets. Made by `python -m benchmarks.unseen_data.leave_set_out`.

| | mean Pearson within a set | pooled Pearson | AUROC of Dice < 0.8 |
|---|---|---|---|
{lines}

90 % intervals in context, calibrated without the set, hold {held["coverage"]:.0%} of the labels
of a set in the mean, at least 85 % in {held["sets_covered"]:.0%} of the sets; median width
{held["median_width"]:.2f}, mean absolute error {held["mae"]:.3f}.
"""


def _told(three_: Row, key: str) -> str:
    low, high = three_[f"{key}_ci"]
    return f"{three_[key]:.3f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
