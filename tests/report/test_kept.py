"""What a report was made of is kept: the same pages can be made from it again."""

from pathlib import Path

import pytest

from report_samples import exhibit, render, report
from segassay.errors import UsageError
from segassay.records.table import rows_of
from segassay.report.html import write_pages
from segassay.report.kept import KEPT, read_kept
from segassay.report.model import ReportData


def pages(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != KEPT
    }


def test_pages_made_again_are_the_same(tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    first.mkdir()
    again.mkdir()
    notes, about = ("a note",), {"a": {"sex": "f"}}
    shown = tuple(exhibit(row, crossing=(True, 3)) for row in rows_of(report().frame[::4]))
    render(first, shown, notes=notes, about_cases=about, pseudonymised=True)
    kept, pictures = read_kept(first)
    data = report()
    write_pages(ReportData(frame=data.frame, findings=data.findings, **kept), pictures, again)
    assert pages(again) == pages(first)


@pytest.mark.parametrize("content", ["", "{", '{"version": 99}', '{"version": 1}\n', "[]"])
def test_what_cannot_be_read_is_one_line(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError):
        read_kept(tmp_path)
    (tmp_path / KEPT).write_text(content)
    with pytest.raises(UsageError):
        read_kept(tmp_path)
