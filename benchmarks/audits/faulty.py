"""Does `p_faulty` mean what it says? On simulated errors and on real predictions, judge by judge.

Audited from their files on, as a user would: every shared set of reference labels in which one
label in ten has a simulated error (the tables of `planted_faults.py`), and every set of `breadth`
twice, its reference masks and, apart, real predictions of networks for the same images. True is
the Dice against the reference: 1 of untouched labels. A label is faulty where that lies below
`records.p_faulty.FAULTY_BELOW`. Figures are those of the scores alone, what rules found left aside;
images that the judge was trained on are counted apart.

Audits are kept under `runs/faulty/JUDGE`, so a stopped run goes on where it was; `--figures` makes
table and JSON from what is there, which takes seconds.

Usage: python -m benchmarks.audits.faulty DATA_ROOT [--judge JUDGE] [--only SET ...] [--figures]
"""

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import isnan
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.audits.audit_sets import SETS
from benchmarks.frozen_test.frozen import HERE, RUNS, Row
from benchmarks.unseen_data.planted_faults import blinded, faulty_table, write_table
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.images.io import read_labels
from segassay.judge.documents.judge_folder import find_judge
from segassay.metrics.agreement import auroc
from segassay.metrics.overlap import dice
from segassay.records.p_faulty import FAULTY_BELOW, PRIOR, with_p_faulty
from segassay.records.remarks import remarked
from segassay.records.scores import ScoreRow
from segassay.records.table import read_table, rows_of, to_frame
from segassay.records.triage import CHECK_FROM, WRONG_FROM, Verdict, verdicts
from segassay.records.usual import with_low_confidence
from segassay.runs.configs import SourceConfig
from segassay.types import Modality, Remark, Status

MODEL_OUTPUT = ("totalsegmentator", "dicom", "ct_slices")
"""Sets whose labels no expert drew."""

FEWEST = 30
"""Of sets with fewer untouched labels no share is given."""

EDGES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
PRIORS = (0.1, PRIOR, 0.33, 0.5)

PLANTED: tuple[str, ...] = (
    *("ph2", "hc18", "busi", "isic2016", "covid_cxr", "jsrt"),
    *("chaos_t2", "hippocampus", "acdc", "btcv", "oasis"),
)
"""Sets of reference labels in which errors are simulated, those soon done first."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One label: its row in an audit of its set, and its true Dice."""

    kind: str
    name: str
    row: ScoreRow
    true: float

    @property
    def faulty(self) -> bool:
        """Whether it is."""
        return self.true < FAULTY_BELOW


def main() -> None:
    """Audit what is not audited yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default="judge-small")
    parser.add_argument("--only", nargs="+", default=[], help="names of sets")
    parser.add_argument("--figures", action="store_true", help="audit nothing more")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    work = RUNS / "faulty" / Path(options.judge).name
    for name, table in () if options.figures else tables(options.data, options.only):
        audited(table, work / name, options.judge)
        print(name, flush=True)
    if options.only:
        return
    judged = [one for folder in sorted(work.iterdir()) for one in judged_labels(folder)]
    found = figures(judged)
    (options.out / "faulty.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.out / "faulty.md").write_text(page(found))


def tables(data: Path, only: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield name and table of every set, made unless they are there."""
    by_name = {entry.name: entry for entry in SETS}
    for name in PLANTED:
        if not only or name in only:
            yield name, faulty_table(by_name[name], data)
    with (data / "breadth" / "sets.csv").open(newline="") as file:
        sets = [(row["set"], row["modality"]) for row in csv.DictReader(file)]
    for name, modality in sets:
        if not only or name in only:
            for kind in ("masks", "predictions"):
                if (data / "breadth" / name / kind).is_dir():
                    yield f"{name}-{kind}", breadth_table(data / "breadth" / name, modality, kind)


def breadth_table(root: Path, modality: str, kind: str) -> Path:
    """Write the table of the masks or the predictions of a set, with their true Dice."""
    path = RUNS / "faulty" / "tables" / root.name / kind / "labels.csv"
    if path.exists():
        return path
    images = {image.stem: image for image in sorted((root / "images").iterdir())}
    known = modality if modality in list(Modality) else Modality.OTHER
    rows = [
        {
            "case_id": label.stem,
            "subject": label.stem,
            "modality": known,
            "image": images[label.stem].resolve(),
            "structure": label.parent.name,
            "label": label.resolve(),
            "value": "",
            "true": true_dice(root, label),
        }
        for label in sorted((root / kind).glob("*/*"))
        if label.stem in images
    ]
    write_table(path, rows)
    return path


def true_dice(root: Path, label: Path) -> float:
    """Return the Dice of a label against the reference; NaN where both are empty."""
    reference = root / "masks" / label.parent.name / label.name
    if reference == label:
        return 1.0
    own, other = (read_labels(path).volume.array > 0 for path in (label, reference))
    return round(dice(own, other), 4)


def audited(table: Path, out: Path, judge: str) -> None:
    """Audit a table, unless that is done."""
    if not (out / "scores.parquet").exists():
        source = SourceConfig(path=blinded(table))
        audit(AuditConfig(source=source, out=out, judge=str(find_judge(judge)), n_worst=0))
    (out / "true.csv").write_bytes(table.read_bytes())


def judged_labels(folder: Path) -> list[Judged]:
    """Return the labels of a set that is audited, with their `p_faulty` by scores alone."""
    if not (folder / "true.csv").exists():
        return []
    with (folder / "true.csv").open(newline="") as file:
        true = {(r["case_id"], r["structure"]): float(r["true"]) for r in csv.DictReader(file)}
    rows = rows_of(with_p_faulty(read_table(folder)))
    name, _, kind = folder.name.partition("-")
    return [
        Judged(kind or "simulated", name, row, true[row.case_id, row.structure])
        for row in rows
        if (row.case_id, row.structure) in true and Remark.RULE_OVERRIDES not in row.remarks
    ]


def figures(judged: Sequence[Judged]) -> Row:
    """Return everything that is reported."""
    scored = [one for one in judged if not isnan(one.row.score) and not isnan(one.true)]
    new = [one for one in scored if Remark.TRAINED_ON_IMAGE not in one.row.remarks]
    sure = [one for one in new if one.row.status is Status.SCORED]
    groups = {
        "simulated errors, new images": [one for one in sure if one.kind == "simulated"],
        "simulated errors, images of the training": [
            one
            for one in scored
            if Remark.TRAINED_ON_IMAGE in one.row.remarks and one.row.status is Status.SCORED
        ],
        "real predictions": [one for one in sure if one.kind == "predictions"],
        "low confidence, new images": [
            one for one in new if one.row.status is not Status.SCORED and one.kind != "masks"
        ],
    }
    return {
        "judge": scored[0].row.model_id,
        "sets": sorted({f"{one.name} {one.kind}" for one in judged}),
        "labels": len(scored),
        "groups": {name: reliability(own) for name, own in groups.items() if own},
        "priors": priors([one for one in sure if one.kind != "masks"]),
        "untouched": untouched(judged),
        "unseen": published(HERE.parent / "docs" / "results" / "audits"),
    }


def reliability(judged: Sequence[Judged]) -> Row:
    """Return mean p and share of faulty labels by bins of p, and how well p tells them apart."""
    p, faulty = columns(judged)
    place = np.clip(np.digitize(p, EDGES) - 1, 0, len(EDGES) - 2)
    bins = [(EDGES[n], EDGES[n + 1], place == n) for n in range(len(EDGES) - 1)]
    return {
        "labels": len(judged),
        "faulty": int(faulty.sum()),
        "mean_p": round(float(p.mean()), 3),
        "brier": round(float(np.mean((p - faulty) ** 2)), 4),
        "auroc": round(auroc(-p, faulty), 3) if 0 < faulty.sum() < len(p) else None,
        "bins": [
            {
                "from": low,
                "to": high,
                "p": round(float(p[own].mean()), 3),
                "share": round(float(faulty[own].mean()), 3),
                "n": int(own.sum()),
            }
            for low, high, own in bins
            if own.any()
        ],
    }


def columns(judged: Sequence[Judged]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return p and whether it is faulty, label by label."""
    p = np.array([one.row.p_faulty for one in judged])
    return p, np.array([one.faulty for one in judged])


def priors(judged: Sequence[Judged]) -> list[Row]:
    """Return what another prior share would change; odds are multiplied by a constant."""
    p, faulty = columns(judged)
    found = []
    for prior in PRIORS:
        factor = prior / (1 - prior) / (PRIOR / (1 - PRIOR))
        other = factor * p / (factor * p + 1 - p)
        wrong = other >= WRONG_FROM
        found.append(
            {
                "prior": prior,
                "brier": round(float(np.mean((other - faulty) ** 2)), 4),
                "found": round(float(wrong[faulty].mean()), 3),
                "precision": round(float(faulty[wrong].mean()), 3) if wrong.any() else None,
                "false_alarms": round(float(wrong[~faulty].mean()), 4),
            }
        )
    return found


def untouched(judged: Sequence[Judged]) -> Row:
    """Return the verdicts on untouched reference labels of every set, as if there were no others.

    `p_faulty` is that of the set without its simulated errors.
    """
    found: Row = {}
    for name in sorted({one.name for one in judged if one.kind != "predictions"}):
        own = [one for one in judged if one.name == name and one.kind != "predictions"]
        rows = [one.row for one in own if one.true == 1]
        if len(rows) >= FEWEST:
            found[name] = verdicts_on(to_frame(rows))
    return found


def published(folder: Path) -> Row:
    """Return the verdicts on reference labels in the tables of `audits.py`.

    Its judges never saw the sets. The tables say nothing of the judges' tests, so what is usual is
    what the labels say.
    """
    found: Row = {}
    for entry in (entry for entry in SETS if entry.name not in MODEL_OUTPUT):
        with (folder / f"{entry.name}.csv").open(newline="") as file:
            told = [row for row in csv.DictReader(file) if row["source"] not in entry.blind]
        rows = [published_row(row) for row in told]
        if len(rows) >= FEWEST:
            found[entry.name] = verdicts_on(with_low_confidence(to_frame(rows)))
    return found


def published_row(told: dict[str, str]) -> ScoreRow:
    """Return a row of a published table; what it does not hold is blank."""
    numbers = ("score", "score_lo", "score_hi", "presence")
    return ScoreRow(
        case_id=told["case_id"],
        subject_id="",
        structure=told["structure"],
        source=told["source"],
        label_path="",
        status=Status(told["status"]),
        n_voxels=int(told["n_voxels"]),
        scored_at=datetime.fromtimestamp(0, UTC),
        **{name: float(told[name] or "nan") for name in numbers},
    )


def verdicts_on(labels: pl.DataFrame) -> Row:
    """Return the shares of verdicts, and the structures of which labels are likely wrong.

    `wrong_at_all` is the share likely wrong if scores of low confidence were believed, too.
    """
    frame = with_p_faulty(labels)
    told = frame.with_columns(verdicts(frame))
    counts = dict(told["verdict"].value_counts().iter_rows())
    wrong = (pl.col("verdict") == Verdict.LIKELY_WRONG.value).sum()
    structures = told.group_by("structure").agg(wrong, pl.len()).sort("structure")
    return {
        "labels": frame.height,
        "in_training": frame.filter(remarked(Remark.TRAINED_ON_IMAGE)).height,
        **{
            kind.name.lower(): round(counts.get(kind.value, 0) / frame.height, 4)
            for kind in (Verdict.LIKELY_WRONG, Verdict.CHECK, Verdict.LOW_CONFIDENCE)
        },
        "wrong_at_all": round(float(np.mean(frame["p_faulty"].to_numpy() >= WRONG_FROM)), 4),
        "structures": {key: f"{n} of {every}" for key, n, every in structures.iter_rows() if n},
    }


def page(found: Row) -> str:
    """Return the results as markdown."""
    groups = "\n".join(
        f"| {name} | {g['labels']} | {g['faulty']} | {g['mean_p']:.2f} | {g['brier']:.3f} "
        f"| {'' if g['auroc'] is None else format(g['auroc'], '.3f')} |"
        for name, g in found["groups"].items()
    )
    bins = "\n".join(
        f"| {name} | " + " | ".join(bin_text(g["bins"], low) for low in EDGES[:-1]) + " |"
        for name, g in found["groups"].items()
    )
    edges = " | ".join(f"{a:.2f} to {b:.2f}" for a, b in pairwise(EDGES))
    others = "\n".join(
        f"| {x['prior']:.2f} | {x['brier']:.3f} | {x['found']:.0%} "
        f"| {'' if x['precision'] is None else format(x['precision'], '.0%')} "
        f"| {x['false_alarms']:.1%} |"
        for x in found["priors"]
    )
    return f"""# Is a label as probably faulty as it is said to be?

{found["judge"]}, {found["labels"]} scored labels of {len(found["sets"])} audits. *Faulty* is a Dice
below {FAULTY_BELOW} against the reference: simulated errors in one label of ten (untouched labels
are correct), and real predictions of networks. Scores alone, without rules. Made by
`python -m benchmarks.audits.faulty DATA_ROOT --judge {found["judge"].rsplit("-", 2)[0]}`.

| labels | n | faulty | mean p | Brier score | AUROC |
|---|--:|--:|--:|--:|--:|
{groups}

Share of faulty labels (and how many labels) by what was said, `p_faulty`:

| labels | {edges} |
|---|{"---|" * (len(EDGES) - 1)}
{bins}

## Another prior

Labels on new images, without those of low confidence. `PRIOR` is {PRIOR}; a label is likely wrong
from {WRONG_FROM}. *Found*: share of faulty labels that are called likely wrong.

| prior | Brier score | found | precision | of correct labels so called |
|--:|--:|--:|--:|--:|
{others}

## Untouched reference labels

What is said of sets as they are, of at least {FEWEST} labels. Likely wrong from {WRONG_FROM},
check from {CHECK_FROM}. *Seen*: of images that the judge was trained on. The last column names what
is likely wrong.

| set | labels | seen | likely wrong | at all | check | low confidence | structures |
|---|--:|--:|--:|--:|--:|--:|---|
{set_lines(found["untouched"])}

Sets whole, by judges that never saw them (`benchmarks/audits/audit_sets.py`); of most structures
they give low confidence. *At all*: if these scores were believed, too.

| set | labels | seen | likely wrong | at all | check | low confidence | structures |
|---|--:|--:|--:|--:|--:|--:|---|
{set_lines(found["unseen"])}
"""


def set_lines(sets: Row) -> str:
    """Return the lines of a table of untouched labels."""
    return "\n".join(
        f"| {name} | {s['labels']} | {s['in_training']} | {s['likely_wrong']:.1%} "
        f"| {s['wrong_at_all']:.1%} | {s['check']:.1%} | {s['low_confidence']:.1%} "
        f"| {', '.join(f'{k} {n}' for k, n in s['structures'].items())} |"
        for name, s in sets.items()
    )


def bin_text(bins: Sequence[Row], low: float) -> str:
    """Return a cell of the table of bins; empty where no label was said to be so."""
    return next((f"{b['share']:.2f} ({b['n']})" for b in bins if b["from"] == low), "")


if __name__ == "__main__":
    main()
