"""A report made again from the results of a run."""

from pathlib import Path

from segassay.errors import OutputError
from segassay.records.results import open_results
from segassay.report.html import write_pages
from segassay.report.kept import read_kept
from segassay.report.model import ReportData


def report_again(folder: Path, *, out: Path | None = None, n_worst: int | None = None) -> Path:
    """Write the pages of a finished run again, without its judge and its data.

    Args:
        folder: The result folder.
        out: Where the pages go; by default where they were.
        n_worst: Labels on the first page; by default as many as the run had. Pictures there are of
            those that the run drew.

    Returns:
        The path of `index.html`.

    Raises:
        UsageError: It is no result folder, the run is not finished, or an older segassay wrote it.
        OutputError: The pages cannot be written.
    """
    results = open_results(folder)
    about, pictures = read_kept(folder)
    if n_worst is not None:
        about["n_worst"] = n_worst
    data = ReportData(frame=results.frame, findings=results.findings, **about)
    target = folder if out is None else out
    try:
        target.mkdir(parents=True, exist_ok=True)
        return write_pages(data, pictures, target)
    except OSError as error:
        raise OutputError.of(target, error) from error
