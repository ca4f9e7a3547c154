"""How far a judge can be trusted on labels whose truth is known, beside what needs no judge."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segassay.metrics.agreement import (
    pearson,
    precision_at_worst,
    recall_at_worst,
    spearman,
)
from segassay.metrics.baselines import structure_keys
from segassay.metrics.selective import selective
from segassay.metrics.summary import (
    Floats,
    JudgedLabels,
    agreement,
    mean_over_groups,
    reliability,
)

LEAST_PAIRS = 10
LEAST_SUBJECTS = 2
"""Below these a figure would say more about chance than about the judge."""

RANKS_ONLY = frozenset({"size_outlier"})
"""Baselines that order labels but are no Dice: an error of theirs has no meaning."""

BAD_BELOW = 0.7
_KS = (10, 20, 50, 100)

Figures: TypeAlias = dict[str, Any]


def evaluate_labels(
    labels: JudgedLabels,
    baselines: Mapping[str, Floats],
    *,
    nsd: Floats,
    abstained: NDArray[np.bool_] | None = None,
    kinds: NDArray[np.str_] | None = None,
    n_draws: int = 400,
) -> Figures:
    """Compute all figures of an evaluation as plain data; what is not defined is `None`.

    Every group of labels is `{"n", "subjects", "judge", "baselines"}`, or `{"n", "subjects",
    "too_few"}` with the reason in words. Intervals are 95 %, resampled by subject.

    Args:
        labels: The judged labels; none may have a NaN score or truth.
        baselines: Other scores of the same labels, low = bad, by name.
        nsd: Normalised surface Dice of the labels, NaN where it is not known.
        abstained: Which labels the judge abstained on; none by default.
        kinds: What a further grouping goes by, such as the family of a planted fault.
        n_draws: Resamples of the pooled figures; sets take half, other groups a quarter of them.
    """

    def by(names: NDArray[np.str_], share: int) -> Figures:
        """Return the figures of each name, in order."""
        draws = max(1, n_draws // share)
        return {name: _group(labels, baselines, names == name, draws) for name in _in(names)}

    left = np.zeros(len(labels), dtype=np.bool_) if abstained is None else abstained
    found = {
        "pooled": _group(labels, baselines, np.ones(len(labels), dtype=np.bool_), n_draws),
        "over_sets": _over_sets(labels, baselines),
        "by_set": by(labels.group, 2),
        "by_structure": by(structure_keys(labels), 4),
        "by_family": {} if kinds is None else by(kinds, 4),
        "reliability": None if why_too_few(labels) else reliability(labels),
        "abstention": None if why_too_few(labels) else selective(labels, left, n_draws=n_draws),
        "worst_k": None if why_too_few(labels) else _worst_k(labels, baselines),
        "nsd": _surface(labels, nsd),
    }
    return {key: plain(value) for key, value in found.items()}


def why_too_few(labels: JudgedLabels) -> str:
    """Say why labels are too few for a figure; empty if they are not."""
    n_subjects = len(np.unique(labels.subject))
    if len(labels) < LEAST_PAIRS:
        return f"{len(labels)} of at least {LEAST_PAIRS} judged pairs"
    if n_subjects < LEAST_SUBJECTS:
        return f"{n_subjects} of at least {LEAST_SUBJECTS} subjects"
    return ""


def plain(value: Any) -> Any:
    """Return figures as JSON has them: NaN, which JSON has not, becomes `None`."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else float(value)
    return value


def _in(names: NDArray[np.str_]) -> list[str]:
    return sorted(set(names.tolist()))


def _group(
    labels: JudgedLabels,
    baselines: Mapping[str, Floats],
    chosen: NDArray[np.bool_],
    n_draws: int,
) -> Figures:
    own = labels.where(chosen)
    counts = {"n": len(own), "subjects": len(np.unique(own.subject))}
    reason = why_too_few(own)
    if reason:
        return {**counts, "too_few": reason}

    def figures(scored: JudgedLabels) -> Figures:
        """Return the figures without the counts, which are the group's."""
        found = agreement(scored, n_draws=n_draws)
        return {key: value for key, value in found.items() if key not in counts}

    return {**counts, **_beside(own, {n: v[chosen] for n, v in baselines.items()}, figures)}


def _over_sets(labels: JudgedLabels, baselines: Mapping[str, Floats]) -> Figures:
    """Return means over the sets that are large enough, and which are not."""
    names = _in(labels.group)
    small = [name for name in names if why_too_few(labels.where(labels.group == name))]
    chosen = ~np.isin(labels.group, small)
    counts = {"sets": len(names) - len(small), "left_out": small}
    if not chosen.any():
        return {**counts, "too_few": "no set is large enough"}

    def figures(scored: JudgedLabels) -> Figures:
        """Return the means without their number."""
        means = mean_over_groups(scored)
        return {key: value for key, value in means.items() if key != "sets"}

    own = {name: values[chosen] for name, values in baselines.items()}
    return {**counts, **_beside(labels.where(chosen), own, figures)}


def _worst_k(labels: JudgedLabels, baselines: Mapping[str, Floats]) -> Figures:
    """Return how many of the k lowest scores are bad, and which share of the bad they are."""
    ks = [k for k in _KS if k <= len(labels) // 2] or [len(labels) // 2]
    bad = labels.true < BAD_BELOW

    def figures(scored: JudgedLabels) -> Figures:
        """Return precision and recall by k."""
        return {
            str(k): {
                "precision": precision_at_worst(scored.value, bad, k),
                "recall": recall_at_worst(scored.value, bad, k),
            }
            for k in ks
        }

    return {"n_bad": int(bad.sum()), **_beside(labels, baselines, figures)}


def _surface(labels: JudgedLabels, nsd: Floats) -> Figures:
    known = ~np.isnan(nsd)
    own = labels.where(known)
    counts = {"n": len(own), "subjects": len(np.unique(own.subject))}
    reason = why_too_few(own)
    if reason:
        return {**counts, "too_few": reason}
    return {
        **counts,
        "pearson": pearson(own.value, nsd[known]),
        "spearman": spearman(own.value, nsd[known]),
    }


def _beside(
    labels: JudgedLabels,
    baselines: Mapping[str, Floats],
    figures: Callable[[JudgedLabels], Figures],
) -> Figures:
    """Return the judge's figures and, of the same labels, those of the baselines."""
    return {
        "judge": figures(labels),
        "baselines": {
            name: {
                key: value
                for key, value in figures(labels.with_value(values)).items()
                if name not in RANKS_ONLY or "mae" not in key
            }
            for name, values in baselines.items()
        },
    }
