"""What labels of a data set say of one another, where the judge never saw anything like it.

Every set of the frozen test is judged by the judge that learned from no set of its group
(`leave_group_out.py`), and compared with ten labels of the same set, of subjects outside the test,
none of which is trusted: `mixed`, each label with a fault drawn flat over Dice or, one in five,
untouched; and `usual`, three in four untouched. How the two are weighed is learned from the sets of
the other groups. Comparisons are kept under `runs/peers`, so a stopped run continues.

Usage: python benchmarks/peers.py DATA_ROOT [--judges FOLDER] [--peers 10]
"""

import argparse
import json
import zlib
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from fit_unseen import Measured, pool
from frozen import HERE, RUNS, Frozen, Row, kept_rows
from leave_group_out import GROUPS, refuse_if_seen

from segassay.data.case import Case
from segassay.pipelines.faulty_cases import ExpertCase, draw_faults, read_expert_case
from segassay.pipelines.frozen_test import FrozenSet
from segassay.pipelines.gold_judge import open_base
from segassay.scoring.gold_cases import GoldCase
from segassay.scoring.peers import Peers
from segassay.vocabulary.names import canonical_name

MIXES = {"mixed": 0.2, "usual": 0.75}
"""Share of untouched labels among the peers."""


def main() -> None:
    """Compare what is not compared yet, then write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--peers", type=int, default=10)
    options = parser.parse_args()
    rows = all_rows(options.data, options.judges, options.peers)
    print(json.dumps({mix: len(found) for mix, found in rows.items()}))


def all_rows(data: Path, judges: Path, n_peers: int) -> dict[str, list[Row]]:
    """Return rows of all sets by mix: what the judge says, and how the label compares."""
    frozen = Frozen(data)
    found: dict[str, list[Row]] = {mix: [] for mix in MIXES}
    for group, names in GROUPS.items():
        path = str(judges / f"without-{group}")
        refuse_if_seen(path, names)
        folder, judge = open_base(path)
        kept = RUNS / "fit_unseen" / f"{folder.meta['model_id']}-v{frozen.test.version}"
        for entry in (e for e in frozen.test.sets if e.name in names):
            measured = Measured(frozen, entry, judge, kept)
            for mix in MIXES:
                compared = Compared(frozen, entry, mix, n_peers)
                for case_id in entry.cases:
                    pairs = zip(measured.test(case_id), compared.rows(case_id), strict=True)
                    found[mix] += [{"group": group, "set": entry.name, **a, **b} for a, b in pairs]
    return found


@dataclass(frozen=True)
class Compared:
    """One set of the test beside peers of one mix."""

    frozen: Frozen
    entry: FrozenSet
    mix: str
    n_peers: int

    def rows(self, case_id: str) -> list[Row]:
        """Return how the labels of a case compare, in the order of `Measured.test`."""
        folder = RUNS / "peers" / f"v{self.frozen.test.version}-{self.n_peers}-{self.mix}"
        path = folder / f"{self.entry.name}-{case_id}.json"
        return kept_rows(path, partial(self._case, case_id))

    def _case(self, case_id: str) -> list[Row]:
        expert = self.frozen.expert(self.entry, case_id)
        pairs = self.frozen.pairs(self.entry, expert)
        known = [p for p in pairs if p.mask.any() and not np.isnan(p.dice)]
        labels = [(canonical_name(p.structure), p.mask) for p in known]
        found = self._peers.compare(expert.image, labels, subject=expert.case.subject_id)
        return [
            {"compared": list(numbers), "origin": p.origin, "recipe": p.recipe}
            for p, numbers in zip(known, found, strict=True)
        ]

    @cached_property
    def _peers(self) -> Peers:
        cases = pool(self.frozen.data, self.entry)
        first = {case.subject_id: case for case in reversed(cases)}
        order = np.random.default_rng(1).permutation(sorted(first))[: self.n_peers]
        return Peers([self._peer(first[str(subject)]) for subject in order])

    def _peer(self, case: Case) -> GoldCase:
        expert = read_expert_case(self.entry.name, case, case.modality)
        masks = {
            canonical_name(name): drawn(expert, name, MIXES[self.mix]) for name in expert.masks
        }
        return GoldCase.of(expert.image, masks, case.subject_id)


def drawn(expert: ExpertCase, structure: str, untouched: float) -> np.ndarray:
    """Return a label as it may come: untouched with this probability, else with a fault."""
    rng = np.random.default_rng(zlib.crc32(f"{expert.case.case_id}/{structure}".encode()))
    if rng.random() < untouched:
        return expert.masks[structure]
    *_, (_, _, mask) = draw_faults(expert, structure, n_faults=1, seed=5)
    return mask


if __name__ == "__main__":
    main()
