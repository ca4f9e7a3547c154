"""Audit every shared data set with a judge that never saw it, and lay out its worst labels.

`benchmarks/unseen_data/train_without.sh` trains the judges; one that learned from a set is refused.
Every label of every set goes through `auditing.audit`, as a user's would; a set that was stopped
goes on where it was, and a set that is done, or whose judge is not there yet, is passed over. For
other judges begin in another work folder.

- `docs/results/audits/SET.csv`: every label with its score;
- `WORK/SET/`: the audit's own folder, with its findings;
- `WORK/sheets/`: the worst labels of each set and source as pictures, to be looked at one by one,
  and `SET.csv`, which says what is where. What a person saw goes into `verdicts.csv` beside the
  tables; `audit_figures.py` counts it.

Labels of `autowl` that no person drew are laid out blind: the worst and as many others, drawn by
lot, in random order, without score or suggestion. Their second sheet shows both.

Usage: python -m benchmarks.audits.audit_sets DATA_ROOT [--judges FOLDER] [--only SET ...]
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np

from benchmarks.audits.audit_pictures import write_sheets
from benchmarks.frozen_test.frozen import HERE, RUNS
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.auditing.exhibits import make_exhibits
from segassay.datasets.opening import open_dataset
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.judge.scoring import load_judge
from segassay.records.scores import ScoreRow
from segassay.records.table import csv_bytes
from segassay.records.triage import key_of
from segassay.report.model import Exhibit
from segassay.runs.configs import SourceConfig
from segassay.types import Remark

WORST = 20
PER_CASE = 3
SEED = 0


@dataclass(frozen=True, slots=True)
class AuditedSet:
    """A data set: where it lies, whose judge audits it, and the name it has in recipes.

    `blind` names sources whose worst labels are laid out among others, without their scores. Of a
    large set every `every`-th case is audited, as `segassay audit --num-parts` deals them out.
    """

    name: str
    path: str
    group: str
    learned_as: str
    blind: tuple[str, ...] = ()
    every: int = 1


_WEAK = ("weak_box", "weak_points")
SETS = (
    AuditedSet("busi", "autowl/busi", "2d", "busi", _WEAK),
    AuditedSet("isic2016", "autowl/isic2016", "2d", "isic2016", _WEAK),
    AuditedSet("covid_cxr", "autowl/covid_cxr", "2d", "covid_cxr", _WEAK),
    AuditedSet("hc18", "hc18", "2d", "hc18"),
    AuditedSet("ph2", "ph2", "2d", "ph2"),
    AuditedSet("jsrt", "jsrt", "2d", "jsrt"),
    AuditedSet("btcv", "nnUNet_raw/Dataset101_BTCV", "abdomen", "btcv"),
    AuditedSet("chaos_t2", "chaos_t2", "abdomen", "chaos_t2"),
    AuditedSet("totalsegmentator", "totalsegmentator", "abdomen", "totalsegmentator"),
    AuditedSet("dicom", "dicom", "abdomen", "dicom"),
    AuditedSet("ct_slices", "ct_slices_30organs", "abdomen", "ct_slices"),
    AuditedSet("acdc", "nnUNet_raw/Dataset027_ACDC", "cardiac", "acdc"),
    AuditedSet("left_atrium", "Task90_LeftAtrium", "cardiac", "left_atrium"),
    AuditedSet("hippocampus", "Task04_Hippocampus", "brain", "hippocampus", every=3),
    AuditedSet("oasis", "oasis_slices", "brain", "oasis"),
)

COLUMNS: dict[str, type] = {
    "case_id": str,
    "structure": str,
    "source": str,
    "score": float,
    "score_lo": float,
    "score_hi": float,
    "status": str,
    "reason": str,
    "error_type": str,
    "presence": float,
    "expected_volume_error": float,
    "expected_nsd": float,
    "worst_slice": int,
    "worst_slice_score": float,
    "n_slices": int,
    "n_voxels": int,
    "flags": str,
    "model_id": str,
}
"""What is published of a row: nothing of files, users or times."""


def main() -> None:
    """Audit the sets whose judge is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--only", nargs="*", default=[entry.name for entry in SETS])
    parser.add_argument("--work", type=Path, default=RUNS / "audits")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results" / "audits")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for entry in (entry for entry in SETS if entry.name in options.only):
        judge = options.judges / f"without-{entry.group}"
        if not judge.is_dir():
            print(f"{entry.name}: no {judge.name} yet")
            continue
        if (options.work / "sheets" / f"{entry.name}.csv").exists():
            print(f"{entry.name}: done before")
            continue
        refuse_if_seen(judge, entry)
        began = time.monotonic()
        rows = audit_set(entry, options.data, judge, options.work)
        (options.out / f"{entry.name}.csv").write_bytes(published(rows))
        lay_out(entry, options.data, judge, rows, options.work / "sheets")
        print(f"{entry.name}: {len(rows)} labels, {time.monotonic() - began:.0f} s", flush=True)


def refuse_if_seen(judge: Path, entry: AuditedSet) -> None:
    """Stop where a judge learned from the set: it may not audit it."""
    learned = open_judge(find_judge(str(judge))).meta.training_subjects
    seen = sorted(name for name in learned if name.startswith(entry.learned_as))
    if seen:
        raise SystemExit(f"{judge.name} learned from {', '.join(seen)}: it may not audit it")


def audit_set(entry: AuditedSet, data: Path, judge: Path, work: Path) -> tuple[ScoreRow, ...]:
    """Audit a set and return its rows; stops where the judge knows one of the images after all."""
    source = SourceConfig(path=data / entry.path)
    config = AuditConfig(
        source=source, out=work / entry.name, judge=str(judge), n_worst=0, parts=entry.every
    )
    rows = audit(config).rows
    known = sum(Remark.TRAINED_ON_IMAGE in row.remarks for row in rows)
    if known:
        raise SystemExit(f"{entry.name}: {judge.name} learned from the images of {known} labels")
    return rows


def published(rows: Sequence[ScoreRow]) -> bytes:
    """Return the table without what tells of files, users or times; figures to four places."""
    dumped = [row.model_dump(mode="json", include=set(COLUMNS)) for row in rows]
    rounded = [
        {k: round(v, 4) if COLUMNS[k] is float and v is not None else v for k, v in row.items()}
        for row in dumped
    ]
    return csv_bytes(rounded, COLUMNS)


def lay_out(
    entry: AuditedSet, data: Path, judge_path: Path, rows: Sequence[ScoreRow], folder: Path
) -> None:
    """Write the sheets of a set, one kind of source after another."""
    cases = {case.case_id: case for case in open_dataset(data / entry.path).cases}
    judge = load_judge(str(judge_path))
    folder.mkdir(parents=True, exist_ok=True)
    listed: list[dict[str, object]] = []
    for source in sorted({row.source for row in rows}):
        own = [row for row in rows if row.source == source]
        blind = source in entry.blind
        chosen = worst(own)
        drawn = {key_of(row): "worst" for row in chosen}
        if blind:
            others = [row for row in own if key_of(row) not in drawn and not isnan(row.score)]
            drawn |= {key_of(row): "random" for row in _some(others)}
            chosen = _shuffled([row for row in own if key_of(row) in drawn])
        made = {key_of(e.row): e for e in make_exhibits(chosen, cases, judge, {})}
        shown: list[Exhibit] = [made[key_of(row)] for row in chosen if key_of(row) in made]
        stem = f"{entry.name}-{source}"
        write_sheets(shown, folder / stem, told=True)
        if blind:
            write_sheets(shown, folder / f"{stem}-blind", told=False)
        listed += [_line(e.row, n, drawn[key_of(e.row)]) for n, e in enumerate(shown, 1)]
    (folder / f"{entry.name}.csv").write_bytes(csv_bytes(listed, _LISTED))


def worst(rows: Iterable[ScoreRow]) -> list[ScoreRow]:
    """Return the labels to look at, lowest score first: 20, at most half, at most 3 of a case.

    Of fewer than seven cases as many more as make 20.
    """
    scored = sorted((row for row in rows if not isnan(row.score)), key=lambda row: row.score)
    most = max(PER_CASE, -(-WORST // max(len({row.case_id for row in scored}), 1)))
    taken: dict[str, int] = defaultdict(int)
    chosen = []
    for row in scored:
        taken[row.case_id] += 1
        if taken[row.case_id] <= most:
            chosen.append(row)
    return chosen[: min(WORST, len(scored) // 2)]


_LISTED: dict[str, type] = {
    "number": int,
    "case_id": str,
    "structure": str,
    "source": str,
    "score": float,
    "drawn": str,
}


def _line(row: ScoreRow, number: int, drawn: str) -> dict[str, object]:
    return {**row.model_dump(include=set(_LISTED)), "number": number, "drawn": drawn}


def _some(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    return _shuffled(rows)[:WORST]


def _shuffled(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    return [rows[n] for n in np.random.default_rng(SEED).permutation(len(rows))]


if __name__ == "__main__":
    main()
