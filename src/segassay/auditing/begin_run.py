"""The result folder of an audit: begun, or continued where nothing is different."""

from pathlib import Path

from segassay.auditing.audit_config import AuditConfig
from segassay.datasets.case import Dataset
from segassay.files.filesystem import checksum
from segassay.judge.scoring import Judge
from segassay.records.run import RunRecord
from segassay.runs.result_folder import about, fingerprint, new_record, open_run


def begin_run(
    config: AuditConfig, dataset: Dataset, *, command: str, judge: Judge | None
) -> RunRecord:
    """Prepare the result folder of an audit; errors as in `open_run`."""
    found = fingerprint(dataset)
    record = new_record(
        command,
        judge,
        argv=config.argv,
        options=_options(config),
        circumstances=_circumstances(config),
        dataset={**about(dataset), "fingerprint": found},
    )
    return open_run(record, config.out, overwrite=config.overwrite)


def _options(config: AuditConfig) -> dict[str, object]:
    """Return the options that results depend on."""
    return {
        "structures": list(config.structures),
        "limit": config.limit,
        "parts": config.parts,
        "peers": config.peers,
        "structure": config.source.structure,
        "subject_regex": config.source.subject_regex,
        "bounds": None if config.bounds is None else checksum(config.bounds),
    }


def _circumstances(config: AuditConfig) -> dict[str, object]:
    """Return the options that no score depends on; of paths only the names."""
    source = config.source
    paths = {"path": source.path, "images": source.images, "labels": source.labels}
    return {
        **{key: None if path is None else path.name for key, path in paths.items()},
        "names": None if source.names is None else source.names.name,
        "modality": source.modality,
        "judge": None if config.judge is None else Path(config.judge).name,
        "n_worst": config.n_worst,
        "pseudonymise": config.pseudonymise,
        "jobs": config.jobs,
        "learn": config.learn,
        "fail_on": None if config.fail_on is None else config.fail_on.model_dump(mode="json"),
    }
