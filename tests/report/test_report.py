"""The report: complete, harmless, small."""

import re
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report_samples import exhibit, finding, render, report, row, view
from segassay.records.scores import ScoreRow
from segassay.records.table import rows_of
from segassay.records.triage import Verdict
from segassay.report import html
from segassay.report.advice import next_steps, tiles
from segassay.report.model import Exhibit, Place, size_words, worst_labels
from segassay.types import Remark, Severity, Status


def test_page_stands_alone_and_names_are_harmless(tmp_path: Path) -> None:
    page = render(tmp_path).read_text()
    assert "<script>document.title" not in page
    assert page.count("<article") == 2
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    for words in ("0.31", "likely wrong", "no such file", "12 voxels", "parts are missing"):
        assert words in page
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "cases",
        "index.html",
        "issues.md",
        "report.jsonl",
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"rows": (), "findings": ()},
        {"rows": (row("d", nan, status=Status.FAILED),), "findings": (), "exhibits": ()},
        {"rows": ()},
        {"unlabelled": tuple(f"u{n}" for n in range(30)), "unmatched": ("a: b",), "notes": ("n",)},
    ],
)
def test_page_without_this_or_that(tmp_path: Path, options: dict[str, Any]) -> None:
    page = render(tmp_path, **options).read_text()
    assert "</html>" in page
    assert not re.search(r">\s*nan\s*<", page)


def test_page_stays_small_with_real_sizes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    slope = np.linspace(0, 0.9, 512, dtype=np.float32)
    image = slope[:, None] * slope + 0.05 * rng.standard_normal((512, 512)).astype(np.float32)
    mask = np.zeros((512, 512), dtype=np.bool_)
    mask[50:450, 60:470] = True
    rows = [row(f"c{n}", n / 20) for n in range(20)]
    look = view(image=image, mask=mask, suggested=mask, error=image, pixel_mm=(0.8, 0.8))
    shown = tuple(Exhibit(r, (look,)) for r in rows)
    path = render(tmp_path, shown, rows=tuple(rows))
    assert path.stat().st_size < 5_000_000


def test_long_tables_end_and_name_the_file_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "_MOST_ROWS", 2)
    page = render(tmp_path).read_text()
    assert "The worst 2 of 5; all are in <code>scores.csv</code>" in page
    assert "The first 2 of 3; all are in <code>findings.jsonl</code>" in page


def test_pictures_have_no_slices(tmp_path: Path) -> None:
    flat = row("a", 0.3, worst_slice=0, n_slices=1, n_voxels=77)
    page = render(tmp_path, (exhibit(flat, plane=""),), rows=(flat,)).read_text()
    assert "77 pixels" in page
    assert "whole image" in page
    article = page.split("<article")[1].split("</article>")[0]
    told = [*re.findall(r'aria-label="([^"]*)"', article), *re.findall(r">([^<]*)<", article)]
    assert not any("slice" in words for words in told)
    assert "worst slice" not in (tmp_path / "issues.md").read_text()
    deep = row("a", 0.3, worst_slice=0, n_slices=1, volume_ml=2.5)
    page = render(tmp_path, (exhibit(deep),), rows=(deep,)).read_text()
    assert "whole slice" in page


def test_what_the_lines_show_is_said_for_each_case(tmp_path: Path) -> None:
    """Another caption wherever another line is missing, or drawn for another reason."""
    nothing = np.zeros((60, 80), dtype=np.bool_)
    miss = row("f", nan, status=Status.ABSENT_SUSPECT, error_type="")
    kinds: list[tuple[ScoreRow, Place, dict[str, Any]]] = [
        (row("a", 0.3), Place.AT_LABEL, {}),
        (row("b", 0.31), Place.AT_LABEL, {"suggested": nothing}),
        (row("c", 0.32), Place.AT_LABEL, {"mask": nothing}),
        (row("d", 0.33, error_type="wrong_place"), Place.FOUND, {}),
        (row("e", 0.34, error_type="wrong_place"), Place.UNKNOWN, {}),
        (miss, Place.FOUND, {"mask": nothing}),
        (row("g", 0.35), Place.NOT_DRAWN, {"suggested": None, "error": None}),
    ]
    pictures = tuple(replace(exhibit(of, **how), place=place) for of, place, how in kinds)
    page = render(tmp_path, pictures, rows=tuple(of for of, _, _ in kinds)).read_text()
    articles = page.split("<article")[1:]
    captions = [re.findall(r"<figcaption>(.*?)</figcaption>", text)[0] for text in articles]
    assert len(set(captions)) == len(kinds)


def test_a_label_on_other_slices_is_shown_beside_where_it_should_be(tmp_path: Path) -> None:
    nothing = np.zeros((60, 80), dtype=np.bool_)
    of = row("a", 0.02, error_type="wrong_place", n_slices=2, expected_volume_error=7.9)
    found = Exhibit(of, (view(mask=nothing, index=9), view(index=3)), (), Place.FOUND)
    page = render(tmp_path, (found,), rows=(of,)).read_text()
    (article,) = page.split("<article")[1:]
    assert 'data-slice="slice-1"' in article
    assert 'data-slice="slice-1-label"' in article
    assert "slice 3" in article
    assert size_words(of) == ""
    assert size_words(row("b", 0.4, expected_volume_error=7.9)) != ""


def test_a_structure_that_differs_is_one_note_that_its_labels_lead_to(tmp_path: Path) -> None:
    differs = {"status": Status.ABSTAINED, "remarks": {Remark.STRUCTURE_DIFFERS}, "reason": "it"}
    alike = tuple(row(f"a{n}", 0.3, **differs) for n in range(8))
    assert report(rows=alike).differences == {"liver": "too_small"}
    page = render(tmp_path, (exhibit(alike[0]),), rows=alike).read_text()
    assert page.count('id="differences"') == 1
    (article,) = page.split("<article")[1:]
    assert 'href="#differences"' in article


@pytest.mark.parametrize(("error", "words"), [
    (-0.25, "25% less than expected"), (0.4, "40% more than expected"), (0.05, "as expected"),
    (1.5, "2.5 times what is expected"), (nan, ""),
])  # fmt: skip
def test_size_in_words(error: float, words: str) -> None:
    assert size_words(row("a", 0.5, expected_volume_error=error)) == words


def test_size_and_outline_stand_beside_the_score(tmp_path: Path) -> None:
    told = {"volume_ml": 2.5, "expected_volume_error": -0.25, "expected_nsd": 0.44}
    known = row("a", 0.3, spacing_mm="1 1 2", **told)
    page = render(tmp_path, (exhibit(known),), rows=(known,)).read_text()
    assert "2.5 ml, 25% less than expected" in page
    assert "expected surface Dice 0.44 within 2 mm" in page
    pixels = row("a", 0.3, n_voxels=77, worst_slice=0, expected_nsd=0.44)
    page = render(tmp_path, (exhibit(pixels),), rows=(pixels,)).read_text()
    assert "within 2 pixels" in page
    assert "than expected" not in page
    bare = row("a", 0.3)
    assert "within 2" not in render(tmp_path, (exhibit(bare),), rows=(bare,)).read_text()


def test_an_error_is_named_only_where_the_verdict_earns_it() -> None:
    """A label of 0.97 is not one of which parts are missing."""
    rows = tuple(row(f"a{n}", score) for n, score in enumerate((0.3, 0.66, *(0.97,) * 4)))
    data = report(rows=rows, findings=())
    assert [bool(data.looks(r)) for r in rows_of(data.frame)] == [True, True, *(False,) * 4]


def test_a_plausible_label_is_not_painted_red_where_it_may_well_be_right(tmp_path: Path) -> None:
    error = np.full((60, 80), 0.45, dtype=np.float32)
    for score, painted in ((0.3, True), (0.97, False)):
        of = row("a", score)
        page = render(tmp_path, (exhibit(of, error=error),), rows=(of,)).read_text()
        assert ('class="veil"' in page) is painted


def test_commands_in_findings_stand_as_code(tmp_path: Path) -> None:
    odd = replace(
        finding("a", "liver", Severity.ERROR, "a ` b <i>"), suggestion="run `fix <D>` now"
    )
    render(tmp_path, (), findings=(odd,))
    for path in (tmp_path / "index.html", tmp_path / "cases" / "a.html"):
        page = path.read_text()
        assert "run <code>fix &lt;D&gt;</code> now" in page
        assert "a ` b &lt;i&gt;" in page


def test_what_a_rule_found_is_one_click_from_its_label(tmp_path: Path) -> None:
    """The rule that made the verdict stands beside it, also where it speaks of a pair."""
    pair = replace(
        finding("a", None, Severity.ERROR, "exchanged"),
        evidence={"pair": ["kidney_left", "kidney_right"]},
    )
    rows = (row("a", 0.92, structure="kidney_left", error_type="good"), row("a", 0.95))
    found = (finding("a", "liver", Severity.INFO, "3 voxels"), pair)
    data = report(rows=rows, findings=found)
    assert [data.verdict(r) for r in rows] == [Verdict.LIKELY_WRONG, Verdict.CHECK]
    assert [data.rules_about(r) for r in rows] == [(("holes", 1),), ()]
    page = render(tmp_path, (), rows=rows, findings=found).read_text()
    (cells,) = re.findall(r'<tr[^>]* data-structure="kidney_left" data-verdict.*?</tr>', page)
    assert cells.count('href="#finding-1"') == 2  # beside the verdict, and among the rules
    assert page.count('id="finding-1"') == 1
    (case,) = (tmp_path / "cases").iterdir()
    assert 'href="#finding-1"' in case.read_text()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(Status)),
            st.sampled_from([nan, 0.0, 0.4, 0.7, 0.95]),
            st.integers(0, 2),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_every_number_at_the_head_counts_what_it_lists(
    drawn: list[tuple[Status, float, int, bool]],
) -> None:
    """Counts add up to the labels; what a step or a tile counts has that verdict."""
    rows = tuple(
        row(f"c{n}", score if status in (Status.SCORED, Status.ABSTAINED) else nan, status=status,
            structure=f"s{kind}", n_voxels=9 * filled)
        for n, (status, score, kind, filled) in enumerate(drawn)
    )  # fmt: skip
    data = report(rows=rows, findings=())
    assert sum(data.counts.values()) == len(rows)
    low = data.counts.get(Verdict.LOW_CONFIDENCE, 0)
    assert low == sum(r.status is Status.ABSTAINED and not isnan(r.score) for r in rows)
    by_name = {verdict.name.lower(): n for verdict, n in data.counts.items()}
    addresses = [(s.address, s.n_rows) for s in next_steps(data) if s.address]
    addresses += [(tile.address, tile.n) for tile in tiles(data)]
    for address, n in addresses:
        section, _, wanted = address.partition(":")
        if section == "labels":
            names = wanted.removeprefix("verdict=").split(",")
            listed = len(rows) if wanted == "all" else sum(by_name.get(k, 0) for k in names)
            assert n == listed, address


def test_a_score_that_a_rule_overrode_shows_what_the_judge_said(tmp_path: Path) -> None:
    pair = replace(
        finding("a", None, Severity.ERROR, "exchanged"),
        evidence={"pair": ["kidney_left", "kidney_right"]},
    )
    of = row(
        "a", 0.0, structure="kidney_right", judge_score=0.74, error_type="wrong_place",
        remarks={Remark.RULE_OVERRIDES}, flags="holes",
    )  # fmt: skip
    data = report(rows=(of,), findings=(pair,))
    assert data.verdict(of) is Verdict.LIKELY_WRONG
    assert data.is_by_rule(of)
    assert data.rules_about(of) == (("holes", 0),)
    page = render(tmp_path, (exhibit(of),), rows=(of,), findings=(pair,)).read_text()
    (cells,) = re.findall(r'<tr[^>]* data-structure="kidney_right" data-verdict.*?</tr>', page)
    (article,) = re.findall(r"<article.*?</article>", page, re.DOTALL)
    for part in (cells, article):
        assert "0.74" in part
        assert 'href="#finding-0"' in part


def test_suspected_misses_come_before_plausible_labels() -> None:
    missed = [
        row(f"m{n}", nan, status=Status.ABSENT_SUSPECT, presence=p, error_type="")
        for n, p in enumerate((0.6, 0.9))
    ]
    rows = (row("a", 0.95), row("b", 0.1), *missed)
    data = report(rows=rows, findings=())
    assert [r.case_id for r in worst_labels(data, 4)] == ["b", "m1", "m0", "a"]
    assert [r.case_id for r in worst_labels(data, 1)] == ["b"]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=20))
def test_scores_of_low_confidence_never_come_before_what_is_to_be_looked_at(
    drawn: list[tuple[bool, float]],
) -> None:
    rows = tuple(
        row(f"c{n}", score, status=Status.ABSTAINED if doubted else Status.SCORED)
        for n, (doubted, score) in enumerate(drawn)
    )
    data = report(rows=rows, findings=())
    order = [data.verdict(r) for r in worst_labels(data, 99)]
    assert order == sorted(order, key=list(Verdict).index)
    assert len(order) == len(rows)
