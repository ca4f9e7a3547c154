"""Every script of `benchmarks/` begins, and makes its page of the figures that were published."""

import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from benchmarks.frozen_test import pair_scores
from benchmarks.frozen_test.frozen import Frozen
from frozen_samples import SETS, make_tiny, write_tiny

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


@pytest.fixture(scope="module")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize(
    ("name", "words", "made"),
    [
        ("sheet.compare_judges", ("judge-small", "judge-v0"), "judges_compared"),
        ("design.volume_and_surface", ("--judge", "judge-small"), "volume_and_surface"),
        ("design.resolution", ("--judge", "judge-small", "--every", "1"), "resolution"),
        ("unseen_data.leave_group_out", ("--known", "judge-small"), "leave_group_out"),
        ("baselines.rca", ("--references", "2"), "rca"),
    ],
)
def test_it_runs_on_a_tiny_frozen_test(
    name: str,
    words: tuple[str, ...],
    made: str,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same script on eight sets of two pictures each; what it keeps stays in this folder."""
    monkeypatch.setattr(Frozen, "__init__", make_tiny)
    script = importlib.import_module(f"benchmarks.{name}")
    for module in (script, pair_scores):
        if hasattr(module, "RUNS"):
            monkeypatch.setattr(module, "RUNS", tmp_path / "runs")
    own = ("--work", tmp_path / "runs") if name == "baselines.rca" else ()
    run(monkeypatch, script, tiny_data, *words, *own, "--out", tmp_path)
    found = json.loads((tmp_path / f"{made}.json").read_text(encoding="utf-8"))
    assert found["test_version"] == 2
    n_masks = len(SETS) * 2  # at least the untouched mask of each of two cases
    assert max(numbers(found, "n"), default=0) >= n_masks or name == "design.resolution"
    kept = sorted(path.stem for path in (tmp_path / "runs").rglob("*.json"))
    assert kept or name == "design.resolution"


def numbers(found: Any, key: str) -> list[int]:
    """All numbers of a name, wherever they stand."""
    if isinstance(found, list):
        return [n for one in found for n in numbers(one, key)]
    if not isinstance(found, dict):
        return []
    inside = [n for value in found.values() for n in numbers(value, key)]
    return [found[key], *inside] if isinstance(found.get(key), int) else inside
