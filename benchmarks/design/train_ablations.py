"""Train judges that differ in one thing, for the same number of updates each.

The recipes lie in `recipes/ablations`; networks that only they ask for are known here, not in the
package. A training that was stopped continues. The networks whose errors the judges meet are those
of judge-small: `segassay train segmenters --config recipes/judge-small.yaml --data DATA_ROOT -o
runs/judge-small/segmenters`.

Usage: python -m benchmarks.design.train_ablations DATA_ROOT [NAME ...]
"""

import argparse
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from benchmarks.baselines.sentinel_loss import ranking_loss, weighted_square_error
from benchmarks.design.ablations import CHANGES
from benchmarks.design.direct_net import DirectNet, ExportedDirect
from benchmarks.frozen_test.frozen import HERE, RUNS
from segassay.judge.documents.description import JudgeKind
from segassay.training.learning.networks import (
    NETWORKS,
    NUMBERS_OUT,
    NetworkKind,
    judge_sizes,
    logit_verdict,
)
from segassay.training.learning.number_loss import number_loss, optimal_partners, regression
from segassay.training.samples.batches import PairBatch
from segassay.training.settings import NumberLossRecipe
from segassay.training.train_judge import train_judge


def as_published(
    score: Tensor, true: Tensor, names: Tensor, weights: NumberLossRecipe
) -> tuple[Tensor, Tensor]:
    """Score raw Dice as Quality Sentinel does: weighted squared error and its own ranking."""
    del weights  # its margin is fixed
    return weighted_square_error(score, true), ranking_loss(score, true, optimal_partners(names))


def number_verdict(net: nn.Module, batch: PairBatch) -> tuple[Tensor, Tensor]:
    """Return the Dice that a network answers, cut to [0, 1], and its probability of presence."""
    score, _, presence, _ = net(batch.crop, batch.field, batch.condition)
    return score.float().clamp(0, 1), presence.float().sigmoid()


KINDS = {
    "direct": NetworkKind(
        judge=JudgeKind.DIRECT,
        build=lambda recipe, _: DirectNet(judge_sizes(recipe)),
        loss=lambda net, batch, recipe: number_loss(net, batch, recipe.number_loss, regression),
        verdict=logit_verdict,
        exported=(partial(ExportedDirect, logit=True), NUMBERS_OUT),
    ),
    "sentinel_head": NetworkKind(
        judge=JudgeKind.DIRECT,
        build=lambda recipe, _: DirectNet(judge_sizes(recipe)),
        loss=lambda net, batch, recipe: number_loss(net, batch, recipe.number_loss, as_published),
        verdict=number_verdict,
        exported=(partial(ExportedDirect, logit=False), NUMBERS_OUT),
    ),
}
"""Heads that answer with a number, to compare with the judge that draws a mask."""


def main() -> None:
    """Train what is not trained yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("names", nargs="*", default=list(CHANGES))
    parser.add_argument("--runs", type=Path, default=RUNS)
    options = parser.parse_args()
    NETWORKS.update(KINDS)
    for name in options.names:
        run = options.runs / f"ablation-{name}"
        run.mkdir(parents=True, exist_ok=True)
        segmenters = run / "segmenters"
        if not segmenters.exists():
            segmenters.symlink_to(Path("..") / "judge-small" / "segmenters")
        if not (run / "done").exists():
            recipe = HERE.parent / "recipes" / "ablations" / f"{name}.yaml"
            if train_judge(recipe, options.data, run, say=print) is not None:
                (run / "done").touch()


if __name__ == "__main__":
    main()
