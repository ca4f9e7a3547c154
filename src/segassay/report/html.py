"""Rendering a report: pages that need no network and no script, and an issue list."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
from jinja2 import Environment, PackageLoader, select_autoescape

from segassay.files.visible_names import visible
from segassay.records.p_faulty import FAULTY_BELOW
from segassay.records.triage import KEY, Verdict, key_of
from segassay.report.advice import (
    VERDICT_SENTENCES,
    next_steps,
    tiles,
    trust,
    verdict_address,
)
from segassay.report.case_pages import case_pages
from segassay.report.distributions import HEIGHT, WIDTH, distributions
from segassay.report.figures import FAINT, Picture, draw
from segassay.report.issues import issue_list
from segassay.report.kept import Pictured, write_kept
from segassay.report.model import (
    SEVERITIES,
    Exhibit,
    Place,
    ReportData,
    error_name,
    is_volume,
    size_words,
    worst_labels,
)
from segassay.report.ordered_labels import LabelList, Listed
from segassay.report.subgroups import LEAST_SUBJECTS, subgroups
from segassay.types import REVIEW_BELOW, counted, percent

_MOST_ROWS = 5000
"""Rows of a table on the page, worst first: browsers get slow beyond, the files hold the rest."""

_SCRIPTS = ("tables.js", "viewer.js", "filters.js", "keys.js")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One label with its pictures. `number` is its place in the list of all labels."""

    label: Listed
    slices: tuple[Picture, ...]
    planes: tuple[Picture, ...]
    caption: str

    @property
    def label_elsewhere(self) -> Picture | None:
        """The first picture with label where the worst slice holds none, only what is expected."""
        if self.slices[0].label:
            return None
        return next((picture for picture in self.slices if picture.label), None)

    @property
    def number(self) -> int:
        """Its place in the list of all labels."""
        return self.label.number


def render_report(data: ReportData, exhibits: Iterable[Exhibit], out: Path) -> Path:
    """Write `index.html`, the pages of `cases/` and `issues.md`; return the first page's path.

    What the report was made of is kept in `report.jsonl`.

    Args:
        data: What was found.
        exhibits: Labels in pictures, in any order; each is drawn before the next is asked for.
        out: Folder to write to. Pages of an earlier report there are removed.

    Raises:
        OSError: The folder cannot be written.
    """
    pictures = [_drawn(data, exhibit) for exhibit in exhibits]
    write_kept(data, pictures, out)
    return write_pages(data, pictures, out)


def write_pages(data: ReportData, pictures: Iterable[Pictured], out: Path) -> Path:
    """Write the pages of a report whose pictures are drawn; otherwise as `render_report`."""
    environment = _environment()
    labels = LabelList(data)
    drawn = _in_list(labels, pictures)
    _write_case_pages(environment, labels, drawn, out / "cases")
    issues = issue_list(data)
    (out / "issues.md").write_text(issues, encoding="utf-8")
    path = out / "index.html"
    path.write_text(_index(environment, labels, drawn, issues), encoding="utf-8")
    return path


def _in_list(labels: LabelList, pictures: Iterable[Pictured]) -> list[Drawn]:
    """Find the labels that pictures are of; of one that the run no longer has, none is shown."""
    given = list(pictures)
    keys = pl.DataFrame(
        [one.key for one in given], schema=dict.fromkeys(KEY, pl.String), orient="row"
    )
    found = labels.of(labels.data.ranked.join(keys, KEY, how="semi"))
    listed = {key_of(label.row): label for label in found}
    return [
        Drawn(listed[one.key], one.slices, one.planes, one.caption)
        for one in given
        if one.key in listed
    ]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("segassay.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_legible,
    )
    environment.filters["score"] = _score_text
    environment.filters["counted"] = counted
    environment.filters["percent"] = percent
    environment.filters["error_name"] = error_name
    environment.filters["size_words"] = size_words
    environment.tests["volume"] = is_volume
    parts = [environment.get_template(name).render() for name in _SCRIPTS]
    script = "\n" + "".join(parts)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(
        # The browser runs this script and no other, whatever a name may have smuggled in.
        script=script,
        script_hash=f"sha256-{digest}",
        review_below=REVIEW_BELOW,
        faulty_below=FAULTY_BELOW,
        verdict_sentences=VERDICT_SENTENCES,
        severities=[severity.value for severity in SEVERITIES],
    )
    return environment


def _index(environment: Environment, labels: LabelList, drawn: Sequence[Drawn], issues: str) -> str:
    data = labels.data
    listed = labels.of(data.ranked.head(_MOST_ROWS))
    worst = {key_of(row): n for n, row in enumerate(worst_labels(data, data.n_worst))}
    shown = [d for d in drawn if key_of(d.label.row) in worst]
    steps, heads = next_steps(data), tiles(data)
    asked = [
        *(step.address for step in steps),
        *(tile.address for tile in heads),
        *map(verdict_address, data.counts),
        *(f"labels:structure={quote(name)}" for name in data.differences),
    ]
    found = sorted(enumerate(data.findings), key=lambda f: SEVERITIES.index(f[1].severity))
    return environment.get_template("index.html.j2").render(
        data=data,
        labels=listed,
        shown=sorted(shown, key=lambda d: worst[key_of(d.label.row)]),
        any_volume=any(is_volume(d.label.row) for d in drawn),
        steps=steps,
        tiles=heads,
        addresses=tuple(dict.fromkeys(asked)),
        limits=trust(data),
        distributions=distributions(labels, listed),
        figure=(WIDTH, HEIGHT),
        subgroups=subgroups(data),
        least_subjects=LEAST_SUBJECTS,
        findings=found,
        pages=labels.pages,
        most_rows=_MOST_ROWS,
        issues=issues,
    )


def _write_case_pages(
    environment: Environment, labels: LabelList, drawn: Sequence[Drawn], folder: Path
) -> None:
    for old in folder.glob("*.html"):
        old.unlink()
    template = environment.get_template("case.html.j2")
    by_number = {d.number: d for d in drawn}
    for page in case_pages(labels):
        folder.mkdir(exist_ok=True)
        pictured = [by_number[x.number] for x in page.labels if x.number in by_number]
        text = template.render(data=labels.data, page=page, shown=pictured)
        (folder / page.file).write_text(text, encoding="utf-8")


def _drawn(data: ReportData, exhibit: Exhibit) -> Pictured:
    """Draw a label. On a plausible one only what is rather wrong than right is painted."""
    faint = 0.5 if data.verdict(exhibit.row) is Verdict.PLAUSIBLE else FAINT
    slices = tuple(draw(view, faint=faint) for view in exhibit.slices)
    planes = tuple(map(draw, exhibit.planes))
    return Pictured(key_of(exhibit.row), slices, planes, _caption(exhibit))


def _caption(exhibit: Exhibit) -> str:
    """Say what the lines show; a missing line is explained, not left to be searched for."""
    first, place = exhibit.slices[0], exhibit.place
    if place is Place.NOT_DRAWN or first.suggested is None:
        return "label"
    where = "slice" if is_volume(exhibit.row) else "image"
    if place is Place.UNKNOWN:
        return "label; expected elsewhere, place unknown" if first.mask.any() else "place unknown"
    if place is Place.FOUND:
        return f"{'label, and where' if first.mask.any() else 'where'} the structure is expected"
    if not first.suggested.any():
        return f"label; nothing is expected on this {where}"
    return "label and expected outline" if first.mask.any() else "no label here, only expected"


def _score_text(value: float) -> str:
    return "n/a" if isnan(value) else f"{value:.2f}"


def _legible(value: Any) -> Any:
    """Make names that come from files legible; our own markup and numbers stay as they are."""
    return visible(value) if type(value) is str else value
