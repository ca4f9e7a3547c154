"""What the report looks like: contrast, colours that everybody tells apart, print."""

import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from report_samples import render, row

CSS = Path(__file__).parents[2] / "src" / "segassay" / "report" / "templates" / "report.css"

OpenPage = Callable[..., Any]

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
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const texts = [...document.querySelectorAll("body *")].filter((e) => !e.closest("svg, script"))
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  const controls = [...document.querySelectorAll("input, select, button")];
  const marks = [...document.querySelectorAll(".chart rect, .chart circle")];
  const written = [...texts, ...controls].map((e) => ratio(getComputedStyle(e).color, ground(e)));
  const drawn = marks.map((e) => ratio(getComputedStyle(e).fill, ground(e.closest("svg"))));
  return { text: Math.min(...written), marks: Math.min(99, ...drawn) };
}
"""


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_have_contrast(open_page: OpenPage, tmp_path: Path, scheme: str) -> None:
    page = open_page(render(tmp_path, notes=("a note",)), color_scheme=scheme)
    for path in [tmp_path / "index.html", tmp_path / "cases" / "a.html"]:
        page.goto(path.as_uri())
        page.evaluate("for (const d of document.querySelectorAll('dialog')) d.show()")
        contrast = page.evaluate(CONTRAST)
        assert contrast["text"] >= 4.5, contrast  # WCAG 2 AA
        assert contrast["marks"] >= 2.0, contrast
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        darkness = sum(int(part) for part in re.findall(r"\d+", ground)[:3])
        assert (darkness < 150) == (scheme == "dark")


@pytest.mark.browser
def test_print_is_light_and_whole_even_from_a_dark_screen(
    open_page: OpenPage, tmp_path: Path
) -> None:
    many = tuple(row(f"c{n}", 0.9) for n in range(60))
    page = open_page(render(tmp_path, rows=many), color_scheme="dark")
    page.emulate_media(media="print")
    for path in [tmp_path / "index.html", tmp_path / "cases" / "c0.html"]:
        page.goto(path.as_uri())
        assert page.evaluate(CONTRAST)["text"] >= 4.5
        for unprinted in ("nav", "dialog", ".filters"):
            assert page.locator(f"{unprinted}:visible").count() == 0
        tall = "[...document.querySelectorAll('.tall')]"
        assert page.evaluate(f"{tall}.every(e => e.scrollHeight <= e.clientHeight + 2)")


SEEN_BY = {
    "trichromat": np.eye(3),
    "protanope": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranope": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanope": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
"""Colours as they are seen: Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB."""

_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: str, seen_by: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* of a colour such as "#e69f00" as somebody sees it."""
    rgb = np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = _TO_XYZ @ np.clip(seen_by @ linear, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def schemes() -> list[dict[str, str]]:
    """The variables of the light and the dark scheme."""
    found = re.findall(r":root \{([^}]*)\}", CSS.read_text())
    return [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", block)) for block in found]


@pytest.mark.parametrize("eye", SEEN_BY)
def test_everybody_tells_the_colours_apart(eye: str) -> None:
    light, dark = schemes()
    lines = re.findall(r"#e69f00|#56b4e9", CSS.read_text())
    assert set(lines) == {"#e69f00", "#56b4e9"}
    groups: list[tuple[str, ...]] = [("#e69f00", "#56b4e9", "#000000")]
    groups += [
        tuple(s[name] for name in ("wrongbar", "checkbar", "plausiblebar")) for s in (light, dark)
    ]
    for group in groups:
        for one, other in combinations(group, 2):
            distance = np.linalg.norm(lab(one, SEEN_BY[eye]) - lab(other, SEEN_BY[eye]))
            assert distance > 20, (eye, one, other, distance)
