"""The report: complete, harmless, and working in a real browser."""

import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segassay.records.findings import Finding
from segassay.records.scores import ScoreRow
from segassay.report.html import render_report
from segassay.report.issues import issue_list
from segassay.report.model import Exhibit, ReportData, protocol_differences, verdict
from segassay.types import Severity, Status

HOSTILE = "<script>document.title='owned'</script>"


def row(case_id: str, score: float, **options: Any) -> ScoreRow:
    fields: dict[str, Any] = {
        "case_id": case_id,
        "subject_id": case_id,
        "structure": "liver",
        "label_path": f"labels/{case_id}.nii.gz",
        "score": score,
        "score_lo": max(score - 0.1, 0),
        "score_hi": min(score + 0.1, 1),
        "status": Status.SCORED,
        "error_type": "too_small",
        "worst_slice": 3,
        "scored_at": datetime(2026, 1, 1, tzinfo=UTC),
        **options,
    }
    return ScoreRow.model_validate(fields)


def exhibit(of: ScoreRow) -> Exhibit:
    rng = np.random.default_rng(0)
    mask = np.zeros((60, 80), dtype=np.bool_)
    mask[20:35, 30:50] = True
    image = rng.random((60, 80)).astype(np.float32)
    error = np.zeros((60, 80), dtype=np.float32)
    return Exhibit(of, 3, image, mask, np.roll(mask, 5, axis=1), error, (2.0, 1.0))


def data(**options: Any) -> ReportData:
    rows = (
        row("a", 0.31),
        row("b", 0.72),
        row("c", 0.95, error_type="good"),
        row("d", nan, status=Status.FAILED, reason="d.nii.gz: no such file"),
        row(HOSTILE, 0.5, structure="spleen"),
    )
    finding = Finding("holes", Severity.WARNING, "a", "liver", "12 voxels", "fill them")
    fields: dict[str, Any] = {
        "title": f"set {HOSTILE}",
        "about": {"format": "nnunet", "cases": "5"},
        "rows": rows,
        "findings": (finding, Finding("x", Severity.ERROR, "c", None, HOSTILE, "look")),
        "exhibits": (exhibit(rows[0]), exhibit(rows[4])),
        **options,
    }
    return ReportData(**fields)


def test_page_stands_alone_and_names_are_harmless(tmp_path: Path) -> None:
    page = render_report(data(), tmp_path).read_text()
    assert "<script>document.title" not in page
    assert page.count("<article") == 2
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    for words in ("0.31", "FAIL", "no such file", "12 voxels", "parts are missing"):
        assert words in page
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.html", "issues.md"]


@pytest.mark.parametrize(
    "options",
    [
        {"rows": (), "findings": (), "exhibits": ()},
        {"rows": (row("d", nan, status=Status.FAILED),), "exhibits": (), "findings": ()},
        {"unlabelled": tuple(f"u{n}" for n in range(30)), "unmatched": ("a: b",), "notes": ("n",)},
    ],
)
def test_page_without_this_or_that(tmp_path: Path, options: dict[str, Any]) -> None:
    page = render_report(data(**options), tmp_path).read_text()
    assert "</html>" in page
    assert not re.search(r">\s*nan\s*<", page)


def test_issue_list_is_worst_first_and_plain() -> None:
    lines = issue_list(data()).splitlines()
    assert lines[2].startswith("- [ ] `d` liver: **FAILED**")
    assert "`a` liver: **FAIL**, score 0.31 (0.21 to 0.41), parts are missing" in lines[3]
    assert "<script" not in "\n".join(lines)
    assert "Nothing" in issue_list(data(rows=(), findings=()))


def test_verdicts() -> None:
    assert verdict(row("a", 0.3)) == "FAIL"
    assert verdict(row("a", 0.7)) == "REVIEW"
    assert verdict(row("a", 0.9)) == "PASS"
    assert verdict(row("a", 0.9, status=Status.ABSTAINED)) == "REVIEW"
    assert verdict(row("a", nan, status=Status.ABSENT_SUSPECT)) == "MISSED?"


def test_many_equal_errors_are_a_protocol_difference() -> None:
    low = tuple(row(f"a{n}", 0.4) for n in range(6))
    assert protocol_differences((*low, row("b", 0.9), row("c", 0.9))) == {"liver": "too_small"}
    assert protocol_differences((*low, *(row(f"g{n}", 0.9) for n in range(7)))) == {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    binary = os.environ.get("SEGASSAY_CHROMIUM") or shutil.which("chromium")
    if binary is None:
        pytest.skip("no Chromium: install it, or set SEGASSAY_CHROMIUM")
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    flags = [
        "--headless",
        "--no-sandbox",
        "--use-gl=angle",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--disable-background-networking",
    ]
    with api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=binary, args=flags)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_page_works_in_a_browser(browser: Any, tmp_path: Path, width: int) -> None:
    path = render_report(data(), tmp_path)
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url.split(":")[0]))
    page.goto(path.as_uri())
    assert "owned" not in page.title().split("<")[0]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#count").inner_text() == "5 labels"
    page.fill("#filter", "spleen")
    assert page.locator("#count").inner_text() == "1 of 5"
    page.fill("#filter", "")
    page.get_by_role("button", name="case").click()
    assert page.locator("#table tbody tr").nth(0).locator("td").first.inner_text() in ("a", HOSTILE)
    page.locator("svg a").first.click()
    assert page.url.endswith(("#worst-1", "#worst-2"))
    sizes = page.evaluate("[...document.images].map(i => i.naturalWidth)")
    assert len(sizes) == 6
    assert complaints == []
    assert set(requests) <= {"file", "data"}
    page.close()
