"""Compare results: two releases of one data set, or candidate label sources of the same images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from segassay.compare.candidates import Preference, preferences, sources_of
from segassay.compare.changes import Change, Changes, Outcome, label_changes
from segassay.compare.comparison_page import ChangedPicture, comparison_page
from segassay.errors import OutputError, UsageError
from segassay.files.atomic import write_whole
from segassay.files.strict_json import strict_json
from segassay.metrics.agreement import Estimate, mean_by_subject
from segassay.records.results import Results, open_results
from segassay.records.run import MANIFEST
from segassay.records.table import csv_bytes
from segassay.records.triage import KEY, LabelKey
from segassay.report.kept import Pictured, read_kept

COMPARISON_VERSION = 1
"""Version of `comparison.json`; goes up when its keys or their meaning change."""

_PICTURES = 12


@dataclass(frozen=True, slots=True)
class StructureChange:
    """What became of the labels of one structure.

    `difference` is the mean change of score of those that changed, with its 95 % interval by
    subject; NaN where none can be compared.
    """

    structure: str
    counts: dict[Change, int]
    outcomes: dict[Outcome, int]
    difference: Estimate


@dataclass(frozen=True, slots=True)
class ReleaseComparison:
    """Two releases of one data set; `overall` has an empty structure."""

    names: tuple[str, str]
    changes: Changes
    overall: StructureChange
    by_structure: tuple[StructureChange, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the content of `comparison.json`."""
        return {
            "version": COMPARISON_VERSION,
            "before": self.names[0],
            "after": self.names[1],
            "one_judge": self.changes.comparable,
            "noise": {"difference": self.changes.noise, "n_labels": self.changes.n_noise},
            "moved": self.changes.n_moved,
            "notes": list(self.notes),
            "all": _plain(self.overall),
            "by_structure": {one.structure: _plain(one) for one in self.by_structure},
        }


@dataclass(frozen=True, slots=True)
class SourceComparison:
    """Candidate sources of labels, compared in pairs."""

    n_labels: dict[str, int]
    preferences: tuple[Preference, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the content of `comparison.json`."""
        pairs = [{**asdict(one), "winner": one.winner} for one in self.preferences]
        return {"version": COMPARISON_VERSION, "sources": self.n_labels, "pairs": pairs}


def compare_releases(before: Results, after: Results) -> ReleaseComparison:
    """Compare the results of two releases of one data set.

    Raises:
        UsageError: They share no label, so they are of different data sets or pseudonymised apart.
    """
    changes = label_changes(before, after)
    frame = changes.frame
    shared = before.frame.join(after.frame, on=KEY, how="semi").height
    if before.frame.height and after.frame.height and not shared:
        raise UsageError(
            f"{before.folder.name} and {after.folder.name}: no label of the same case, structure "
            "and source; give two audits of one data set, both without --pseudonymise, or add "
            "--sources to compare labels of other sources"
        )
    parts = sorted((str(name), part) for (name,), part in frame.group_by("structure"))
    return ReleaseComparison(
        _names((before, after)),
        changes,
        _summary("", frame),
        tuple(_summary(name, part) for name, part in parts),
        _notes(changes),
    )


def compare_sources(results: Sequence[Results]) -> SourceComparison:
    """Compare candidate sources of labels, all of one result or of several.

    Raises:
        UsageError: There is one source only, two judges were asked, or no label is shared.
    """
    frames = {name: one.frame for name, one in zip(_names(tuple(results)), results, strict=True)}
    sources = sources_of(frames)
    found = preferences(sources)
    if not found:
        raise UsageError(
            f"{', '.join(sources)}: no case and structure that two of them have a score for; are "
            "these labels of the same images?"
        )
    return SourceComparison({name: frame.height for name, frame in sources.items()}, found)


def compare_results(
    folders: Sequence[Path], out: Path, *, sources: bool = False
) -> ReleaseComparison | SourceComparison:
    """Compare results and write `comparison.json`, `index.html` and, of releases, `changes.csv`.

    Args:
        folders: Result folders of audits. Two are releases of one data set; one, or more than two,
            are compared by their sources of labels.
        out: Folder for what was found; made if missing.
        sources: Take two folders as sources, too.

    Raises:
        UsageError: A folder holds no finished results, or they cannot be compared.
        OutputError: The folder cannot be written.
    """
    if (out / MANIFEST).exists():
        raise UsageError(f"{out}: holds results of a run, which stay; choose another -o")
    results = [open_results(folder) for folder in folders]
    found: ReleaseComparison | SourceComparison
    pictures: tuple[ChangedPicture, ...] = ()
    if len(results) == 2 and not sources:
        found = compare_releases(*results)
        pictures = _pictures(found.changes, results[0], results[1])
    else:
        found = compare_sources(results)
    document = found.to_json()
    try:
        out.mkdir(parents=True, exist_ok=True)
        text = strict_json(document, indent=1)
        write_whole(out / "comparison.json", (text + "\n").encode())
        if isinstance(found, ReleaseComparison):
            write_whole(out / "changes.csv", _changes_csv(found.changes))
        write_whole(out / "index.html", comparison_page(document, found_rows(found), pictures))
    except OSError as error:
        raise OutputError.of(out, error) from error
    return found


def found_rows(found: ReleaseComparison | SourceComparison) -> pl.DataFrame:
    """Return the labels that are not as they were, the largest differences first."""
    if isinstance(found, SourceComparison):
        return pl.DataFrame()
    return found.changes.frame.filter(pl.col("change") != Change.UNCHANGED.value)


def _names(results: Sequence[Results] | tuple[Results, Results]) -> Any:
    """Return what results are called: their folders' names, with the folder above where alike."""
    short = [one.folder.resolve().name for one in results]
    if len(set(short)) == len(short):
        return tuple(short)
    return tuple(
        f"{one.folder.resolve().parent.name}/{one.folder.resolve().name}" for one in results
    )


def _summary(structure: str, frame: pl.DataFrame) -> StructureChange:
    counts = dict(frame["change"].value_counts().iter_rows())
    outcomes = dict(frame.filter(pl.col("outcome") != "")["outcome"].value_counts().iter_rows())
    known = frame.filter(
        pl.col("change") == Change.CHANGED.value, pl.col("difference").is_not_nan()
    )
    return StructureChange(
        structure,
        {kind: counts.get(kind.value, 0) for kind in Change},
        {kind: outcomes.get(kind.value, 0) for kind in Outcome},
        mean_by_subject(
            known["difference"].to_numpy(), known["subject_id"].to_numpy().astype(np.str_)
        ),
    )


def _plain(one: StructureChange) -> dict[str, Any]:
    counts = {kind.value: n for kind, n in one.counts.items()}
    outcomes = {kind.value: n for kind, n in one.outcomes.items()}
    return {"labels": counts, "changed_labels": outcomes, "difference": asdict(one.difference)}


def _notes(changes: Changes) -> tuple[str, ...]:
    n_by_file = changes.frame.filter("by_file", pl.col("change") == Change.CHANGED.value).height
    n_unknown = changes.of(Change.UNKNOWN).height
    notes = (
        ""
        if changes.comparable
        else "the results are of two judges, or of one in two versions: "
        "what changed is told, and not whether it is better; audit both with one judge",
        f"{n_by_file} labels count as changed since their file changed: an older segassay audited "
        "them, which kept no checksum of a single label"
        if n_by_file
        else "",
        f"{n_unknown} labels have no checksum, as in pseudonymised results: whether they changed "
        "is not known"
        if n_unknown
        else "",
    )
    return tuple(filter(None, notes))


def _pictures(changes: Changes, before: Results, after: Results) -> tuple[ChangedPicture, ...]:
    """Return the largest changes of which a result keeps a picture."""
    earlier, later = (_kept(one.folder) for one in (before, after))
    found: list[ChangedPicture] = []
    for row in changes.of(Change.CHANGED).iter_rows(named=True):
        key: LabelKey = (row["case_id"], row["structure"], row["source"])
        if not isnan(row["difference"]) and (key in earlier or key in later):
            found.append(ChangedPicture.of(row, earlier.get(key), later.get(key)))
        if len(found) == _PICTURES:
            break
    return tuple(found)


def _kept(folder: Path) -> dict[LabelKey, Pictured]:
    """Return the pictures that a result keeps; none where its report was not kept."""
    try:
        return {one.key: one for one in read_kept(folder)[1]}
    except UsageError:
        return {}


def _changes_csv(changes: Changes) -> bytes:
    shown = changes.frame.filter(pl.col("change") != Change.UNCHANGED.value)
    kinds: dict[Any, type] = {pl.Float64: float, pl.Int64: int, pl.Boolean: bool}
    columns = {name: kinds.get(kind, str) for name, kind in shown.schema.items()}
    return csv_bytes(list(shown.iter_rows(named=True)), columns)
