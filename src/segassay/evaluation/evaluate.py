"""How far to trust a judge on data whose truth is known: pairs of mask and gold, judged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segassay.datasets.open_pair import as_cases, images_of
from segassay.datasets.pair_table import Pair, read_pair_table
from segassay.datasets.read_case import file_sha256
from segassay.errors import OutputError
from segassay.evaluation.evaluate_config import EvaluateConfig
from segassay.evaluation.evaluate_image import EvaluateContext, record_id
from segassay.files.filesystem import stamp
from segassay.judge.scoring import Judge, load_judge
from segassay.metrics.baselines import mean_of_structure, size_oddness
from segassay.metrics.evaluation import Figures, evaluate_labels
from segassay.metrics.summary import JudgedLabels
from segassay.records.judged_pairs import JudgedPair, write_judged_pairs
from segassay.records.run import RunRecord, config_key, now
from segassay.records.shards import finished_ids, read_facts
from segassay.report.evaluation_page import write_evaluation
from segassay.runs.begun import Begun
from segassay.runs.domain.acquaintance import Acquaintance, get_acquainted
from segassay.runs.domain.familiarity import FAMILIAR
from segassay.runs.executors import Serial
from segassay.runs.keep_records import keep_records
from segassay.runs.result_folder import discard_features, new_record, open_run
from segassay.types import ExitCode, Progress, Remark, Say, Status, ignore_progress

EVALUATION_VERSION = 3
"""Version of `evaluation.json`; goes up when its keys or their meaning change."""


@dataclass(frozen=True, slots=True)
class EvaluateResult:
    """What came of an evaluation; `figures` is the content of `evaluation.json`."""

    out: Path
    rows: tuple[JudgedPair, ...]
    figures: Figures
    exit_code: ExitCode

    @property
    def unusable(self) -> tuple[JudgedPair, ...]:
        """Rows whose files could not be used."""
        return tuple(row for row in self.rows if not row.usable)


def evaluate(
    config: EvaluateConfig, *, progress: Progress | None = None, say: Say | None = None
) -> EvaluateResult:
    """Judge every pair of a table and compare; an interrupted evaluation is continued.

    As in an audit the judge is tried on the table's masks first, and what it does not know is
    weighed by masks of other images (`runs.domain.acquaintance`); no gold has a part in that.

    Raises:
        DatasetError: The table cannot be read or lacks a column.
        ModelError: The judge cannot be loaded.
        OutputError: The result folder cannot be written.
        UsageError: The folder holds a run with another table, other options or another judge.
    """
    tell = progress or ignore_progress
    pairs = read_pair_table(config.table, config.modality)
    groups = images_of(pairs)[: config.limit]
    judge = load_judge(config.judge)
    record = open_run(_record(config, pairs, judge), config.out, overwrite=config.overwrite)
    done = finished_ids(config.out)
    todo = [group for group in groups if record_id(group) not in done]
    acquaintance = Acquaintance()
    if todo:
        cases = as_cases(images_of(pairs))
        acquaintance = get_acquainted(
            record, config.out, cases, judge, config.peers, say=say, progress=tell
        )
    context = EvaluateContext(config.judge, acquaintance, (acquaintance.asked(judge), judge))
    keep_records(
        Serial(Begun.of(config.out)).map(todo, context),
        record,
        config.out,
        counts=(len(groups) - len(todo), len(groups)),
        progress=tell,
        phase="images",
    )
    return _conclude(config, record, judge)


def _record(config: EvaluateConfig, pairs: Sequence[Pair], judge: Judge) -> RunRecord:
    files = dict.fromkeys(p for pair in pairs for p in (pair.image, pair.mask.path, pair.gold.path))
    return new_record(
        "evaluate",
        judge,
        argv=config.argv,
        options={"limit": config.limit, "peers": config.peers, "modality": config.modality},
        circumstances={"table": config.table.name, "judge": Path(config.judge).name},
        dataset={
            "name": config.table.stem,
            "pairs": len(pairs),
            "fingerprint": config_key([file_sha256(config.table), *map(stamp, files)]),
        },
    )


def _conclude(config: EvaluateConfig, record: RunRecord, judge: Judge) -> EvaluateResult:
    found = [JudgedPair.from_json(d) for _, _, facts in read_facts(config.out) for d in facts]
    rows = sorted(found, key=lambda row: row.row)
    judged = [row for row in rows if not isnan(row.score) and not isnan(row.true_dice)]
    labels = _labels(judged)
    sizes = _sizes(judged)
    mean = mean_of_structure(labels)
    odd = 0.0 - size_oddness(sizes, labels, np.ones(len(labels), dtype=np.bool_))
    blind = np.array([row.mask_only for row in judged], dtype=np.float64)
    figures = {
        "version": EVALUATION_VERSION,
        "table": config.table.name,
        "judge": judge.model_id,
        "familiarity": {"found": record.familiarity, "at_least": FAMILIAR},
        "counts": _counts(rows, judged),
        "empty_masks": _empty_masks(rows),
        **evaluate_labels(
            labels,
            {"mask_only": blind, "mean_of_structure": mean, "size_outlier": odd},
            nsd=np.array([row.true_nsd for row in judged], dtype=np.float64),
            abstained=np.array([row.status is Status.ABSTAINED for row in judged], dtype=np.bool_),
            kinds=_families(judged),
        ),
    }
    known = {row.row: (m, o) for row, m, o in zip(judged, mean, odd, strict=True)}
    rows = [_with_baselines(row, *known[row.row]) if row.row in known else row for row in rows]
    bad = not judged or any(not row.usable for row in rows)
    code = ExitCode.CASES_FAILED if bad else ExitCode.DONE
    try:
        write_judged_pairs(rows, config.out / "scores.csv")
        write_evaluation(figures, labels, config.out)
        _close(record, rows, code, config.out)
        discard_features(config.out)
    except OSError as error:
        raise OutputError.of(config.out, error) from error
    return EvaluateResult(config.out, tuple(rows), figures, code)


def _labels(rows: Sequence[JudgedPair]) -> JudgedLabels:
    def number(name: str) -> NDArray[np.float64]:
        """Return one of the rows' numbers as a column."""
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    def text(values: Sequence[str]) -> NDArray[np.str_]:
        """Return texts as a column."""
        return np.array(values, dtype=np.str_)

    return JudgedLabels(
        number("score"),
        number("score_lo"),
        number("score_hi"),
        number("true_dice"),
        text([f"{row.set_name}/{row.subject_id}" for row in rows]),
        text([row.set_name for row in rows]),
        text([row.structure for row in rows]),
    )


def _sizes(rows: Sequence[JudgedPair]) -> NDArray[np.float64]:
    """Return sizes in millilitres, or in voxels for a set with an image without millimetres."""
    unknown = {row.set_name for row in rows if isnan(row.volume_ml)}
    found = [r.n_voxels if r.set_name in unknown else r.volume_ml for r in rows]
    return np.array(found, dtype=np.float64)


def _families(rows: Sequence[JudgedPair]) -> NDArray[np.str_] | None:
    """Return the families of planted faults, if the table names any."""
    families = [row.extra.get("family", "") for row in rows]
    return np.array(families, dtype=np.str_) if any(families) else None


def _with_baselines(row: JudgedPair, mean: float, odd: float) -> JudgedPair:
    return replace(row, mean_of_structure=float(mean), size_outlier=float(odd))


def _counts(rows: Sequence[JudgedPair], judged: Sequence[JudgedPair]) -> dict[str, int]:
    usable = [row for row in rows if row.usable]
    return {
        "pairs": len(rows),
        "judged": len(judged),
        "failed": sum(row.status is Status.FAILED for row in rows),
        "invalid": sum(row.status is Status.INVALID for row in rows),
        "both_empty": sum(isnan(row.true_dice) for row in usable),
        "mask_empty": sum(row.n_voxels == 0 for row in usable),
        "gold_empty": sum(row.n_gold_voxels == 0 for row in usable),
        "abstained": sum(row.status is Status.ABSTAINED for row in judged),
        "subjects": len({(row.set_name, row.subject_id) for row in judged}),
        "sets": len({row.set_name for row in judged}),
        "trained_on": sum(row.trained_on for row in judged),
        "never_learned": sum(Remark.NEVER_LEARNED in row.remarks for row in judged),
    }


def _empty_masks(rows: Sequence[JudgedPair]) -> dict[str, dict[str, int]]:
    """Return what the judge said of empty masks, where the gold is empty and where it is not."""
    found: dict[str, dict[str, int]] = {}
    for name, gold_empty in (("gold_empty", True), ("gold_filled", False)):
        own = [r for r in rows if r.usable and r.n_voxels == 0]
        counts = Counter(r.status.value for r in own if (r.n_gold_voxels == 0) is gold_empty)
        found[name] = dict(counts)
    return found


def _close(record: RunRecord, rows: Sequence[JudgedPair], code: ExitCode, out: Path) -> None:
    record.finished_at, record.exit_status = now(), int(code)
    record.counts = {"pairs": len(rows), "unusable": sum(not row.usable for row in rows)}
    record.write(out)
