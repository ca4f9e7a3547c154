"""Calibrate a finished judge anew from the labels kept at its training, and renew its card.

A training leaves `calibration_rows.csv` beside the judge's folder: the network's own scores of the
tuning subjects' labels, from before any calibration. With them a change of the calibration needs
neither the data nor the network. Scores change, so sheets and audits are to be made again.

Usage: python -m benchmarks.design.recalibrate JUDGE_FOLDER CALIBRATION_ROWS [RECIPE]

A judge from before recipes told licences and sources of data takes these from RECIPE, by set.
"""

import argparse
from pathlib import Path

from segassay.judge.documents.judge_folder import open_judge
from segassay.training.release.calibrate_judge import recalibrate_folder
from segassay.training.release.judge_card import write_card
from segassay.training.settings import read_recipe


def main() -> None:
    """Renew `calibration.json`, `meta.json`, `card.md` and the checksums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=Path)
    parser.add_argument("recipe", type=Path, nargs="?")
    options = parser.parse_args()
    print(renewed(options.folder, options.rows, options.recipe))


def renewed(folder: Path, rows: Path, recipe: Path | None = None) -> str:
    """Renew a judge's folder; return what its calibration is worth, in a line."""
    result = recalibrate_folder(folder, rows)
    meta = open_judge(folder).meta
    told = {} if recipe is None else {entry.name: entry for entry in read_recipe(recipe).data}
    data = tuple(
        entry.model_copy(update=told[entry.name].model_dump(include={"licence", "source"}))
        if entry.name in told
        else entry
        for entry in meta.sets
    )
    if meta.recipe is not None:
        learned_by = meta.recipe.model_copy(update={"data": data})
        meta = meta.model_copy(update={"recipe": learned_by})
    write_card(folder, meta, result)
    coverage, width = result.of_subjects
    return (
        f"{folder.name}: {result.n_labels} masks of {result.n_subjects} subjects: MAE "
        f"{result.mae:.4f}; intervals hold {result.coverage:.3f} at {result.width:.3f}, of a "
        f"subject's masks {coverage:.3f} at {width:.3f}"
    )


if __name__ == "__main__":
    main()
