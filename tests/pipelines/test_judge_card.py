"""What a judge's card says of the terms of its weights."""

from pathlib import Path

from segassay.pipelines.judge_card import terms
from segassay.training.settings import read_recipe

RECIPES = Path(__file__).parents[2] / "recipes"


def sets_of(recipe: str) -> list[str]:
    return [entry.name for entry in read_recipe(RECIPES / recipe).data]


def test_only_open_data_makes_open_weights() -> None:
    assert "CC-BY-SA 4.0" in terms(sets_of("judge-open.yaml"))
    assert "research or non-commercial" in terms(sets_of("judge-small.yaml"))
    assert "research or non-commercial" in terms(["hc18", "ph2"])
