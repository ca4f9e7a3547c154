"""What `from segassay import ...` offers: sorted, there, and our own."""

from inspect import getdoc

import pytest

import segassay

NAMES = [name for name in segassay.__all__ if not name.startswith("_")]


def test_public_names_are_sorted_and_listed() -> None:
    assert sorted(NAMES) == NAMES
    assert set(segassay.__all__) <= set(dir(segassay))
    assert segassay.__version__[0].isdigit()


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_ours_and_described(name: str) -> None:
    value = getattr(segassay, name)
    assert value.__module__.startswith("segassay.")
    assert getdoc(value)


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = segassay.no_such_name
