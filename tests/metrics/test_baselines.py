"""The baselines by hand, and what they must not look at."""

import numpy as np
import pytest

from segassay.metrics.baselines import mean_of_structure, size_oddness
from segassay.metrics.summary import JudgedLabels


def labels(rows: list[tuple[str, str, str, float]]) -> JudgedLabels:
    """Rows of set, subject, structure, true Dice."""
    sets, subjects, structures, true = zip(*rows, strict=True)
    nothing = np.zeros(len(rows))
    return JudgedLabels(
        nothing,
        nothing,
        nothing,
        np.array(true),
        np.array(subjects),
        np.array(sets),
        np.array(structures),
    )


def test_mean_is_of_other_subjects_of_the_same_set_and_structure() -> None:
    found = mean_of_structure(
        labels(
            [
                ("a", "1", "liver", 0.1),
                ("a", "1", "liver", 0.3),
                ("a", "2", "liver", 0.6),
                ("a", "3", "liver", 1.0),
                ("b", "9", "liver", 0.0),
            ]
        )
    )
    assert found[:4] == pytest.approx([0.8, 0.8, (0.1 + 0.3 + 1.0) / 3, (0.1 + 0.3 + 0.6) / 3])


def test_without_others_of_the_structure_the_set_stands_in_then_everything() -> None:
    found = mean_of_structure(
        labels(
            [
                ("a", "1", "liver", 0.2),
                ("a", "2", "spleen", 0.6),
                ("b", "3", "aorta", 0.9),
            ]
        )
    )
    assert found == pytest.approx([0.6, 0.2, 0.4])
    alone = mean_of_structure(labels([("a", "1", "liver", 0.2), ("a", "1", "spleen", 0.6)]))
    assert np.isnan(alone).all()


def test_own_truth_never_enters() -> None:
    rows = [("a", str(n % 4), "liver" if n % 3 else "spleen", n / 20) for n in range(20)]
    before = mean_of_structure(labels(rows))
    rows[5] = (*rows[5][:3], 0.99)
    after = mean_of_structure(labels(rows))
    same = [n for n, row in enumerate(rows) if row[1] == rows[5][1]]
    assert after[same] == pytest.approx(before[same])
    assert not np.allclose(after, before)


def test_oddness_counts_spreads_from_the_reference() -> None:
    sizes = np.exp(np.array([1.0, 2.0, 3.0, 2.0, 5.0]))
    rows = [("a", str(n), "liver", 1.0) for n in range(4)] + [("a", "9", "spleen", 1.0)]
    odd = size_oddness(sizes, labels(rows), np.array([True, True, True, False, False]))
    assert odd[:4] == pytest.approx([1 / 1.4826, 0.0, 1 / 1.4826, 0.0])
    assert np.isnan(odd[4])


def test_equal_sizes_are_not_odd_by_a_hair() -> None:
    rows = [("a", str(n), "liver", 1.0) for n in range(3)]
    odd = size_oddness(np.array([100.0, 100.0, 101.0]), labels(rows), np.ones(3, dtype=bool))
    assert odd.max() < 0.25
