"""Which labels are learned from is never a matter of chance."""

from pathlib import Path

import pytest

from layout_samples import sources
from segassay.datasets.opening import open_dataset
from segassay.errors import UsageError
from segassay.training.material.store import load_case
from segassay.training.settings import SetRecipe


def test_several_sources_of_one_structure_are_refused(tmp_path: Path) -> None:
    (case, *_) = open_dataset(sources(tmp_path / "set")).cases
    with pytest.raises(UsageError, match="several sources; name one"):
        load_case(SetRecipe(name="set", path="set"), case)
    one = open_dataset(
        images=tmp_path / "set" / "images", labels=tmp_path / "set" / "gold", structure="lesion"
    ).cases[0]
    loaded = load_case(SetRecipe(name="set", path="set"), one)
    assert list(loaded.labels) == ["lesion"]
