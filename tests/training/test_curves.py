"""The curves of a training as a picture."""

import xml.etree.ElementTree as ET
from math import nan
from pathlib import Path

from segassay.training.curves import curves_svg, draw_curves

SVG = "{http://www.w3.org/2000/svg}"


def paths(svg: str) -> list[str]:
    return [node.attrib["d"] for node in ET.fromstring(svg).iter(f"{SVG}path")]


def test_values_by_hand() -> None:
    rows = [
        {"updates": 1, "seconds": 60.0, "loss": 3.0},
        {"updates": 2, "seconds": 120.0, "loss": 1.0},
    ]
    # 200 x 110 pixels: the first at half the time on top, the last at the end at the bottom
    assert paths(curves_svg(rows)) == ["M100.0 0.0h0L200.0 110.0"]


def test_gaps_single_values_and_none() -> None:
    values = [1.0, nan, 2.0, 3.0]
    rows = [{"seconds": 60.0 * n, "loss": v} for n, v in enumerate(values)]
    (line,) = paths(curves_svg(rows))
    assert line.count("M") == 2
    assert line.count("L") == 1
    assert paths(curves_svg([{"seconds": 5.0, "loss": 0.5}])) == ["M200.0 0.0h0"]
    assert "no value" in curves_svg([{"seconds": 5.0, "loss": nan}])
    assert "no curve yet" in curves_svg([])


def test_names_are_text(tmp_path: Path) -> None:
    svg = curves_svg([{"seconds": 5.0, "<script>": 0.5}])
    assert "<script>" not in svg
    assert ET.fromstring(svg) is not None


def test_the_picture_lies_beside_the_table(tmp_path: Path) -> None:
    assert draw_curves(tmp_path) is None
    (tmp_path / "curves.csv").write_text(
        "updates,pairs,seconds,restarts,total,tuning_pearson\n1,8,30,0,0.9,0.1\n9,72,60,0,0.5,broken\n"
    )
    picture = draw_curves(tmp_path)
    assert picture is not None
    text = picture.read_text()
    assert len(paths(text)) == 2
    assert "tuning pearson" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.csv", "curves.svg"]
