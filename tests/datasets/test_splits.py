from hypothesis import given
from hypothesis import strategies as st

from segassay.datasets.splits import natural_key, split_subjects


@given(st.sets(st.text("abc0123456789_", min_size=1, max_size=6), min_size=1, max_size=60))
def test_parts_are_disjoint_and_complete(subjects: set[str]) -> None:
    split = split_subjects(sorted(subjects))
    parts = [*split.train, *split.tuning, *split.test]
    assert sorted(parts) == sorted(subjects)
    assert split == split_subjects(sorted(subjects, reverse=True))
    assert bool(split.test) == (len(subjects) >= 8)
    if len(subjects) >= 8:
        assert len(split.test) == max(2, round(0.2 * len(subjects)))


def test_the_test_subjects_are_the_last_in_natural_order() -> None:
    split = split_subjects([f"btcv_{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)])
    assert split.test == ("btcv_12", "btcv_13", "btcv_14")
    assert split.tuning == ("btcv_11",)


def test_digits_that_are_no_decimal_number_are_text() -> None:
    names = ["T2²", "scan10²", "scan9²", "²"]
    assert sorted(names, key=natural_key) == ["T2²", "scan9²", "scan10²", "²"]
