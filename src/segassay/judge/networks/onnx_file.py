"""Networks written to files: ONNX for scoring, safetensors for training."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save
from torch import nn


def write_onnx(
    net: nn.Module,
    inputs: tuple[torch.Tensor, ...],
    path: Path,
    *,
    names: tuple[Sequence[str], Sequence[str]],
) -> None:
    """Write a network as one ONNX file, weights inside, with a free batch size.

    Args:
        net: Takes `inputs` in order.
        inputs: Examples; their first axis is the batch, and must be longer than 1.
        path: The file to write.
        names: Of the inputs and of the outputs.
    """
    batch = torch.export.Dim("batch", min=1, max=4096)
    with warnings.catch_warnings(), _without_remarks("torch.onnx"):
        warnings.simplefilter("ignore")  # the exporter warns of its own future changes
        torch.onnx.export(
            net.eval().cpu(),
            inputs,
            path,
            input_names=list(names[0]),
            output_names=list(names[1]),
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    _forget_where(path)


@contextmanager
def _without_remarks(library: str) -> Iterator[None]:
    """Keep a library from telling users what it could do with more libraries."""
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def write_weights(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a state dictionary as safetensors, readable for whoever may read the folder."""
    path.write_bytes(save({name: value.contiguous() for name, value in state.items()}))


def folded_state(net: nn.Module, path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of an exported network under the names of `net`.

    Exporting folded every normalisation `normN` into the convolution `convN` before it: here the
    normalisation keeps what that left, a shift for every channel. What `net` says in evaluation is
    what the file says.

    Raises:
        KeyError: The file holds another network.
    """
    stored = {
        part.name.removeprefix("net."): torch.from_numpy(numpy_helper.to_array(part).copy())
        for part in onnx.load(path).graph.initializer
    }
    parts = net.named_modules()
    norms = {name: part for name, part in parts if isinstance(part, nn.BatchNorm2d)}
    state = {
        name: value if name.rpartition(".")[0] in norms else stored[name]
        for name, value in net.state_dict().items()
    }
    for name, norm in norms.items():
        ones = torch.ones(norm.num_features)
        state[f"{name}.weight"] = ones
        state[f"{name}.bias"] = stored[f"{name.replace('norm', 'conv')}.weight_bias"]
        state[f"{name}.running_mean"] = 0 * ones
        state[f"{name}.running_var"] = ones - norm.eps
    return state


def _forget_where(path: Path) -> None:
    """Drop the exporter's notes from the file: they hold source paths of the exporting machine."""
    model = onnx.load(path)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, path)
