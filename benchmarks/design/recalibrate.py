"""Calibrate a finished judge anew from the labels kept at its training, and renew its card.

A training leaves `calibration_rows.csv` beside the judge's folder: the network's own scores of the
tuning subjects' labels, from before any calibration. With them a change of the calibration needs
neither the data nor the network. Scores change, so sheets and audits are to be made again.

Usage: python -m benchmarks.design.recalibrate JUDGE_FOLDER CALIBRATION_ROWS [RECIPE]

A judge from before recipes told licences and sources of data takes these from RECIPE, by set.
"""

import sys
from pathlib import Path

from segassay.judge.documents.judge_folder import open_judge
from segassay.training.release.calibrate_judge import recalibrate_folder
from segassay.training.release.judge_card import write_card
from segassay.training.settings import read_recipe


def main(folder: Path, rows: Path, recipe: Path | None = None) -> None:
    """Renew `calibration.json`, `meta.json`, `card.md` and the checksums."""
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
    print(
        f"{folder.name}: {result.n_labels} masks of {result.n_subjects} subjects: MAE "
        f"{result.mae:.4f}; intervals hold {result.coverage:.3f} at {result.width:.3f}, of a "
        f"subject's masks {coverage:.3f} at {width:.3f}"
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
