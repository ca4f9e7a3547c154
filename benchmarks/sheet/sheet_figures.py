"""The figures of the judge's sheet, from its rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.frozen_test.frozen import Row
from benchmarks.sheet.sheet_rows import is_untouched
from segassay.metrics.agreement import auroc, mean_absolute_error, pearson
from segassay.metrics.baselines import mean_of_structure, size_oddness
from segassay.metrics.selective import selective
from segassay.metrics.summary import JudgedLabels, agreement, mean_over_groups, reliability

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SWEEPS = ("erosion", "dilation")
FOILS = ("mask_only", "shuffled", "rca", "ensemble_dice", "softmin", "mc_dropout")
"""Columns of rows that hold another method's score of the same mask, where it was run."""


def columns(rows: list[Row]) -> JudgedLabels:
    """Turn rows into columns; rows without a score are left out, and counted by the caller."""
    kept = [row for row in rows if not np.isnan(row["value"])]

    def text(key: str) -> Any:
        return np.array([row[key] for row in kept], dtype=np.str_)

    def number(key: str) -> Any:
        return np.array([row.get(key, np.nan) for row in kept], dtype=np.float64)

    return JudgedLabels(
        number("value"),
        number("low"),
        number("high"),
        number("true"),
        text("subject"),
        text("set"),
        text("structure"),
    )


def summarise(rows: list[Row]) -> Row:
    """Compute every figure of the sheet."""
    pairs = [r for r in rows if r["test"] == "pair" and not np.isnan(r["value"])]
    labels = columns(pairs)
    sets = sorted({r["set"] for r in pairs})

    def of(origin: str) -> Row:
        """Return the figures of the faults of one origin."""
        return figures([r for r in pairs if r["origin"] == origin])

    return {
        "pooled": agreement(labels),
        "over_sets": mean_over_groups(labels),
        "by_set": {n: agreement(labels.where(labels.group == n), n_draws=200) for n in sets},
        "reliability": reliability(labels),
        "abstention": selective(labels, np.array([r["status"] == "abstained" for r in pairs])),
        "trained_families": of("trained"),
        "unseen_families": of("unseen"),
        "network_errors": of("network"),
        "baselines": baselines(pairs, labels),
        "untouched": untouched(pairs),
        "by_size": by_size(pairs),
        "wrong_name": wrong_name(rows),
        "five_images": five_images([r for r in rows if r["test"] == "five_images"]),
        "slices": slices([r for r in rows if r["test"] == "slices"]),
        "sweeps": {name: sweep([r for r in rows if r["test"] == name]) for name in SWEEPS},
    }


def figures(rows: list[Row]) -> Row:
    """Return pooled figures, and the means over sets beside them."""
    labels = columns(rows)
    return {**agreement(labels), **mean_over_groups(labels)}


def five_images(rows: list[Row]) -> Row:
    """Return how score and truth go together while the mask stays the same.

    Means over masks that were put on three patients or more, first by set, then over the sets.
    """
    masks: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        masks.setdefault((row["set"], row["structure"], row["donor"]), []).append(row)
    by_set: dict[str, list[float]] = {}
    for (set_name, _, _), same in masks.items():
        labels = columns(same)
        if len(labels) >= 3 and labels.true.std() > 0:
            # A judge that ignores the image says the same each time: that is 0, not undefined.
            flat = labels.value.std() < 1e-6
            by_set.setdefault(set_name, []).append(
                0.0 if flat else pearson(labels.value, labels.true)
            )
    means = {name: round(float(np.mean(values)), 4) for name, values in sorted(by_set.items())}
    return {
        "masks": sum(len(values) for values in by_set.values()),
        "within_mask_pearson": round(float(np.mean([v for vs in by_set.values() for v in vs])), 4),
        "mean_over_sets": round(float(np.mean(list(means.values()))), 4),
        "by_set": means,
    }


def slices(rows: list[Row]) -> Row:
    """Return Pearson and MAE by the number of slices examined."""
    found = {}
    for count in sorted({r["n"] for r in rows}):
        labels = columns([r for r in rows if r["n"] == count])
        found[str(count)] = {
            "n": len(labels),
            "pearson": round(pearson(labels.value, labels.true), 4),
            "mae": round(mean_absolute_error(labels.value, labels.true), 4),
        }
    return found


def sweep(rows: list[Row]) -> Row:
    """Return the figures of one sweep, with Pearson by structure."""
    structures = sorted({r["structure"] for r in rows})
    own = {name: columns([r for r in rows if r["structure"] == name]) for name in structures}
    by_structure = {name: round(pearson(o.value, o.true), 4) for name, o in own.items()}
    return {**agreement(columns(rows)), "by_structure": by_structure}


def baselines(pairs: list[Row], labels: JudgedLabels) -> Row:
    """Score the same labels by what is simpler, each on all of them and on network errors alone."""
    columns_of = {name: np.array([r[name] for r in pairs]) for name in FOILS if name in pairs[0]}
    sizes = np.array([r["size"] for r in pairs], dtype=np.float64)
    clean = np.array([is_untouched(r) for r in pairs])
    foils = {
        **columns_of,
        "mean_of_structure": mean_of_structure(labels),
        "size_outlier": -size_oddness(sizes, labels, clean),
    }
    of_network = np.array([r["origin"] == "network" for r in pairs])
    return {
        name: _foil(labels, np.asarray(v, dtype=float), of_network) for name, v in foils.items()
    }


def _foil(labels: JudgedLabels, values: Floats, of_network: Bools) -> Row:
    known = ~np.isnan(values)
    other = labels.with_value(values)
    network = other.where(known & of_network)
    return {
        **mean_over_groups(other.where(known)),
        **agreement(other.where(known)),
        "unknown": int((~known).sum()),
        "network_pearson": round(pearson(network.value, network.true), 4) if len(network) else None,
        "network_auroc_below_0.8": (
            round(auroc(network.value, network.true < 0.8), 4) if len(network) else None
        ),
    }


def untouched(pairs: list[Row]) -> Row:
    """Return what the judge says of expert labels as they are."""
    clean = [r for r in pairs if is_untouched(r)]
    keys = sorted({(r["set"], r["structure"]) for r in clean})
    medians = {
        f"{name}/{structure}": round(
            float(
                np.median(
                    [r["value"] for r in clean if (r["set"], r["structure"]) == (name, structure)]
                )
            ),
            3,
        )
        for name, structure in keys
    }
    values = np.array([r["value"] for r in pairs])
    bad = np.array([r["true"] < 0.9 for r in pairs])
    judged = np.array([is_untouched(r) or r["true"] < 0.9 for r in pairs])
    against = np.array(
        [
            is_untouched(r) or (b and r["origin"] == "network")
            for r, b in zip(pairs, bad, strict=True)
        ]
    )
    return {
        "n": len(clean),
        "median": round(float(np.median([r["value"] for r in clean])), 4),
        "worst_structure": min(medians.items(), key=lambda item: item[1]),
        "median_by_structure": medians,
        "auroc_against_faults_below_0.9": round(auroc(values[judged], bad[judged]), 4),
        "auroc_against_networks_below_0.9": round(auroc(values[against], bad[against]), 4),
    }


def by_size(pairs: list[Row]) -> Row:
    """Return Pearson by thirds of the expert mask's size within all pairs."""
    clean = {(r["case"], r["structure"]): r["size"] for r in pairs if is_untouched(r)}
    sizes = np.array([clean.get((r["case"], r["structure"]), r["size"]) for r in pairs])
    ends = np.quantile(sizes, (1 / 3, 2 / 3))
    third = np.digitize(sizes, ends)
    labels = columns(pairs)
    return {
        name: round(pearson(labels.value[third == n], labels.true[third == n]), 4)
        for n, name in enumerate(("smallest third", "middle third", "largest third"))
    }


def wrong_name(rows: list[Row]) -> Row:
    """Return how well right names are told from wrong ones on the same expert masks."""
    right = np.array([r["value"] for r in rows if is_untouched(r)])
    found: Row = {}
    for name, close in (("another structure", False), ("left-right and touching", True)):
        wrong = [r["value"] for r in rows if r["test"] == "wrong_name" and r["close"] is close]
        values = np.concatenate([right, np.array(wrong, dtype=np.float64)])
        bad = np.arange(len(values)) >= len(right)
        keep = ~np.isnan(values)
        found[name] = {"n": len(wrong), "auroc": round(auroc(values[keep], bad[keep]), 4)}
    return found
