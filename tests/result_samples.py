"""Results of audits written by hand, for what reads them without model and image."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from report_samples import report
from segassay.records.results import FINDINGS, Results, open_results
from segassay.records.run import RunRecord, now
from segassay.records.scores import ScoreRow
from segassay.records.table import to_frame, write_table
from segassay.report.kept import Pictured, write_kept


def write_results(
    folder: Path,
    rows: Sequence[ScoreRow],
    *,
    about_cases: Mapping[str, dict[str, str]] | None = None,
    pictures: Sequence[Pictured] = (),
    command: str = "audit",
) -> Results:
    """Write what an audit writes, but for its pages, and open it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_table(to_frame(rows), folder)
    data = report(rows=tuple(rows), findings=(), about_cases=dict(about_cases or {}))
    write_kept(data, pictures, folder)
    (folder / FINDINGS).touch()
    RunRecord(
        run_id="r",
        config_key="k",
        command=command,
        config={},
        dataset={"name": folder.name},
        model_id="m",
        model_sha256="",
        preprocess="",
        versions={},
        started_at=now(),
    ).write(folder)
    return open_results(folder)
