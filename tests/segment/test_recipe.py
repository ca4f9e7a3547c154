"""A recipe says what can be done, and what cannot be is refused in a line."""

from pathlib import Path
from typing import Any

import pytest

from segassay.errors import UsageError
from segassay.segment.recipe import read_segmentation_recipe


@pytest.mark.parametrize(
    "said",
    [
        {"network": "transformer"},
        {"axes": 3, "network": "unet-lite0"},
        {"axes": 3, "neighbours": 1},
        {"patch": 50},
        {"patch": (32, 32, 32)},
        {"axes": 3, "patch": (16, 32, 32)},
        {"spacing_mm": -1.0},
        {"updates": 0},
        {"width": 12},
        {"unheard_of": 1},
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        read_segmentation_recipe(None, **said)


def test_options_hold_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("network: dynunet\npatch: [64, 96]\nupdates: 7\n")
    recipe = read_segmentation_recipe(path, updates=9, minutes=None)
    assert (recipe.network, recipe.patch_px, recipe.updates) == ("dynunet", (64, 96), 9)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", ""])
def test_broken_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(UsageError):
        read_segmentation_recipe(path)
    with pytest.raises(UsageError):
        read_segmentation_recipe(tmp_path / "none.yaml")
