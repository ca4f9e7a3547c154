"""The loss leads a network to what the judge expects, and stops itself."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from torch import Tensor  # noqa: E402

from segassay import QualityLoss, load_judge  # noqa: E402
from segassay.metrics.overlap import dice  # noqa: E402


def scene() -> tuple[Tensor, Tensor]:
    """A bright disc on noise, and where it is."""
    made = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    disc = ((rows - 30) ** 2 + (columns - 34) ** 2 < 144).float()
    return (torch.randn(64, 64, generator=made) + 9 * disc)[None, None], disc[None, None]


def test_masks_become_better_by_its_gradient() -> None:
    image, disc = scene()
    loss = QualityLoss(load_judge("judge-small"))
    start = torch.zeros_like(disc)
    start[..., 14:46, 26:58] = 1
    logits = (2 * start - 1).requires_grad_()
    optimizer = torch.optim.Adam([logits], 0.2)
    said = []
    for _ in range(25):
        value = loss(image, logits.sigmoid())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        said.append(float(value.detach()))
    before, after = (dice(m.numpy() > 0, disc.numpy() > 0) for m in (start, logits.detach()))
    assert said[-1] < said[0] - 0.1
    assert after > before + 0.1


def test_nothing_drawn_costs_nothing_and_has_a_gradient() -> None:
    image, disc = scene()
    m = (0.1 * disc).requires_grad_()
    value = QualityLoss("judge-small")(image, m)
    value.backward()
    assert float(value.detach()) == 0
    assert m.grad is not None
    assert float(m.grad.abs().sum()) == 0


def test_it_stops_once_dice_and_judged_quality_part() -> None:
    loss = QualityLoss("judge-small", patience=2)
    assert not loss.watch(0.80, 0.80)
    assert not loss.watch(0.70, 0.79)  # both fell: no reason to distrust the judge
    assert not loss.watch(0.75, 0.90)
    kept = loss.state_dict()
    again = QualityLoss("judge-small", patience=2)
    again.load_state_dict(kept)
    for one in (loss, again):
        assert one.watch(0.74, 0.92)
        assert one.watch(0.95, 0.5)  # for good
    image, disc = scene()
    assert float(loss(image, disc)) == 0


def test_a_better_dice_begins_anew() -> None:
    loss = QualityLoss("judge-small", patience=2)
    for dice_, quality in ((0.8, 0.8), (0.7, 0.9), (0.85, 0.9), (0.7, 0.95)):
        assert not loss.watch(dice_, quality)
    assert loss.watch(0.7, 0.96)
