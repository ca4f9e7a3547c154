"""Quality Sentinel's network as an ONNX file, for `engines.sentinel_engine`."""

from pathlib import Path

import torch

from segassay.data.sentinel_input import SIZE
from segassay.models.quality_sentinel import TEXT_DIM, QualitySentinelNet
from segassay.training.export import write_onnx


def export_sentinel(net: QualitySentinelNet, path: Path) -> None:
    """Write the network with inputs `slices` and `text` and the output `dice`.

    The stem and the last layer that it stores but never uses are left out of the file.
    """
    inputs = (torch.zeros(2, 2, SIZE, SIZE), torch.zeros(2, TEXT_DIM))
    write_onnx(net, inputs, path, names=(("slices", "text"), ("dice",)))
