"""A judge that knows no interval: the pages leave it out and draw nothing beside the label."""

import re
from math import nan
from pathlib import Path

from report_samples import exhibit, render, row


def test_no_interval_and_no_suggestion_are_left_out(tmp_path: Path) -> None:
    one = row("a", 0.31, score_lo=nan, score_hi=nan, error_type="", reason="no interval: imported")
    shown = (exhibit(one, suggested=None, error=None),)
    page = render(tmp_path, shown, rows=(one,), findings=()).read_text()
    (case,) = (tmp_path / "cases").glob("*.html")
    for whole in (page, case.read_text()):
        text = re.sub(r"base64,[^\"]+", "", whole)
        assert "0.31" in text
        assert "no interval: imported" in text
        assert "n/a" not in text
        assert "nan" not in text
