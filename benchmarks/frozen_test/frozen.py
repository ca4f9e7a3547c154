"""The frozen test as scripts use it: its cases and pairs, and rows that are kept per case."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.frozen_test.frozen_pairs import (
    FrozenPair,
    FrozenSet,
    frozen_case,
    frozen_pairs,
    read_frozen_test,
)
from benchmarks.frozen_test.unseen_architecture import load_unseen_network
from segassay.corruption.faulty_cases import ExpertCase

HERE = Path(__file__).parents[1]
RUNS = HERE.parent / "runs"
Row = dict[str, Any]


class Frozen:
    """`pairs.yaml` with the data that it speaks of and the network whose errors it asks about."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.test = read_frozen_test(HERE / "pairs.yaml")
        self._network = load_unseen_network(
            self.test.network,
            HERE / "unseen_network",
            cache=RUNS / "sheet" / "unseen_network",
        )

    def expert(self, entry: FrozenSet, case_id: str) -> ExpertCase:
        """Read a case; raises `DatasetError` where a file is missing or has changed."""
        return frozen_case(entry, case_id, self.data)

    def pairs(self, entry: FrozenSet, expert: ExpertCase) -> list[FrozenPair]:
        """Return all pairs of a case, label by label."""
        checksum = entry.cases[expert.case.case_id]
        masks = self._network.masks(entry.name, expert.case, entry.modality, checksum)
        return [p for name in expert.masks for p in frozen_pairs(self.test, expert, name, masks)]


def kept_rows(path: Path, make: Callable[[], list[Row]]) -> list[Row]:
    """Read rows back; where they are missing, make and write them and print the file's name."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(make()))
        print(path.stem, flush=True)
    rows: list[Row] = json.loads(path.read_text())
    return rows
