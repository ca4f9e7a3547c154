"""What one gets without looking at the image: a judge is worth what it adds to these."""

from math import nan

import numpy as np
from numpy.typing import NDArray

from segassay.metrics.summary import Floats, JudgedLabels

_LEAST_SPREAD = 0.05
"""Structures whose sizes hardly differ would make every label an outlier: 5 % is no oddness."""


def mean_of_structure(labels: JudgedLabels) -> Floats:
    """Return the mean true Dice of the structure over the other subjects of its set.

    A structure that no other subject of the set has gets the mean of the set's other subjects, then
    that of all other subjects; NaN where there is no other subject.
    """
    means = np.full(len(labels), nan)
    for names in (structure_keys(labels), labels.group, np.zeros_like(labels.group)):
        means = np.where(np.isnan(means), _mean_of_others(labels, names), means)
    return means


def size_oddness(sizes: Floats, labels: JudgedLabels, reference: NDArray[np.bool_]) -> Floats:
    """Return robust distances of log size from the structure's median in its set; high = odd.

    The distance is counted in spreads (1.4826 times the median absolute deviation, at least .05).

    Args:
        sizes: Size of every mask in any one unit, positive.
        labels: Sets and structures of the masks.
        reference: Which masks tell the usual size. A structure without any gets NaN.
    """
    logs = np.log(sizes)
    keys = structure_keys(labels)
    odd = np.full(len(labels), nan)
    for key in np.unique(keys):
        own = keys == key
        usual = logs[own & reference]
        if usual.size:
            spread = 1.4826 * float(np.median(np.abs(usual - np.median(usual))))
            odd[own] = np.abs(logs[own] - np.median(usual)) / max(spread, _LEAST_SPREAD)
    return odd


def structure_keys(labels: JudgedLabels) -> NDArray[np.str_]:
    """Return `set/structure` of every label: organs of two sets are drawn by two protocols."""
    return np.char.add(np.char.add(labels.group, "/"), labels.structure)


def _mean_of_others(labels: JudgedLabels, names: NDArray[np.str_]) -> Floats:
    """Return the mean truth of the labels of the same name, the own subject's left out."""
    _, named = np.unique(names, return_inverse=True)
    own_names = np.char.add(np.char.add(names, "\n"), labels.subject)
    _, owned = np.unique(own_names, return_inverse=True)
    total = np.bincount(named, labels.true)[named] - np.bincount(owned, labels.true)[owned]
    count = np.bincount(named)[named] - np.bincount(owned)[owned]
    return np.where(count > 0, total / np.maximum(count, 1), nan)
