"""Judging in context where the judge never saw the group: the frozen test's masks of its sets.

Every set of the frozen test is judged by a judge of `leave_set_out.py` that learned from no set of
its group, nor from small sets of the kind. The context are labels of the same set, of subjects
outside the test, none of which is trusted: `usual`, one in four wrong, or `mixed`, four in five, as
`peers.py` has them. With `--degrade` contexts of other sizes and qualities, too: how it worsens
with few cases, with many wrong labels, and with labels that are all wrong alike (everything a
quarter too wide). As in an audit, labels of ten of the cases are registered
to volumes, and the labels of a structure are ranked by network and context together
(`records.context_ranks`); what the network alone says in context stands beside. What was measured
is kept under `runs/group_in_context`.

Usage: python -m benchmarks.unseen_data.group_in_context DATA_ROOT [--folds 0 1 2 3] [--degrade]
"""

import argparse
import json
from collections.abc import Sequence
from functools import cached_property, partial
from math import nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.frozen_test.frozen import HERE, RUNS, Frozen, Row, kept_rows
from benchmarks.frozen_test.frozen_pairs import FrozenSet
from benchmarks.unseen_data.fit_unseen import pool
from benchmarks.unseen_data.leave_group_out import GROUPS, refuse_if_seen
from benchmarks.unseen_data.leave_set_out import FOLDS
from benchmarks.unseen_data.peers import drawn
from segassay.corruption.faulty_cases import ExpertCase, read_expert_case
from segassay.images.slicing import as_planes, from_planes, slicing_axis
from segassay.judge.comparison.gold_cases import GoldCase
from segassay.judge.comparison.peers import Peers
from segassay.judge.context.context_cases import MOST_CASES
from segassay.judge.context.context_memory import MOST_SLICES, ContextMemory
from segassay.judge.scoring import load_judge
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.metrics.agreement import auroc, pearson
from segassay.records.context_ranks import FEWEST_LABELS, ranked_in_context
from segassay.vocabulary.names import canonical_name

CONTEXTS: dict[str, tuple[int, float]] = {"usual": (MOST_CASES, 0.75), "mixed": (MOST_CASES, 0.2)}
"""Cases of a context, and the share of its labels that are untouched."""

DEGRADED: dict[str, tuple[int, float]] = {
    **{f"{n} cases": (n, 0.75) for n in (3, 5, 10, 30)},
    **{f"{wrong} % wrong": (MOST_CASES, 1 - wrong / 100) for wrong in (0, 50, 75)},
    "alike": (MOST_CASES, nan),
}
"""The same of contexts that show how judging worsens; NaN: all labels are wrong alike."""

_WIDER = 0.25

_PEERS = 10
"""Cases whose labels are registered."""


def main() -> None:
    """Judge what is not judged yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folds", type=int, nargs="*", default=range(len(FOLDS)))
    parser.add_argument("--degrade", action="store_true")
    parser.add_argument("--runs", type=Path, default=RUNS / "leave_set_out")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    given = parser.parse_args()
    frozen = Frozen(given.data)
    contexts = {**CONTEXTS, **(DEGRADED if given.degrade else {})}
    found: Row = {}
    for fold in given.folds:
        names = GROUPS[FOLDS[fold][0]]
        judge = given.runs / f"fold{fold}" / f"without-fold{fold}"
        refuse_if_seen(str(judge), names)
        for entry in (e for e in frozen.test.sets if e.name in names):
            asked = Asked(frozen, entry, judge)
            found[entry.name] = {}
            for kind in ("alone", *contexts):
                rows = [row for case_id in entry.cases for row in asked.rows(case_id, kind)]
                found[entry.name][kind] = figures(rows)
            print(entry.name, json.dumps(found[entry.name]), flush=True)
    means = {
        kind: {
            key: round(float(np.mean([one[kind][key] for one in found.values()])), 4)
            for key in ("pearson", "auroc", "mae", "network_pearson", "network_auroc")
        }
        for kind in ("alone", *contexts)
    }
    document = {"test_version": frozen.test.version, "mean": means, "by_set": found}
    (given.out / "group_in_context.json").write_text(json.dumps(document, indent=1) + "\n")


class Asked:
    """One set of the test before a judge that never saw its group, with contexts to ask."""

    def __init__(self, frozen: Frozen, entry: FrozenSet, judge: Path) -> None:
        self.frozen, self.entry = frozen, entry
        loaded = load_judge(str(judge))
        assert isinstance(loaded, ContextJudge)
        self.judge = loaded
        self._made: dict[str, ContextJudge] = {}

    @cached_property
    def _cases(self) -> list[ExpertCase]:
        """Cases of subjects outside the test, in the order in which they are drawn."""
        first = {c.subject_id: c for c in reversed(pool(self.frozen.data, self.entry))}
        order = np.random.default_rng(1).permutation(sorted(first))[:MOST_CASES]
        kind = self.entry.modality
        return [read_expert_case(self.entry.name, first[str(s)], kind) for s in order]

    def _in(self, kind: str) -> ContextJudge:
        """Return the judge in a context, made when it is first asked for."""
        if kind == "alone":
            return self.judge
        if kind not in self._made:
            n_cases, untouched = {**CONTEXTS, **DEGRADED}[kind]
            slices = [
                self.judge.reader.slices(
                    case.image,
                    {canonical_name(n): as_given(case, n, untouched) for n in case.masks},
                    subject=case.case.subject_id,
                    modality=case.modality,
                )
                for case in self._cases[:n_cases]
            ]
            most = max(1, MOST_SLICES // len(slices))
            kept = [one for some in slices for one in some[:: max(1, -(-len(some) // most))]]
            memory = ContextMemory.of(kept, self.judge.reader.voting)
            peers = Peers([self._peer(case, untouched) for case in self._cases[:n_cases][:_PEERS]])
            self._made = {kind: self.judge.with_memory(memory).among(peers)}  # one at a time
        return self._made[kind]

    def _peer(self, case: ExpertCase, untouched: float) -> GoldCase:
        masks = {canonical_name(name): as_given(case, name, untouched) for name in case.masks}
        return GoldCase.of(case.image, masks.items(), case.case.subject_id)

    def rows(self, case_id: str, kind: str) -> list[Row]:
        """Return what is said of the labels of a case that hold anything."""
        folder = RUNS / "group_in_context" / self.judge.model_id / kind.replace(" ", "_")
        name = f"{self.entry.name}-{case_id}.json"
        return kept_rows(folder / name, partial(self._measured, case_id, kind))

    def _measured(self, case_id: str, kind: str) -> list[Row]:
        expert = self.frozen.expert(self.entry, case_id)
        pairs = [p for p in self.frozen.pairs(self.entry, expert) if p.mask.any()]
        pairs = [p for p in pairs if not np.isnan(p.dice)]
        said = self._in(kind).measure_labels(
            expert.image,
            [(p.structure, p.mask) for p in pairs],
            modality=expert.modality,
            subject=expert.case.subject_id,
        )
        return [
            {
                "structure": p.structure,
                "true": p.dice,
                "raw": m.raw,
                "doubt": m.doubt,
                "compared": list(m.compared),
            }
            for p, m in zip(pairs, said, strict=True)
            if m is not None
        ]


def as_given(case: ExpertCase, name: str, untouched: float) -> NDArray[np.bool_]:
    """Return a label of a context: untouched with this probability; NaN: too wide, as all are."""
    if not np.isnan(untouched):
        return drawn(case, name, untouched)
    mask = case.masks[name]
    axis = slicing_axis(case.image.grid)
    planes = as_planes(mask, axis)
    per_slice = planes.sum() / max(int(planes.any(axis=(1, 2)).sum()), 1)
    reach = _WIDER * float(np.sqrt(per_slice / np.pi))
    wide = [plane.any() & (ndimage.distance_transform_edt(~plane) <= reach) for plane in planes]
    return from_planes(np.stack(wide), axis)


def figures(rows: Sequence[Row]) -> Row:
    """Return Pearson, AUROC of Dice < 0.8 and mean absolute error of ranked and of raw scores."""
    true, raw = (np.array([row[key] for row in rows]) for key in ("true", "raw"))
    ranked = raw.copy()
    for structure in {row["structure"] for row in rows}:
        own = [n for n, row in enumerate(rows) if row["structure"] == structure]
        if len(own) >= FEWEST_LABELS and all(rows[n]["compared"] for n in own):
            whole, close = np.array([rows[n]["compared"] for n in own], dtype=np.float64).T
            ranked[own] = ranked_in_context(raw[own], whole, close)
    return {
        "n": len(rows),
        "pearson": round(pearson(ranked, true), 4),
        "auroc": round(auroc(ranked, true < 0.8), 4),
        "mae": round(float(np.abs(ranked - true).mean()), 4),
        "network_pearson": round(pearson(raw, true), 4),
        "network_auroc": round(auroc(raw, true < 0.8), 4),
    }


if __name__ == "__main__":
    main()
