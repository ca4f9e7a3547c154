"""Quality Sentinel's losses against values worked out by hand."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from benchmarks.baselines.sentinel_loss import ranking_loss, weighted_square_error  # noqa: E402
from segassay.training.learning.number_loss import optimal_partners  # noqa: E402


@pytest.mark.parametrize(
    ("true", "weight"),
    [(0.0, 7), (0.3, 7), (0.31, 5), (0.5, 5), (0.6, 3), (0.7, 3), (0.9, 2), (0.91, 1), (1.0, 1)],
)
def test_bad_masks_weigh_more(true: float, weight: float) -> None:
    truth = torch.tensor([true])
    assert float(weighted_square_error(truth + 0.1, truth)) == pytest.approx(weight * 0.01)


def test_weighted_error_is_the_mean_over_the_batch() -> None:
    predicted, true = torch.tensor([0.5, 0.9]), torch.tensor([0.2, 1.0])
    # (7 * .3^2 + 1 * .1^2) / 2
    assert float(weighted_square_error(predicted, true)) == pytest.approx(0.32)


def test_ranking_punishes_the_wrong_order_only() -> None:
    partner = torch.tensor([1, 0, 3, 2])
    true = torch.tensor([0.2, 0.8, 0.5, 0.5])
    right = torch.tensor([0.1, 0.9, 0.3, 0.6])
    # pair one: .8 * .6 is above the margin; pair two: equal truth, the margin itself
    assert float(ranking_loss(right, true, partner)) == pytest.approx(1e-4 / 2)
    wrong = torch.tensor([0.7, 0.2, 0.3, 0.6])
    # pair one, both directions: .5 * .6 + 1e-4
    assert float(ranking_loss(wrong, true, partner)) == pytest.approx((0.3001 + 1e-4) / 2)


def test_partners_share_the_structure_where_they_can() -> None:
    liver, spleen, kidney = torch.eye(3)
    text = torch.stack([liver, spleen, 3 * liver, kidney, 9 * spleen])
    partner = optimal_partners(text).tolist()
    assert sorted(partner) == [0, 1, 2, 3, 4]
    assert all(own != other for own, other in enumerate(partner))
    assert (partner[0] == 2) + (partner[2] == 0) + (partner[1] == 4) + (partner[4] == 1) >= 3


def test_partners_are_the_best_of_all_permutations() -> None:
    text = torch.from_numpy(np.random.default_rng(0).standard_normal((5, 8)))
    unit = (text / text.norm(dim=1, keepdim=True)).numpy()
    cosine = unit @ unit.T
    own = range(5)
    best = max(
        sum(cosine[i, j] for i, j in zip(own, order, strict=True))
        for order in itertools.permutations(own)
        if all(i != j for i, j in zip(own, order, strict=True))
    )
    found = optimal_partners(text).tolist()
    assert sum(cosine[i, j] for i, j in zip(own, found, strict=True)) == pytest.approx(best)


def test_one_sample_is_its_own_partner_and_none_is_refused() -> None:
    assert optimal_partners(torch.ones(1, 4)).tolist() == [0]
    with pytest.raises(ValueError, match=r"\(0, 4\)"):
        optimal_partners(torch.ones(0, 4))
