"""A comparison as one page that needs no network and no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, select_autoescape

from segassay.files.visible_names import visible
from segassay.report.figures import Picture
from segassay.report.kept import Pictured
from segassay.types import counted

_MOST_ROWS = 500
"""Rows of a table on the page; the files hold the rest."""


@dataclass(frozen=True, slots=True)
class ChangedPicture:
    """One changed label, before and after, with what a row of `Changes.frame` says of it.

    A side is `None` where its result kept no picture of the label.
    """

    row: dict[str, Any]
    before: Picture | None
    after: Picture | None

    @classmethod
    def of(
        cls, row: dict[str, Any], before: Pictured | None, after: Pictured | None
    ) -> "ChangedPicture":
        """Choose the worst slice that both results show; where they share none, each one's own."""
        earlier, later = (() if one is None else one.slices for one in (before, after))
        drawn = {(one.plane, one.index): one for one in later}
        shared = next((one for one in earlier if (one.plane, one.index) in drawn), None)
        if shared is not None:
            return cls(row, shared, drawn[shared.plane, shared.index])
        return cls(row, next(iter(earlier), None), next(iter(later), None))


def comparison_page(
    document: dict[str, Any], changed: pl.DataFrame, pictures: Sequence[ChangedPicture]
) -> bytes:
    """Return the page.

    Args:
        document: Content of `comparison.json`.
        changed: Labels that are not as they were; empty for sources.
        pictures: The largest changes that a result keeps a picture of.
    """
    environment = Environment(
        loader=PackageLoader("segassay.compare"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters["number"] = _number
    environment.filters["estimate"] = _estimate
    environment.filters["counted"] = counted
    text = environment.get_template("comparison.html.j2").render(
        found=document,
        changed=changed.head(_MOST_ROWS).to_dicts(),
        n_changed=changed.height,
        pictures=pictures,
    )
    return text.encode()


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None or isnan(value) else f"{value:{sign}.2f}"


def _estimate(found: dict[str, float]) -> str:
    value, low, high = (found[name] for name in ("value", "low", "high"))
    if isnan(value):
        return ""
    interval = "" if isnan(low) else f" [{low:+.3f}, {high:+.3f}]"
    return f"{value:+.3f}{interval}"
