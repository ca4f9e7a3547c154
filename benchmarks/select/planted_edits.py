"""Edits planted in copies of a data set: does `compare` find them, and what do corrections cost?

Two copies of an nnU-Net data set are made: in one, twenty labels are edited (two of them by moving
a single voxel, one removed), in the other nearly all. Original and copies are audited by one judge,
alone (`--peers 0`). Then `segassay compare` is timed and what it names is held against what was
edited; and the length of outline that each audit of the second copy expects to be redrawn is held
against what putting the original back does redraw: half of what the outlines of both do not share
at 2 mm in the planes of the slices, and the added path length without a tolerance (pixels of the
original's border that are not on the label's; Vaassen 2020).

Usage: python -m benchmarks.select.planted_edits DATA_SET [--work FOLDER] [--judge judge-small]
       [--held-out btcv_11 btcv_12 btcv_13]
"""

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import polars as pl
import scipy.ndimage as ndi
from numpy.typing import NDArray

from benchmarks.frozen_test.frozen import RUNS
from segassay.auditing.audit import audit
from segassay.auditing.audit_config import AuditConfig
from segassay.compare.changes import Change
from segassay.compare.compare_results import ReleaseComparison, compare_results
from segassay.metrics.agreement import Estimate, bootstrap_by_subject, spearman
from segassay.metrics.overlap import NSD_MM, dice, surface_areas
from segassay.records.results import open_results
from segassay.runs.configs import SourceConfig
from segassay.select.costs import outline_mm

RESULTS = Path(__file__).parents[2] / "docs" / "results"
Voxels = NDArray[np.uint8]
Bools = NDArray[np.bool_]

_TWENTY = {"voxel": 2, "erode": 5, "dilate": 4, "shift": 4, "cut": 3, "blob": 1, "delete": 1}
_KINDS = ("erode", "dilate", "shift", "cut", "blob")


@dataclass(frozen=True, slots=True)
class Edit:
    """One label to be edited."""

    case: str
    value: int
    kind: str
    seed: int


@dataclass(frozen=True, slots=True)
class Correction:
    """What putting the original of one edited label back costs, and what was expected."""

    case: str
    structure: str
    dice: float
    score: float
    path_mm: float
    added_pixels: int
    outline_mm: float
    expected_path_mm: float
    guessed_path_mm: float


def main() -> None:
    """Make copies and audits that are not there yet, compare, and write table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, default=RUNS / "planted_edits")
    parser.add_argument("--judge", default="judge-small")
    parser.add_argument("--held-out", nargs="*", default=["btcv_11", "btcv_12", "btcv_13"])
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    names = {
        v: k for k, v in json.loads((given.data / "dataset.json").read_text())["labels"].items()
    }
    edits = planned(given.data, sorted(v for v in names if v))
    given.work.mkdir(parents=True, exist_ok=True)
    folders = {"original": given.data}
    for name, planted in zip(("twenty", "all"), edits, strict=True):
        folders[name] = given.work / name
        if not (given.work / f"{name}.json").exists():
            made = plant(given.data, folders[name], planted)
            (given.work / f"{name}.json").write_text(json.dumps([asdict(one) for one in made]))
    results = {}
    for name, folder in folders.items():
        results[name] = given.work / f"audit_{name}"
        config = AuditConfig(
            source=SourceConfig(path=folder), out=results[name], judge=given.judge, peers=0, jobs=1
        )
        audit(config)
    found = compared(given.work, results, names)
    corrections = measured(given.data, folders["all"], results["all"], names)
    document = {
        "data_set": str(open_results(results["original"]).run.dataset["name"]),
        "judge": open_results(results["original"]).run.model_id,
        "compare": found,
        "corrections": figures(corrections, given.held_out),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, allow_nan=False)
    (given.out / "planted_edits.json").write_text(text + "\n", encoding="utf-8")
    (given.out / "planted_edits.md").write_text(page(document), encoding="utf-8")


def planned(data: Path, values: Sequence[int]) -> tuple[list[Edit], list[Edit]]:
    """Choose twenty labels and an edit for each, and an edit for every label."""
    paths = sorted((data / "labelsTr").glob("*.nii.gz"))
    cases = [path.name.removesuffix(".nii.gz") for path in paths]
    held = {c: set(np.unique(_labels(p)[0]).tolist()) for c, p in zip(cases, paths, strict=True)}
    pairs = [(case, value) for case in cases for value in values if value in held[case]]
    rng = np.random.default_rng(1)
    kinds = [kind for kind, n in _TWENTY.items() for _ in range(n)]
    places = rng.choice(len(pairs), len(kinds), replace=False)
    chosen = zip((pairs[k] for k in places), kinds, strict=True)
    few = [Edit(case, value, kind, n) for n, ((case, value), kind) in enumerate(chosen)]
    every = [
        Edit(case, value, _KINDS[rng.integers(len(_KINDS))], 100 + n)
        for n, (case, value) in enumerate(pairs)
    ]
    return few, every


def plant(data: Path, out: Path, edits: Sequence[Edit]) -> list[Edit]:
    """Copy a data set and edit labels; return the edits that changed a voxel."""
    shutil.rmtree(out, ignore_errors=True)
    for path in (path for path in data.rglob("*") if path.is_file()):
        target = out / path.relative_to(data)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)  # not its mode: a data set may be read-only
    made = []
    for case in dict.fromkeys(one.case for one in edits):
        path = out / "labelsTr" / f"{case}.nii.gz"
        labels, spacing, image = _labels(path)
        for one in edits:
            if one.case == case:
                edited = _edited(labels, spacing, one)
                if (edited != labels).any():
                    made.append(one)
                labels = edited
        path.unlink()
        nib.save(nib.Nifti1Image(labels, image.affine, image.header), path)
    return made


def _labels(path: Path) -> tuple[Voxels, tuple[float, ...], Any]:
    image: Any = nib.load(path)
    spacing = tuple(float(mm) for mm in image.header.get_zooms()[:3])
    return np.asarray(image.dataobj).astype(np.uint8), spacing, image


def _edited(labels: Voxels, spacing: Sequence[float], edit: Edit) -> Voxels:
    """Edit one label of a label map; voxels of other labels stay theirs."""
    rng = np.random.default_rng(edit.seed)
    mask = labels == edit.value
    if not mask.any():
        return labels
    new = _EDITS[edit.kind](mask, spacing, rng) & (mask | (labels == 0))
    changed = labels.copy()
    changed[mask] = 0
    changed[new] = edit.value
    return changed


def _voxel(mask: Bools, spacing: Sequence[float], rng: np.random.Generator) -> Bools:
    del spacing
    inside = np.argwhere(mask)
    beside = np.argwhere(ndi.binary_dilation(mask) & ~mask)
    new = mask.copy()
    new[tuple(inside[rng.integers(len(inside))])] = False
    new[tuple(beside[rng.integers(len(beside))])] = True
    return new


def _erode(mask: Bools, spacing: Sequence[float], rng: np.random.Generator) -> Bools:
    return np.asarray(ndi.distance_transform_edt(mask, sampling=spacing) > rng.uniform(1.5, 6))


def _dilate(mask: Bools, spacing: Sequence[float], rng: np.random.Generator) -> Bools:
    return np.asarray(ndi.distance_transform_edt(~mask, sampling=spacing) <= rng.uniform(2, 10))


def _shift(mask: Bools, spacing: Sequence[float], rng: np.random.Generator) -> Bools:
    steps = [round(rng.uniform(-15, 15) / mm) for mm in spacing]
    return np.asarray(ndi.shift(mask.astype(np.uint8), steps, order=0) > 0)


def _cut(mask: Bools, spacing: Sequence[float], rng: np.random.Generator) -> Bools:
    del spacing
    filled = np.flatnonzero(mask.any(axis=(0, 1)))
    new = mask.copy()
    new[..., filled[: max(1, int(len(filled) * rng.uniform(0.1, 0.6)))]] = False
    return new


def _blob(mask: Bools, spacing: Sequence[float], rng: np.random.Generator) -> Bools:
    inside = np.argwhere(mask)
    centre = inside[rng.integers(len(inside))]
    grid = np.ogrid[tuple(slice(n) for n in mask.shape)]
    parts = zip(grid, centre, spacing, strict=True)
    distance = sum(((axis - at) * mm) ** 2 for axis, at, mm in parts)
    return np.asarray(mask | (distance < rng.uniform(8, 25) ** 2))


def _delete(mask: Bools, spacing: Sequence[float], rng: np.random.Generator) -> Bools:
    del spacing, rng
    return np.zeros_like(mask)


_EDITS = {
    "voxel": _voxel,
    "erode": _erode,
    "dilate": _dilate,
    "shift": _shift,
    "cut": _cut,
    "blob": _blob,
    "delete": _delete,
}


def compared(work: Path, results: dict[str, Path], names: dict[int, str]) -> dict[str, Any]:
    """Compare original and the copy with few edits; hold what is named against what was edited."""
    begin = time.perf_counter()
    found = compare_results([results["original"], results["twenty"]], work / "comparison")
    seconds = time.perf_counter() - begin
    if not isinstance(found, ReleaseComparison):
        raise TypeError("two results are two releases")
    edited = json.loads((work / "twenty.json").read_text())
    planted = {(one["case"], names[one["value"]]) for one in edited}
    named = found.changes.frame.filter(pl.col("change") != Change.UNCHANGED.value)
    told = set(named.select("case_id", "structure").iter_rows())
    return {
        "edited": len(planted),
        "named": len(told),
        "missed": len(planted - told),
        "named_wrongly": len(told - planted),
        "seconds": round(seconds, 1),
        "labels": found.changes.frame.height,
        "counts": {kind.value: n for kind, n in found.overall.counts.items()},
        "outcomes": {kind.value: n for kind, n in found.overall.outcomes.items()},
    }


def measured(data: Path, copy: Path, results: Path, names: dict[int, str]) -> list[Correction]:
    """Measure what correcting every edited label redraws."""
    values = {name: value for value, name in names.items()}
    frame = open_results(results).frame.with_columns(whole=outline_mm())
    rows = []
    for (case,), own in frame.sort("case_id", "structure").group_by("case_id", maintain_order=True):
        edited, spacing, _ = _labels(copy / "labelsTr" / f"{case}.nii.gz")
        original, _, _ = _labels(data / "labelsTr" / f"{case}.nii.gz")
        for row in own.iter_rows(named=True):
            value = values[row["structure"]]
            mask, true = edited == value, original == value
            if mask.any() and true.any():
                path, pixels, outline = _redrawn(mask, true, spacing)
                rows.append(
                    Correction(
                        str(case),
                        row["structure"],
                        dice(mask, true),
                        row["score"],
                        path,
                        pixels,
                        outline,
                        row["expected_path_mm"],
                        (1 - row["score"]) * row["whole"],
                    )
                )
    return rows


def _redrawn(mask: Bools, true: Bools, spacing: Sequence[float]) -> tuple[float, int, float]:
    """Return length redrawn in mm, pixels of the true border to be added, and outline in mm."""
    path, pixels, outline = 0.0, 0, 0.0
    for index in np.flatnonzero((mask | true).any(axis=(0, 1))):
        a, b = mask[..., index], true[..., index]
        agreeing, total = surface_areas(a, b, spacing[:2], tolerance_mm=NSD_MM)
        path += (total - agreeing) / 2
        outline += total / 2
        borders = [plane & ~ndi.binary_erosion(plane) for plane in (a, b)]
        pixels += int(np.count_nonzero(borders[1] & ~borders[0]))
    return path, pixels, outline


def figures(rows: Sequence[Correction], held_out: Sequence[str]) -> dict[str, Any]:
    """Return rank correlations with their intervals, of all cases and of those held out."""
    known = [row for row in rows if not np.isnan(row.expected_path_mm)]
    parts = {"all": known, "held_out": [row for row in known if row.case in held_out]}
    per_case: dict[str, float] = {}
    for row in known:
        per_case[row.case] = per_case.get(row.case, 0.0) + row.outline_mm / 1000
    ratio = [row.path_mm / row.guessed_path_mm for row in known if row.guessed_path_mm > 0]
    return {
        "held_out": list(held_out),
        "outline_m_per_case": float(np.mean(list(per_case.values()))),
        "expected_m": sum(row.expected_path_mm for row in known) / 1000,
        "redrawn_m": sum(row.path_mm for row in known) / 1000,
        "median_redrawn_by_guessed": float(np.median(ratio)),
        **{name: _correlations(part) for name, part in parts.items() if part},
    }


def _correlations(rows: Sequence[Correction]) -> dict[str, Any]:
    cases = np.array([row.case for row in rows])
    columns = {name: np.array([getattr(row, name) for row in rows]) for name in asdict(rows[0])}
    columns["loss"] = 1 - columns["score"]

    def between(first: str, second: str) -> list[float]:
        """Return a rank correlation with its interval."""
        a, b = columns[first].astype(np.float64), columns[second].astype(np.float64)
        found: Estimate = bootstrap_by_subject(cases, lambda i: spearman(a[i], b[i]))
        return [round(float(one), 3) for one in (found.value, found.low, found.high)]

    kinds = ("expected_path_mm", "guessed_path_mm", "loss")
    return {
        "n": len(rows),
        "cases": len(set(cases.tolist())),
        **{kind: {to: between(kind, to) for to in ("path_mm", "added_pixels")} for kind in kinds},
    }


def page(document: dict[str, Any]) -> str:
    """Return the figures as a markdown page."""
    found, costs = document["compare"], document["corrections"]
    words = {
        "expected_path_mm": "`expected_path_mm`",
        "guessed_path_mm": "from volume and score, without a suggestion",
        "loss": "1 - score",
    }
    rows = [
        f"| {words[kind]} | {name.replace('_', ' ')} | {part['n']} | {part['cases']} | "
        + " | ".join("{:.2f} [{:.2f}, {:.2f}]".format(*part[kind][to]) for to in part[kind])
        + " |"
        for name in ("all", "held_out")
        for part in [costs.get(name)]
        if part
        for kind in words
    ]
    return "\n".join(
        [
            "# Planted edits: what `compare` finds, and what corrections cost",
            "",
            "`python -m benchmarks.select.planted_edits DATA_SET`: copies of "
            f"{document['data_set']}, audited by {document['judge']} alone.",
            "",
            f"**Compare.** {found['edited']} of {found['labels']} labels were edited; "
            f"{found['named']} were named, {found['missed']} missed, {found['named_wrongly']} "
            f"named wrongly, in {found['seconds']:.0f} s: {_told(found['counts'])}. Of the "
            f"changed ones: {_told(found['outcomes'])}.",
            "",
            "**Corrections.** Spearman between what an audit expects to be redrawn and what "
            "putting the original back redraws, of a copy in which nearly all labels were edited; "
            "brackets hold 95 % intervals from resampling cases. The judge was trained on cases of "
            "this data set; held out are those it never saw: " + ", ".join(costs["held_out"]) + ".",
            "",
            "| predicted by | cases | labels | n | outline not shared | added path length |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"In all, {costs['expected_m']:.0f} m were expected and {costs['redrawn_m']:.0f} m "
            f"redrawn. A case has {costs['outline_m_per_case']:.0f} m of outline.",
            "",
        ]
    )


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items() if n)


if __name__ == "__main__":
    main()
