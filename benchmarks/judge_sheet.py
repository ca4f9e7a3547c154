"""The judge's sheet on the frozen test: one command, all figures, baselines in the same run.

Judges every pair of `benchmarks/pairs.yaml` and writes a table, a page and pictures. Rows are kept
per case, so a stopped run continues. Two runs give the same figures; `--fresh` begins anew.

Beside the judge, on the same labels: the same network with the image blacked out (mask only) and
with another patient's image (shuffled), the mean true Dice of the structure on the other subjects,
the distance from the usual size; and, where `benchmarks/rca.py` and `benchmarks/ensemble.py` were
run before, reverse classification accuracy and agreement with an ensemble of segmenters.

Usage: python benchmarks/judge_sheet.py DATA_ROOT [--judge NAME] [--out docs/results]
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from sheet_figures import summarise
from sheet_pictures import draw
from sheet_rows import (
    Row,
    five_image_rows,
    pair_rows,
    slice_count_rows,
    sweep_rows,
    wrong_name_rows,
)
from sheet_text import write_markdown

from segassay.data.volume import Volume
from segassay.pipelines.faulty_cases import ExpertCase
from segassay.pipelines.frozen_test import (
    FrozenSet,
    FrozenTest,
    frozen_cases,
    frozen_pairs,
    read_frozen_test,
)
from segassay.pipelines.unseen_network import UnseenNetwork, load_unseen_network
from segassay.scoring import Judge, load_judge
from segassay.types import DEFAULT_JUDGE

HERE = Path(__file__).parent
RUNS = HERE.parent / "runs"
_ON_FIVE = 5


def main() -> None:
    """Judge what is not judged yet, then summarise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", default=DEFAULT_JUDGE)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    parser.add_argument("--work", type=Path, default=RUNS / "sheet")
    parser.add_argument("--fresh", action="store_true", help="forget rows of earlier runs")
    options = parser.parse_args()
    test = read_frozen_test(HERE / "pairs.yaml")
    sheet = Sheet(test, options.data, options.judge, options.work)
    if options.fresh:
        shutil.rmtree(sheet.folder, ignore_errors=True)
    rows = [row for entry in test.sets for row in sheet.rows(entry)]
    add_foils(rows, test.version)
    name = options.judge if "/" not in options.judge else Path(options.judge).name
    figures = {"judge": sheet.judge.model_id, "test_version": test.version, **summarise(rows)}
    options.out.mkdir(parents=True, exist_ok=True)
    stem = options.out / name
    stem.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    write_markdown(figures, stem.with_suffix(".md"))
    draw(rows, figures, stem)


class Sheet:
    """One judge's rows on the frozen test, made case by case and kept."""

    def __init__(self, test: FrozenTest, data: Path, judge_name: str, work: Path) -> None:
        self.test, self.data, self.judge_name = test, data, judge_name
        self.judge: Judge = load_judge(judge_name)
        self.folder = work / f"{self.judge.model_id}-v{test.version}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.network: UnseenNetwork = load_unseen_network(
            test.network.weights,
            HERE / "unseen_network",
            size=test.network.size,
            cache=work / "unseen_network",
        )

    def rows(self, entry: FrozenSet) -> Iterator[Row]:
        """Return the rows of one set; cases judged before are read back."""
        for case_id in entry.cases:
            path = self.folder / f"{entry.name}-{case_id}.json"
            if not path.exists():
                path.write_text(json.dumps(self._case(entry, case_id)))
                print(entry.name, case_id, flush=True)
            yield from json.loads(path.read_text())
        path = self.folder / f"{entry.name}.json"
        if not path.exists():
            first = [self._expert(entry, case_id) for case_id in list(entry.cases)[:_ON_FIVE]]
            path.write_text(json.dumps(five_image_rows(first, self.judge)))
        yield from json.loads(path.read_text())

    def _case(self, entry: FrozenSet, case_id: str) -> list[Row]:
        expert = self._expert(entry, case_id)
        checksum = entry.cases[case_id]
        networks = self.network.masks(entry.name, expert.case, entry.modality, checksum)
        pairs = [
            p for name in expert.masks for p in frozen_pairs(self.test, expert, name, networks)
        ]
        return [
            *pair_rows(expert, self.judge, pairs, self._next_image(entry, case_id)),
            *wrong_name_rows(expert, self.judge),
            *sweep_rows(expert, self.judge),
            *slice_count_rows(expert, self.judge_name, pairs),
        ]

    def _expert(self, entry: FrozenSet, case_id: str) -> ExpertCase:
        only = entry.model_copy(update={"cases": {case_id: entry.cases[case_id]}})
        (expert,) = frozen_cases(only, self.data)
        return expert

    def _next_image(self, entry: FrozenSet, case_id: str) -> Volume:
        """Return the image of the next case of another subject, in the order of the test."""
        names = list(entry.cases)
        at = names.index(case_id)
        own = self._expert(entry, case_id).case.subject_id
        for name in (*names[at + 1 :], *names[:at]):
            expert = self._expert(entry, name)
            if expert.case.subject_id != own:
                return expert.image
        raise ValueError(f"{entry.name} has one subject only")


def add_foils(rows: list[Row], version: int) -> None:
    """Put the scores of methods that ran apart beside the judge's, where they ran."""
    for method in ("rca", "ensemble"):
        kept = RUNS / method / f"v{version}"
        found = {_key(row): row["scores"] for path in kept.glob("*.json") for row in _read(path)}
        for row in rows:
            if row["test"] == "pair" and found:
                names = next(iter(found.values()))
                row.update(found.get(_key(row), dict.fromkeys(names, float("nan"))))


def _read(path: Path) -> list[Row]:
    rows: list[Row] = json.loads(path.read_text())
    return rows


def _key(row: Row) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("set", "case", "structure", "recipe", "seed"))


if __name__ == "__main__":
    main()
