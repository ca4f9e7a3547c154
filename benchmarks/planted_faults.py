"""Does an audit of an unknown data set find the faults in it? From the files on, as a user would.

Every shared set of expert labels is copied as a table of files in which one label in ten has a
planted fault (Dice below .7, half of them of families that no judge is trained on), and audited
by `pipelines.audit` with a judge that never saw the set or its group (`audits.py`): as it is,
with labels compared with one another, and after it learned these very labels, faults among them,
in halves (`segassay learn`; begins with the weights that `train_without.sh` leaves in `runs`).
Counted: the share of the faults among the lowest tenth of the scores; beside them the labels
farthest from the median size of their structure, and what the rules say. Tables, faulty files,
judges and audits are kept under `runs/planted`, so a stopped run continues; `--only` makes those
of some sets and ends.

Usage: python benchmarks/planted_faults.py DATA_ROOT [--judges FOLDER] [--learners FOLDER]
"""

import argparse
import csv
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from audits import SETS, AuditedSet, refuse_if_seen
from frozen import HERE, RUNS, Row
from numpy.typing import NDArray

from segassay.data.case import Case, LabelRef
from segassay.data.mask_file import write_mask
from segassay.data.readers import open_dataset
from segassay.metrics.agreement import auroc, bootstrap_by_subject
from segassay.pipelines.audit import audit
from segassay.pipelines.configs import AuditConfig, LearnConfig, SourceConfig
from segassay.pipelines.faulty_cases import ExpertCase, read_expert_case
from segassay.pipelines.frozen_test import FrozenTest, frozen_pairs, read_frozen_test
from segassay.pipelines.learn_labels import learn_labels

SHARE, LOWEST, BELOW = 0.1, 0.05, 0.7
"""Share of labels with a fault, and between which Dice the fault lies."""

_SUBJECTS = 60
"""Of larger sets so many subjects are audited."""

_UNFIT = ("totalsegmentator", "dicom", "ct_slices", "left_atrium")
"""Sets of too few labels, or of masks that no expert drew."""

_MINUTES = 4.0
"""Of learning, for each half of a set."""

_ALONE, _PEERS, _LEARNED = "judge", "judge and peers", "learned in halves"
Floats = NDArray[np.float64]
Way = Callable[[Sequence[Row]], Floats]


def main() -> None:
    """Audit what is not audited yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    parser.add_argument("--learners", type=Path, default=RUNS)
    parser.add_argument("--only", nargs="+", default=[], help="names of sets")
    options = parser.parse_args()
    rows: list[Row] = []
    for entry in (entry for entry in SETS if entry.name not in _UNFIT):
        if options.only and entry.name not in options.only:
            continue
        name = f"without-{entry.group}"
        judge, learner = options.judges / name, options.learners / name / name
        refuse_if_seen(judge, entry)
        refuse_if_seen(learner, entry)
        table = faulty_table(entry, options.data)
        rows += audited(entry, table, judge, learned(table, learner))
        print(entry.name, len(rows), flush=True)
    if options.only:
        return
    names = dict.fromkeys(row["set"] for row in rows)
    found = {name: shares([r for r in rows if r["set"] == name]) for name in names}
    result = {
        "sets": found,
        "all": shares(rows),
        "mean_auroc": {way: mean(found, way, "auroc") for way in WAYS},
        "mean_mae": {way: mean(found, way, "mae") for way in (_LEARNED, _PEERS, _ALONE)},
    }
    (options.out / "planted_faults.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "planted_faults.md").write_text(page(result))


def mean(found: dict[str, Row], way: str, figure: str) -> float:
    """Return the mean of a figure over the sets."""
    return round(float(np.mean([row[way][figure] for row in found.values()])), 3)


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
    path = write_mask(pair.mask, expert.image.grid, ref.path, stem)
    return {"label": path.resolve(), "value": "", "true": round(pair.dice, 4)}


def learned(table: Path, learner: Path) -> Path:
    """Return the judge that learned the labels of a table in halves; made unless it is there."""
    out = table.with_name(f"learned-{_MINUTES:g}")
    if not out.exists():
        source = SourceConfig(path=blinded(table))
        config = LearnConfig(source=source, out=out, judge=str(learner), minutes=_MINUTES)
        learn_labels(config, say=partial(print, flush=True))
    return out


def audited(entry: AuditedSet, table: Path, judge: Path, taught: Path) -> list[Row]:
    """Audit a table in every way; return a row per label with its score in each."""
    with table.open(newline="") as file:
        true = {(r["case_id"], r["structure"]): float(r["true"]) for r in csv.DictReader(file)}
    found: dict[tuple[str, str], Row] = {}
    ways = {
        _ALONE: ("audit-0", judge, 0),
        _PEERS: ("audit-10", judge, 10),
        _LEARNED: (f"audit-{taught.name}", taught, 0),
    }
    for way, (out, asked, n_peers) in ways.items():
        config = AuditConfig(
            source=SourceConfig(path=blinded(table)),
            out=table.parent / out,
            judge=str(asked),
            peers=n_peers,
            n_worst=0,
        )
        for row in audit(config).rows:
            key = (row.case_id, row.structure)
            own = found.setdefault(key, {"set": entry.name, "true": true[key]})
            own |= {
                "subject": f"{entry.name}/{row.subject_id}",
                "structure": row.structure,
                "size": row.n_voxels,
                "flagged": bool(row.flags),
                way: row.score,
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
    **{way: by_score(way) for way in (_LEARNED, _PEERS, _ALONE)},
    "size outlier": oddness,
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
        worst = worst_tenth(rows, suspicion)

        def share(index: NDArray[np.intp], worst: NDArray[np.bool_] = worst) -> float:
            return float(worst[index][bad[index]].mean()) if bad[index].any() else np.nan

        spread = bootstrap_by_subject(subject, share, n_draws=300)
        found[way] = {
            "found": round(share(np.arange(len(rows))), 3),
            "ci": [round(spread.low, 2), round(spread.high, 2)],
            "auroc": round(auroc(-suspicion(rows), bad), 3),
        }
        if way in rows[0]:
            error = np.array([abs(r[way] - r["true"]) for r in rows])
            found[way]["mae"] = round(float(np.nanmean(error)), 3)
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


HEADER = """\
| set | labels | faults | learned in halves | AUROC | judge and peers | AUROC | judge alone \
| AUROC | size outliers | AUROC | rules flag: faults | clean |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"""


def page(result: Row) -> str:
    """Return the results as markdown."""
    lines = "\n".join(line(name, found) for name, found in result["sets"].items())
    means, errors = result["mean_auroc"], result["mean_mae"]
    return f"""# Planted faults, found in unknown data

Every set was audited from its files on, as by `segassay audit`, with a judge that never saw the set
nor its group (the first step of those in `leave_group_out.md`). One label in ten has a planted
fault: Dice {LOWEST} to {BELOW}, half of them of families that no judge is trained on. Up to
{_SUBJECTS} subjects a set. *Learned in halves*: the judge learned these labels, faults among them,
by `segassay learn` for {_MINUTES:g} minutes a half on a busy core. The columns of judges
and size are the share of the faults among the most suspicious tenth (by chance .10, at best 1.00;
95 % bootstrap by subject); *AUROC* tells faulty from clean labels. Made by
`python benchmarks/planted_faults.py DATA_ROOT`.

{HEADER}
{lines}
{line("**all**", result["all"])}

Mean AUROC over sets: learned in halves {means[_LEARNED]:.3f}, judge and peers
{means[_PEERS]:.3f}, judge alone {means[_ALONE]:.3f}, size outliers {means["size outlier"]:.3f}.
Mean absolute error of the scores: {errors[_LEARNED]:.3f}, {errors[_PEERS]:.3f} and
{errors[_ALONE]:.3f}.

Clean labels are the sets' own: what is wrong with them counts as a false alarm.
"""


def line(name: str, found: Row) -> str:
    """Return one row of the table."""
    ways = " | ".join(
        f"{found[way]['found']:.2f} [{found[way]['ci'][0]:.2f}, {found[way]['ci'][1]:.2f}] | "
        f"{found[way]['auroc']:.3f}"
        for way in WAYS
    )
    return (
        f"| {name} | {found['labels']} | {found['faults']} | {ways} | "
        f"{found['flagged_faults']:.0%} | {found['flagged_clean']:.1%} |"
    )


if __name__ == "__main__":
    main()
