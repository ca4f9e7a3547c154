"""Weights to learn on from, for a judge of which only the ONNX file is left.

Exporting folds every normalisation into the convolution before it: scale and mean are lost, the
function is not. Here each normalisation gets the mean and spread that its input has on pairs of the
recipe, and the scale and shift that undo them. The answers stay what they were; what learning sees
in a batch is nearly the same.

Usage: python -m benchmarks.design.restore_weights RECIPE JUDGE DATA_ROOT -o FOLDER
"""

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from segassay.judge.documents.judge_folder import WEIGHTS, find_judge, open_judge
from segassay.judge.inputs.preprocess import JudgePreprocess
from segassay.judge.networks.onnx_file import folded_state, write_weights
from segassay.training.gather_material import with_shapes
from segassay.training.learning.networks import build_net
from segassay.training.learning.tuning import fixed_batches
from segassay.training.material.material import load_material
from segassay.training.samples.batches import PairBatch
from segassay.training.samples.training_pairs import PairDraw
from segassay.training.settings import JudgeRecipe, read_recipe

_PAIRS = 1024
_SMALLEST = 1e-8


@dataclass(slots=True)
class _Moments:
    """Sums over all that came into a normalisation, by channel."""

    first: Tensor
    second: Tensor
    n: int = 0

    def add(self, x: Tensor) -> None:
        """Count a batch `(b, c, h, w)`."""
        x = x.double()
        self.first += x.sum((0, 2, 3))
        self.second += (x * x).sum((0, 2, 3))
        self.n += x.numel() // x.shape[1]

    @property
    def mean(self) -> Tensor:
        """Mean by channel."""
        return (self.first / self.n).float()

    @property
    def variance(self) -> Tensor:
        """Variance by channel, above 0."""
        exact = self.second / self.n - (self.first / self.n) ** 2
        return exact.clamp_min(_SMALLEST).float()


def main() -> None:
    """Copy the judge's folder and put its weights in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("judge")
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    recipe = read_recipe(options.recipe)
    folder = open_judge(find_judge(options.judge))
    material = with_shapes(recipe, load_material(recipe, options.data, say=print))
    net = build_net(recipe, material.structures).eval()
    net.load_state_dict(folded_state(net, folder.onnx))
    draw = PairDraw(material.train, JudgePreprocess(), without_networks(recipe).pairs)
    batches = fixed_batches(draw, _PAIRS, batch=recipe.batch, seed=recipe.seed)
    before = answers(net, batches)
    unfold(net, batches)
    changed = max(
        float((a - b).abs().max()) for a, b in zip(answers(net, batches), before, strict=True)
    )
    print(f"largest change of a map's logit: {changed:.1e}")
    shutil.copytree(folder.path, options.out)
    write_weights(net.state_dict(), options.out / WEIGHTS)


def without_networks(recipe: JudgeRecipe) -> JudgeRecipe:
    """Return the recipe with planted faults in place of networks' masks: none are at hand here."""
    pairs = recipe.pairs.model_copy(update={"network": 0.0})
    return recipe.model_copy(update={"pairs": pairs})


def normalisations(net: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """Return the normalisations of a network by name."""
    return {name: part for name, part in net.named_modules() if isinstance(part, nn.BatchNorm2d)}


@torch.no_grad()
def answers(net: nn.Module, batches: list[PairBatch]) -> list[Tensor]:
    """Return the logits of the maps."""
    return [net(b.crop, b.field, b.condition)[0] for b in batches]


@torch.no_grad()
def unfold(net: nn.Module, batches: list[PairBatch]) -> None:
    """Give every normalisation the moments of its input, and what undoes them."""
    found: dict[str, _Moments] = {}
    hooks = []
    for name, norm in normalisations(net).items():
        zeros = torch.zeros(norm.num_features, dtype=torch.float64)
        moments = found[name] = _Moments(zeros, zeros.clone())
        hooks.append(norm.register_forward_pre_hook(lambda _, x, m=moments: m.add(x[0])))
    answers(net, batches)
    for hook in hooks:
        hook.remove()
    for name, norm in normalisations(net).items():
        norm.running_mean = found[name].mean
        norm.running_var = found[name].variance
        norm.weight.copy_((found[name].variance + norm.eps).sqrt())
        norm.bias.add_(found[name].mean)


if __name__ == "__main__":
    main()
