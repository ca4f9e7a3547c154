"""Baselines that need segmenters of one's own: agreement with an ensemble, cleanlab's softmin.

Six small segmenters that never saw the frozen test's subjects (three architectures on two folds of
training subjects, from `segassay train segmenters`) segment the test's cases. A mask's score is its
mean Dice against theirs, or the softmin of the confidence that their mean gives to the mask's
pixels. Who has such segmenters has expert labels of the same structures: the judge needs neither.
Rows are kept per case under `runs/ensemble`; `judge_sheet.py` puts them beside the judge's.

Usage: python benchmarks/ensemble.py DATA_ROOT RUN/networks
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segassay.data.letterbox import letterbox
from segassay.data.slicing import as_planes, pixel_mm, slicing_axis
from segassay.metrics.baselines import softmin_confidence
from segassay.metrics.overlap import dice
from segassay.pipelines.faulty_cases import ExpertCase
from segassay.pipelines.frozen_test import (
    FrozenSet,
    FrozenTest,
    frozen_cases,
    frozen_pairs,
    read_frozen_test,
)
from segassay.pipelines.unseen_network import UnseenNetwork, load_unseen_network
from segassay.training.segmenters.folds import TrainedSegmenter, known_structures, load_segmenter
from segassay.training.segmenters.predict import predict_case
from segassay.training.segmenters.slices import square_case
from segassay.training.settings import SetRecipe
from segassay.training.store import load_case

HERE = Path(__file__).parent
RUNS = HERE.parent / "runs"
_SIZE = 96


def main() -> None:
    """Score every pair of the frozen test that is not scored yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("networks", type=Path)
    options = parser.parse_args()
    test = read_frozen_test(HERE / "pairs.yaml")
    ensemble = Ensemble(options.networks)
    unseen = load_unseen_network(
        test.network.weights,
        HERE / "unseen_network",
        size=test.network.size,
        cache=RUNS / "sheet" / "unseen_network",
    )
    out = RUNS / "ensemble" / f"v{test.version}"
    out.mkdir(parents=True, exist_ok=True)
    for entry in test.sets:
        for case_id in entry.cases:
            path = out / f"{entry.name}-{case_id}.json"
            if not path.exists():
                rows = case_rows(test, entry, case_id, options.data, ensemble, unseen)
                path.write_text(json.dumps(rows))
                print(entry.name, case_id, flush=True)


class Ensemble:
    """The last moment of every network in a folder."""

    def __init__(self, folder: Path) -> None:
        kept: dict[str, tuple[int, Path]] = {}
        for path in sorted(folder.glob("*.safetensors")):
            name, moment = path.stem.rsplit("-", 1)
            kept[name] = max(kept.get(name, (-1, path)), (int(moment), path))
        self.structures = known_structures(next(iter(kept.values()))[1])
        self.nets = [
            load_segmenter(TrainedSegmenter(name.rsplit("-", 1)[0], 0, 0, path))
            for name, (_, path) in kept.items()
        ]

    def segment(self, entry: FrozenSet, expert: ExpertCase) -> dict[str, NDArray[np.float32]]:
        """Return probabilities `(network, slice, n, n)` of every structure of a case."""
        stored = load_case(SetRecipe(name=entry.name, modality=entry.modality), expert.case)
        names = self.structures[entry.name]
        square = square_case(stored, names, _SIZE)
        answers = np.stack([predict_case(net, entry.name, square) for net in self.nets])
        return {
            name: np.float32(1 / 255) * answers[:, n].astype(np.float32)
            for n, name in enumerate(names)
        }


def case_rows(
    test: FrozenTest,
    entry: FrozenSet,
    case_id: str,
    data: Path,
    ensemble: Ensemble,
    unseen: UnseenNetwork,
) -> list[dict[str, Any]]:
    """Score all pairs of one case."""
    only = entry.model_copy(update={"cases": {case_id: entry.cases[case_id]}})
    (expert,) = frozen_cases(only, data)
    masks = unseen.masks(entry.name, expert.case, entry.modality, entry.cases[case_id])
    answers = ensemble.segment(entry, expert)
    axis = slicing_axis(expert.image.grid)
    shape = as_planes(expert.image.array, axis).shape[1:]
    cut = letterbox((shape[0], shape[1]), pixel_mm(expert.image.grid, axis), _SIZE)
    rows = []
    for structure in expert.masks:
        for pair in frozen_pairs(test, expert, structure, masks):
            square = cut(as_planes(pair.mask, axis)) > 0.5
            rows.append(
                {
                    "set": entry.name,
                    "case": case_id,
                    "structure": structure,
                    "recipe": pair.recipe,
                    "seed": pair.seed,
                    "scores": scores(answers[structure], square),
                }
            )
    return rows


def scores(answers: NDArray[np.float32], mask: NDArray[np.bool_]) -> dict[str, float]:
    """Score one mask `(slice, n, n)` by the networks' answers `(network, slice, n, n)`."""
    agreement = [dice(a > 0.5, mask) for a in answers]
    return {
        "ensemble_dice": float(np.nan_to_num(agreement).mean()),
        "softmin": softmin_confidence(answers.mean(axis=0), mask),
    }


if __name__ == "__main__":
    main()
