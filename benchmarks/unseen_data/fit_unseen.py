"""What `segassay fit` gains on data the judge never saw, on 10 and 25 gold cases.

Every set of the frozen test is judged by the judge that learned from no set of its group
(`leave_group_out.py`), as it is and fitted to gold subjects drawn from those that are not in the
test; a set with fewer gives all it has. Tested on the test's masks, so half of the faults are
errors of a network, which no fit on planted faults has met. Each fit is made three times: as
`segassay fit` makes it, with comparisons with five of the gold cases besides (`--atlas 5`), and on
what the network says alone, without asking how unusual a label is. What is measured of a label is
kept, so a draw costs nothing; `seconds` is the measuring of the gold labels and the fit.

Usage: python -m benchmarks.unseen_data.fit_unseen DATA_ROOT [--judges FOLDER] [--gold 10 25]
       [--draws 5]
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.frozen_test.frozen import HERE, RUNS, Frozen, Row, kept_rows
from benchmarks.frozen_test.frozen_pairs import FrozenSet
from benchmarks.unseen_data.leave_group_out import GROUPS, refuse_if_seen
from segassay.corruption.faulty_cases import ExpertCase, draw_faults, read_expert_case
from segassay.datasets.case import Case
from segassay.datasets.opening import open_dataset
from segassay.fit.gold_judge import open_base
from segassay.fit.measure_gold import Known, faults_per_label
from segassay.judge.calibration.adapter import Measured as MeasuredLabel
from segassay.judge.calibration.fitting import GoldLabel, columns, fit, typical_of
from segassay.judge.comparison.gold_cases import GoldCase
from segassay.judge.comparison.reverse_accuracy import ReverseAccuracy
from segassay.judge.comparison.traits import Traits
from segassay.judge.comparison.typical import Seen
from segassay.judge.scoring.slice_judge import SliceJudge
from segassay.metrics.agreement import interval_coverage
from segassay.metrics.summary import JudgedLabels, agreement
from segassay.vocabulary.names import canonical_name

_POOL = 25
"""Subjects of a set that gold cases are drawn from, at most."""

ATLAS = 5

WAYS = {"network alone": (0, False), "": (0, True), "atlas": (ATLAS, True)}
"""Of the ways to fit, each with its gold cases to compare with and whether traits are asked for."""


def main() -> None:
    """Measure what is not measured yet, fit to draws, and write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--gold", type=int, nargs="+", default=[10, 25])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "results")
    options = parser.parse_args()
    frozen = Frozen(options.data)
    by_set = {}
    for group, names in GROUPS.items():
        path = str(options.judges / f"without-{group}")
        refuse_if_seen(path, names)
        folder, judge = open_base(path)
        kept = RUNS / "fit_unseen" / f"{folder.meta.model_id}-v{frozen.test.version}"
        for entry in (e for e in frozen.test.sets if e.name in names):
            measured = Measured(frozen, entry, judge, kept)
            by_set[entry.name] = measured.figures(options.gold, options.draws)
    result = {"test_version": frozen.test.version, "draws": options.draws, "sets": by_set}
    (options.out / "fit_unseen.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "fit_unseen.md").write_text(page(result))


@dataclass(frozen=True, slots=True)
class Measured:
    """One set of the test, measured by a judge that never saw it."""

    frozen: Frozen
    entry: FrozenSet
    judge: SliceJudge
    kept: Path

    def figures(self, counts: Sequence[int], n_draws: int) -> Row:
        """Return the judge as it is and fitted to draws of each number of gold subjects."""
        gold = list(self.gold())
        test = list(self.tests())
        subjects = sorted({row["subject"] for row in gold})
        alone = np.array([_compared(row, subjects[:ATLAS])[0] for row in test])
        alone = np.nan_to_num(alone, nan=float(np.nanmean(alone)))
        found: Row = {
            "0": figures_of(test, np.array([row["stated"] for row in test])),
            "atlas alone": figures_of(test, np.column_stack([alone] * 3)),
        }
        for count in sorted({min(n, len(subjects)) for n in counts}):
            for way in WAYS:
                draws = [
                    self.fitted(gold, test, drawn(subjects, count, seed), way)
                    for seed in range(n_draws)
                ]
                found[f"{count}, {way}" if way else str(count)] = {
                    key: round(float(np.mean([draw[key] for draw in draws])), 4) for key in draws[0]
                } | {"pearson_of_draws": [draw["pearson"] for draw in draws]}
        return found

    def fitted(
        self, gold: list[Row], test: list[Row], chosen: list[str], way: str
    ) -> dict[str, float]:
        """Return figures of the light fit to chosen subjects, the first of them an atlas."""
        n_atlas, asks_traits = WAYS[way]
        atlas = chosen[:n_atlas]
        rows = [row for row in gold if row["subject"] in set(chosen)]
        start = time.perf_counter()
        mine, others = (
            [_label(row, atlas, asks_traits=asks_traits) for row in some] for some in (rows, test)
        )
        fitted = fit(columns(mine, corrected=False), adapt=True)
        stated = fitted(columns(others, corrected=False, beside=typical_of(mine)))
        seconds = time.perf_counter() - start + sum(row["seconds"] for row in rows)
        return {**figures_of(test, stated), "seconds": round(seconds, 1)}

    def gold(self) -> Iterator[Row]:
        """Yield measured labels of subjects outside the test, untouched and with faults."""
        cases = pool(self.frozen.data, self.entry)
        n_faults = faults_per_label(cases)
        for case in cases:
            yield from self._rows(f"gold-{case.case_id}", partial(self._planted, case, n_faults))

    def tests(self) -> Iterator[Row]:
        """Yield the measured labels of the test, those left out that hold nothing."""
        for case_id in self.entry.cases:
            yield from self._rows(f"test-{case_id}", partial(self._frozen, case_id))

    def _rows(self, name: str, known: "Callable[[], _Known]") -> Iterator[Row]:
        """Yield the rows of a case; what no judge has a part in is kept once for all of them."""
        file = f"{self.entry.name}-{name}.json"
        said = kept_rows(self.kept / file, lambda: self._measured(*known()))
        looks = kept_rows(
            self.kept.parent / f"looks-v{self.frozen.test.version}" / file,
            lambda: self._looks(*known()),
        )
        return ({**a, **b} for a, b in zip(said, looks, strict=True))

    def _planted(self, case: Case, n_faults: int) -> "_Known":
        expert = read_expert_case(self.entry.name, case, case.modality)
        return expert, [
            (structure, true, mask)
            for structure in expert.masks
            for _, true, mask in draw_faults(expert, structure, n_faults=n_faults, seed=0)
            if mask.any() and not np.isnan(true)
        ]

    def _frozen(self, case_id: str) -> "_Known":
        expert = self.frozen.expert(self.entry, case_id)
        pairs = self.frozen.pairs(self.entry, expert)
        kept = [p for p in pairs if p.mask.any() and not np.isnan(p.dice)]
        return expert, [(p.structure, p.dice, p.mask) for p in kept]

    def _measured(self, expert: ExpertCase, known: Sequence[Known]) -> list[Row]:
        labels = [(structure, mask) for structure, _, mask in known]
        start = time.perf_counter()
        found = self.judge.measure_labels(expert.image, labels, modality=expert.modality)
        seconds = (time.perf_counter() - start) / max(len(known), 1)
        return [
            {
                "subject": expert.case.subject_id,
                "structure": structure,
                "true": true,
                "raw": m.raw,
                "features": [round(float(v), 6) for v in m.features],
                "stated": list(self.judge.calibrated(m)),
                "seconds": seconds,
            }
            for (structure, true, _), m in zip(known, found, strict=True)
            if m is not None
        ]

    def _looks(self, expert: ExpertCase, known: Sequence[Known]) -> list[Row]:
        labels = [(structure, mask) for structure, _, mask in known]
        reverse = compared_with(self.frozen, self.entry.name).score_labels(expert.image, labels)
        measure = Traits(expert.image)
        return [
            {
                "in_mm": measure.in_mm,
                "traits": np.round(measure(mask), 5).tolist(),
                "by_gold": {name: round(v, 5) for name, v in r.by_reference.items()},
            }
            for (_, mask), r in zip(labels, reverse, strict=True)
        ]


_Known = tuple[ExpertCase, list[Known]]


def pool(data: Path, entry: FrozenSet) -> list[Case]:
    """Return cases of some subjects of a set that are not in the test."""
    dataset = open_dataset(data / entry.path)
    held = {c.subject_id for c in dataset.cases if c.case_id in entry.cases}
    free = [c for c in dataset.cases if c.labels and c.subject_id not in held]
    subjects = sorted({c.subject_id for c in free})
    drawn = set(np.random.default_rng(0).permutation(subjects)[:_POOL].tolist())
    return [replace(c, modality=entry.modality) for c in free if c.subject_id in drawn]


@cache
def compared_with(frozen: Frozen, name: str) -> ReverseAccuracy:
    """Return the comparison with one case of every subject of a set's pool, reduced as in use."""
    (entry,) = (e for e in frozen.test.sets if e.name == name)
    first = {case.subject_id: case for case in reversed(pool(frozen.data, entry))}
    references = []
    for subject, case in sorted(first.items()):
        expert = read_expert_case(name, case, case.modality)
        reduced = GoldCase.of(expert.image, expert.masks.items(), subject).reference
        references.append(replace(reduced, name=subject))
    return ReverseAccuracy(references)


def drawn(subjects: list[str], count: int, seed: int) -> list[str]:
    """Draw gold subjects by lot."""
    chosen = np.random.default_rng(seed).choice(subjects, count, replace=False)
    return [str(subject) for subject in chosen]


def _compared(row: Row, atlas: Sequence[str]) -> tuple[float, float]:
    """Return best and mean Dice over the cases of an atlas, that of the same subject left out."""
    dices = [row["by_gold"][s] for s in atlas if s in row["by_gold"] and s != row["subject"]]
    return (max(dices), float(np.mean(dices))) if dices else (np.nan, np.nan)


def _label(row: Row, atlas: Sequence[str], *, asks_traits: bool) -> GoldLabel:
    """Return a kept row as `segassay fit` measures it, beside the cases of an atlas."""
    doubt, log_size, *embedding = row["features"]
    measured = MeasuredLabel(
        raw=row["raw"],
        doubt=doubt,
        log_size=log_size,
        embedding=np.array(embedding),
        compared=_compared(row, atlas) if atlas else (),
    )
    traits = np.array(row["traits"], dtype=np.float64)
    return GoldLabel(
        subject=row["subject"],
        structure=row["structure"],
        image=row["subject"],
        true=row["true"],
        own=False,
        measured=measured,
        corrected=row["raw"],
        stated=tuple(row["stated"]),
        seen=Seen(
            canonical_name(row["structure"]),
            row["in_mm"],
            traits if asks_traits else np.full_like(traits, np.nan),
        ),
    )


def figures_of(rows: list[Row], stated: NDArray[np.float64]) -> dict[str, float]:
    """Return agreement and intervals of value, low and high `(n, 3)` with the rows' truth."""
    value, low, high = stated.T
    subject = np.array([row["subject"] for row in rows])
    structure = np.array([row["structure"] for row in rows])
    true = np.array([row["true"] for row in rows])
    labels = JudgedLabels(value, low, high, true, subject, np.zeros_like(subject), structure)
    found = agreement(labels, n_draws=2)
    coverage, width = interval_coverage(low, high, true)
    return {
        "pearson": float(found["pearson"]),  # type: ignore[arg-type]
        "mae": float(found["mae"]),  # type: ignore[arg-type]
        "auroc_below_0.8": float(found["auroc_below_0.8"]),  # type: ignore[arg-type]
        "interval_coverage": round(coverage, 4),
        "interval_width": round(width, 4),
    }


def page(result: Row) -> str:
    """Return the results as markdown."""
    sets = result["sets"]
    counts = {name: sorted({_count(key) for key in found} - {0}) for name, found in sets.items()}
    wanted: dict[str, Callable[[str], str]] = {
        "as it is": lambda n: "0",
        "atlas alone, five gold cases": lambda n: "atlas alone",
        **{
            f"fitted{f', {way}' if way else ''}, {more} gold": partial(_key, counts, at, way)
            for way in WAYS
            for more, at in (("fewer", 0), ("more", -1))
        },
    }
    means = "\n".join(
        "| "
        + " | ".join(
            [words, *(_mean(sets[n][key(n)][k] for n in sets) for k in ("pearson", "mae"))]
        )
        + " |"
        for words, key in wanted.items()
    )
    rows = "\n".join(
        f"| {name} | {key} | {f['pearson']:.3f} | {f['mae']:.3f} | {f['auroc_below_0.8']:.3f} | "
        + ("| | |" if key == "atlas alone" else _interval(f))
        for name, found in sets.items()
        for key, f in found.items()
    )
    return f"""# Fitted to a few gold cases of data the judge never saw

Judges that never saw the set's group (`leave_group_out.md`), as they are and after `segassay fit`
on gold cases with planted faults, also with `--atlas 5`, and without asking how unusual a label is
(*network alone*); tested on the frozen test's masks, half of whose faults are errors of a network.
Means of {result["draws"]} draws of gold subjects (10 and 25; all where a set has fewer). Seconds
are of measuring the gold labels by the network and of the fit, on one core of a busy machine; the
traits of labels (tens of milliseconds each) and laying images over the atlas come on top. Made by
`python -m benchmarks.unseen_data.fit_unseen`.

| mean over {len(sets)} sets | Pearson | MAE |
|---|---|---|
{means}

| set | gold subjects | Pearson | MAE | AUROC < .8 | intervals hold | their width | seconds |
|---|---|---|---|---|---|---|---|
{rows}
"""


def _key(counts: dict[str, list[int]], at: int, way: str, name: str) -> str:
    return f"{counts[name][at]}, {way}" if way else str(counts[name][at])


def _interval(f: Row) -> str:
    cells = f"{f['interval_coverage']:.0%} | {f['interval_width']:.2f}"
    return f"{cells} | {f['seconds']:.0f} |" if "seconds" in f else f"{cells} | |"


def _mean(values: Iterable[float]) -> str:
    return f"{np.mean(list(values)):.3f}"


def _count(key: str) -> int:
    return int(key) if key.isdigit() else 0


if __name__ == "__main__":
    main()
