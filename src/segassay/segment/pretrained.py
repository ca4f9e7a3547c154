"""Weights of the judge's encoder, for a segmenter to begin with.

They lie in `encoder.onnx` of the judge in context. Exporting folded every normalisation into the
convolution before it; here each normalisation keeps what that left, a shift for every channel.
"""

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from segassay.errors import ModelError
from segassay.judge.documents.judge_folder import find_judge, open_judge
from segassay.segment.efficientnet_lite import EfficientNetLite0

_JUDGE = "judge-context"


def load_encoder(net: EfficientNetLite0, judge: str = _JUDGE) -> None:
    """Give a trunk the weights of a judge's encoder; what it says in evaluation is the same.

    Raises:
        ModelError: The judge is missing or has another encoder.
    """
    graph = onnx.load(open_judge(find_judge(judge)).require_encoder()).graph
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]].astype(np.float32)
    found = [
        [stored[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"
    ]
    layers = list(_layers(net))
    if [tuple(conv.weight.shape) for conv, _ in layers] != [parts[0].shape for parts in found]:
        raise ModelError(f"{judge}: its encoder is no EfficientNet-Lite0")
    with torch.no_grad():
        for (conv, norm), (weight, bias) in zip(layers, found, strict=True):
            conv.weight.copy_(torch.from_numpy(weight.copy()))
            norm.weight.fill_(1)
            norm.bias.copy_(torch.from_numpy(bias.copy()))
            norm.get_buffer("running_mean").zero_()
            norm.get_buffer("running_var").fill_(1 - norm.eps)


def _layers(net: EfficientNetLite0) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Return convolutions with the normalisation after each, in the order in which they run."""
    convs = [part for part in net.modules() if isinstance(part, nn.Conv2d)]
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    return list(zip(convs, norms, strict=True))
