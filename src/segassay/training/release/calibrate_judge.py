"""Calibration of a fresh judge on the tuning subjects, whose labels the weights never saw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segassay.corruption.faulty_cases import JudgedFault, judge_faults, read_expert_case
from segassay.corruption.network_masks import NetworkMasks
from segassay.datasets.case import Case
from segassay.datasets.pair_table import UNTOUCHED
from segassay.datasets.splits import SubjectSplit
from segassay.judge.calibration.intervals import Calibration
from segassay.judge.documents.description import Evidence, JudgeMeta
from segassay.judge.documents.judge_folder import open_judge, write_checksums, write_document
from segassay.judge.scoring import Judge, judge_of
from segassay.judge.scoring.context_judge import ContextJudge
from segassay.training.release.calibration_rows import (
    ROWS,
    read_calibration_rows,
    write_calibration_rows,
)
from segassay.types import Modality, Say

if TYPE_CHECKING:
    from segassay.training.settings import JudgeRecipe


_FEWEST, _MOST = 2, 20
_STRUCTURES_PER_CASE = 13
_FOLDS = 5
_SEED = 20261121


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """How the judge did on the tuning subjects, each judged by a calibration made without it.

    `pearson` is of raw scores; `coverage` and `width` are of the 90 % intervals, over labels, and
    `of_subjects` the same two with every subject counted once, as the calibration counts them.
    """

    n_labels: int
    n_subjects: int
    pearson: float
    mae: float
    coverage: float
    width: float
    of_subjects: tuple[float, float]
    by_set: dict[str, tuple[int, float, float]]


def calibrate_folder(
    folder: Path,
    meta: JudgeMeta,
    recipe: "JudgeRecipe",
    data: Path,
    splits: dict[str, SubjectSplit],
    *,
    masks: Path | None,
    say: Say,
) -> CalibrationResult:
    """Write meta and calibration of the judge in `folder`, which holds its ONNX file.

    Faults on whole labels, through the same path as in use: planted ones, and half of them those
    of networks where `masks` holds any (a folder per set, a file per case). They are kept beside
    the folder, see `recalibrate_folder`. The evidence written for each structure counts these
    labels.
    """
    write_uncalibrated(folder, meta)
    judge = judge_of(open_judge(folder))
    rows = list(_judged(judge, recipe, data, splits, masks, say))
    write_calibration_rows(rows, folder.parent / ROWS)
    return _calibrated(folder, meta, rows)


def recalibrate_folder(folder: Path, rows: Path) -> CalibrationResult:
    """Write meta and calibration of a finished judge anew, from the labels kept at its training.

    Raises:
        ModelError: The folder holds no whole judge.
        ReadError: `rows` is not the table that `calibrate_folder` writes.
    """
    meta = open_judge(folder).meta
    return _calibrated(folder, meta, read_calibration_rows(rows))


def _calibrated(folder: Path, meta: JudgeMeta, rows: list[JudgedFault]) -> CalibrationResult:
    labels = _Columns.of(rows)
    result = _cross_validated(rows, labels)
    kinds = {entry.name: entry.modality for entry in meta.sets}
    calibration = labels.fit(np.ones(len(rows), dtype=np.bool_))
    tuning = {
        "labels": result.n_labels,
        "subjects": result.n_subjects,
        "pearson": round(result.pearson, 4),
        "mae": round(result.mae, 4),
        "coverage": round(result.coverage, 4),
        "width": round(result.width, 4),
        "coverage_of_subjects": round(result.of_subjects[0], 4),
        "width_of_subjects": round(result.of_subjects[1], 4),
    }
    evidence = _evidence(rows, kinds, calibration)
    told = meta.model_copy(update={"evidence": evidence, "tuning": tuning})
    _write(folder, told, calibration)
    return result


def write_uncalibrated(folder: Path, meta: JudgeMeta) -> None:
    """Write meta and checksums of a judge whose scores stay as its network gives them."""
    _write(folder, meta, Calibration.identity())


def _write(folder: Path, meta: JudgeMeta, calibration: Calibration) -> None:
    write_document(folder / "meta.json", meta)
    write_document(folder / "calibration.json", calibration.to_document())
    card = folder / "card.md"
    if not card.exists():
        card.write_text("Not yet described.\n", encoding="utf-8")
    write_checksums(folder)


def _judged(
    judge: Judge,
    recipe: "JudgeRecipe",
    data: Path,
    splits: dict[str, SubjectSplit],
    masks: Path | None,
    say: Say,
) -> Iterator[JudgedFault]:
    from segassay.training.material.store import open_recipe

    for entry in recipe.data:
        if entry.plane != "usual":
            continue  # the same labels again, seen as no one is shown them
        subjects = set(splits[entry.name].tuning)
        dataset = open_recipe(entry, data)
        cases = [c for c in dataset.cases if c.labels and c.subject_id in subjects]
        n_labels = sum(min(len(c.labels), _STRUCTURES_PER_CASE) for c in cases)
        if not n_labels:
            continue
        n_faults = int(np.clip(recipe.calibration_labels // n_labels, _FEWEST, _MOST))
        say(f"calibrating on {entry.name}: {n_labels} labels, {n_faults} faults each")
        asked = _in_context(judge, dataset.cases, {*subjects, *splits[entry.name].train})
        for case in cases:
            expert = read_expert_case(entry.name, case, entry.modality)
            structures = tuple(expert.masks)[:_STRUCTURES_PER_CASE]
            for one in asked:
                yield from judge_faults(
                    expert,
                    one,
                    n_faults=n_faults,
                    structures=structures,
                    seed=_SEED,
                    networks=_network_masks(masks, entry.name, case.case_id),
                )


def _in_context(judge: Judge, cases: Sequence[Case], subjects: set[str]) -> list[Judge]:
    """Return the judge, and one in the context of other subjects' labels where it reads any."""
    if not isinstance(judge, ContextJudge):
        return [judge]
    others = [case for case in cases if case.labels and case.subject_id in subjects]
    memory = judge.reader.gather(others)
    return [judge] if memory is None else [judge, judge.with_memory(memory)]


def _network_masks(masks: Path | None, set_name: str, case_id: str) -> NetworkMasks | None:
    path = None if masks is None else masks / set_name / f"{case_id}.npz"
    return NetworkMasks.load(path) if path is not None and path.exists() else None


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """Raw scores, doubts, true Dice `(n,)` and subjects of judged faults."""

    raw: NDArray[np.float64]
    doubt: NDArray[np.float64]
    true: NDArray[np.float64]
    subjects: NDArray[np.str_]

    @classmethod
    def of(cls, rows: list[JudgedFault]) -> "_Columns":
        """Turn rows into columns."""
        return cls(
            np.array([r.value for r in rows]),
            np.array([r.doubt for r in rows]),
            np.array([r.true for r in rows]),
            np.array([f"{r.set_name}/{r.subject_id}" for r in rows]),
        )

    def fit(self, kept: NDArray[np.bool_]) -> Calibration:
        """Calibrate on some of the labels."""
        return Calibration.fit(
            self.raw[kept], self.doubt[kept], self.true[kept], self.subjects[kept].tolist()
        )


def _cross_validated(rows: list[JudgedFault], labels: _Columns) -> CalibrationResult:
    raw, true = labels.raw, labels.true
    subjects, numbers = np.unique(labels.subjects, return_inverse=True)
    n_folds = min(_FOLDS, len(subjects))
    judged = np.zeros((len(rows), 3))
    for fold in range(n_folds):
        held = numbers % n_folds == fold
        calibration = labels.fit(~held)
        judged[held] = [
            calibration(*pair) for pair in zip(raw[held], labels.doubt[held], strict=True)
        ]
    inside = (true >= judged[:, 1]) & (true <= judged[:, 2])
    errors = np.abs(judged[:, 0] - true)
    by_set = {}
    for name in dict.fromkeys(r.set_name for r in rows):
        own = np.array([r.set_name == name for r in rows])
        pearson = float(np.corrcoef(raw[own], true[own])[0, 1])
        by_set[name] = (int(own.sum()), pearson, float(errors[own].mean()))
    return CalibrationResult(
        n_labels=len(rows),
        n_subjects=len(subjects),
        pearson=float(np.corrcoef(raw, true)[0, 1]),
        mae=float(errors.mean()),
        coverage=float(inside.mean()),
        width=float((judged[:, 2] - judged[:, 1]).mean()),
        of_subjects=(_mean_of(numbers, inside), _mean_of(numbers, judged[:, 2] - judged[:, 1])),
        by_set=by_set,
    )


def _mean_of(numbers: NDArray[np.intp], values: NDArray[Any]) -> float:
    """Return the mean over subjects, numbered from 0, of each one's mean."""
    return float((np.bincount(numbers, values) / np.bincount(numbers)).mean())


def _evidence(
    rows: list[JudgedFault], kinds: Mapping[str, Modality | None], calibration: Calibration
) -> dict[str, Evidence]:
    """Count labels and subjects of each structure, and say in what kinds of images they were.

    And the median score of those that were left `untouched`.
    """
    found = {}
    for structure in sorted({r.structure for r in rows}):
        own = [r for r in rows if r.structure == structure]
        subjects = {(r.set_name, r.subject_id) for r in own}
        of_sets = {kinds.get(r.set_name) for r in own}
        untouched = [calibration.value(r.value) for r in own if r.recipe == UNTOUCHED]
        found[structure] = Evidence(
            labels=len(own),
            subjects=len(subjects),
            modalities=tuple(sorted(kind for kind in of_sets if kind is not None)),
            untouched=round(float(np.median(untouched)), 2) if untouched else None,
        )
    return found
