"""The words and the picture of the risk-coverage curve."""

from xml.etree import ElementTree

import numpy as np

from segassay.metrics.evaluation import plain
from segassay.metrics.selective import selective
from segassay.metrics.summary import JudgedLabels
from segassay.report.risk import risk_lines, risk_svg


def figures(n_abstained: int) -> dict[str, object]:
    error = np.linspace(0, 0.4, 40)
    names = np.array([f"s{k % 4}" for k in range(40)])
    value, same = np.full(40, 0.5), np.full(40, "a")
    judged = JudgedLabels(value, value - error, value + error, value - error, names, same, same)
    found = plain(selective(judged, np.arange(40) >= 40 - n_abstained, n_draws=10))
    assert isinstance(found, dict)
    return found


def test_kept_and_abstained_stand_side_by_side() -> None:
    text = "\n".join(risk_lines(figures(10)))
    assert "| kept | 30 | 4 | 0.149 [" in text
    assert "| abstained | 10 | 4 | 0.354 [" in text
    assert "25% 0.046, 50% 0.097, 75% 0.149, 100% 0.200" in text


def test_nothing_abstained_is_said() -> None:
    assert "| abstained | 0 | 0 | n/a | n/a | n/a |" in risk_lines(figures(0))


def test_the_picture_is_sound_and_draws_three_lines() -> None:
    drawn = ElementTree.fromstring(risk_svg(figures(10)))
    classes = {e.get("class") for e in drawn.iter("{http://www.w3.org/2000/svg}path")}
    assert classes == {"best", "chance", "own"}
    own = next(e for e in drawn.iter("{http://www.w3.org/2000/svg}path") if e.get("class") == "own")
    heights = [float(p.split()[1]) for p in (own.get("d") or "").removeprefix("M").split("L")]
    assert heights == sorted(heights, reverse=True)
    assert "too few labels" in risk_svg(None)
