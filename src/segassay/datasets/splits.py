"""Who may train, who tunes, who tests: one rule for every data set, by subject.

The last 20 % of the subjects (at least two), in natural order, are the frozen test of every set
with at least eight subjects; smaller sets only train. The tenth of the rest that comes last is
kept from the weights, too: calibration and intervals are made on it. Because the test is one
block of the order, sets whose subjects are unknown (HC18 numbers its images fetus by fetus) are
split between fetuses but for one at the border.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segassay.datasets.case import Case

_LEAST_SUBJECTS = 8
_TEST_SHARE = 0.2
_TUNING_SHARE = 0.1
_SEED = 0


@dataclass(frozen=True, slots=True)
class SubjectSplit:
    """Subject ids of one data set; the three never overlap. `test` is empty for small sets."""

    train: tuple[str, ...]
    tuning: tuple[str, ...]
    test: tuple[str, ...]


def split_subjects(subjects: Sequence[str]) -> SubjectSplit:
    """Split distinct subject ids, in any order, the same way every time.

    >>> split = split_subjects([f"p{n}" for n in range(1, 11)])
    >>> split.train, split.tuning, split.test
    (('p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7'), ('p8',), ('p9', 'p10'))
    """
    ordered = tuple(sorted(set(subjects), key=natural_key))
    if len(ordered) < _LEAST_SUBJECTS:
        return SubjectSplit(ordered, (), ())
    n_test = max(2, round(_TEST_SHARE * len(ordered)))
    rest = ordered[:-n_test]
    n_tuning = max(1, round(_TUNING_SHARE * len(rest)))
    return SubjectSplit(rest[:-n_tuning], rest[-n_tuning:], ordered[-n_test:])


def by_lot(cases: Sequence[Case]) -> list[Case]:
    """Return the first case with labels of every subject that has one.

    The names of all subjects, and nothing else, decide the order: it stays as it is when some lose
    their labels.
    """
    first = {case.subject_id: case for case in reversed(cases) if case.labels}
    subjects = sorted({case.subject_id for case in cases})
    order = np.random.default_rng(_SEED).permutation(len(subjects))
    drawn = (subjects[number] for number in order)
    return [first[subject] for subject in drawn if subject in first]


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts `case_9` before `case_10`."""
    parts = re.findall(r"\d+|\D+", text)
    # a number is cut where Python reads no further: of names that long the text decides
    return tuple((0, int(p[:4000]), p) if p.isdecimal() else (1, 0, p) for p in parts)
