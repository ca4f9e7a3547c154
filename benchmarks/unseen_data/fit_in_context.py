"""What `segassay fit` gains on data the judge never saw, where the judge reads the context.

Every set of the frozen test is judged by the judge of a fold of `leave_set_out.py` that learned
from no set of its group: as it is, and fitted by `fit.fit_judge` to 10 and to 25 reference
cases of other subjects (all, where a set has fewer), which it then has as context. Tested on the
test's masks: simulated errors, half of families that no judge learns, and errors of a network.
Tables, fitted judges and what they say are kept under `runs/fit_in_context`.

Usage: python -m benchmarks.unseen_data.fit_in_context DATA_ROOT [--runs FOLDER] [--only SET ...]
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.frozen_test.frozen import HERE, RUNS, Frozen, Row, kept_rows
from benchmarks.frozen_test.frozen_pairs import FrozenSet
from benchmarks.unseen_data.fit_unseen import figures_of, pool
from benchmarks.unseen_data.leave_group_out import GROUPS, refuse_if_seen
from benchmarks.unseen_data.leave_set_out import FOLDS
from benchmarks.unseen_data.planted_faults import table_row, write_table
from segassay.fit.fit_config import FitConfig
from segassay.fit.fit_judge import fit_judge
from segassay.judge.scoring import load_judge
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.runs.configs import SourceConfig

GOLD = (0, 10, 25)


def main() -> None:
    """Fit and judge what is not judged yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=Path, default=RUNS / "leave_set_out")
    parser.add_argument("--only", nargs="+", default=[], help="names of sets")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    frozen = Frozen(options.data)
    found: dict[str, Row] = {}
    for fold, (group, _, _) in enumerate(FOLDS):
        judge = options.runs / f"fold{fold}" / f"without-fold{fold}"
        for entry in (e for e in frozen.test.sets if e.name in GROUPS[group]):
            if options.only and entry.name not in options.only:
                continue
            refuse_if_seen(str(judge), (entry.name,))
            found[entry.name] = {str(n): measured(frozen, entry, judge, n) for n in GOLD}
            print(entry.name, json.dumps(found[entry.name]), flush=True)
    if options.only:
        return
    result = {"test_version": frozen.test.version, "sets": found}
    (options.out / "fit_in_context.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "fit_in_context.md").write_text(page(found))


def measured(frozen: Frozen, entry: FrozenSet, judge: Path, n_gold: int) -> Row:
    """Return figures of the judge fitted to so many subjects; as it is for 0."""
    work = RUNS / "fit_in_context" / judge.name / entry.name
    used = min(n_gold, len({case.subject_id for case in pool(frozen.data, entry)}))
    path = fitted(frozen, entry, judge, used, work) if used else judge
    loaded = load_judge(str(path))
    assert isinstance(loaded, ContextJudge)
    asked = loaded if used else loaded.distrusted()
    rows = [
        row
        for case_id in entry.cases
        for row in kept_rows(
            work / f"{used}-{case_id}.json", partial(judged, frozen, entry, case_id, asked)
        )
    ]
    return {
        "gold": used,
        "masks": len(rows),
        **figures_of(rows, np.array([row["stated"] for row in rows])),
    }


def fitted(frozen: Frozen, entry: FrozenSet, judge: Path, n_gold: int, work: Path) -> Path:
    """Return a judge fitted to so many subjects drawn by lot, made unless it is there."""
    cases = pool(frozen.data, entry)
    subjects = sorted({case.subject_id for case in cases})
    chosen = set(np.random.default_rng(0).permutation(subjects)[:n_gold].tolist())
    out = work / f"fitted-{n_gold}"
    if not out.exists():
        table = work / f"gold-{n_gold}" / "labels.csv"
        own = [case for case in cases if case.subject_id in chosen]
        write_table(table, [table_row(case, ref) for case in own for ref in case.labels])
        began = time.monotonic()
        source = SourceConfig(path=table, modality=entry.modality)
        fit_judge(FitConfig(source=source, out=out, judge=str(judge)))
        print(f"{entry.name} {n_gold}: fitted in {time.monotonic() - began:.0f} s", flush=True)
    return out


def judged(frozen: Frozen, entry: FrozenSet, case_id: str, judge: ContextJudge) -> list[Row]:
    """Return what is said of the labels of a test case that hold anything."""
    expert = frozen.expert(entry, case_id)
    pairs = [p for p in frozen.pairs(entry, expert) if p.mask.any() and not np.isnan(p.dice)]
    subject = expert.case.subject_id
    said = judge.measure_labels(
        expert.image,
        [(p.structure, p.mask) for p in pairs],
        modality=expert.modality,
        subject=subject,
    )
    return [
        {
            "subject": subject,
            "structure": pair.structure,
            "true": pair.dice,
            "raw": one.raw,
            "stated": list(judge.calibrated(one)),
        }
        for pair, one in zip(pairs, said, strict=True)
        if one is not None
    ]


def page(found: dict[str, Row]) -> str:
    """Return the results as markdown."""
    keys = ("pearson", "mae", "auroc_below_0.8", "interval_coverage", "interval_width")
    lines = "\n".join(
        f"| {name} | {row['gold']} | " + " | ".join(f"{row[key]:.3f}" for key in keys) + " |"
        for name, by_gold in found.items()
        for row in by_gold.values()
    )
    means = "\n".join(
        f"| **mean** | at most {n} | "
        + " | ".join(
            f"{np.mean([rows[str(n)][key] for rows in found.values()]):.3f}" for key in keys
        )
        + " |"
        for n in GOLD
    )
    return f"""# Fitted to a few reference cases of data the judge never saw, in their context

Judges of the folds of `leave_set_out.md` that never saw the set's group, as they are and after
`segassay fit` on reference cases with planted faults, which are then their context; tested on the
frozen test's masks of other subjects. One draw of subjects. Made by
`python -m benchmarks.unseen_data.fit_in_context`; judges without context:
[fit_unseen](fit_unseen.md).

| set | reference cases | Pearson | MAE | AUROC < .8 | intervals hold | their width |
|---|---|---|---|---|---|---|
{lines}
{means}
"""


if __name__ == "__main__":
    main()
