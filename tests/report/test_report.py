"""The report: complete, harmless, small."""

import re
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from report_samples import exhibit, render, row, view
from segassay.records.scores import ScoreRow
from segassay.report import html
from segassay.report.model import Exhibit, Place, protocol_differences, size_words, verdict
from segassay.types import Status


def test_page_stands_alone_and_names_are_harmless(tmp_path: Path) -> None:
    page = render(tmp_path).read_text()
    assert "<script>document.title" not in page
    assert page.count("<article") == 2
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    for words in ("0.31", "FAIL", "no such file", "12 voxels", "parts are missing"):
        assert words in page
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cases", "index.html", "issues.md"]


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


def test_protocol_difference_is_said_on_the_page_and_beside_the_picture(tmp_path: Path) -> None:
    alike = tuple(row(f"a{n}", 0.3) for n in range(8))
    page = render(tmp_path, (exhibit(alike[0]),), rows=alike).read_text()
    assert "liver: protocol or domain difference" in page
    assert "segassay fit" in page
    assert "perhaps <a" in page


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
    assert protocol_differences((*low, row("b", 0.9))) == {}
