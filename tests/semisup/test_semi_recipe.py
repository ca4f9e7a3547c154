"""The course of a training with unlabelled images, and what it cannot be."""

from typing import Any

import pytest

from segassay.errors import UsageError
from segassay.segment.recipe import read_recipe
from segassay.semisup.semi_recipe import SemiRecipe


@pytest.mark.parametrize(
    "said",
    [
        {"method": "magic"},
        {"quality": "gold"},
        {"method": "supervised", "quality": "pl-qw"},
        {"by_pixel": True},
        {"by_pixel": True, "quality": "both", "axes": 3},
        {"confidence": 1.0},
        {"warm_up": 1.0},
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        read_recipe(SemiRecipe, None, **said)


def test_losses_rise_after_their_warm_up() -> None:
    recipe = SemiRecipe(
        method="pseudo-labels", quality="both", warm_up=0.1, ramp=0.2, qar_warm_up=0.5, qar_ramp=0.0
    )
    found = [recipe.unlabelled_share(share) for share in (0.0, 0.05, 0.1, 0.2, 0.3, 1.0)]
    assert found == pytest.approx([0, 0, 0, 0.125, 0.25, 0.25])
    assert [recipe.qar_share(share) for share in (0.0, 0.49, 0.5, 1.0)] == [0, 0, 0.01, 0.01]


def test_without_a_method_or_a_judge_nothing_is_added() -> None:
    assert SemiRecipe(method="supervised").unlabelled_share(1.0) == 0
    assert SemiRecipe(quality="pl-qw").qar_share(1.0) == 0
    assert SemiRecipe(unlabelled_weight=3.0).unlabelled_share(1.0) == 3
