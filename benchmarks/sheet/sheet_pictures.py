"""The sheet's pictures: scatter by set, sweeps by structure, score against slices."""

from pathlib import Path

import matplotlib as mpl

from benchmarks.frozen_test.frozen import Row
from segassay.metrics.evaluation import plain
from segassay.report.risk import risk_svg

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

_COLOURS = {"expert": "#000000", "trained": "#0072b2", "unseen": "#d55e00", "network": "#009e73"}
_SWEEP_COLOURS = {"erosion": "#0072b2", "dilation": "#d55e00"}


def draw(rows: list[Row], sheet: Row, stem: Path) -> None:
    """Write `stem.png`, `stem_risk.svg`, `stem_sweeps.png`, and `stem_slices.png` of volumes."""
    pairs = [row for row in rows if row["test"] == "pair"]
    _scatter(pairs, sheet, stem.with_suffix(".png"))
    stem.with_name(f"{stem.name}_risk.svg").write_text(risk_svg(plain(sheet["abstention"])))
    sweeps = [row for row in rows if row["test"] in _SWEEP_COLOURS]
    if sweeps:
        _sweeps(sweeps, stem.with_name(f"{stem.name}_sweeps.png"))
    if sheet["slices"]:
        _slices(sheet["slices"], stem.with_name(f"{stem.name}_slices.png"))


def _scatter(pairs: list[Row], sheet: Row, path: Path) -> None:
    sets = sorted({row["set"] for row in pairs})
    figure, axes = plt.subplots(
        2, (len(sets) + 1) // 2, figsize=(12, 6.4), sharex=True, sharey=True
    )
    for axis, name in zip(axes.ravel(), sets, strict=False):
        for origin, colour in _COLOURS.items():
            part = [row for row in pairs if row["set"] == name and row["origin"] == origin]
            axis.scatter(
                [row["true"] for row in part],
                [row["value"] for row in part],
                s=6,
                alpha=0.5,
                color=colour,
                linewidths=0,
                label=origin,
            )
        axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
        axis.set_title(f"{name}: r = {sheet['by_set'][name]['pearson']:.2f}", fontsize=10)
        axis.set_aspect("equal")
    axes.ravel()[0].legend(fontsize=7, markerscale=2)
    figure.supxlabel("true Dice")
    figure.supylabel("score")
    _save(figure, path)


def _sweeps(rows: list[Row], path: Path) -> None:
    structures = sorted({row["structure"] for row in rows})
    n_rows = (len(structures) + 4) // 5
    figure, axes = plt.subplots(n_rows, 5, figsize=(12, 2.5 * n_rows), sharex=True, sharey=True)
    for axis, name in zip(axes.ravel(), structures, strict=False):
        for family, colour in _SWEEP_COLOURS.items():
            part = [r for r in rows if r["structure"] == name and r["test"] == family]
            axis.scatter(
                [r["true"] for r in part],
                [r["value"] for r in part],
                s=5,
                color=colour,
                linewidths=0,
                label=family,
            )
        axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
        axis.set_title(name, fontsize=9)
    axes.ravel()[0].legend(fontsize=7, markerscale=2)
    for axis in axes.ravel()[len(structures) :]:
        axis.axis("off")
    figure.supxlabel("true Dice")
    figure.supylabel("score")
    _save(figure, path)


def _slices(by_count: Row, path: Path) -> None:
    figure, axis = plt.subplots(figsize=(5, 3.4))
    counts = [int(count) for count in by_count]
    for key, colour in (("pearson", "#0072b2"), ("mae", "#d55e00")):
        axis.plot(counts, [f[key] for f in by_count.values()], marker="o", color=colour, label=key)
    axis.set_xscale("log")
    axis.set_xticks(counts, [str(count) for count in counts])
    axis.set_xlabel("slices examined inside the mask")
    axis.set_ylim(0, 1)
    axis.legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
