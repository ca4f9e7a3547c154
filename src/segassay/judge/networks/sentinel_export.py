"""Quality Sentinel's network as the files of a judge folder."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from segassay.judge.documents.judge_folder import WEIGHTS
from segassay.judge.inputs.sentinel_input import SIZE
from segassay.judge.networks.onnx_file import write_onnx, write_weights
from segassay.judge.networks.quality_sentinel import TEXT_DIM, QualitySentinelNet


def export_sentinel(net: QualitySentinelNet, path: Path) -> None:
    """Write the network with inputs `slices` and `text` and the output `dice`.

    The stem and the last layer that it stores but never uses are left out of the file.
    """
    inputs = (torch.zeros(2, 2, SIZE, SIZE), torch.zeros(2, TEXT_DIM))
    write_onnx(net, inputs, path, names=(("slices", "text"), ("dice",)))


def write_sentinel(state: Mapping[str, Tensor], vectors: Mapping[int, Tensor], folder: Path) -> int:
    """Write `judge.onnx`, `weights.safetensors` and `text.npy`.

    Args:
        state: The whole state dictionary of `QualitySentinelNet`.
        vectors: Text vectors `(512,)`; their order is that of the rows of `text.npy`.
        folder: Where to; it exists.

    Returns:
        The number of the network's parameters.
    """
    net = QualitySentinelNet()
    net.load_state_dict(dict(state))
    export_sentinel(net, folder / "judge.onnx")
    write_weights(state, folder / WEIGHTS)
    np.save(folder / "text.npy", torch.stack(list(vectors.values())).numpy())
    return sum(part.numel() for part in net.parameters())
