"""The folder of a run: begun, continued or begun anew, never mixed up with another run's."""

import shutil
import uuid
from pathlib import Path

from segassay.data.case import Dataset
from segassay.errors import OutputError, UsageError
from segassay.pipelines.configs import AuditConfig
from segassay.records.run import RunRecord, config_key, library_versions, now, read_run

_OURS = ("shards", "manifest.json", "scores.csv", "scores.parquet", "findings.jsonl")


def begin_run(
    config: AuditConfig, dataset: Dataset, *, command: str, model_id: str, preprocess: str
) -> RunRecord:
    """Prepare the result folder and return the record of the run, old or new.

    Raises:
        OutputError: The folder cannot be written, or holds something else.
        UsageError: It holds a run with other data or options.
    """
    options = _options(config)
    key = config_key([options, _fingerprint(dataset), model_id, preprocess])
    try:
        config.out.mkdir(parents=True, exist_ok=True)
        record = _existing(config, key)
        if record is None:
            record = RunRecord(
                run_id=uuid.uuid4().hex[:12],
                config_key=key,
                command=command,
                config=options,
                dataset=_about(dataset),
                model_id=model_id,
                preprocess=preprocess,
                versions=library_versions(),
                started_at=now(),
            )
            record.write(config.out)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"{config.out}: cannot be written ({reason}); choose another -o"
        ) from error
    return record


def _existing(config: AuditConfig, key: str) -> RunRecord | None:
    out = config.out
    if config.overwrite:
        for name in _OURS:
            path = out / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        return None
    record = read_run(out)
    if record is None:
        if any(out.iterdir()):
            raise OutputError(f"{out}: holds files that are not a run's; choose an empty folder")
        return None
    if record.config_key != key:
        raise UsageError(
            f"{out}: holds a run with other data, options or judge; "
            "choose another folder, or add --overwrite to lose it"
        )
    return record


def _options(config: AuditConfig) -> dict[str, object]:
    """Return the options that results depend on, without absolute paths."""
    return {
        "judge": config.judge,
        "structures": list(config.structures),
        "limit": config.limit,
        "structure": config.source.structure,
        "subject_regex": config.source.subject_regex,
        "parts": config.parts,
    }


def _about(dataset: Dataset) -> dict[str, object]:
    return {
        "name": dataset.name,
        "format": dataset.format,
        "cases": len(dataset.cases),
        "subjects": len(dataset.subjects),
        "labels": dataset.n_labels,
        "unlabelled": len(dataset.unlabelled),
        "unmatched": len(dataset.unmatched),
    }


def _fingerprint(dataset: Dataset) -> str:
    """Checksum over names and sizes of all files: cheap, and changes when a file is exchanged."""
    files = [
        (case.case_id, path.name, _size(path))
        for case in dataset.cases
        for path in (*case.images, *dict.fromkeys(ref.path for ref in case.labels))
    ]
    return config_key([files, sorted(dataset.structures)])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
