"""What a label adds to the loss follows its weight; unknown voxels add nothing."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from torch import Tensor  # noqa: E402

from segassay.segment.loss import segmentation_loss, weighted_dice  # noqa: E402


def batch(seed: int = 0) -> "tuple[Tensor, Tensor, Tensor, Tensor]":
    made = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 3, 8, 8, generator=made)
    target = torch.zeros(3, 2, 8, 8)
    target[:, 0, :3], target[:, 1, 4:] = 1, 1
    return logits, target, torch.ones(3, 2), torch.ones(3, 1, 8, 8)


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_label_without_weight_changes_nothing(exclusive: bool) -> None:
    logits, target, weight, known = batch()
    logits = logits if exclusive else logits[:, 1:]
    weight[1] = 0
    wrong = target.clone()
    wrong[1] = target[1].flip(1)
    one, other = (
        segmentation_loss(logits, t, weight, known, exclusive=exclusive) for t in (target, wrong)
    )
    assert float(one) == pytest.approx(float(other))
    assert float(one) != pytest.approx(
        float(segmentation_loss(logits, wrong, weight + 1, known, exclusive=exclusive))
    )


@pytest.mark.parametrize("exclusive", [True, False])
def test_unknown_voxels_have_no_gradient(exclusive: bool) -> None:
    logits, target, weight, known = batch()
    logits = (logits if exclusive else logits[:, 1:]).clone().requires_grad_()
    known[:, :, 5] = 0
    segmentation_loss(logits, target, weight, known, exclusive=exclusive).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert float(logits.grad[:, :, 5].abs().max()) == 0
    assert float(logits.grad[:, :, 4].abs().min()) > 0


@pytest.mark.parametrize("exclusive", [True, False])
def test_the_right_answer_costs_next_to_nothing(exclusive: bool) -> None:
    _, target, weight, known = batch()
    said = target if not exclusive else torch.cat([1 - target.sum(1, keepdim=True), target], 1)
    loss = segmentation_loss(20 * (2 * said - 1), target, weight, known, exclusive=exclusive)
    assert float(loss) < 1e-3


def test_dice_of_nothing_labelled_is_no_loss() -> None:
    _, target, weight, known = batch()
    assert float(weighted_dice(target, target, 0 * weight, known)) == 0
