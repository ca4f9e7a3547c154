"""The folder of a run: begun, continued or begun anew, never mixed up with another run's."""

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segassay.datasets.case import Dataset
from segassay.errors import OutputError, UsageError
from segassay.files.atomic import is_unfinished
from segassay.files.filesystem import stamp
from segassay.judge.scoring import Judge
from segassay.records.results import FINDINGS
from segassay.records.run import (
    MANIFEST,
    RunRecord,
    config_key,
    library_versions,
    now,
    read_run,
    read_trial,
)
from segassay.records.scores import TABLE_VERSION
from segassay.runs.command_line import without_places
from segassay.runs.pseudonyms import PRIVATE
from segassay.types import ExitCode

FEATURES = "features"
"""Folder of features of the context's slices, in a run's folder until the run ends."""

_OURS = (
    FEATURES,
    "shards",
    "masks",
    "scores.csv",
    "scores.parquet",
    "slices.parquet",
    "pairs.csv",
    FINDINGS,
    "index.html",
    "cases",
    "issues.md",
    "report.jsonl",
    "evaluation.json",
    "evaluation.md",
    "risk_coverage.svg",
    "scatter.svg",
    MANIFEST,
)
"""What runs write; the manifest last, so that a half-emptied folder is still known as a run's."""


def new_record(
    command: str,
    judge: Judge | None,
    *,
    argv: Sequence[str],
    options: dict[str, Any],
    circumstances: dict[str, Any],
    dataset: dict[str, Any],
) -> RunRecord:
    """Return the record of a run that begins now.

    Args:
        command: The verb.
        judge: The judge, if the run has one.
        argv: The words that were typed, program name left out.
        options: What results depend on, besides data and judge.
        circumstances: Options that no result depends on; of paths only the names.
        dataset: What is told of the data; results depend on its `fingerprint`.
    """
    model_sha256, engine = ("", "") if judge is None else (judge.sha256, judge.runs_on)
    return RunRecord(
        run_id=uuid.uuid4().hex[:12],
        config_key=config_key([options, dataset["fingerprint"], model_sha256, engine]),
        command=command,
        argv=without_places(argv),
        config={**options, **circumstances},
        dataset=dataset,
        model_id="" if judge is None else judge.model_id,
        model_sha256=model_sha256,
        preprocess="" if judge is None else judge.preprocess,
        engine=engine,
        versions=library_versions(engine),
        started_at=now(),
    )


def open_run(record: RunRecord, out: Path, *, overwrite: bool) -> RunRecord:
    """Prepare the result folder and return the record of the run, this one or an older one.

    Parts of one run may begin at the same moment: one writes the record, the others join it.

    Raises:
        OutputError: The folder cannot be written, or holds something else.
        UsageError: It holds a run with other data or options.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        _make_room(out, overwrite=overwrite)
        if record.create(out):
            return record
        return _join(out, record.config_key)
    except OSError as error:
        raise OutputError.of(out, error) from error


def note_interruption(record: RunRecord, out: Path) -> None:
    """Write down that a person stopped the run; what is finished stays finished.

    Where this is one of several parts the run goes on: its record stays open, as before.
    """
    if not record.in_parts:
        record.finished_at, record.exit_status = now(), int(ExitCode.INTERRUPTED)
        record.write(out)


def discard_features(out: Path) -> None:
    """Remove what was kept for a run that is done."""
    shutil.rmtree(out / FEATURES, ignore_errors=True)


def _make_room(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that is not a run's; empty one that is, if that was asked for."""
    # Listed before the record is looked for: a part that begins beside us writes its record first.
    # A key of pseudonyms may have been brought along from another run.
    files = [p for p in out.iterdir() if not is_unfinished(p) and p.name != PRIVATE]
    if files and read_run(out) is None:
        raise OutputError(f"{out}: contains files not written by segassay; choose an empty folder")
    if overwrite:
        for path in (out / name for name in _OURS):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _join(out: Path, key: str) -> RunRecord:
    record = read_run(out)
    if record is not None and record.table_version != TABLE_VERSION:
        raise UsageError(
            f"{out}: holds a run with version {record.table_version} of the score table, this "
            f"segassay writes version {TABLE_VERSION}; choose another folder, or add --overwrite "
            "to discard it"
        )
    if record is None or record.config_key != key:
        raise UsageError(
            f"{out}: holds a run with other data, options or judge; "
            "choose another folder, or add --overwrite to discard it"
        )
    record.familiarity = read_trial(out) if record.familiarity is None else record.familiarity
    record.finished_at = record.exit_status = None
    if not record.in_parts:
        record.write(out)
    return record


def about(dataset: Dataset) -> dict[str, object]:
    """Return what a record tells of a data set: names and counts."""
    return {
        "name": dataset.name,
        "format": dataset.format,
        "cases": len(dataset.cases),
        "subjects": len(dataset.subjects),
        "labels": dataset.n_labels,
        "unlabelled": len(dataset.unlabelled),
        "unmatched": len(dataset.unmatched),
    }


def fingerprint(dataset: Dataset) -> str:
    """Checksum over what every case is made of, with sizes and times of change of its files.

    No file is opened. A label file that is mended keeps its name and often its size, so the time
    counts; a copy of a data set is the same data set where the copying kept the times.
    """
    cases = [
        (
            case.case_id,
            case.subject_id,
            case.modality,
            [(path.name, *stamp(path)) for path in case.images],
            [
                (
                    *(ref.structure, ref.source, ref.values, ref.path.name),
                    *(number for path in (ref.path, *ref.pieces) for number in stamp(path)),
                )
                for ref in case.labels
            ],
        )
        for case in dataset.cases
    ]
    return config_key([cases, sorted(dataset.declared.items())])
