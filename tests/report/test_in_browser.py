"""The report in a real browser: what one clicks, types and sees, and that nothing else happens."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from report_samples import HOSTILE, exhibit, render, row


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
    path = render(tmp_path)
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
    assert complaints == []
    assert set(requests) <= {"file", "data"}
    page.close()


@pytest.mark.browser
def test_findings_are_filtered_and_sorted(browser: Any, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(render(tmp_path).as_uri())
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
    page.goto(render(tmp_path, (exhibit(alike[0]),), rows=alike).as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the summary"
    for url in [page.url, (tmp_path / "cases" / "a0.html").as_uri()]:
        page.goto(url)
        assert dead_ends(page) == []
        mute = "[...document.querySelectorAll('[role=img]')].filter(i => !i.ariaLabel).length"
        assert page.evaluate(mute) == page.locator("#viewer").count()  # named as it opens
    page.close()


def dead_ends(page: Any) -> list[str]:
    """Links of a page to a file or a place that is not there."""
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    here = Path(unquote(urlparse(page.url).path))
    dead = []
    for link in page.evaluate(
        "[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"
    ):
        name, _, place = link.partition("#")
        path = here.parent / name if name else here
        found = place in ids if not name else f'id="{place}"' in path.read_text() if place else True
        if not (path.is_file() and found):
            dead.append(link)
    return dead


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
    page.goto(render(tmp_path, notes=("a note",)).as_uri())
    assert page.evaluate(CONTRAST) >= 4.5  # WCAG 2 AA
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    darkness = sum(int(part) for part in re.findall(r"\d+", ground)[:3])
    assert (darkness < 150) == (scheme == "dark")
    page.close()


@pytest.mark.browser
def test_print_is_light_and_whole_even_from_a_dark_screen(browser: Any, tmp_path: Path) -> None:
    page = browser.new_page(color_scheme="dark")
    many = tuple(row(f"c{n}", 0.9) for n in range(60))
    page.goto(render(tmp_path, rows=many).as_uri())
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
    page.goto(render(tmp_path).as_uri())
    assert page.locator("#table tbody tr:visible").count() == 5
    assert page.locator("#table-findings tbody tr:visible").count() == 3
    assert not page.locator("#filter").is_visible()
    assert not page.locator("#copy").is_visible()
    context.close()
