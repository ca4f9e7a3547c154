"""Scores of several judges on the same pairs of the frozen test, kept per judge and case.

The masks of a case are made once for all judges that have not scored it. Unlike the sheet this
asks every judge only for its score: enough to compare judges with one another.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.frozen_test.frozen import RUNS, Frozen, Row
from benchmarks.frozen_test.frozen_pairs import FrozenPair, FrozenSet
from benchmarks.sheet.sheet_rows import place, sweep_rows
from segassay.corruption.faulty_cases import ExpertCase
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.judge.scoring import Judge, judge_of


class PairScores:
    """Judges beside one another on the frozen test.

    They say what they were taught to: none takes structures that it does not know for unknown.
    `nameless` are names of judges that were never told a structure's name and are not told here.
    Of the pairs of a case every `every`-th is asked about, beginning at a place that follows from
    its id: a sample for judges that are slow.
    """

    def __init__(
        self, data: Path, judges: Sequence[str], *, nameless: Sequence[str] = (), every: int = 1
    ) -> None:
        self.frozen, self.nameless, self.every = Frozen(data), frozenset(nameless), every
        self.judges: dict[str, Judge] = {name: _as_taught(name) for name in judges}

    def rows(self, set_name: str, *, sweeps: bool = False) -> dict[str, list[Row]]:
        """Return every judge's rows of one set of the test, in the same order of masks.

        With `sweeps` the rows are of eroded and dilated masks instead (abdominal CT only).
        """
        (entry,) = (e for e in self.frozen.test.sets if e.name == set_name)
        found: dict[str, list[Row]] = {name: [] for name in self.judges}
        for case_id in entry.cases:
            for name, rows in self._case(entry, case_id, sweeps=sweeps).items():
                found[name] += rows
        return found

    def _case(self, entry: FrozenSet, case_id: str, *, sweeps: bool) -> dict[str, list[Row]]:
        part = f"-{self.every}" if self.every > 1 else ""
        file = f"{entry.name}-{case_id}-{'sweeps' if sweeps else 'pairs'}{part}.json"
        paths = {name: self._folder(name) / file for name in self.judges}
        missing = [name for name, path in paths.items() if not path.exists()]
        if missing:
            expert = self.frozen.expert(entry, case_id)
            first = zlib.crc32(case_id.encode()) % self.every
            pairs = [] if sweeps else self.frozen.pairs(entry, expert)[first :: self.every]
            for name in missing:
                judge = self.judges[name]
                rows = sweep_rows(expert, judge) if sweeps else self._scored(expert, name, pairs)
                paths[name].parent.mkdir(parents=True, exist_ok=True)
                paths[name].write_text(json.dumps(rows))
            print(file, flush=True)
        return {name: json.loads(path.read_text()) for name, path in paths.items()}

    def _folder(self, name: str) -> Path:
        model = self.judges[name].model_id
        return RUNS / "pair_scores" / f"{model}-v{self.frozen.test.version}"

    def _scored(self, expert: ExpertCase, name: str, pairs: Sequence[FrozenPair]) -> list[Row]:
        told = name not in self.nameless
        labels = [(p.structure if told else None, p.mask) for p in pairs]
        scores = self.judges[name].score_labels(expert.image, labels, modality=expert.modality)
        return [
            {
                **place(expert, "pair", p.structure),
                "recipe": p.recipe,
                "origin": p.origin,
                "true": p.dice,
                "size": int(p.mask.sum()),
                "value": s.value,
                "low": s.low,
                "high": s.high,
                "status": s.status.value,
            }
            for p, s in zip(pairs, scores, strict=True)
        ]


def _as_taught(name: str) -> Judge:
    return judge_of(replace(open_judge(find_judge(name)), unfamiliar=None))
