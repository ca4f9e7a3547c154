"""The picture of an evaluation is well-formed, whatever names hold; dots lie in place."""

import re
import xml.etree.ElementTree as ET

import numpy as np

from segassay.metrics.summary import JudgedLabels
from segassay.report.scatter import scatter_svg

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>&\"'"


def labels(true: list[float], value: list[float], sets: list[str]) -> JudgedLabels:
    score, names = np.array(value, dtype=np.float64), np.array(sets, dtype=np.str_)
    truth = np.array(true, dtype=np.float64)
    return JudgedLabels(score, score, score, truth, names, names, names)


def test_dots_lie_at_truth_and_score() -> None:
    root = ET.fromstring(scatter_svg(labels([0.0, 1.0, 0.5], [0.0, 1.0, 0.75], ["a"] * 3), {}))
    (dots,) = (p for p in root.iter(f"{SVG}path") if p.get("class") == "dots")
    places = re.findall(r"M([\d.]+) ([\d.]+)h0", dots.get("d", ""))
    assert places == [("0.0", "200.0"), ("200.0", "0.0"), ("100.0", "50.0")]


def test_one_panel_per_set_with_its_note_and_hostile_names_as_text() -> None:
    names = [HOSTILE, "b", "c", "d", "e"]
    text = scatter_svg(labels([0.1] * 5, [0.2] * 5, names), {HOSTILE: "r < 1"})
    root = ET.fromstring(text)
    assert "<script" not in text
    titles = ["".join(t.itertext()) for t in root.iter(f"{SVG}text") if t.get("class") == "title"]
    assert [title.split()[0] for title in titles] == [HOSTILE, "b", "c", "d", "e"]
    assert titles[0].endswith("r < 1")
    width, height = (float(root.get(key, "0")) for key in ("width", "height"))
    moves = [g.get("transform", "") for g in root.iter(f"{SVG}g")]
    corners = [tuple(map(float, re.findall(r"[\d.]+", move))) for move in moves]
    assert len(set(corners)) == 5
    assert all(x + 200 <= width and y + 200 <= height for x, y in corners)


def test_without_pairs_it_says_so_and_very_many_are_thinned() -> None:
    assert "no pairs" in scatter_svg(labels([], [], []), {})
    n = 100_000
    many = scatter_svg(labels([0.5] * n, [0.5] * n, ["a"] * n), {})
    ET.fromstring(many)
    assert many.count("h0") == 20_000
