"""Baselines that need segmenters of one's own: agreement with an ensemble, softmin, MC dropout.

Small segmenters that never saw the frozen test's subjects segment the test's cases: two
architectures on two folds of training subjects (`segassay train segmenters`), and one with dropout
on all of them. A mask's score is its mean Dice against the ensemble's masks, the softmin of the
confidence that the ensemble's mean gives to the mask's pixels (cleanlab's method), or its mean Dice
against draws of the network with dropout left on. Who has such segmenters has expert labels of the
same structures from the same source: the judge needs neither.

Rows are kept per case under `runs/ensemble`; `judge_sheet.py` puts them beside the judge's.

Usage: python -m benchmarks.baselines.ensemble DATA_ROOT RUN/networks
"""

import argparse
from collections.abc import Sequence
from functools import partial
from math import nan
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.frozen_test.frozen import HERE, RUNS, Frozen, Row, kept_rows
from benchmarks.frozen_test.frozen_pairs import FrozenSet
from benchmarks.frozen_test.unseen_architecture import train_network
from segassay.corruption.faulty_cases import ExpertCase
from segassay.images.slicing import as_planes, pixel_mm, slicing_axis
from segassay.judge.inputs.letterbox import letterbox
from segassay.metrics.overlap import dice
from segassay.training.error_networks.architectures import Segmenter
from segassay.training.error_networks.folds import (
    TrainedSegmenter,
    known_structures,
    load_segmenter,
)
from segassay.training.error_networks.predict import predict_case
from segassay.training.error_networks.square_slices import SquareCase, square_case
from segassay.training.material.store import load_case
from segassay.training.settings import SetRecipe

_SIZE = 96
_DRAWS = 8

Masks = NDArray[np.bool_]


def main() -> None:
    """Score every pair of the frozen test that is not scored yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("networks", type=Path)
    options = parser.parse_args()
    recipe = HERE.parent / "recipes" / "dropout-network.yaml"
    dropout = train_network(
        recipe, options.data, RUNS / "dropout-network", say=print, kind="unet_dropout"
    )
    frozen = Frozen(options.data)
    scorer = Scorer(frozen, Network.last_of(options.networks), Network(dropout[-1]))
    out = RUNS / "ensemble" / f"v{frozen.test.version}"
    for entry in frozen.test.sets:
        for case_id in entry.cases:
            path = out / f"{entry.name}-{case_id}.json"
            kept_rows(path, partial(scorer.rows, entry, case_id))


class Network:
    """One trained segmenter with the structures that it knows."""

    def __init__(self, path: Path) -> None:
        kind = path.stem.rsplit("-", 2)[0]
        self.net: Segmenter = load_segmenter(TrainedSegmenter(kind, 0, 0, path))
        self.structures = known_structures(path)

    @classmethod
    def last_of(cls, folder: Path) -> "list[Network]":
        """Return the last moment of every network in a folder."""
        last: dict[str, tuple[int, Path]] = {}
        for path in folder.glob("*.safetensors"):
            name, moment = path.stem.rsplit("-", 1)
            last[name] = max(last.get(name, (-1, path)), (int(moment), path))
        return [cls(path) for _, (_, path) in sorted(last.items())]

    def segment(
        self, set_name: str, case: SquareCase, *, draws: int = 0
    ) -> dict[str, list[NDArray[np.float32]]]:
        """Return probabilities `(slice, n, n)` by structure: one, or several draws with dropout."""
        torch.manual_seed(0)
        every = [
            predict_case(self.net, set_name, case, dropout=draws > 0) for _ in range(max(draws, 1))
        ]
        return {
            name: [np.float32(1 / 255) * answer[n].astype(np.float32) for answer in every]
            for n, name in enumerate(self.structures[set_name])
        }


class Scorer:
    """Scores the frozen test's masks by the agreement of networks with them."""

    def __init__(self, frozen: Frozen, ensemble: list[Network], dropout: Network) -> None:
        self.frozen, self.ensemble, self.dropout = frozen, ensemble, dropout

    def rows(self, entry: FrozenSet, case_id: str) -> list[Row]:
        """Score all pairs of one case."""
        expert = self.frozen.expert(entry, case_id)
        square = self._square(entry, expert)
        answers = [network.segment(entry.name, square) for network in self.ensemble]
        draws = self.dropout.segment(entry.name, square, draws=_DRAWS)
        axis = slicing_axis(expert.image.grid)
        shape = as_planes(expert.image.array, axis).shape[1:]
        cut = letterbox((shape[0], shape[1]), pixel_mm(expert.image.grid, axis), _SIZE)
        said = {name: [answer[name][0] for answer in answers] for name in expert.masks}
        rows = []
        for pair in self.frozen.pairs(entry, expert):
            small, name = cut(as_planes(pair.mask, axis)) > 0.5, pair.structure
            scores = {
                "ensemble_dice": agreement(said[name], small),
                "softmin": softmin_confidence(np.mean(said[name], axis=0), small),
                "mc_dropout": agreement(draws[name], small),
            }
            rows.append(
                {
                    "set": entry.name,
                    "case": case_id,
                    "structure": name,
                    "recipe": pair.recipe,
                    "seed": pair.seed,
                    "scores": scores,
                }
            )
        return rows

    def _square(self, entry: FrozenSet, expert: ExpertCase) -> SquareCase:
        stored = load_case(SetRecipe(name=entry.name, modality=entry.modality), expert.case)
        return square_case(stored, self.dropout.structures[entry.name], _SIZE)


def softmin_confidence(
    probability: NDArray[np.floating], mask: NDArray[np.bool_], *, temperature: float = 0.1
) -> float:
    """Score a mask by the confidence that a model gives to its pixels (Lad and Mueller 2023).

    Every pixel counts with the probability of the label it has; the softmin over all pixels lies
    near the worst of them, less so the higher the temperature.

    Args:
        probability: The model's probability of the structure, any shape.
        mask: The mask to score, same shape.
        temperature: Of the softmin; .1 as published.

    Returns:
        A number in [0, 1], low is bad; NaN for an array without elements.
    """
    confidence = np.where(mask, probability, 1 - probability).ravel()
    if not confidence.size:
        return nan
    weights = np.exp((1 - confidence - (1 - confidence).max()) / temperature)
    return float((confidence * weights).sum() / weights.sum())


def agreement(answers: Sequence[NDArray[np.float32]], mask: Masks) -> float:
    """Return the mean Dice of a mask against the answers; two empty masks count as 0."""
    return float(np.nan_to_num([dice(answer > 0.5, mask) for answer in answers]).mean())


if __name__ == "__main__":
    main()
