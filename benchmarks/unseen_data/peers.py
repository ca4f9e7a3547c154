"""What labels of a data set say of one another, where the judge never saw anything like it.

Every set of the frozen test is judged by the judge that learned from no set of its group
(`leave_group_out.py`), and compared with ten labels of the same set, of subjects outside the test,
none of which is trusted: `mixed`, each label with a fault drawn flat over Dice or, one in five,
untouched; and `usual`, three in four untouched. How the judge's score and the comparisons are
weighed is learned from the sets of the other groups. What was measured is kept under `runs/peers`,
so a stopped run continues.

With `--into JUDGE` what was learned from all sets, mixed peers, is written into a judge's folder:
what its scores are worth where it knows nothing. The judges that never saw a group get the same,
learned from the other groups: so they can audit theirs as that judge audits a stranger's.

Usage: python -m benchmarks.unseen_data.peers DATA_ROOT [--judges FOLDER] [--into
       weights/judge-small]
"""

import argparse
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.frozen_test.frozen import HERE, RUNS, Frozen, Row, kept_rows
from benchmarks.frozen_test.frozen_pairs import FrozenPair, FrozenSet
from benchmarks.sheet.sheet_rows import swept
from benchmarks.unseen_data.fit_unseen import pool
from benchmarks.unseen_data.leave_group_out import GROUPS, refuse_if_seen
from segassay.corruption.faulty_cases import ExpertCase, draw_faults, read_expert_case
from segassay.datasets.case import Case
from segassay.fit.gold_judge import open_base
from segassay.fit.measure_gold import Known
from segassay.judge.calibration.adapter import Labels
from segassay.judge.calibration.fitting import fit
from segassay.judge.calibration.out_of_domain import Unfamiliar
from segassay.judge.comparison.gold_cases import GoldCase
from segassay.judge.comparison.peers import N_COMPARED, Peers
from segassay.judge.documents.judge_folder import (
    UNFAMILIAR,
    open_judge,
    write_checksums,
    write_document,
)
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.metrics.agreement import interval_coverage
from segassay.metrics.overlap import dice
from segassay.metrics.summary import JudgedLabels, agreement
from segassay.vocabulary.names import canonical_name

MIXES = {"mixed": 0.2, "usual": 0.75}
"""Share of untouched labels among the peers."""

_N_PEERS = 10
_EACH = 300
"""Labels of every set that weighing is learned from: every set counts alike."""

Floats = NDArray[np.float64]


def main() -> None:
    """Measure what is not measured yet, then write table, JSON and, if asked, the correction."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--into", type=Path)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    frozen = Frozen(options.data)
    rows = all_rows(frozen, options.judges)
    result = {
        "test_version": frozen.test.version,
        "peers": _N_PEERS,
        "alone": by_set(rows["mixed"], left_out_of_group(rows["mixed"], compared=False)),
        **{
            mix: by_set(found, left_out_of_group(found, learn_from=rows["mixed"]))
            for mix, found in rows.items()
        },
        "best agreement": {
            mix: by_set(found, np.array([[r["compared"][0]] * 3 for r in found]))
            for mix, found in rows.items()
        },
        "sweeps": sweeps(frozen, options.judges, rows["mixed"]),
    }
    (options.out / "peers.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "peers.md").write_text(page(result))
    if options.into is not None:
        write_into(options.into, rows["mixed"])
        for group in GROUPS:
            others = [r for r in rows["mixed"] if r["group"] != group]
            write_into(options.judges / f"without-{group}", others)


def sweeps(frozen: Frozen, judges: Path, rows: Sequence[Row]) -> Row:
    """Return the figures of eroded and dilated labels on abdominal CT, by family.

    The judge saw neither an abdomen nor such faults; weighing is learned from the other groups.
    """
    folder, judge = open_base(str(judges / "without-abdomen"))
    (entry,) = (e for e in frozen.test.sets if e.name == "btcv")
    asked = Asked(frozen, entry, folder.meta.model_id, judge)
    others = balanced([r for r in rows if r["group"] != "abdomen"])
    alone, among = (fit(labels_of(others, compared=c), adapt=c) for c in (False, True))
    found: dict[str, Row] = {"erosion": {}, "dilation": {}}
    for mix in MIXES:
        swept_rows = [row for case_id in entry.cases for row in asked.sweeps(case_id, mix)]
        for family, by in found.items():
            own = [{"group": "abdomen", **r} for r in swept_rows if r["family"] == family]
            by["alone"] = figures(own, alone(labels_of(own, compared=False)))
            by[f"among {mix} peers"] = figures(own, among(labels_of(own)))
    return found


def all_rows(frozen: Frozen, judges: Path) -> dict[str, list[Row]]:
    """Return rows of all sets by mix: what the judge says, and how the label compares."""
    found: dict[str, list[Row]] = {mix: [] for mix in MIXES}
    for group, names in GROUPS.items():
        path = str(judges / f"without-{group}")
        refuse_if_seen(path, names)
        folder, judge = open_base(path)
        for entry in (e for e in frozen.test.sets if e.name in names):
            asked = Asked(frozen, entry, folder.meta.model_id, judge)
            for mix in MIXES:
                rows = [row for case_id in entry.cases for row in asked.rows(case_id, mix)]
                found[mix] += [{"group": group, "set": entry.name, **row} for row in rows]
    return found


@dataclass(frozen=True)
class Asked:
    """One set of the test: its labels before the judge and beside the peers."""

    frozen: Frozen
    entry: FrozenSet
    model_id: str
    judge: SliceJudge

    def rows(self, case_id: str, mix: str) -> list[Row]:
        """Return what is known of the labels of a case that hold anything."""
        version, name = self.frozen.test.version, f"{self.entry.name}-{case_id}.json"
        folder = RUNS / "peers"
        said = kept_rows(folder / self._version / name, partial(self._measured, case_id))
        compared = kept_rows(
            folder / f"v{version}-{_N_PEERS}-{mix}" / name, partial(self._compared, case_id, mix)
        )
        unusual = kept_rows(
            folder / f"v{version}-{_N_PEERS}-{mix}-unusual" / name,
            partial(self._unusual, case_id, mix),
        )
        return [{**a, **b, **c} for a, b, c in zip(said, compared, unusual, strict=True)]

    def sweeps(self, case_id: str, mix: str) -> list[Row]:
        """Return what is known of a case's labels, eroded and dilated."""
        name = f"{self.entry.name}-{case_id}-sweeps.json"
        version, folder = self.frozen.test.version, RUNS / "peers"
        said = kept_rows(folder / self._version / name, partial(self._swept, case_id))
        compared = kept_rows(
            folder / f"v{version}-{_N_PEERS}-{mix}" / name,
            partial(self._swept_compared, case_id, mix),
        )
        return [{**a, **b} for a, b in zip(said, compared, strict=True)]

    @property
    def _version(self) -> str:
        return f"{self.model_id}-v{self.frozen.test.version}"

    def _measured(self, case_id: str) -> list[Row]:
        expert, pairs = self._pairs(case_id)
        return self._said(expert, [(p.structure, p.dice, p.mask) for p in pairs])

    def _said(self, expert: ExpertCase, known: Sequence[Known]) -> list[Row]:
        labels = [(structure, mask) for structure, _, mask in known]
        found = self.judge.measure_labels(expert.image, labels, modality=expert.modality)
        subject = f"{self.entry.name}/{expert.case.subject_id}"
        return [
            {"subject": subject, "structure": s, "true": true, "raw": m.raw, "doubt": m.doubt}
            for (s, true, _), m in zip(known, found, strict=True)
            if m is not None
        ]

    def _swept(self, case_id: str) -> list[Row]:
        expert = self.frozen.expert(self.entry, case_id)
        families, known = _swept_masks(expert)
        said = self._said(expert, known)
        return [
            {**row, "family": family, "origin": "planted"}
            for row, family in zip(said, families, strict=True)
        ]

    def _swept_compared(self, case_id: str, mix: str) -> list[Row]:
        expert = self.frozen.expert(self.entry, case_id)
        _, known = _swept_masks(expert)
        labels = [(canonical_name(structure), mask) for structure, _, mask in known]
        peers = self._peers[mix]
        compared = peers.compare(expert.image, labels, subject=expert.case.subject_id)
        unusual = peers.typical.unusual(expert.image, labels)
        return [
            {"compared": list(c), "unusual": u[0]} for c, u in zip(compared, unusual, strict=True)
        ]

    def _compared(self, case_id: str, mix: str) -> list[Row]:
        expert, pairs = self._pairs(case_id)
        labels = [(canonical_name(p.structure), p.mask) for p in pairs]
        peers = self._peers[mix]
        found = peers.compare(expert.image, labels, subject=expert.case.subject_id)
        return [
            {"compared": list(numbers), "origin": p.origin, "recipe": p.recipe}
            for p, numbers in zip(pairs, found, strict=True)
        ]

    def _unusual(self, case_id: str, mix: str) -> list[Row]:
        expert, pairs = self._pairs(case_id)
        labels = [(canonical_name(p.structure), p.mask) for p in pairs]
        found = self._peers[mix].typical.unusual(expert.image, labels)
        return [{"unusual": numbers[0]} for numbers in found]

    def _pairs(self, case_id: str) -> tuple[ExpertCase, list[FrozenPair]]:
        expert = self.frozen.expert(self.entry, case_id)
        pairs = self.frozen.pairs(self.entry, expert)
        return expert, [p for p in pairs if p.mask.any() and not np.isnan(p.dice)]

    @cached_property
    def _peers(self) -> "LazyPeers":
        return LazyPeers(self.frozen.data, self.entry)


def _swept_masks(expert: ExpertCase) -> tuple[list[str], list[Known]]:
    """Return eroded and dilated masks of every structure, their families beside them."""
    families: list[str] = []
    known: list[Known] = []
    for family, structure, masks in swept(expert):
        gold = expert.masks[structure]
        families += [family] * len(masks)
        known += [(structure, dice(mask, gold), mask) for mask in masks]
    return families, known


class LazyPeers(dict[str, Peers]):
    """Peers of a set by mix, made when they are first asked for."""

    def __init__(self, data: Path, entry: FrozenSet) -> None:
        super().__init__()
        self._data, self._entry = data, entry

    def __missing__(self, mix: str) -> Peers:
        first = {case.subject_id: case for case in reversed(pool(self._data, self._entry))}
        order = np.random.default_rng(1).permutation(sorted(first))[:_N_PEERS]
        self[mix] = Peers([_peer(self._entry.name, first[str(s)], MIXES[mix]) for s in order])
        return self[mix]


def _peer(set_name: str, case: Case, untouched: float) -> GoldCase:
    expert = read_expert_case(set_name, case, case.modality)
    masks = ((canonical_name(name), drawn(expert, name, untouched)) for name in expert.masks)
    return GoldCase.of(expert.image, masks, case.subject_id)


def drawn(expert: ExpertCase, structure: str, untouched: float) -> NDArray[np.bool_]:
    """Return a label as it may come: untouched with this probability, else with a fault."""
    rng = np.random.default_rng(zlib.crc32(f"{expert.case.case_id}/{structure}".encode()))
    if rng.random() < untouched:
        return expert.masks[structure]
    *_, (_, _, mask) = draw_faults(expert, structure, n_faults=1, seed=5)
    return mask


def labels_of(rows: Sequence[Row], *, compared: bool = True) -> Labels:
    """Return rows as columns; their subjects are the groups, so that no group vouches for itself.

    Every set counts alike: small ones are repeated, of large ones a part is taken.
    """
    numbers = [[*r["compared"], r["unusual"]] if compared else [] for r in rows]
    return Labels(
        raw=np.array([r["raw"] for r in rows]),
        features=np.array([[r["doubt"], 0.0, *n] for r, n in zip(rows, numbers, strict=True)]),
        true=np.array([r["true"] for r in rows]),
        subjects=np.array([r["group"] for r in rows]),
        decisive=np.ones(len(rows), dtype=np.bool_),
        n_free=N_COMPARED + 1 if compared else 0,
    )


def balanced(rows: Sequence[Row]) -> list[Row]:
    """Return the same number of rows of every set."""
    rng = np.random.default_rng(0)
    found = []
    for name in dict.fromkeys(r["set"] for r in rows):
        own = [r for r in rows if r["set"] == name]
        found += [own[k] for k in rng.choice(len(own), _EACH, replace=len(own) < _EACH)]
    return found


def left_out_of_group(
    rows: Sequence[Row], *, compared: bool = True, learn_from: Sequence[Row] = ()
) -> Floats:
    """Return value, low and high of every row `(n, 3)`, learned from the other groups.

    With `learn_from` from those rows of the other groups: how many peers are right nobody knows,
    so what is written into a judge's folder was learned among mixed ones.
    """
    groups = np.array([r["group"] for r in rows])
    stated = np.zeros((len(rows), 3))
    for group in GROUPS:
        others = balanced([r for r in learn_from or rows if r["group"] != group])
        fitted = fit(labels_of(others, compared=compared), adapt=compared)
        own = [r for r in rows if r["group"] == group]
        stated[groups == group] = fitted(labels_of(own, compared=compared))
    return stated


def write_into(judge: Path, rows: Sequence[Row]) -> None:
    """Write what the rows tell into a judge's folder."""
    found, before = learned(rows), open_judge(judge).unfamiliar
    if before is not None and before.in_context is not None:  # the rest is from other data sets
        known = Unfamiliar.from_document(before)
        found = replace(known, weigher=found.weigher, among_peers=found.among_peers)
    write_document(judge / UNFAMILIAR, found.to_document())
    write_checksums(judge)


def learned(rows: Sequence[Row]) -> Unfamiliar:
    """Return what all sets together tell."""
    every = balanced(rows)
    alone, among = (
        fit(labels_of(every, compared=False), adapt=False),
        fit(labels_of(every), adapt=True),
    )
    if among.adapter is None:
        raise SystemExit("comparing with peers helps on no group: nothing is written")
    sets = {r["set"] for r in rows}
    return Unfamiliar(
        alone.calibration, among.adapter, among.calibration, None, len(sets), len(rows)
    )


def by_set(rows: Sequence[Row], stated: Floats) -> Row:
    """Return the figures of every set."""
    names = np.array([r["set"] for r in rows])
    return {
        name: figures([r for r in rows if r["set"] == name], stated[names == name])
        for name in dict.fromkeys(names.tolist())
    }


def figures(rows: Sequence[Row], stated: Floats) -> Row:
    """Return agreement with the true Dice, of all labels and of errors of a network alone."""
    value, low, high = stated.T
    subject, structure = (np.array([r[key] for r in rows]) for key in ("subject", "structure"))
    true = np.array([r["true"] for r in rows])
    labels = JudgedLabels(value, low, high, true, subject, np.zeros_like(subject), structure)
    coverage, width = interval_coverage(low, high, true)
    network = np.array([r["origin"] == "network" for r in rows])
    of_network = float(np.corrcoef(value[network], true[network])[0, 1]) if network.any() else None
    return {
        **agreement(labels, n_draws=200),
        "network_pearson": None if of_network is None else round(of_network, 4),
        "interval_coverage": round(coverage, 4),
        "interval_width": round(width, 4),
    }


def page(result: Row) -> str:
    """Return the results as markdown."""
    kinds = {
        "judge alone": result["alone"],
        "best agreement with mixed peers, no judge": result["best agreement"]["mixed"],
        "judge among mixed peers": result["mixed"],
        "judge among usual peers": result["usual"],
    }
    means = "\n".join(
        f"| {words} | "
        + " | ".join(mean(found, key) for key in ("pearson", "mae", "auroc_below_0.8"))
        + f" | {mean(found, 'network_pearson')} |"
        for words, found in kinds.items()
    )
    rows = "\n".join(
        f"| {name} | {f['n']} | {f['subjects']} | {result['alone'][name]['pearson']:.3f} | "
        f"{f['pearson']:.3f} [{f['pearson_ci'][0]:.2f}, {f['pearson_ci'][1]:.2f}] | "
        f"{f['mae']:.3f} | {f['auroc_below_0.8']:.3f} | {f['interval_coverage']:.0%} | "
        f"{f['interval_width']:.2f} | {result['usual'][name]['pearson']:.3f} | "
        f"{result['usual'][name]['interval_coverage']:.0%} |"
        for name, f in result["mixed"].items()
    )
    swept_lines = "\n".join(
        f"| {family} | {by['alone']['n']} | "
        + " | ".join(f"{f['pearson']:.3f}" for f in by.values())
        + " |"
        for family, by in result["sweeps"].items()
    )
    return f"""# Labels that weigh one another

On data that the judge never saw, with nobody's gold: every label of the frozen test is judged by
the judge that never saw its group (`leave_group_out.md`) and compared with labels of
{result["peers"]} other subjects of the same set, none of them trusted. *Mixed*: four in five of
these labels have a fault, flat over Dice. *Usual*: one in four has. How score and comparisons are
weighed, and the intervals, are learned among mixed peers from the sets of the other groups. Made by
`python -m benchmarks.unseen_data.peers`.

| mean over {len(result["mixed"])} sets | Pearson | MAE | AUROC < .8 | Pearson, network errors |
|---|---|---|---|---|
{means}

| set | masks | subjects | alone | among mixed | MAE | AUROC < .8 | held | width | usual | held |
|---|---|---|---|---|---|---|---|---|---|---|
{rows}

Eroded and dilated labels on abdominal CT (BTCV, Dice .10 to .95), by the judge that saw neither an
abdomen nor such faults; Pearson:

| fault | masks | alone | among mixed peers | among usual peers |
|---|---|---|---|---|
{swept_lines}

Columns *alone*, *among mixed* and *usual* are Pearson; *held* and *width* are of 90 %
intervals. What all labels of a set do wrong they agree on: no comparison among them shows it.
"""


def mean(found: Row, key: str) -> str:
    """Return the mean over sets."""
    return f"{np.mean([f[key] for f in found.values()]):.3f}"


if __name__ == "__main__":
    main()
