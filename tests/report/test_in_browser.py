"""The report in a real browser: what one clicks, types and presses.

`open_page` sees to it that no page complains on the console or asks for anything from a network.
"""

import re
from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from report_samples import HOSTILE, exhibit, finding, render, row
from segassay.types import Severity, Status

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Any]

SIX = tuple(row(f"a{n}", 0.3 + 0.05 * n) for n in range(6))


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_the_screen_and_names_run_no_script(
    open_page: OpenPage, tmp_path: Path, width: int
) -> None:
    page = open_page(render(tmp_path), viewport={"width": width, "height": 900})
    for path in [tmp_path / "index.html", *sorted((tmp_path / "cases").iterdir())]:
        page.goto(path.as_uri())
        assert "owned" not in page.title().split("<")[0]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_script_that_slipped_in_does_not_run(open_page: OpenPage, tmp_path: Path) -> None:
    path = render(tmp_path)
    text = path.read_text().replace("</main>", "<script>document.title='owned'</script></main>")
    path.write_text(text)
    context = open_page(tmp_path / "cases" / "a.html").context
    page = context.new_page()  # this one complains, as it must
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(path.as_uri())
    assert page.title() != "owned"
    assert "Content Security Policy" in refused[0]


def test_a_dot_leads_to_its_case(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path))
    page.locator(".dist tr[data-structure=liver] .chart a").first.click()
    assert page.url.endswith("/cases/a.html#label-1")
    assert page.locator("h1").inner_text() == "a"
    assert page.locator("article:target .structure").inner_text() == "liver"
    page.click("text=Report")
    assert page.url.endswith("/index.html")


def test_dots_are_reached_by_keyboard(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path, rows=SIX))
    stops = page.locator(".chart a[tabindex='0']")
    assert stops.count() == 1
    stops.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/a2.html#label-1")


def shown(page: Any) -> list[str]:
    cells = page.locator("#table tbody tr:visible td:first-child")
    return [str(text) for text in cells.all_inner_texts()]


def test_filters_act_on_table_dots_and_pictures(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path))
    assert page.locator("#count").inner_text() == "5 in all"
    for name, value, left in [
        ("structure", "spleen", [HOSTILE]),
        ("verdict", "failed", ["d"]),
        ("severity", "warning", ["a"]),
        ("severity", "error", ["c"]),
        ("severity", "none", [HOSTILE, "d"]),
    ]:
        page.select_option(f"[name={name}]", value)
        assert shown(page) == left
        assert page.locator("#count").inner_text() == f"{len(left)} of 5"
        page.select_option(f"[name={name}]", "")
    page.fill("[name=least]", "0.4")
    page.fill("[name=most]", "0.93")
    assert shown(page) == [HOSTILE, "b"]
    assert page.locator(".chart a:visible").count() == 2
    assert page.locator("article:visible").count() == 1
    page.click("text=Clear")
    assert page.locator("#count").inner_text() == "5 in all"
    page.fill("#filter", "plausible liver")
    assert shown(page) == ["b"]
    page.reload()  # a filter stays while one goes to a case and back
    assert shown(page) == ["b"]


MANY = (
    *(row(f"w{n}", 0.1 + n / 50) for n in range(9)),
    *(row(f"k{n}", 0.66, structure="aorta") for n in range(3)),
    *(row(f"u{n}", 0.2, status=Status.ABSTAINED, structure="rib") for n in range(4)),
    *(row(f"m{n}", nan, status=Status.ABSENT_SUSPECT, presence=0.8) for n in range(2)),
    *(row(f"o{n}", nan, status=Status.ABSENT_OK, presence=0.1) for n in range(5)),
    *(row(f"e{n}", nan, status=Status.ABSTAINED) for n in range(6)),
    *(row(f"i{n}", nan, status=Status.INVALID, reason="grid") for n in range(2)),
    row("f", nan, status=Status.FAILED, reason="gone"),
    *(row(f"g{n}", 0.95, error_type="good") for n in range(20)),
)
FOUND = (
    finding("w1", "liver", Severity.WARNING, "holes"),
    finding("g1", "liver", Severity.ERROR, "exchanged"),
    finding("g2", None, Severity.ERROR, "float"),
    finding("g3", "liver", Severity.INFO, "small"),
)


def test_every_link_of_the_summary_shows_exactly_what_it_counts(
    open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(render(tmp_path, (), rows=MANY, findings=FOUND))
    links = page.locator("#summary a[data-n]")
    assert links.count() >= 18
    labels = []
    for n in range(links.count()):
        link = links.nth(n)
        counted = int(link.get_attribute("data-n"))
        table = "#table" if ":verdict=" in link.get_attribute("href") else ""
        if link.get_attribute("href").startswith("#findings"):
            table = "#table-findings"
        page.evaluate("scrollTo(0, 0)")
        page.select_option("[name=structure]", "rib")  # what was set before does not linger
        link.click()
        rows = page.locator(f"{table or '#table'} tbody tr:visible")
        assert rows.count() == counted, link.inner_text()
        if link.evaluate("e => e.closest('.counts') !== null"):
            labels.append(counted)
    assert sum(labels) == len(MANY)


def test_a_filtered_list_can_be_linked_to(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path, (), rows=MANY, findings=FOUND))
    address = page.url
    page.goto(f"{address}#labels:verdict=missing")
    assert shown(page) == ["m0", "m1"]
    page.goto(f"{address}#findings:severity=error")
    assert page.locator("#table-findings tbody tr:visible").count() == 2
    page.goto(f"{address}#labels:all")
    assert len(shown(page)) == len(MANY)


def test_a_rule_beside_a_label_leads_to_what_it_found(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path, (), rows=MANY, findings=FOUND))
    page.fill("#filter-findings", "float")
    page.locator("#table tbody tr", has_text="g1").first.locator("td[data-name=rules] a").click()
    page.locator("#finding-1").wait_for(state="visible")
    assert "exchanged" in page.locator("tr:target").inner_text()


@pytest.mark.parametrize("width", [1400, 390])
def test_no_bar_covers_what_a_link_leads_to(
    open_page: OpenPage, tmp_path: Path, width: int
) -> None:
    page = open_page(
        render(tmp_path, tuple(exhibit(r) for r in MANY[:9]), rows=MANY, findings=FOUND),
        viewport={"width": width, "height": 900},
    )
    for link in [
        *page.locator("nav a").all(),
        *page.locator("#summary a[data-n]").all(),
    ]:
        page.evaluate("scrollTo(0, 0)")
        link.click()
        page.wait_for_timeout(50)
        section = link.get_attribute("href")[1:].partition(":")[0]
        covered = page.evaluate(
            """(id) => {
              const title = document.querySelector(`#${id} h2`).getBoundingClientRect();
              const over = document.elementFromPoint(title.left + 5, title.top + 5);
              return title.top < 0 || title.top > innerHeight || over.tagName !== "H2";
            }""",
            section,
        )
        assert not covered, section


@pytest.mark.parametrize("width", [1400, 390])
def test_no_table_is_cut(open_page: OpenPage, tmp_path: Path, width: int) -> None:
    told = {
        "reason": "low confidence: the interval is 0.77 wide; compared with labels of other cases",
        "evidence": "tested on 16 masks of 1 subject kept from training",
        "label_path": "labelsTr/a_very_long_name_of_a_case_0001_of_many.nii.gz",
    }
    rows = tuple(
        row("case_0001_of_many", 0.3 + n / 20, structure=name, **told)
        for n, name in enumerate(("portal_vein_and_splenic_vein", "adrenal_gland_left", "liver"))
    )
    page = open_page(render(tmp_path, (), rows=rows), viewport={"width": width, "height": 900})
    for path in [tmp_path / "index.html", *sorted((tmp_path / "cases").iterdir())]:
        page.goto(path.as_uri())
        cut = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth)"
        assert page.evaluate(f"{cut}.map(e => e.ariaLabel)") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if path.parent.name == "cases":
            assert page.content().count(told["evidence"]) == 1


def test_the_table_is_sorted_by_its_heads(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path))
    table = page.locator("#table")
    assert shown(page) == ["a", HOSTILE, "c", "d", "b"]  # by verdict
    table.get_by_role("button", name="score").click()
    assert shown(page) == ["d", "a", HOSTILE, "b", "c"]
    table.get_by_role("button", name="score").click()
    assert shown(page) == ["c", "b", HOSTILE, "a", "d"]
    table.get_by_role("button", name="score").click()
    assert table.locator("th[aria-sort=ascending]").inner_text() == "score"


def test_findings_are_filtered_and_sorted(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path))
    severities = page.locator("#table-findings tbody tr td:first-child")
    assert severities.all_inner_texts() == ["error", "warning", "info"]
    page.locator("#table-findings").get_by_role("button", name="severity").click()
    assert severities.all_inner_texts() == ["info", "warning", "error"]
    page.fill("#filter-findings", "holes warning")
    assert page.locator("#table-findings tbody tr:visible").count() == 1
    assert page.locator("#table tbody tr:visible").count() == 5


def test_keys_of_the_first_page(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path, tuple(exhibit(r) for r in SIX), rows=SIX))
    at = "document.activeElement.id"
    places = []
    for key in "nnnp":
        page.keyboard.press(key)
        places.append(page.evaluate(at))
    assert places == ["worst-1", "worst-2", "worst-3", "worst-2"]
    page.keyboard.press("/")
    assert page.evaluate(at) == "filter"
    page.keyboard.type("a4 n?")  # letters are letters where one writes
    assert page.input_value("#filter") == "a4 n?"
    assert not page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert page.input_value("#filter") == ""
    assert len(shown(page)) == 6
    page.fill("#filter", "a4")
    page.locator("h1").click()
    page.keyboard.press("n")
    assert page.evaluate(at) == "worst-5"  # what is filtered out is passed over
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/a4.html#label-1")


def test_keys_of_a_case(open_page: OpenPage, tmp_path: Path) -> None:
    render(tmp_path, rows=SIX)
    page = open_page(tmp_path / "cases" / "a0.html")
    for key, name in [("n", "a1"), ("n", "a2"), ("p", "a1")]:
        page.keyboard.press(key)
        page.wait_for_url(f"**/{name}.html")
    page.keyboard.press("Escape")
    page.wait_for_url("**/index.html")


def test_keys_are_told_and_can_be_switched_off(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path))
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
    # Where the focus lies after the panel has closed is the browser's choice, made at the next
    # drawing; keys leave it there.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    focus = "document.activeElement.id + document.activeElement.tagName"
    before = page.evaluate(focus)
    page.keyboard.press("n")
    assert page.evaluate(focus) == before
    page.reload()
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    page.click("nav >> text=Keys")
    assert not page.is_checked("#keys-on")


def test_pictures_are_drawn_and_enlarged(open_page: OpenPage, tmp_path: Path) -> None:
    render(tmp_path)
    page = open_page(tmp_path / "cases" / "a.html")
    assert page.locator("article .zoom").count() == 5  # three planes, outlines, error map
    page.keyboard.press("z")
    viewer = page.locator("#viewer")
    assert viewer.is_visible()
    canvas = page.locator("#viewer > svg")

    def width() -> float:
        return float(str(canvas.get_attribute("viewBox")).split()[2])

    whole = width()
    assert whole == 80  # mm
    page.keyboard.press("+")
    assert width() < whole
    for _ in range(40):
        page.keyboard.press("+")
    assert width() > 0.5
    page.keyboard.press("w")
    assert width() == whole
    canvas.hover()
    page.mouse.wheel(0, -100)
    assert width() < whole
    for key, layer in [("l", "label"), ("s", "suggested"), ("e", "veil")]:
        before = page.is_checked(f"[data-layer={layer}]")
        page.keyboard.press(key)
        assert page.is_checked(f"[data-layer={layer}]") != before
    first = page.locator("#viewer-title").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("#viewer-title").inner_text() != first
    page.keyboard.press("Escape")
    assert not viewer.is_visible()
    assert page.url.endswith("a.html")  # Escape closed the picture, not the page


def colours(page: Any, selector: str) -> set[tuple[int, int, int]]:
    """Colours that stand on the screen within an element, without rare mixed ones."""
    import io

    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(page.locator(selector).first.screenshot())).convert("RGB")
    found, counts = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_counts=True)
    return {(int(r), int(g), int(b)) for (r, g, b), n in zip(found, counts, strict=True) if n > 8}


def near(found: set[tuple[int, int, int]], wanted: tuple[int, int, int], tolerance: int) -> bool:
    return any(max(abs(a - b) for a, b in zip(c, wanted, strict=True)) <= tolerance for c in found)


def test_lines_and_error_map_stand_in_their_own_colours(
    open_page: OpenPage, tmp_path: Path
) -> None:
    import numpy as np

    dark = {"image": np.zeros((60, 80), dtype=np.float32)}
    rows = (row("a", 0.3), row("b", 0.4))
    nothing = {**dark, "suggested": np.zeros((60, 80), dtype=np.bool_)}
    pictures = (exhibit(rows[0], **dark), exhibit(rows[1], **nothing))
    page = open_page(render(tmp_path, pictures, rows=rows))
    lines = colours(page, "#worst-1 .lines svg")
    assert near(lines, (230, 159, 0), 40)
    assert near(lines, (86, 180, 233), 40)
    error = colours(page, "#worst-1 .error svg")
    assert near(error, (140, 40, 52), 60)
    assert not near(error, (86, 180, 233), 40)
    assert not near(colours(page, "#worst-2 .lines svg"), (86, 180, 233), 40)


def test_slices_keep_their_proportions(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path))
    box = page.locator("#worst-1 .field svg").bounding_box()
    assert box["height"] / box["width"] == pytest.approx(120 / 80, abs=0.02)  # in millimetres


def test_links_lead_somewhere_and_pictures_have_words(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path, (exhibit(SIX[0]),), rows=SIX))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the summary"
    for url in [page.url, (tmp_path / "cases" / "a0.html").as_uri()]:
        page.goto(url)
        assert dead_ends(page) == []
        mute = "[...document.querySelectorAll('figure svg')].filter(i => !i.ariaLabel).length"
        assert page.evaluate(mute) == 0


def dead_ends(page: Any) -> list[str]:
    """Links of a page to a file or a place that is not there."""
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    here = Path(unquote(urlparse(page.url).path))
    dead = []
    for link in page.evaluate(
        "[...document.querySelectorAll('[href]')].map(a => a.getAttribute('href'))"
    ):
        if link.startswith("data:"):
            continue
        name, _, place = link.partition("#")
        path = here.parent / name if name else here
        if not path.is_file() or (place and f'id="{place}"' not in path.read_text()):
            dead.append(link)
    return dead


def test_page_is_whole_without_scripts(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(render(tmp_path), java_script_enabled=False)
    assert page.locator("#table tbody tr:visible").count() == 5
    assert page.locator("#table-findings tbody tr:visible").count() == 3
    assert page.locator("figure svg").first.is_visible()
    for scripted in ("#filter", "#copy", "nav button"):
        assert not page.locator(scripted).is_visible()
    page.locator(".chart a").first.click()
    assert re.search(r"/cases/[^/]+\.html#label-1$", page.url)


def test_nothing_scored_nothing_broken(open_page: OpenPage, tmp_path: Path) -> None:
    rows = (row("d", nan, status=Status.FAILED, reason="gone"),)
    findings = (finding("d", None, Severity.ERROR, "gone"),)
    page = open_page(render(tmp_path, (), rows=rows, findings=findings))
    for key in "np/":
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    page.locator("#table-findings a").click()
    assert page.locator("h1").inner_text() == "d"
