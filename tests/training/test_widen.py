"""A widened network answers as the narrow one did, and its new channels are not copies."""

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from segassay.judge.networks.judge_net import JudgeNet, JudgeNetConfig  # noqa: E402
from segassay.training.learning.widen import widen  # noqa: E402

NARROW, WIDE, WIDER = (4, 6, 8), (8, 12, 16), (12, 18, 24)


def net_of(widths: tuple[int, ...]) -> JudgeNet:
    """Return a small network whose normalisations have seen something."""
    torch.manual_seed(0)
    net = JudgeNet(JudgeNetConfig(5, 3, 7, widths=widths, steer_dim=16))
    for tensor in net.parameters():
        torch.nn.init.normal_(tensor, std=0.2)
    net.train()(*inputs())
    return net.eval()


def inputs() -> tuple[Tensor, ...]:
    """Return a batch: crop, field, condition."""
    rng = torch.Generator().manual_seed(3)
    shapes = ((4, 5, 32, 32), (4, 3, 64, 64), (4, 7))
    return tuple(torch.randn(shape, generator=rng) for shape in shapes)


def widened(narrow: JudgeNet, wide: JudgeNet, factor: int) -> None:
    """Give `wide` the weights of `narrow`."""
    shapes = {name: tensor.shape for name, tensor in wide.state_dict().items()}
    wide.load_state_dict(widen(narrow.state_dict(), shapes, factor=factor))


@pytest.mark.parametrize(("widths", "factor"), [(NARROW, 1), (WIDE, 2), (WIDER, 3)])
def test_answers_as_before(widths: tuple[int, ...], factor: int) -> None:
    narrow, wide = net_of(NARROW), net_of(widths)
    widened(narrow, wide, factor)
    with torch.no_grad():
        before, after = narrow(*inputs()), wide(*inputs())
    for was, now in zip(before[:4], after[:4], strict=True):
        torch.testing.assert_close(now, was, rtol=1e-4, atol=1e-4)


def test_siblings_learn_different_things() -> None:
    wide = net_of(WIDE)
    widened(net_of(NARROW), wide, 2)
    map_logits, outside, presence, kind, _ = wide.train()(*inputs())
    (map_logits.square().mean() + outside.sum() + presence.sum() + kind.sum()).backward()
    gradient = wide.get_parameter("down.1.conv2.weight").grad
    assert gradient is not None
    assert not torch.allclose(gradient[0::2], gradient[1::2], rtol=0.1)


@pytest.mark.parametrize(
    ("narrow", "wide", "factor", "says"),
    [
        (net_of(NARROW), net_of((8, 12, 18)), 2, "8 channels do not grow into 18"),
        (net_of(NARROW), net_of((8, 12, 18)), 1, "channels do not grow into"),
        (net_of(WIDE), net_of(NARROW), 0, "is wider"),
        (net_of(NARROW), net_of((*NARROW, 12)), 1, "weights differ"),
    ],
)
def test_other_networks_are_refused(
    narrow: JudgeNet, wide: JudgeNet, factor: int, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        widened(narrow, wide, factor)
