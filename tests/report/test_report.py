"""The report: complete, harmless, and working in a real browser."""

import os
import re
import shutil
from collections.abc import Iterator
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from report_samples import HOSTILE, exhibit, report, row
from segassay.report import html
from segassay.report.html import render_report
from segassay.report.model import Exhibit, protocol_differences, verdict
from segassay.types import Status


def test_page_stands_alone_and_names_are_harmless(tmp_path: Path) -> None:
    page = render_report(report(), tmp_path).read_text()
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
        {"rows": (), "exhibits": ()},
        {"unlabelled": tuple(f"u{n}" for n in range(30)), "unmatched": ("a: b",), "notes": ("n",)},
    ],
)
def test_page_without_this_or_that(tmp_path: Path, options: dict[str, Any]) -> None:
    page = render_report(report(**options), tmp_path).read_text()
    assert "</html>" in page
    assert not re.search(r">\s*nan\s*<", page)


def test_page_stays_small_with_real_sizes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    image = rng.random((512, 512)).astype(np.float32)
    mask = np.zeros((512, 512), dtype=np.bool_)
    mask[50:450, 60:470] = True
    rows = [row(f"c{n}", n / 20) for n in range(20)]
    shown = tuple(Exhibit(r, 0, image, mask, mask, image, (0.8, 0.8)) for r in rows)
    path = render_report(report(rows=tuple(rows), exhibits=shown), tmp_path)
    assert path.stat().st_size < 5_000_000


def test_long_tables_end_and_name_the_file_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "_MOST_ROWS", 2)
    page = render_report(report(), tmp_path).read_text()
    assert "The worst 2 of 5; all are in <code>scores.csv</code>" in page
    assert "The first 2 of 3; all are in <code>findings.jsonl</code>" in page


def test_pictures_have_no_slices(tmp_path: Path) -> None:
    flat = row("a", 0.3, worst_slice=0, n_slices=1, n_voxels=77)
    page = render_report(report(rows=(flat,), exhibits=(exhibit(flat),)), tmp_path).read_text()
    assert "77 pixels" in page
    assert "whole image" in page
    assert "slice" not in page.split("<article")[1].split("</article>")[0]
    assert "worst slice" not in (tmp_path / "issues.md").read_text()
    deep = row("a", 0.3, worst_slice=0, n_slices=1, volume_ml=2.5)
    page = render_report(report(rows=(deep,), exhibits=(exhibit(deep),)), tmp_path).read_text()
    assert "whole slice" in page


def test_missing_lines_are_explained(tmp_path: Path) -> None:
    plain = exhibit(row("a", 0.3))
    nothing = np.zeros_like(plain.mask)
    pictures = [
        Exhibit(plain.row, 3, plain.image, mask, suggested, plain.error, (1.0, 1.0))
        for mask, suggested in ((plain.mask, nothing), (nothing, plain.mask))
    ]
    page = render_report(report(exhibits=tuple(pictures)), tmp_path).read_text()
    assert "the judge expects nothing here" in page
    assert "no label here, the judge expects one" in page


def test_protocol_difference_is_said_on_the_page_and_beside_the_picture(tmp_path: Path) -> None:
    alike = tuple(row(f"a{n}", 0.3) for n in range(6))
    page = render_report(report(rows=alike, exhibits=(exhibit(alike[0]),)), tmp_path).read_text()
    assert "liver: protocol or domain difference" in page
    assert "perhaps <a" in page


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
    path = render_report(report(), tmp_path)
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url.split(":")[0]))
    page.goto(path.as_uri())
    assert "owned" not in page.title().split("<")[0]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#count").inner_text() == "5 in all"
    page.fill("#filter", "spleen")
    assert page.locator("#count").inner_text() == "1 of 5"
    page.fill("#filter", "")
    page.locator("#table").get_by_role("button", name="case").click()
    assert page.locator("#table tbody tr").nth(0).locator("td").first.inner_text() in ("a", HOSTILE)
    page.locator("svg a").first.click()
    assert page.url.endswith(("#worst-1", "#worst-2"))
    sizes = page.evaluate("[...document.images].map(i => i.naturalWidth)")
    assert len(sizes) == 6
    assert min(sizes) > 0
    assert complaints == []
    assert set(requests) <= {"file", "data"}
    page.close()


@pytest.mark.browser
def test_findings_are_filtered_and_sorted(browser: Any, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(render_report(report(), tmp_path).as_uri())
    severities = page.locator("#table-findings tbody tr td:first-child")
    assert severities.all_inner_texts() == ["error", "warning", "info"]
    page.locator("#table-findings").get_by_role("button", name="severity").click()
    assert severities.all_inner_texts() == ["info", "warning", "error"]
    page.fill("#filter-findings", "holes warning")
    assert page.locator("#table-findings tbody tr:visible").count() == 1
    assert page.locator("#table tbody tr:visible").count() == 5
    page.close()


@pytest.mark.browser
def test_everything_is_reached_by_keyboard_and_links_lead_somewhere(
    browser: Any, tmp_path: Path
) -> None:
    page = browser.new_page()
    alike = tuple(row(f"a{n}", 0.3) for n in range(6))
    page.goto(render_report(report(rows=alike, exhibits=(exhibit(alike[0]),)), tmp_path).as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the summary"
    targets = page.evaluate(
        "[...document.querySelectorAll('a')].map(a => a.getAttribute('href').slice(1))"
    )
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert set(targets) <= set(ids)
    mute = "[...document.images].filter(i => !i.alt).length"
    assert page.evaluate(mute) == 0
    page.close()


CONTRAST = """
() => {
  const light = (c) => {
    const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (c !== "rgba(0, 0, 0, 0)") return c;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = [...document.querySelectorAll("p, td, th, dt, dd, a, span, b, h1, h2, h3, li, pre")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return Math.min(...texts.map((e) => {
    const [x, y] = [light(getComputedStyle(e).color), light(ground(e))].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  }));
}
"""


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(browser: Any, tmp_path: Path, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(render_report(report(notes=("a note",)), tmp_path).as_uri())
    assert page.evaluate(CONTRAST) >= 4.5  # WCAG 2 AA
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    darkness = sum(int(part) for part in re.findall(r"\d+", ground)[:3])
    assert (darkness < 150) == (scheme == "dark")
    page.close()


@pytest.mark.browser
def test_print_is_light_and_whole_even_from_a_dark_screen(browser: Any, tmp_path: Path) -> None:
    page = browser.new_page(color_scheme="dark")
    many = tuple(row(f"c{n}", 0.9) for n in range(60))
    page.goto(render_report(report(rows=many), tmp_path).as_uri())
    page.emulate_media(media="print")
    assert page.evaluate(CONTRAST) >= 4.5
    assert not page.locator("nav").is_visible()
    assert not page.locator("#filter").is_visible()
    hidden = (
        "[...document.querySelectorAll('.tall')].filter(e => e.scrollHeight > e.clientHeight + 2)"
    )
    assert page.evaluate(f"{hidden}.length") == 0
    page.close()


@pytest.mark.browser
def test_page_is_whole_without_scripts(browser: Any, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(render_report(report(), tmp_path).as_uri())
    assert page.locator("#table tbody tr:visible").count() == 5
    assert page.locator("#table-findings tbody tr:visible").count() == 3
    assert not page.locator("#filter").is_visible()
    assert not page.locator("#copy").is_visible()
    context.close()
