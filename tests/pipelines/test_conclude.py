"""The end of a run: what its page says it looked at."""

from pathlib import Path

from segassay.pipelines.audit import audit
from segassay.pipelines.configs import AuditConfig, SourceConfig


def header(phantom_set: Path, out: Path, **options: object) -> str:
    source = SourceConfig(path=phantom_set)
    given = {"source": source, "out": out, "judge": None, **options}
    audit(AuditConfig.model_validate(given), command="check")
    page = (out / "index.html").read_text()
    return page[page.index('<p class="about">') :].split("</p>", 1)[0]


def test_the_page_counts_what_was_looked_at(phantom_set: Path, tmp_path: Path) -> None:
    whole = header(phantom_set, tmp_path / "whole")
    assert "<b>4</b> cases" in whole
    assert "<b>32</b> labels" in whole
    part = header(phantom_set, tmp_path / "part", limit=1, structures=("liver", "spleen"))
    assert "<b>1 of 4</b> cases" in part
    assert "<b>1 of 4</b> subjects" in part
    assert "<b>2 of 32</b> labels" in part
