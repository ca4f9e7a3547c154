"""Half of the pseudo-labels are wrong: every method learns the right ones where a judge weighs."""

from functools import cache
from typing import get_args

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("monai", reason="needs the train extra")

from torch import Tensor, nn  # noqa: E402

from segassay.semisup.methods import METHODS, Step  # noqa: E402
from segassay.semisup.quality_weights import quality_weights  # noqa: E402
from segassay.semisup.semi_recipe import MethodName  # noqa: E402
from segassay.semisup.torch_judge import TorchJudge  # noqa: E402

SIDE, UPDATES = 40, {"ict": 60}


@cache
def discs() -> tuple[Tensor, Tensor, Tensor]:
    """Eight bright discs on noise, where they are, and masks of which every second lies beside."""
    made = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    images, right, given = [], [], []
    for number in range(8):
        radius, row, column = (
            int(torch.randint(low, high, (1,), generator=made))
            for low, high in ((6, 9), (12, 28), (11, 18))
        )
        disc, beside = (
            ((rows - row) ** 2 + (columns - column - by) ** 2 < radius**2).float()
            for by in (0, int(1.3 * radius))
        )
        images.append(0.3 * torch.randn(SIDE, SIDE, generator=made) + 3 * disc)
        right.append(disc)
        given.append(disc if number % 2 else beside)
    image, truth, labels = (torch.stack(some)[:, None] for some in (images, right, given))
    return (image - image.mean()) / image.std(), truth, labels


@cache
def weights() -> Tensor:
    """What the judge says that the labels count."""
    image, _, labels = discs()
    found: Tensor = quality_weights(TorchJudge("judge-small")(image, labels).value, normalise=False)
    return found


def test_the_judge_tells_right_labels_from_wrong_ones() -> None:
    found = weights()[:, 0]
    assert (found[1::2] > 0.4).all()
    assert (found[::2] == 0).all()


def small_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 5, 7, padding=3), nn.ReLU(),
        nn.Conv2d(5, 5, 7, padding=3), nn.ReLU(), nn.Conv2d(5, 1, 1),
    )  # fmt: skip


def step(student: nn.Module, *, guided: bool, labels: Tensor, seed: int) -> Step:
    image = discs()[0]
    count = weights()[:, :, None, None] if guided else torch.ones(())
    p = 0.98 * labels + 0.01
    return Step(
        image=image,
        known=torch.ones_like(image),
        student=student,
        teacher=lambda _: p,
        second=lambda _: 10 * (p - 0.5),
        trust=lambda _: count,
        exclusive=False,
        made=torch.Generator().manual_seed(seed),
    )


def slope(loss: Tensor, net: nn.Module) -> Tensor:
    """The gradient of a loss by all weights of a network."""
    found: Tensor = torch.cat(
        [one.flatten() for one in torch.autograd.grad(loss, list(net.parameters()))]
    )
    return found


def learned(method: MethodName, *, guided: bool) -> float:
    """Dice of the probabilities of a small network that learned nothing but the labels."""
    image, truth, labels = discs()
    torch.manual_seed(0)
    net = small_network()
    optimizer = torch.optim.Adam(net.parameters(), 2e-2)
    for update in range(UPDATES.get(method, 30)):
        loss = METHODS[method](step(net, guided=guided, labels=labels, seed=update))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    drawn = net(image).detach().sigmoid()
    both = (drawn * truth).sum((1, 2, 3))
    return float((2 * both / (drawn + truth).sum((1, 2, 3))).mean())


@pytest.mark.parametrize("method", METHODS)
def test_quality_decides_what_is_learned(method: MethodName) -> None:
    guided, unguided = learned(method, guided=True), learned(method, guided=False)
    assert guided > 0.9
    assert guided > unguided + 0.1


@pytest.mark.parametrize("method", METHODS)
def test_labels_that_count_nothing_change_nothing(method: MethodName) -> None:
    """The student's gradient is the same whatever the wrong half of the labels is."""
    labels = discs()[2]
    others = labels.clone()
    others[::2] = labels[::2].flip(3)
    slopes = {}
    for guided in (True, False):
        found = []
        for some in (labels, others):
            torch.manual_seed(0)
            net = small_network()
            found.append(slope(METHODS[method](step(net, guided=guided, labels=some, seed=0)), net))
        slopes[guided] = found
    torch.testing.assert_close(*slopes[True])
    assert not torch.allclose(*slopes[False])
    assert float(slopes[True][0].abs().max()) > 0


@pytest.mark.parametrize("method", METHODS)
def test_structures_that_exclude_each_other_are_learned_alike(method: MethodName) -> None:
    """Two maps, background and disc, say what one map said; so it is in blocks."""
    image, _, labels = discs()
    blocks = image[:, :, None].expand(-1, -1, 3, -1, -1)
    p = torch.cat([1 - labels, labels], dim=1)[:, :, None].expand(-1, -1, 3, -1, -1)
    net = nn.Conv3d(1, 2, 3, padding=1)
    both = Step(
        image=blocks,
        known=torch.ones_like(blocks),
        student=net,
        teacher=lambda _: 0.98 * p + 0.01,
        second=lambda _: 10 * p,
        trust=lambda _: weights()[:, :, None, None, None],
        exclusive=True,
        made=torch.Generator().manual_seed(0),
    )
    found = slope(METHODS[method](both), net)
    assert found.isfinite().all()
    assert float(found.abs().max()) > 0


def test_every_method_of_a_recipe_is_there() -> None:
    assert {"supervised", *METHODS} == set(get_args(MethodName))


def test_cross_supervision_needs_a_second_network() -> None:
    labels = discs()[2]
    alone = step(small_network(), guided=False, labels=labels, seed=0)
    object.__setattr__(alone, "second", None)
    with pytest.raises(ValueError, match="second"):
        METHODS["cps"](alone)
