"""Does an audit of an unknown data set find the faults in it? From the files on, as a user would.

Every shared set of expert labels is copied as a table of files in which one label in ten has a
planted fault (Dice below .7, half of them of families that no judge is trained on), and audited
by `auditing.audit` with judges that never saw the set or its group: one that reads no context
(`audits.py`), alone and with labels compared with registered peers; and one that reads the context
of the set's own labels (`leave_set_out.py`), in volumes together with registered ones. Its scores
are calibrated on the labels of the other folds. Counted: the share of the faults among the lowest
tenth of the scores, and the clean labels that are called likely wrong; beside them the labels
farthest from the median size of their structure, and what the rules say. Tables and audits are kept
under `runs/planted`, so a stopped run continues; `--only` makes those of some sets and ends, and
`--ways` leaves out others.

Usage: python -m benchmarks.unseen_data.planted_faults DATA_ROOT [--judges FOLDER] [--runs FOLDER]
"""

import argparse
import csv
import json
import shutil
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.audits.audit_sets import SETS, AuditedSet, refuse_if_seen
from benchmarks.frozen_test.frozen import HERE, RUNS, Row
from benchmarks.frozen_test.frozen_pairs import FrozenTest, frozen_pairs, read_frozen_test
from benchmarks.unseen_data.leave_set_out import FOLDS
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.corruption.faulty_cases import ExpertCase, read_expert_case
from segassay.datasets.case import Case
from segassay.datasets.opening import open_dataset
from segassay.images.label_ref import LabelRef
from segassay.images.write_label import label_path, write_label
from segassay.judge.context.known_looks import KnownLooks
from segassay.judge.documents.judge_folder import (
    KNOWN_LOOKS,
    UNFAMILIAR,
    write_checksums,
    write_document,
)
from segassay.metrics.agreement import auroc, bootstrap_by_subject
from segassay.records.triage import WRONG_FROM
from segassay.runs.configs import SourceConfig
from segassay.training.release.measure_out_of_domain import fit_unseen, read_unseen

SHARE, LOWEST, BELOW = 0.1, 0.05, 0.7
"""Share of labels with a fault, and between which Dice the fault lies."""

_SUBJECTS = 60
"""Of larger sets so many subjects are audited."""

_UNFIT = ("totalsegmentator", "dicom", "ct_slices", "left_atrium")
"""Sets of too few labels, or of masks that no expert drew."""

ROWS = HERE.parent / "docs" / "results" / "leave_set_out"
"""What judges of the folds said of real predictions."""

_ALONE, _PEERS = "judge", "judge and peers"
_CONTEXT, _SIZE = "in context", "size outlier"
Floats = NDArray[np.float64]
Way = Callable[[Sequence[Row]], Floats]


def main() -> None:
    """Audit what is not audited yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    parser.add_argument("--runs", type=Path, default=RUNS / "leave_set_out")
    parser.add_argument("--only", nargs="+", default=[], help="names of sets")
    parser.add_argument("--ways", nargs="+", default=[_CONTEXT, _PEERS, _ALONE])
    options = parser.parse_args()
    rows: list[Row] = []
    for entry in (entry for entry in SETS if entry.name not in _UNFIT):
        if options.only and entry.name not in options.only:
            continue
        outside = options.judges / f"without-{entry.group}"
        inside = judge_in_context(entry.group, options.runs)
        for judge in (outside, inside):
            refuse_if_seen(judge, entry)
        table = faulty_table(entry, options.data)
        ways = {_CONTEXT: (inside, 10), _PEERS: (outside, 10), _ALONE: (outside, 0)}
        rows += audited(entry, table, {way: ways[way] for way in options.ways})
        print(entry.name, len(rows), flush=True)
        print(json.dumps(shares([row for row in rows if row["set"] == entry.name])), flush=True)
    if options.only:
        return
    names = dict.fromkeys(row["set"] for row in rows)
    found = {name: shares([r for r in rows if r["set"] == name]) for name in names}
    result = {"sets": found, "all": shares(rows)}
    (options.out / "planted_faults.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "planted_faults.md").write_text(page(result))


def judge_in_context(group: str, runs: Path) -> Path:
    """Return the judge of a fold of `leave_set_out.py` that knows nothing of a group.

    Its scores of unknown data are calibrated on the other folds. It was tested on no images, so it
    trusts no name.
    """
    fold = next(n for n, (name, _, _) in enumerate(FOLDS) if name == group)
    path = RUNS / "planted" / "judges" / group
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(runs / f"fold{fold}" / f"without-fold{fold}", path)
    tables = [ROWS / f"fold{n}.csv" for n in range(len(FOLDS)) if n != fold]
    fitted = fit_unseen([row for table in tables for row in read_unseen(table)])
    write_document(path / UNFAMILIAR, fitted.to_document())
    KnownLooks.none().save(path / KNOWN_LOOKS)
    write_checksums(path)
    return path


def faulty_table(entry: AuditedSet, data: Path) -> Path:
    """Write the table of a set and its faulty files, unless they are there; return its path."""
    path = RUNS / "planted" / entry.name / "labels.csv"
    if path.exists():
        return path
    (path.parent / "faulty").mkdir(parents=True, exist_ok=True)
    cases = expert_cases(entry, data)
    every = [(case.case_id, ref.structure) for case in cases for ref in case.labels]
    rng = np.random.default_rng(zlib.crc32(entry.name.encode()))
    chosen = rng.choice(len(every), size=round(SHARE * len(every)), replace=False)
    faulty = {every[k] for k in chosen}
    test = read_frozen_test(HERE / "pairs.yaml")
    rows = [row for case in cases for row in table_rows(entry, case, faulty, test, path.parent)]
    write_table(path, rows)
    return path


def expert_cases(entry: AuditedSet, data: Path) -> list[Case]:
    """Return one case of every subject, of up to `_SUBJECTS`, with the experts' labels only."""
    dataset = open_dataset(data / entry.path)
    trusted = [
        replace(case, labels=tuple(ref for ref in case.labels if ref.source not in entry.blind))
        for case in dataset.cases
    ]
    first = {case.subject_id: case for case in reversed(trusted) if case.labels}
    order = np.random.default_rng(0).permutation(sorted(first))[:_SUBJECTS]
    return [first[str(subject)] for subject in sorted(order)]


def table_rows(
    entry: AuditedSet,
    case: Case,
    faulty: set[tuple[str, str]],
    test: FrozenTest,
    folder: Path,
) -> Iterator[Row]:
    """Return a row of the table for every label, with its true Dice."""
    expert = read_expert_case(entry.name, case, case.modality)
    for ref in case.labels:
        row = table_row(case, ref)
        asked = (case.case_id, ref.structure) in faulty and ref.structure in expert.masks
        yield {**row, **(planted(expert, ref, test, folder) if asked else {"true": 1.0})}


def table_row(case: Case, ref: LabelRef) -> Row:
    """Return a label's row in a table of files."""
    return {
        "case_id": case.case_id,
        "subject": case.subject_id,
        "modality": case.modality or "",
        "image": case.images[0],
        "structure": ref.structure,
        "label": ref.path,
        "value": " ".join(map(str, ref.values or ())),
    }


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, in a folder that is made for them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def planted(expert: ExpertCase, ref: LabelRef, test: FrozenTest, folder: Path) -> Row:
    """Write a faulty file for a label; return what changes in its row."""
    every = [p for p in frozen_pairs(test, expert, ref.structure, None) if p.mask.any()]
    fit = [p for p in every if LOWEST <= p.dice < BELOW]
    if not fit:
        return {"true": 1.0}
    place = f"{expert.case.case_id}-{ref.structure}"
    pair = fit[zlib.crc32(place.encode()) % len(fit)]
    stem = folder / "faulty" / place.replace("/", "_")
    path, grid = label_path(stem, ref.path), expert.image.grid
    write_label(path, pair.mask, like=ref.path, grid=grid, keep_header=False, overwrite=True)
    return {"label": path.resolve(), "value": "", "true": round(pair.dice, 4)}


def audited(entry: AuditedSet, table: Path, ways: Mapping[str, tuple[Path, int]]) -> list[Row]:
    """Audit a table with judges and so many peers; return a row per label with each score."""
    with table.open(newline="") as file:
        true = {(r["case_id"], r["structure"]): float(r["true"]) for r in csv.DictReader(file)}
    found: dict[tuple[str, str], Row] = {}
    for way, (judge, n_peers) in ways.items():
        config = AuditConfig(
            source=SourceConfig(path=blinded(table)),
            out=table.parent / f"audit {way}".replace(" ", "-"),
            judge=str(judge),
            peers=n_peers,
            n_worst=0,
        )
        began = time.monotonic()
        rows = audit(config).rows
        print(f"{entry.name} {way}: {time.monotonic() - began:.0f} s", flush=True)
        for row in rows:
            key = (row.case_id, row.structure)
            own = found.setdefault(key, {"set": entry.name, "true": true[key]})
            own |= {
                "subject": f"{entry.name}/{row.subject_id}",
                "structure": row.structure,
                "size": row.n_voxels,
                "flagged": bool(row.flags),
                way: row.score,
                f"{way}, p_faulty": row.p_faulty,
                f"{way}, held": row.score_lo <= true[key] <= row.score_hi,
            }
    return list(found.values())


def blinded(table: Path) -> Path:
    """Return the table without its true Dice, which no audit may see."""
    path = table.with_name("audited.csv")
    with table.open(newline="") as file:
        rows = [{k: v for k, v in row.items() if k != "true"} for row in csv.DictReader(file)]
    write_table(path, rows)
    return path


def by_score(way: str) -> Way:
    """Return how suspicious each label is by its score; one without a score is not."""
    return lambda rows: 1 - np.nan_to_num(np.array([r[way] for r in rows]), nan=1.0)


def oddness(rows: Sequence[Row]) -> Floats:
    """Return robust distances of log size from the structure's median, faults included."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        groups[row["set"], row["structure"]].append(number)
    odd = np.zeros(len(rows))
    for numbers in groups.values():
        sizes = np.log([max(rows[n]["size"], 1) for n in numbers])
        spread = max(1.4826 * float(np.median(np.abs(sizes - np.median(sizes)))), 0.05)
        odd[numbers] = np.abs(sizes - np.median(sizes)) / spread
    return odd


WAYS: dict[str, Way] = {
    **{way: by_score(way) for way in (_CONTEXT, _PEERS, _ALONE)},
    _SIZE: oddness,
}


def shares(rows: Sequence[Row]) -> Row:
    """Return the share of faults among the lowest tenth of each set, and the AUROC, by each way."""
    bad = np.array([r["true"] < 1 for r in rows])
    subject = np.array([r["subject"] for r in rows])
    flagged = np.array([r["flagged"] for r in rows])
    found: Row = {
        "labels": len(rows),
        "faults": int(bad.sum()),
        "flagged_faults": round(float(flagged[bad].mean()), 3),
        "flagged_clean": round(float(flagged[~bad].mean()), 3),
    }
    for way, suspicion in WAYS.items():
        if way != _SIZE and any(way not in row for row in rows):
            continue
        worst = worst_tenth(rows, suspicion)

        def share(index: NDArray[np.intp], worst: NDArray[np.bool_] = worst) -> float:
            return float(worst[index][bad[index]].mean()) if bad[index].any() else np.nan

        spread = bootstrap_by_subject(subject, share, n_draws=300)
        found[way] = {
            "found": round(share(np.arange(len(rows))), 3),
            "ci": [round(spread.low, 2), round(spread.high, 2)],
            "auroc": round(auroc(-suspicion(rows), bad), 3),
        }
        if way != _SIZE:
            error = np.array([abs(r[way] - r["true"]) for r in rows])
            wrong = np.array([r[f"{way}, p_faulty"] >= WRONG_FROM for r in rows])
            found[way] |= {
                "mae": round(float(np.nanmean(error)), 3),
                "called_wrong_faults": round(float(wrong[bad].mean()), 3),
                "called_wrong_clean": round(float(wrong[~bad].mean()), 3),
                "covered": round(float(np.mean([r[f"{way}, held"] for r in rows])), 3),
            }
    return found


def worst_tenth(rows: Sequence[Row], suspicion: Way) -> NDArray[np.bool_]:
    """Whether each label is among the most suspicious tenth of its set."""
    worst = np.zeros(len(rows), dtype=np.bool_)
    sets = np.array([r["set"] for r in rows])
    for name in np.unique(sets):
        own = np.flatnonzero(sets == name)
        values = suspicion([rows[int(k)] for k in own])
        worst[own[np.argsort(-values, kind="stable")[: round(SHARE * len(own))]]] = True
    return worst


def page(result: Row) -> str:
    """Return the results as markdown."""
    ways = [way for way in WAYS if way in result["all"]]
    columns = " | ".join(f"{way} | AUROC" for way in ways)
    lines = "\n".join(line(name, found) for name, found in result["sets"].items())
    judged = "\n".join(judged_line(way, result) for way in ways if way != _SIZE)
    return f"""# Planted faults, found in unknown data

Every set was audited from its files on, as by `segassay audit`, with judges that never saw the set
nor its group. One label in ten has a planted fault: Dice {LOWEST} to {BELOW}, half of them of
families that no judge is trained on. Up to {_SUBJECTS} subjects a set. *In context*: the judge of
the fold of `leave_set_out.md`, which reads the other labels of the set, faults among them, those of
volumes registered besides. *Judge*: one that reads no
context (the first step of those in `leave_group_out.md`), with registered peers and alone. The
columns are the share of the faults among the most suspicious tenth (by chance .10, at best 1.00;
95 % bootstrap by subject); *AUROC* tells faulty from clean labels. Made by
`python -m benchmarks.unseen_data.planted_faults DATA_ROOT`.

| set | labels | faults | {columns} | rules flag: faults | clean |
|{"---|" * (5 + 2 * len(ways))}
{lines}
{line("**all**", result["all"])}

| | mean AUROC over sets | mean absolute error | faults called likely wrong | clean ones so called \
| true Dice in the 90 % interval |
|---|---|---|---|---|---|
{judged}

Clean labels are the sets' own: what is wrong with them counts as a false alarm.
"""


def line(name: str, found: Row) -> str:
    """Return one row of the table."""
    ways = " | ".join(
        f"{found[way]['found']:.2f} [{found[way]['ci'][0]:.2f}, {found[way]['ci'][1]:.2f}] | "
        f"{found[way]['auroc']:.3f}"
        for way in WAYS
        if way in found
    )
    return (
        f"| {name} | {found['labels']} | {found['faults']} | {ways} | "
        f"{found['flagged_faults']:.0%} | {found['flagged_clean']:.1%} |"
    )


def judged_line(way: str, result: Row) -> str:
    """Return what a judge's scores are worth, beyond their order."""
    own = result["all"][way]
    mean = float(np.mean([found[way]["auroc"] for found in result["sets"].values()]))
    return (
        f"| {way} | {mean:.3f} | {own['mae']:.3f} | {own['called_wrong_faults']:.0%} | "
        f"{own['called_wrong_clean']:.1%} | {own['covered']:.0%} |"
    )


if __name__ == "__main__":
    main()
