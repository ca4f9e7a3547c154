"""Every script of `benchmarks/` begins, and makes its page of the figures that were published."""

import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RESULTS = BENCHMARKS.parent / "docs" / "results"
SCRIPTS = sorted(
    ".".join(path.relative_to(BENCHMARKS.parent).with_suffix("").parts)
    for path in BENCHMARKS.rglob("*.py")
    if "def main() -> None:" in path.read_text(encoding="utf-8")
)
PAGES = {
    "audits.false_alarms": "false_alarms",
    "audits.faulty": "faulty",
    "baselines.quality_sentinel": "quality-sentinel",
    "design.ablations": "ablations",
    "design.resolution": "resolution",
    "sheet.compare_judges": "judges_compared",
    "unseen_data.familiarity": "familiarity",
    "unseen_data.fit_full": "fit_full",
    "unseen_data.fit_unseen": "fit_unseen",
    "unseen_data.leave_group_out": "leave_group_out",
    "unseen_data.leave_set_out": "leave_set_out",
    "unseen_data.peers": "peers",
}


def run(monkeypatch: pytest.MonkeyPatch, script: Any, *words: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, words)])
    script.main()


def tables(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_says_how_it_is_used(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = importlib.import_module(name)
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, script, "--help")
    assert ended.value.code == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(("name", "stem"), PAGES.items())
def test_published_tables_are_those_of_the_published_figures(name: str, stem: str) -> None:
    script = importlib.import_module(f"benchmarks.{name}")
    page = script.table if name == "audits.false_alarms" else script.page
    made = page(json.loads((RESULTS / f"{stem}.json").read_text(encoding="utf-8")))
    assert tables(made)
    assert tables(made) == tables((RESULTS / f"{stem}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("stem", ["judge-small", "judge-base", "segae-vlm"])
def test_published_sheets_are_those_of_the_published_figures(stem: str, tmp_path: Path) -> None:
    from benchmarks.sheet.sheet_text import write_markdown

    figures = json.loads((RESULTS / f"{stem}.json").read_text(encoding="utf-8"))
    write_markdown(figures, tmp_path / f"{stem}.md")
    made = tables((tmp_path / f"{stem}.md").read_text(encoding="utf-8"))
    assert made == tables((RESULTS / f"{stem}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "option", "page"),
    [("audits.audit_figures", "--folder", "README.md"), ("sheet.judges_table", "--results", None)],
)
def test_pages_made_of_tables_come_out_the_same(
    name: str, option: str, page: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = RESULTS if page is None else RESULTS / "audits"
    shutil.copytree(source, tmp_path / "results", ignore=shutil.ignore_patterns("*.png", "*.svg"))
    run(monkeypatch, importlib.import_module(f"benchmarks.{name}"), option, tmp_path / "results")
    page = page or "judges.md"
    assert (tmp_path / "results" / page).read_text() == (source / page).read_text()
