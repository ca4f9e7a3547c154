"""The judge's sheet on the frozen test: one command, all figures, baselines in the same run.

Judges every pair of `benchmarks/pairs.yaml` and writes a table, a page and pictures. Rows are kept
per case, so a stopped run continues. Two runs give the same figures; `--fresh` begins anew.

Beside the judge, on the same labels: the same network with the image blacked out (mask only) and
with another patient's image (shuffled), the mean true Dice of the structure on the other subjects,
the distance from the usual size; and, where `benchmarks/baselines/rca.py` and
`benchmarks/baselines/ensemble.py` were run on this version of the test, reverse classification
accuracy and agreement with an ensemble of segmenters.

Usage: python -m benchmarks.sheet.judge_sheet DATA_ROOT [--judge NAME] [--out docs/results]
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.frozen_test.frozen import HERE, RUNS, Frozen, Row, kept_rows
from benchmarks.frozen_test.frozen_pairs import FrozenSet
from benchmarks.sheet.sheet_figures import summarise
from benchmarks.sheet.sheet_pictures import draw
from benchmarks.sheet.sheet_rows import (
    five_image_rows,
    pair_rows,
    slice_count_rows,
    sweep_rows,
    wrong_name_rows,
)
from benchmarks.sheet.sheet_text import write_markdown
from segassay.corruption.faulty_cases import ExpertCase
from segassay.images.volume import Volume
from segassay.judge.scoring import Judge, load_judge
from segassay.types import DEFAULT_JUDGE

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
    frozen = Frozen(options.data)
    sheet = Sheet(frozen, options.judge, options.work)
    if options.fresh:
        shutil.rmtree(sheet.folder, ignore_errors=True)
    rows = [row for entry in frozen.test.sets for row in sheet.rows(entry)]
    add_foils(rows, frozen.test.version)
    name = options.judge if "/" not in options.judge else Path(options.judge).name
    about = {"judge": sheet.judge.model_id, "test_version": frozen.test.version}
    figures = {**about, **summarise(rows)}
    options.out.mkdir(parents=True, exist_ok=True)
    stem = options.out / name
    keep_foils(figures, stem.with_suffix(".json"))
    stem.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    draw(rows, figures, stem)
    write_markdown(figures, stem.with_suffix(".md"))


class Sheet:
    """One judge's rows on the frozen test, made case by case and kept."""

    def __init__(self, frozen: Frozen, judge_name: str, work: Path) -> None:
        self.frozen, self.judge_name = frozen, judge_name
        self.judge: Judge = load_judge(judge_name)
        self.folder = work / f"{self.judge.model_id}-v{frozen.test.version}"

    def rows(self, entry: FrozenSet) -> Iterator[Row]:
        """Return the rows of one set; cases judged before are read back."""
        for case_id in entry.cases:
            path = self.folder / f"{entry.name}-{case_id}.json"
            yield from kept_rows(path, partial(self._case, entry, case_id))
        yield from kept_rows(self.folder / f"{entry.name}.json", partial(self._on_five, entry))

    def _on_five(self, entry: FrozenSet) -> list[Row]:
        first = [self.frozen.expert(entry, case_id) for case_id in list(entry.cases)[:_ON_FIVE]]
        return five_image_rows(first, self.judge)

    def _case(self, entry: FrozenSet, case_id: str) -> list[Row]:
        expert = self.frozen.expert(entry, case_id)
        pairs = self.frozen.pairs(entry, expert)
        return [
            *pair_rows(expert, self.judge, pairs, self._next_image(entry, expert)),
            *wrong_name_rows(expert, self.judge),
            *sweep_rows(expert, self.judge),
            *slice_count_rows(expert, self.judge_name, pairs),
        ]

    def _next_image(self, entry: FrozenSet, own: ExpertCase) -> Volume:
        """Return the image of the next case of another subject, in the order of the test."""
        names = list(entry.cases)
        at = names.index(own.case.case_id)
        for name in (*names[at + 1 :], *names[:at]):
            expert = self.frozen.expert(entry, name)
            if expert.case.subject_id != own.case.subject_id:
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


def keep_foils(figures: Row, earlier: Path) -> None:
    """Take figures of methods that ran apart from the last sheet, where their rows are gone.

    They take hours and no part of them is the judge's: on the same masks they stay what they were.
    """
    last = json.loads(earlier.read_text()) if earlier.exists() else {}
    if last.get("test_version") == figures["test_version"]:
        figures["baselines"] = {**last["baselines"], **figures["baselines"]}


def _read(path: Path) -> list[Row]:
    rows: list[Row] = json.loads(path.read_text())
    return rows


def _key(row: Row) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("set", "case", "structure", "recipe", "seed"))


if __name__ == "__main__":
    main()
