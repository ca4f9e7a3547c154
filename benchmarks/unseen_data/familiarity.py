"""Does the trial tell data that a judge knows from data that it does not?

For every set of the frozen test the trial of `runs.domain.familiarity` is made twice on up to eight
of its test subjects: by the judge that learned from other subjects of the set, and by the one that
never saw its group. Once with every label right, once with one in four faulty, once with four in
five.

Usage: python -m benchmarks.unseen_data.familiarity DATA_ROOT [--judges FOLDER] [--known
       judge-small]
"""

import argparse
import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from benchmarks.frozen_test.frozen import HERE, RUNS, Frozen, Row, kept_rows
from benchmarks.frozen_test.frozen_pairs import FrozenSet
from benchmarks.unseen_data.leave_group_out import GROUPS, refuse_if_seen
from benchmarks.unseen_data.peers import drawn
from segassay.corruption.faulty_cases import ExpertCase
from segassay.judge.scoring import Judge, load_judge
from segassay.runs.domain.familiarity import FAMILIAR, TriedLabel, agreement, try_labels
from segassay.types import DEFAULT_JUDGE

SHARES = {"all": 1.0, "three in four": 0.75, "one in five": 0.2}
"""Share of labels that are right."""

_CASES, _LABELS = 8, 6


def main() -> None:
    """Try what was not tried yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--known", default=DEFAULT_JUDGE)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    frozen, known = Frozen(options.data), load_judge(options.known)
    found = {}
    for group, names in GROUPS.items():
        path = str(options.judges / f"without-{group}")
        refuse_if_seen(path, names)
        for entry in (e for e in frozen.test.sets if e.name in names):
            found[entry.name] = {
                "knows the set": tried(frozen, entry, known),
                "never saw the group": tried(frozen, entry, load_judge(path)),
            }
    result = {"test_version": frozen.test.version, "limit": FAMILIAR, "sets": found}
    (options.out / "familiarity.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "familiarity.md").write_text(page(result))


def tried(frozen: Frozen, entry: FrozenSet, judge: Judge) -> Row:
    """Return the trial's correlation for every share of right labels, and its size."""
    first: dict[str, str] = {}
    for case_id in entry.cases:
        first.setdefault(frozen.expert(entry, case_id).case.subject_id, case_id)
    chosen = list(first.values())[:_CASES]
    result: Row = {"cases": len(chosen)}
    for words, share in SHARES.items():
        folder = RUNS / "familiarity" / f"{judge.model_id}-v{frozen.test.version}"
        rows = [
            row
            for case_id in chosen
            for row in kept_rows(
                folder / f"{entry.name}-{case_id}-{share}.json",
                partial(judged, frozen, entry, case_id, judge, share),
            )
        ]
        labels = [TriedLabel(r["structure"], r["own"], tuple(r["faults"])) for r in rows]
        result["labels"] = len(labels)
        result[words] = round(agreement(labels), 3)
    return result


def judged(frozen: Frozen, entry: FrozenSet, case_id: str, judge: Judge, share: float) -> list[Row]:
    """Return what the judge says of labels as they may come, and of faults planted in them."""
    expert = with_labels(frozen.expert(entry, case_id), share)
    return [asdict(label) for label in try_labels(expert, judge)]


def with_labels(expert: ExpertCase, share: float) -> ExpertCase:
    """Return a case of which only a share of the labels are right."""
    masks = {name: drawn(expert, name, share) for name in list(expert.masks)[:_LABELS]}
    return replace(expert, masks={name: mask for name, mask in masks.items() if mask.any()})


def page(result: Row) -> str:
    """Return the results as markdown."""
    rows = "\n".join(
        f"| {name} | {by['knows the set']['cases']} | {by['knows the set']['labels']} | "
        + " | ".join(f"{by[who][words]:.2f}" for words in SHARES for who in by)
        + " |"
        for name, by in result["sets"].items()
    )
    heads = " | ".join(f"{words}: {who}" for words in SHARES for who in ("known", "unknown"))
    return f"""# Is a judge tried before it is believed?

The trial of an audit (`docs/concepts/unknown-data.md`): correlation of a judge's raw scores with
the Dice of faults with the labels they were planted in, on up to eight test subjects of every set;
of the labels the half that the judge thinks best. *Known*: the judge learned from other subjects of
the set. *Unknown*: it never saw the set's group. The columns' first words tell how many of the
labels are right. Below {result["limit"]} a judge is taken not to know the data. Made by
`python -m benchmarks.unseen_data.familiarity`.

| set | cases | labels | {heads} |
|---|---|---|{"---|" * 2 * len(SHARES)}
{rows}
"""


if __name__ == "__main__":
    main()
