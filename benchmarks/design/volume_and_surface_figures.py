"""Figures and page of `volume_and_surface.py`, from its rows."""

from collections.abc import Callable, Sequence
from math import nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.frozen_test.frozen import Row
from segassay.metrics.agreement import (
    bootstrap_by_subject,
    mean_absolute_error,
    pearson,
    spearman,
)

Floats = NDArray[np.float64]
Names = NDArray[np.str_]

DRAWS = 200
CLEAR = 0.1
"""From this true volume error on it matters whether its sign is seen."""

NSD_METHODS = ("expected_nsd", "value", "mean_nsd")
PLANES = ("pearson", "mae", "bias")
VOLUME_METHODS = ("expected_volume_error", "usual_size_error", "mean_volume_error", "no_error")


def summarise(rows: Sequence[Row]) -> Row:
    """Return the figures of all rows, of every set, and their means over sets."""
    beside = list(with_baselines(rows))
    sets = list(dict.fromkeys(row["set"] for row in beside))
    by_set = {name: figures([r for r in beside if r["set"] == name]) for name in sets}
    return {"pooled": figures(beside), "over_sets": over_sets(by_set), "by_set": by_set}


def with_baselines(rows: Sequence[Row]) -> list[Row]:
    """Put beside every row what needs no judge, from the other subjects' labels of its structure.

    These are the mean true figures and the volume error against the median size of the expert's
    labels; NaN where no other subject of the set has the structure.
    """
    found = []
    for row in rows:
        key = (row["set"], row["structure"])
        others = [
            r for r in rows if (r["set"], r["structure"]) == key and r["subject"] != row["subject"]
        ]
        sizes = {r["case"]: r["right_size"] for r in others}
        usual = float(np.median(list(sizes.values()))) if sizes else nan
        found.append(
            {
                **row,
                "mean_nsd": _mean([r["nsd"] for r in others]),
                "mean_volume_error": _mean([r["volume_error"] for r in others]),
                "usual_size_error": row["size"] / usual - 1,
                "no_error": 0.0,
            }
        )
    return found


def figures(rows: Sequence[Row]) -> Row:
    """Return the figures of some rows, each with [low, high] of its 95 % interval by subject."""
    return {
        "n": len(rows),
        "subjects": len({row["subject"] for row in rows}),
        "nsd": surface(rows),
        "volume": volume(rows),
        "error_type": types(rows),
    }


def surface(rows: Sequence[Row]) -> Row:
    """Return how near expected surface Dice and what could stand for it are to the true one."""
    known = [row for row in rows if not np.isnan(row["expected_nsd"])]
    true, subjects = _column(known, "nsd"), _names(known)
    gain = np.abs(_column(known, "value") - true) - np.abs(_column(known, "expected_nsd") - true)
    plane = _column(known, "nsd_in_plane")
    return {
        "n": len(known),
        "unknown": len(rows) - len(known),
        **{name: against(_column(known, name), true, subjects) for name in NSD_METHODS},
        "mae_below_score": _estimate(lambda i: float(gain[i].mean()), subjects),
        "planes_alone": {
            "pearson": round(pearson(plane, true), 4),
            "mae": round(mean_absolute_error(plane, true), 4),
            "bias": round(float((plane - true).mean()), 4),
        },
    }


def volume(rows: Sequence[Row]) -> Row:
    """Return how near the expected volume error is to the true one.

    Relative errors have no upper end: Pearson is that of log(1 + error), the log of the ratio.
    """
    known = [row for row in rows if not np.isnan(row["expected_volume_error"])]
    true, subjects = _column(known, "volume_error"), _names(known)
    clear = np.abs(true) > CLEAR
    seen = np.sign(_column(known, "expected_volume_error")) == np.sign(true)
    return {
        "n": len(known),
        "not_found": len(rows) - len(known),
        **{name: ratio(_column(known, name), true, subjects) for name in VOLUME_METHODS},
        "sign_seen": round(float(seen[clear].mean()), 4),
        "n_clear": int(clear.sum()),
    }


def types(rows: Sequence[Row]) -> Row:
    """Return how often the judge names the true type of error, and the most frequent one's share.

    Labels as experts drew them are left out: all of them are good.
    """
    faulty = [row for row in rows if row["origin"] != "expert"]
    names, counts = np.unique([row["error_type"] for row in faulty], return_counts=True)
    right = np.array([row["expected_type"] == row["error_type"] for row in faulty])
    return {
        "n": len(faulty),
        "right": _estimate(lambda i: float(right[i].mean()), _names(faulty)),
        "most_frequent": {
            "type": str(names[counts.argmax()]),
            "share": round(max(counts) / len(faulty), 4),
        },
    }


def against(predicted: Floats, true: Floats, subjects: Names) -> Row:
    """Return Pearson, Spearman, MAE and bias of predictions; NaN ones are left out, and counted."""
    known = ~np.isnan(predicted)
    p, t, s = predicted[known], true[known], subjects[known]
    return {
        "n": len(p),
        "pearson": _estimate(lambda i: pearson(p[i], t[i]), s),
        "spearman": _estimate(lambda i: spearman(p[i], t[i]), s),
        "mae": _estimate(lambda i: mean_absolute_error(p[i], t[i]), s),
        "bias": round(float((p - t).mean()), 4) if len(p) else nan,
    }


def ratio(predicted: Floats, true: Floats, subjects: Names) -> Row:
    """Return the same of relative errors: Pearson in logs, and the median absolute error."""
    known = ~np.isnan(predicted)
    p, t, s = predicted[known], true[known], subjects[known]
    return {
        **against(p, t, s),
        "pearson": _estimate(lambda i: pearson(np.log1p(p[i]), np.log1p(t[i])), s),
        "median_error": _estimate(lambda i: float(np.median(np.abs(p - t)[i])), s),
    }


def over_sets(by_set: Row) -> Row:
    """Return means over sets; figures that a set has not are left out."""
    sets = list(by_set.values())
    means = {
        part: {
            name: {
                key: _mean([of[part][name][key]["value"] for of in sets])
                for key in ("pearson", "spearman", "mae")
            }
            for name in methods
        }
        for part, methods in (("nsd", NSD_METHODS), ("volume", VOLUME_METHODS))
    }
    planes = {key: _mean([of["nsd"]["planes_alone"][key] for of in sets]) for key in PLANES}
    return {**means, "nsd": {**means["nsd"], "planes_alone": planes}}


def write_markdown(found: Row, path: Path) -> None:
    """Write the figures as a page."""
    lines = [*_head(found), *_surface_part(found), *_volume_part(found), *_type_part(found)]
    path.write_text("\n".join(lines) + "\n")


def _head(found: Row) -> list[str]:
    pooled = found["pooled"]
    cases = ", ".join(f"{name} {count}" for name, count in found["cases"].items())
    return [
        "# Expected surface Dice, volume error and error type",
        "",
        f"{found['judge']} on {pooled['n']} masks of {pooled['subjects']} subjects of the frozen "
        f"test (version {found['test_version']}; cases: {cases}). Brackets: 95 % "
        "bootstrap by subject. Made by "
        "`python -m benchmarks.design.volume_and_surface DATA_ROOT`.",
        "",
    ]


def _surface_part(found: Row) -> list[str]:
    nsd = found["pooled"]["nsd"]
    alone, gain = nsd["planes_alone"], nsd["mae_below_score"]
    lines = [
        "## Surface Dice at 2 mm",
        "",
        "Images without millimetres: at 2 pixels. `expected_nsd` of the table beside the score "
        "taken for it, and the mean of the structure on other subjects of the set (none: n/a).",
        "",
        *_header(
            "Pearson",
            "Spearman",
            "MAE",
            "Pearson of the score",
            "MAE of the score",
            "of the mean",
            "of the planes alone",
        ),
    ]
    parts = [(name, of["nsd"]["expected_nsd"]["n"], of["nsd"]) for name, of in _parts(found)]
    for name, count, of in (*parts, ("mean over sets", "", found["over_sets"]["nsd"])):
        own, score, mean = (of[method] for method in NSD_METHODS)
        cells = (own["pearson"], own["spearman"], own["mae"], score["pearson"], score["mae"])
        lines.append(_line(name, count, (*cells, mean["mae"], of["planes_alone"]["mae"])))
    return [
        *lines,
        "",
        f"The absolute error of the score, taken for the surface Dice, is larger by {_text(gain)}. "
        f"Bias of `expected_nsd`: {nsd['expected_nsd']['bias']:+.3f}. "
        "The planes alone: surface Dice of the true masks in the planes of the slices, against "
        f"that of the volume; Pearson {alone['pearson']:.3f}, MAE {alone['mae']:.3f}, bias "
        f"{alone['bias']:+.3f}. No value: {nsd['unknown']}.",
        "",
    ]


def _volume_part(found: Row) -> list[str]:
    volume = found["pooled"]["volume"]
    lines = [
        "## Volume error",
        "",
        "Share of the true size, of an image the area. Pearson is that of log(1 + error). Usual "
        "size: against the median of the structure on other subjects, without a judge.",
        "",
        *_header("Pearson", "Spearman", "MAE", "median error", "MAE of the usual size", "MAE of 0"),
    ]
    for name, of in _parts(found):
        own, usual, _, none = (of["volume"][method] for method in VOLUME_METHODS)
        cells = (own["pearson"], own["spearman"], own["mae"], own["median_error"])
        lines.append(_line(name, own["n"], (*cells, usual["mae"], none["mae"])))
    usual = volume["usual_size_error"]
    return [
        *lines,
        "",
        f"The usual size: Pearson {_text(usual['pearson'])}, Spearman {_text(usual['spearman'])}, "
        f"median error {_text(usual['median_error'])}. Too small or too large is seen in "
        f"{volume['sign_seen']:.1%} of {volume['n_clear']} masks that are more than 10 % off. "
        f"Structure not found, so no value: {volume['not_found']}.",
        "",
    ]


def _type_part(found: Row) -> list[str]:
    of = found["pooled"]["error_type"]
    most = of["most_frequent"]
    return [
        "## Error type",
        "",
        f"Named as the truth does in {_text(of['right'])} of {of['n']} faulty masks; always saying "
        f"`{most['type']}` is right in {most['share']:.3f}.",
    ]


def _parts(found: Row) -> list[tuple[str, Row]]:
    return [("all, pooled", found["pooled"]), *found["by_set"].items()]


def _header(*names: str) -> list[str]:
    return [f"| labels | n | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]


def _line(name: str, count: object, cells: Sequence[Row | float]) -> str:
    return f"| {name} | {count} | {' | '.join(_text(cell) for cell in cells)} |"


def _text(cell: Row | float) -> str:
    if isinstance(cell, float):
        return "n/a" if np.isnan(cell) else f"{cell:.3f}"
    if np.isnan(cell["value"]):
        return "n/a"
    low, high = cell["ci"]
    return (
        f"{cell['value']:.3f}" if np.isnan(low) else f"{cell['value']:.3f} [{low:.3f}, {high:.3f}]"
    )


def _column(rows: Sequence[Row], key: str) -> Floats:
    return np.array([row[key] for row in rows], dtype=np.float64)


def _names(rows: Sequence[Row]) -> Names:
    return np.array([row["subject"] for row in rows], dtype=np.str_)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return round(float(np.mean(known)), 4) if known else nan


def _estimate(measure: Callable[[NDArray[np.intp]], float], subjects: Names) -> Row:
    if len(np.unique(subjects)) < 2:
        value = measure(np.arange(len(subjects))) if len(subjects) else nan
        return {"value": round(value, 4), "ci": [nan, nan]}
    found = bootstrap_by_subject(subjects, measure, n_draws=DRAWS)
    return {"value": round(found.value, 4), "ci": [round(found.low, 4), round(found.high, 4)]}
